//! The last copy of a group whose others are given up for good.

use super::lab::{GROUP, Lab};
use crate::group::{Effect, RecoveredGroup};

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
