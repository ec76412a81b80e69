//! Replicas that were saved out of damaged files: what is left of them decides nothing while somebody has better.

use super::lab::{GROUP, Lab};
use crate::group::{Conf, Effect, REPAIRED_TERMS, RecoveredGroup, entry};

/// A voter of three whose log ends at `last`.
fn whole(last: u64) -> RecoveredGroup {
    let entries = (2..=last).map(|index| entry(index, 1, 0, b"value".to_vec())).collect();
    RecoveredGroup { entries, ..RecoveredGroup::founded(&[1, 2, 3], 1) }
}

fn repaired(last: u64) -> RecoveredGroup {
    RecoveredGroup { term: 1 + REPAIRED_TERMS, repaired: true, ..whole(last) }
}

/// One whose words in the log are gone altogether.
fn emptied() -> RecoveredGroup {
    let conf = Conf::of_voters(&[1, 2, 3]);
    RecoveredGroup { term: REPAIRED_TERMS, repaired: true, conf, ..RecoveredGroup::default() }
}

fn with_logs(logs: [RecoveredGroup; 3]) -> Lab {
    let mut lab = Lab::new(3);
    for (id, log) in (1..).zip(logs) {
        lab.start(id, log);
    }
    lab
}

/// Lets time pass; snapshots come through.
fn pass(lab: &mut Lab, ms: u64) {
    for _ in 0..ms / 100 {
        lab.pass(100);
        let mut wanted = Vec::new();
        lab.effects.retain(|(from, effect)| match effect {
            Effect::SnapshotWanted { to, message, .. } => {
                wanted.push((*from, *to, message.clone()));
                false
            }
            _ => true,
        });
        for (from, to, header) in wanted {
            if lab.nodes.contains_key(&to) && lab.node(to).install_begin(GROUP, &header).is_ok() {
                lab.ready(to);
                lab.node(to).step(GROUP, *header).expect("it is sound");
                lab.ready(to);
            }
            lab.node(from).snapshot_done(GROUP, to);
        }
    }
}

fn last(lab: &mut Lab, leader: u64) -> u64 {
    lab.node(leader).last_led(GROUP).expect("it leads")
}

/// Entries 6 to 9 may be committed: node 3 is away and has them, node 2 had them.
#[test]
fn what_is_left_of_a_replica_does_not_outvote_who_is_away() {
    for left in [repaired(5), repaired(2), emptied()] {
        let mut lab = with_logs([whole(5), left, whole(9)]);
        lab.nodes.remove(&3);
        lab.pass(20_000);
        assert_eq!(lab.leader_or(0), 0);
        lab.start(3, whole(9));
        lab.pass(5_000);
        assert_eq!(lab.leader(), 3);
        assert!(last(&mut lab, 3) > 9);
        assert!(lab.node(2).has_no_copy(GROUP), "what it had counts for nothing");
        pass(&mut lab, 1_000);
        assert_eq!(lab.node(2).repaired(), 0);
        assert!(lab.node(3).has_all(GROUP, 2) && lab.node(3).is_caught_up(GROUP, 2));
    }
}

#[test]
fn who_is_whole_leads_however_long_the_log_of_who_was_repaired_is() {
    for (second, third, leaders) in [
        (repaired(9), whole(5), &[1, 3][..]),
        (repaired(9), repaired(7), &[1]),
        (repaired(9), emptied(), &[1]),
        (emptied(), emptied(), &[1]),
    ] {
        let mut lab = with_logs([whole(5), second, third]);
        pass(&mut lab, 20_000);
        let leader = lab.leader();
        assert!(leaders.contains(&leader), "node {leader} leads");
        assert!((1..=3).all(|id| lab.node(id).repaired() == 0));
        assert!((1..=3).all(|id| id == leader || lab.node(leader).has_all(GROUP, id)));
    }
}

#[test]
fn where_all_were_repaired_the_longest_log_leads() {
    for longest in 1..=3 {
        let mut lab = with_logs([1, 2, 3].map(|id| match (id == longest, id == longest % 3 + 1) {
            (true, _) => repaired(9),
            (_, true) => emptied(),
            _ => repaired(4 + id),
        }));
        pass(&mut lab, 20_000);
        assert_eq!(lab.leader(), longest);
        assert_eq!(lab.node(longest).take_led_repaired(), [GROUP]);
        assert!((1..=3).all(|id| lab.node(id).repaired() == 0));
        assert!((1..=3).all(|id| id == longest || lab.node(longest).has_all(GROUP, id)));
    }
}

#[test]
fn of_two_voters_each_may_have_been_repaired() {
    let of_two = |log: RecoveredGroup| RecoveredGroup { conf: Conf::of_voters(&[1, 2]), ..log };
    for (first, second, leader) in [
        (whole(5), repaired(9), 1),
        (repaired(9), whole(5), 2),
        (repaired(9), repaired(5), 1),
        (emptied(), repaired(5), 2),
    ] {
        let mut lab = Lab::new(2);
        lab.start(1, of_two(first));
        lab.start(2, of_two(second));
        pass(&mut lab, 20_000);
        assert_eq!(lab.leader(), leader);
        assert!(lab.node(leader).has_all(GROUP, 3 - leader));
    }
}

/// It has forgotten who votes beside it, or that it voted for another than the leader of an old term that comes back.
#[test]
fn a_repaired_replica_neither_leads_alone_nor_follows_who_was_deposed() {
    let mut lab = Lab::new(1);
    lab.start(1, RecoveredGroup { conf: Conf::of_voters(&[1]), ..repaired(5) });
    lab.pass(5_000);
    assert_eq!(lab.leader_or(0), 0);

    // It stands still while another is elected.
    let (mut lab, old) = Lab::led(3);
    let stopped = lab.nodes.remove(&old).expect("it leads");
    lab.pass(3_000);
    let leader = lab.leader();
    assert_ne!(leader, old);
    let acknowledged = lab.propose(leader);
    lab.pass(100);
    // It goes on, and reaches the one alone that has lost what it did since.
    let damaged = 6 - old - leader;
    lab.nodes.insert(old, stopped);
    lab.isolate(leader);
    lab.start(damaged, repaired(1));
    lab.node(old).peer_lost(damaged);
    let contrary = lab.propose(old);
    lab.effects.clear();
    pass(&mut lab, 5_000);
    let is_contrary =
        |effect: &Effect| matches!(effect, Effect::Apply { up_to, .. } if *up_to >= contrary);
    assert!(!lab.saw(old, is_contrary));
    lab.cut.clear();
    pass(&mut lab, 5_000);
    let leader = lab.leader();
    assert_ne!(leader, old);
    assert!(last(&mut lab, leader) > acknowledged);
    assert!((1..=3).all(|id| id == leader || lab.node(leader).has_all(GROUP, id)));
}

/// A crash between the leader's keys and the entries behind them: what it had acknowledged before it was damaged may be among those.
#[test]
fn the_mark_stays_until_the_replica_has_all_that_was_committed() {
    let mut lab = with_logs([whole(5), repaired(5), whole(9)]);
    lab.pass(5_000);
    assert_eq!(lab.leader(), 3);
    lab.install_wanted(2);
    assert!(lab.node(2).state(GROUP).is_some_and(|state| state.repaired && !state.installing));
    assert!(lab.node(2).are_in_doubt());
    lab.node(3).snapshot_done(GROUP, 2);
    lab.pass(300);
    assert!(lab.node(2).state(GROUP).is_some_and(|state| !state.repaired));
    assert!(!lab.node(2).are_in_doubt());
}
