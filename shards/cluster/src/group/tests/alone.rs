//! The last copy of a group whose others are given up for good.

use super::lab::{GROUP, Lab};
use crate::group::{Change, Effect, REPAIRED_TERMS, RecoveredGroup, entry};

#[test]
fn the_copy_that_is_left_goes_on_alone_with_all_that_it_has() {
    let (mut lab, leader) = Lab::led(2);
    lab.propose(leader);
    lab.pass(100);
    let left = lab.follower(leader);
    assert!(!lab.node(leader).go_on_alone(GROUP), "it leads, and needs nobody's word");
    lab.isolate(leader);
    // What the lost one had and this one has not was never acknowledged.
    lab.propose(leader);
    lab.effects.clear();
    lab.pass(3_000);
    assert_eq!(lab.leader_or(0), 0, "it has no majority");
    let before = lab.node(left).state(GROUP).expect("it is there");
    assert!(lab.node(left).go_on_alone(GROUP));
    lab.pass(300);
    assert_eq!(lab.leader_or(0), left);
    let index = lab.propose(left);
    lab.pass(100);
    assert!(lab.saw(left, |it| matches!(it, Effect::Apply { up_to, .. } if *up_to == index)));
    let now = lab.node(left).state(GROUP).expect("it is there");
    assert_eq!((now.conf.voters.as_slice(), now.conf.is_joint()), (&[left][..], false));
    assert!(now.commit > before.commit && now.truncated == before.truncated);
    assert!(now.conf.index >= before.commit, "behind all changes that the log may have");
    assert!(lab.node(left).has_durable_conf(GROUP));
    let told = |it: &Effect| matches!(it, Effect::State { state, must_sync: true, .. } if state.conf == now.conf);
    assert!(lab.saw(left, told), "a start finds it so");
}

/// Its log had a change of members that was not made, and that a third replica made when it got the log: it counted the lost one for good.
#[test]
fn who_joins_behind_a_lone_start_has_the_same_members() {
    let (mut lab, leader) = Lab::led(2);
    let left = lab.follower(leader);
    lab.pass(100);
    lab.node(leader).propose_conf_change(GROUP, &[Change::Learner(3)]).expect("nothing is pending");
    lab.pass(100);
    let moves = [Change::Voter(3), Change::Remove(leader)];
    lab.node(leader).propose_conf_change(GROUP, &moves).expect("nothing is pending");
    // The other one has the entry, and the leader does not hear of that.
    lab.cut.insert((left, leader));
    lab.turn(leader);
    lab.deliver();
    lab.isolate(leader);
    lab.pass(3_000);
    let before = lab.node(left).state(GROUP).expect("it is there");
    assert!(before.conf.is_voter(leader) && !before.conf.is_joint(), "the change is not made");
    assert!(lab.node(left).go_on_alone(GROUP));
    lab.pass(300);
    assert_eq!(lab.leader_or(0), left);
    // It had been given what was there before that.
    lab.start(3, RecoveredGroup::founded(&[1, 2], 1));
    let learner = [Change::Learner(3)];
    lab.node(left).propose_conf_change(GROUP, &learner).expect("its members are named");
    lab.pass(500);
    let conf = |lab: &mut Lab, node| lab.node(node).state(GROUP).expect("it is there").conf;
    assert_eq!(conf(&mut lab, 3), conf(&mut lab, left), "as a learner");
    lab.node(left).propose_conf_change(GROUP, &[Change::Voter(3)]).expect("nothing is pending");
    lab.pass(500);
    assert_eq!(conf(&mut lab, 3), conf(&mut lab, left), "as a voter");
    assert!(!conf(&mut lab, 3).is_voter(leader));
}

/// Who led the last term knows what is committed. Others may lack what was committed before the members were two, or a change of them.
#[test]
fn who_is_left_of_two_goes_on_if_it_led_the_last_term() {
    let (mut lab, leader) = Lab::led(2);
    let left = lab.follower(leader);
    lab.pass(100);
    assert!(lab.node(leader).is_left_of_two(GROUP, |node| node == left));
    assert!(!lab.node(leader).is_left_of_two(GROUP, |_| false), "nobody is lost");
    assert!(!lab.node(left).is_left_of_two(GROUP, |node| node == leader), "it did not lead");
    lab.node(leader).propose_conf_change(GROUP, &[Change::Learner(3)]).expect("nothing is pending");
    lab.pass(100);
    assert!(lab.node(leader).is_left_of_two(GROUP, |node| node == left), "two still vote");
    // A change of members of its own that is not committed is not made.
    lab.isolate(leader);
    let moves = [Change::Voter(3), Change::Remove(left)];
    lab.node(leader).propose_conf_change(GROUP, &moves).expect("nothing is pending");
    lab.turn(leader);
    assert!(lab.node(leader).is_left_of_two(GROUP, |node| node == left));
    lab.pass(3_000);
    assert!(lab.node(leader).go_on_alone(GROUP));
    lab.pass(300);
    let conf = lab.node(leader).state(GROUP).expect("it is there").conf;
    assert!(!conf.is_joint() && conf.voters == [leader], "{conf:?}");
}

/// What was saved out of damaged files goes on where a person gave all others up.
#[test]
fn what_was_repaired_goes_on_alone_too() {
    let mut lab = Lab::new(2);
    let entries = (2..=5).map(|index| entry(index, 1, 0, b"value".to_vec())).collect();
    let founded = RecoveredGroup { entries, ..RecoveredGroup::founded(&[1, 2], 1) };
    lab.start(2, RecoveredGroup { term: REPAIRED_TERMS, repaired: true, ..founded });
    lab.isolate(1);
    lab.pass(3_000);
    assert_eq!(lab.leader_or(0), 0, "it has not heard the other one");
    assert!(lab.node(2).go_on_alone(GROUP));
    lab.pass(300);
    assert_eq!(lab.leader_or(0), 2);
    assert!(
        lab.node(2).state(GROUP).is_some_and(|state| !state.repaired)
            && !lab.node(2).are_in_doubt()
    );
}

#[test]
fn a_part_of_a_copy_does_not_go_on_and_what_begins_anew_leads_at_once() {
    let mut lab = Lab::new(1);
    lab.start(2, RecoveredGroup::joining());
    lab.pass(100);
    assert!(lab.node(2).has_no_copy(GROUP) && !lab.node(2).go_on_alone(GROUP));
    let at = 3 << 40;
    lab.node(2).remove(GROUP);
    lab.start(2, RecoveredGroup::anew(2, at));
    lab.effects.clear();
    lab.pass(200);
    assert_eq!(lab.leader_or(0), 2);
    assert_eq!(lab.propose(2), at + 2, "past all that others may have");
    assert!(lab.node(2).term(GROUP) > at);
}
