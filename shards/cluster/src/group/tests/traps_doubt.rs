//! Logs whose end a power cut has taken: nobody votes by one as if it were whole.

use super::lab::{GROUP, Lab};
use crate::group::{Conf, Effect, Position, RecoveredGroup, entry};

/// A voter of three whose log ends at `last`.
fn log(last: u64, may_be_cut: bool) -> RecoveredGroup {
    let entries = (2..=last).map(|index| entry(index, 1, 0, b"value".to_vec())).collect();
    RecoveredGroup { entries, may_be_cut, ..RecoveredGroup::founded(&[1, 2, 3], 1) }
}

fn with_logs(logs: [(u64, RecoveredGroup); 3]) -> Lab {
    let mut lab = Lab::new(3);
    for (id, log) in logs {
        lab.start(id, log);
    }
    lab
}

#[test]
fn a_cut_log_waits_for_all_voters() {
    // Node 2 has lost what it and node 3, which is down, had: entries 6 to 9 may be committed.
    for may_be_cut in [true, false] {
        let mut lab = with_logs([(1, log(5, false)), (2, log(5, may_be_cut)), (3, log(9, false))]);
        lab.nodes.remove(&3);
        lab.pass(5_000);
        let leads = lab.leader_or(0);
        assert_eq!(leads == 0, may_be_cut, "node {leads} leads");
        if may_be_cut {
            lab.start(3, log(9, false));
            lab.pass(3_000);
            assert_eq!(lab.leader(), 3, "its log is the longest");
            assert!(!lab.node(2).are_in_doubt());
        }
    }
}

#[test]
fn the_longest_of_logs_that_were_all_cut_wins() {
    for longest in 1..=3 {
        let cut = |id: u64| (id, log(if id == longest { 9 } else { 4 + id }, true));
        let mut lab = with_logs([1, 2, 3].map(cut));
        lab.pass(5_000);
        assert_eq!(lab.leader(), longest);
        assert!((1..=3).all(|id| !lab.node(id).are_in_doubt()));
    }
}

#[test]
fn a_leader_asks_again_what_a_node_has_that_was_away() {
    let (mut lab, leader) = Lab::led(3);
    for _ in 0..5 {
        lab.propose(leader);
        lab.pass(50);
    }
    let follower = lab.follower(leader);
    lab.start(follower, log(1, true));
    assert!(lab.node(follower).are_in_doubt());
    lab.node(leader).peer_lost(follower);
    // Nothing more is written.
    lab.pass(1_000);
    assert!(!lab.node(follower).are_in_doubt());
    assert!(lab.node(leader).has_all(GROUP, follower));
}

#[test]
fn who_has_dropped_its_log_for_a_snapshot_is_heard_too() {
    // It does not campaign, and was to get its records from the one that a power cut has ended.
    let voters = [1, 2];
    let of_two = |log: RecoveredGroup| RecoveredGroup { conf: Conf::of_voters(&voters), ..log };
    for (floor, leader) in [(4, Some(1)), (9, None)] {
        let mut lab = Lab::new(2);
        lab.start(1, of_two(log(5, true)));
        let floor = Position { index: floor, term: 1 };
        lab.start(2, of_two(RecoveredGroup { installing: true, floor, ..log(1, false) }));
        lab.pass(5_000);
        assert_eq!(lab.node(1).leader(GROUP), leader, "with a log that ended at {floor:?}");
    }
}

/// The only voter has lost in a power cut what the one that follows it has: raft ends the process of that one, or takes it to have what it does not have, and
/// gives it a vote.
#[test]
fn who_follows_gives_up_what_the_voters_have_lost() {
    let mut conf = Conf::of_voters(&[1]);
    conf.learners.push(2);
    for written_since in [0, 9] {
        let mut lab = Lab::new(2);
        lab.isolate(2);
        let of = |log: RecoveredGroup, commit| {
            let conf = conf.clone();
            RecoveredGroup { commit, applied: commit, conf, ..log }
        };
        lab.start(1, of(log(5, true), 5));
        lab.start(2, of(log(9, false), 9));
        lab.pass(300);
        for _ in 0..written_since {
            lab.propose(1);
        }
        lab.pass(100);
        lab.cut.clear();
        lab.pass(300);
        assert!(!lab.node(1).is_caught_up(GROUP, 2), "with {written_since} entries since");

        // It gets all that there is.
        lab.install_wanted(2);
        assert!(lab.saw(2, |effect| matches!(effect, Effect::InstallSnapshot { .. })));
        lab.node(1).snapshot_done(GROUP, 2);
        lab.pass(300);
        assert!(lab.node(1).has_all(GROUP, 2) && lab.node(1).is_caught_up(GROUP, 2));
    }
}

/// A voter has what all others have lost, as where a folder was set back: it acknowledges nothing, and keeps what it has. Raft takes it to have all of a leader's
/// log that is as long as what it knows to be committed.
#[test]
fn a_voter_that_is_contradicted_follows_nobody() {
    let committed = |last| RecoveredGroup { commit: last, applied: last, ..log(last, false) };
    for last in [9, 18] {
        let mut lab = Lab::new(3);
        lab.isolate(3);
        for (id, last) in [(1, 5), (2, 5), (3, 9)] {
            lab.start(id, committed(last));
        }
        lab.pass(2_000);
        let leader = lab.leader();
        let commit = |lab: &mut Lab, node| lab.node(node).state(GROUP).map(|state| state.commit);
        while commit(&mut lab, leader) < Some(last) {
            lab.propose(leader);
            lab.pass(50);
        }
        lab.cut.clear();
        // It is not elected: its log is longer, and older.
        lab.pass(3_000);
        let leader = lab.leader();
        assert_ne!(leader, 3);
        assert_eq!((commit(&mut lab, leader), commit(&mut lab, 3)), (Some(last), Some(9)));
        let counts = lab.node(leader).has_all(GROUP, 3) || lab.node(leader).is_caught_up(GROUP, 3);
        assert!(!counts, "it counts as having entries that it does not have");
    }
}
