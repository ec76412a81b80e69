//! Owns when a replica may vote and campaign: the quiet time, ranks, and the timeouts that raft would draw by chance.

use hyperion_model::GroupId;
use raft::{Raft, StateRole};

use super::conf::Conf;
use super::tail::Tail;
use super::timing::{
    ELECTION_TICKS_MIN, FAST_MARGIN_NS, FAST_RANK_NS, QUIET_NS, RANK_MAX, RANK_TICKS,
    RETRY_CREDIT_TICKS,
};

/// One replica's part in elections.
#[derive(Debug)]
pub(super) struct Election {
    group: GroupId,
    node: u64,
    seed: u64,
    rank: usize,
    /// It campaigns behind all others.
    is_last: bool,
    /// Neither vote nor campaign before this time. Kept outside raft, because raft 0.7 forgets its leader, and with it
    /// the time of its last message, when it becomes a pre-candidate; and because a restarted voter has forgotten all.
    quiet_until_ns: u64,
    /// Campaigns since a leader was heard.
    attempts: usize,
    /// Campaign at this time, because the connection to the leader is dead.
    fast_at_ns: Option<u64>,
    state: StateRole,
}

impl Election {
    pub(super) fn new(group: GroupId, node: u64, seed: u64, now_ns: u64) -> Self {
        Self {
            group,
            node,
            seed,
            rank: RANK_MAX,
            is_last: false,
            quiet_until_ns: now_ns + QUIET_NS,
            attempts: 0,
            fast_at_ns: None,
            state: StateRole::Follower,
        }
    }

    /// The rank follows from the voters and the group's number alone, so that all agree, and differs between groups, so
    /// that leaders spread.
    pub(super) fn set_rank(&mut self, conf: &Conf) {
        let mut voters = conf.voters.clone();
        voters.sort_unstable();
        if !voters.is_empty() {
            let first = self.group.0 as usize % voters.len();
            voters.rotate_left(first);
        }
        let rank = voters.iter().position(|voter| *voter == self.node);
        self.rank = rank.unwrap_or(RANK_MAX).min(RANK_MAX);
        if self.is_last {
            self.rank = RANK_MAX;
        }
    }

    /// From now on this replica campaigns behind all others: it leads where its log is ahead of theirs, and not otherwise.
    pub(super) fn be_last(&mut self) {
        (self.is_last, self.rank) = (true, RANK_MAX);
    }

    /// The sole voter of a group counts on nobody's silence, and nobody on its.
    pub(super) fn alone(&mut self, now_ns: u64) {
        self.quiet_until_ns = now_ns;
        self.fast_at_ns = Some(now_ns);
    }

    /// A message of the leader was accepted: from now on it counts on this replica's silence.
    pub(super) fn heard_leader(&mut self, now_ns: u64) {
        self.quiet_until_ns = self.quiet_until_ns.max(now_ns + QUIET_NS);
        self.attempts = 0;
        self.fast_at_ns = None;
    }

    pub(super) fn is_quiet(&self, now_ns: u64) -> bool {
        now_ns < self.quiet_until_ns
    }

    /// The connection to the leader is dead: campaign as soon as the quiet time is over, in order of rank.
    pub(super) fn hurry(&mut self, now_ns: u64) {
        let wait_ns = FAST_MARGIN_NS + self.rank as u64 * FAST_RANK_NS;
        self.fast_at_ns = Some(self.quiet_until_ns.max(now_ns) + wait_ns);
    }

    /// It campaigns as soon as it may.
    pub(super) fn is_hurried(&self) -> bool {
        self.fast_at_ns.is_some()
    }

    /// One tick of a replica that does not lead; `able` when nothing else speaks against a campaign.
    pub(super) fn tick(&mut self, raft: &mut Raft<Tail>, able: bool, now_ns: u64) -> bool {
        let due = raft.randomized_election_timeout();
        if self.fast_at_ns.is_some_and(|at_ns| now_ns >= at_ns) {
            self.fast_at_ns = None;
            raft.election_elapsed = due;
        }
        if (!able || self.is_quiet(now_ns)) && raft.election_elapsed + 1 >= due {
            // Time goes on, up to just before the campaign.
            return false;
        }
        raft.tick()
    }

    /// Sets what raft drew by chance, and shortens the wait after a campaign.
    pub(super) fn after_raft(&mut self, raft: &mut Raft<Tail>) {
        if raft.state != self.state {
            self.state = raft.state;
            match raft.state {
                StateRole::PreCandidate | StateRole::Candidate => {
                    let credit = RETRY_CREDIT_TICKS.get(self.attempts).copied().unwrap_or(0);
                    raft.election_elapsed = raft.election_elapsed.max(credit);
                    self.attempts += usize::from(raft.state == StateRole::PreCandidate);
                }
                StateRole::Leader => self.attempts = 0,
                StateRole::Follower => {}
            }
        }
        let timeout = self.timeout_ticks(raft.term);
        if raft.randomized_election_timeout() != timeout {
            raft.set_randomized_election_timeout(timeout);
        }
    }

    /// A function of what all runs share, so that it does not matter how often raft draws anew.
    fn timeout_ticks(&self, term: u64) -> usize {
        let words = [u64::from(self.group.0), self.node, term, self.attempts as u64];
        let chance = words.iter().fold(self.seed, |mixed, word| mix(mixed ^ word));
        let spread = usize::try_from(chance % RANK_TICKS as u64).expect("below a few ticks");
        // After two attempts all spread alike over a wider range: an order that failed twice is no help.
        let range = if self.attempts > 2 { self.attempts.min(5) } else { 1 };
        let wide =
            usize::try_from(chance % (RANK_TICKS * range) as u64).expect("below a few ticks");
        if range > 1 {
            return (ELECTION_TICKS_MIN + wide).min(super::timing::ELECTION_TICKS_END - 1);
        }
        let timeout = ELECTION_TICKS_MIN + self.rank * RANK_TICKS + spread;
        timeout.min(super::timing::ELECTION_TICKS_END - 1)
    }
}

/// Spreads the bits of a number over all of them (splitmix64).
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
