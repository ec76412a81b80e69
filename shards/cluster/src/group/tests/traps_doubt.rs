//! Logs whose end a power cut has taken: nobody votes by one as if it were whole.

use super::lab::{GROUP, Lab};
use crate::group::{Conf, Position, RecoveredGroup, entry};

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
