//! The traps of elections: votes and campaigns inside the quiet time, stalls, chance.

use super::lab::{GROUP, Lab};
use super::world::MS;
use crate::group::timing::{ELECTION_TICKS_END, ELECTION_TICKS_MIN, QUIET_NS};
use crate::group::{
    Bounds, Effect, Groups, Message, MessageType, Position, RecoveredGroup, Refusal,
};
use hyperion_model::GroupId;

/// Asks for a vote as node `from` would, with a log that is long enough.
fn ask(from: u64, to: u64, kind: MessageType, term: u64) -> Message {
    let mut message = Message::default();
    message.set_msg_type(kind);
    (message.from, message.to, message.term) = (from, to, term);
    (message.index, message.log_term) = (1_000, term - 1);
    message
}

fn grants(lab: &mut Lab, message: Message) -> bool {
    let to = message.to;
    let now_ns = lab.now_ns;
    lab.wire.clear();
    lab.node(to).begin(now_ns);
    lab.node(to).step(GROUP, message).expect("sound");
    lab.ready(to);
    lab.wire.iter().any(|answer| {
        let kind = answer.get_msg_type();
        let votes = [MessageType::MsgRequestVoteResponse, MessageType::MsgRequestPreVoteResponse];
        votes.contains(&kind) && !answer.reject
    })
}

#[test]
fn a_pre_candidate_forgets_its_leader_but_not_its_silence() {
    // In raft 0.7 a pre-candidate has no leader, so that it would vote though it has just heard one.
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    let other = 6 - leader - follower;
    let heard_ns = lab.now_ns;
    lab.node(follower).force_pre_candidate(GROUP);
    for kind in [MessageType::MsgRequestPreVote, MessageType::MsgRequestVote] {
        assert!(!grants(&mut lab, ask(other, follower, kind, 9)), "{kind:?}");
    }
    lab.now_ns = heard_ns + QUIET_NS;
    assert!(grants(&mut lab, ask(other, follower, MessageType::MsgRequestPreVote, 9)));
}

#[test]
fn no_campaign_inside_the_quiet_time_whatever_raft_counts() {
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    lab.nodes.retain(|id, _| *id == follower);
    let heard_ns = lab.now_ns;
    lab.node(follower).hasten(GROUP);
    while lab.now_ns + 10 * MS < heard_ns + QUIET_NS - 60 * MS {
        lab.pass(10);
        assert_eq!(lab.nodes[&follower].leader(GROUP), Some(leader), "{} ns", lab.now_ns);
    }
    lab.pass(100);
    assert_eq!(lab.nodes[&follower].leader(GROUP), None, "but then at once");
}

#[test]
fn a_restarted_voter_refuses_votes_for_one_lease() {
    let mut lab = Lab::new(3);
    lab.now_ns += QUIET_NS - MS;
    assert!(
        !grants(&mut lab, ask(2, 1, MessageType::MsgRequestVote, 5)),
        "it may have answered a heartbeat"
    );
    lab.now_ns += MS;
    assert!(grants(&mut lab, ask(2, 1, MessageType::MsgRequestVote, 5)));
}

#[test]
fn a_dead_connection_is_no_reason_to_campaign_inside_the_quiet_time() {
    let (mut lab, leader) = Lab::led(3);
    lab.nodes.remove(&leader);
    let lost_ns = lab.now_ns;
    for node in lab.nodes.values_mut() {
        node.peer_lost(leader);
    }
    lab.effects.clear();
    while lab.now_ns < lost_ns + QUIET_NS - 60 * MS {
        lab.pass(10);
        assert!(lab.wire.is_empty());
        assert!(!lab.effects.iter().any(|(_, effect)| matches!(effect, Effect::LeaderIs { .. })));
    }
    lab.pass(200);
    assert_ne!(lab.leader(), leader, "but soon after it somebody leads");
}

#[test]
fn at_most_one_tick_a_loop() {
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    // A stall of ten seconds, with a heartbeat in the inbox.
    lab.now_ns += 10_000 * MS;
    lab.turn(leader);
    let now_ns = lab.now_ns;
    let node = lab.nodes.get_mut(&follower).expect("it is there");
    node.begin(now_ns);
    assert!(node.tick(), "one tick");
    assert!(!node.tick(), "and no second one");
    assert_eq!(node.stalls(), 1);
    assert_eq!(node.leader(GROUP), Some(leader), "it has not campaigned");
    lab.deliver();
    lab.pass(500);
    assert_eq!(lab.nodes[&follower].leader(GROUP), Some(leader));
}

#[test]
fn followers_do_not_forward_proposals() {
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    let refusal = lab.node(follower).propose(GROUP, b"value".to_vec());
    assert_eq!(refusal, Err(Refusal::NotLeader { leader: Some(leader) }));
    lab.wire.clear();
    lab.ready(follower);
    assert!(lab.wire.is_empty(), "nothing was sent on");
    let mut forwarded = Message::default();
    forwarded.set_msg_type(MessageType::MsgPropose);
    (forwarded.from, forwarded.to) = (follower, leader);
    assert!(lab.node(leader).step(GROUP, forwarded).is_err(), "nor is it taken");
}

#[test]
fn the_election_timeout_comes_from_the_seed() {
    let timeouts = |seed: u64| -> Vec<usize> {
        (0..64)
            .map(|number| {
                let id = GroupId(number);
                let mut groups = Groups::new(2, seed, Bounds::default());
                groups.add(id, RecoveredGroup::founded(&[1, 2, 3], 1), 0).expect("sound");
                groups.election_timeout_ticks(id)
            })
            .collect()
    };
    assert_eq!(timeouts(5), timeouts(5), "raft draws from thread_rng");
    assert_ne!(timeouts(5), timeouts(6));
    for (group, ticks) in timeouts(7).into_iter().enumerate() {
        assert!(
            (ELECTION_TICKS_MIN..ELECTION_TICKS_END).contains(&ticks),
            "group {group}: {ticks}"
        );
    }
}

#[test]
fn followers_campaign_in_rank_order_and_leaders_spread() {
    let mut first = Vec::new();
    for number in 0..3 {
        let id = GroupId(number);
        let mut ticks: Vec<(usize, u64)> = (1..=3)
            .map(|node| {
                let mut groups = Groups::new(node, node, Bounds::default());
                groups.add(id, RecoveredGroup::founded(&[1, 2, 3], 1), 0).expect("sound");
                (groups.election_timeout_ticks(id), node)
            })
            .collect();
        ticks.sort_unstable();
        assert!(ticks[0].0 < ticks[1].0 && ticks[1].0 < ticks[2].0, "{ticks:?}");
        first.push(ticks[0].1);
    }
    assert_eq!(first, [1, 2, 3], "another node for each group");
}

#[test]
fn a_replica_without_its_records_does_not_campaign() {
    let voters = [1, 2, 3];
    for (installing, floor) in
        [(true, Position::default()), (true, Position { index: 50, term: 3 })]
    {
        let mut lab = Lab::new(3);
        let recovered = RecoveredGroup { installing, floor, ..RecoveredGroup::founded(&voters, 1) };
        lab.start(1, recovered);
        lab.isolate(1);
        lab.pass(2_000);
        assert!(
            !lab.saw(1, |effect| matches!(effect, Effect::State { state, .. } if state.vote == 1))
        );
        // It votes only by the end of the log that it had.
        let mut short = ask(2, 1, MessageType::MsgRequestVote, 9);
        (short.index, short.log_term) = (49, 3);
        assert!(!grants(&mut lab, short), "floor {floor:?}");
        assert_eq!(grants(&mut lab, ask(2, 1, MessageType::MsgRequestVote, 10)), floor.index > 0);
    }
}

#[test]
fn a_sole_voter_leads_at_once() {
    let mut lab = Lab::new(1);
    lab.pass(20);
    assert_eq!(lab.leader(), 1);
}
