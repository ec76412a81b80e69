//! The traps of beats: what must not pass for the silence of a follower, or for a follower that has all.

use super::lab::{GROUP, Lab};
use super::world::MS;
use crate::group::timing::QUIET_NS;
use crate::group::{Beat, BeatOut, Effect, Lease, Message, MessageType};

/// Lets time pass until the leader has sent a beat or a heartbeat; nothing is delivered.
fn wait_beat(lab: &mut Lab, leader: u64) {
    for _ in 0..10 {
        lab.now_ns += 10 * MS;
        lab.turn(leader);
        if !lab.beats.is_empty() || lab.sent(leader, MessageType::MsgHeartbeat) {
            return;
        }
    }
    panic!("the leader is silent");
}

/// A tick of all three; gives raft's heartbeats in it.
fn tick(lab: &mut Lab) -> usize {
    lab.now_ns += 10 * MS;
    for id in 1..=3 {
        lab.turn(id);
    }
    let is_heartbeat = |it: &&Message| it.get_msg_type() == MessageType::MsgHeartbeat;
    let heartbeats = lab.wire.iter().filter(is_heartbeat).count();
    lab.deliver();
    heartbeats
}

fn is_valid(lab: &mut Lab, id: u64) -> bool {
    let now_ns = lab.now_ns;
    lab.node(id).lease(GROUP, now_ns) != Lease::Expired
}

#[test]
fn an_idle_group_lives_by_beats() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(2_000);
    let before = lab.answered;
    let mut heartbeats = 0;
    for _ in 0..500 {
        heartbeats += tick(&mut lab);
        assert!(is_valid(&mut lab, leader));
    }
    assert!(lab.answered - before > 80, "{} of 100", lab.answered - before);
    assert!(heartbeats < 10, "raft sent {heartbeats} of 100");
    assert!(lab.nodes[&leader].next_position(GROUP).is_ok(), "it still leads");
}

/// A tick leaves alone the groups in which nothing is due; what they missed counts when something happens.
#[test]
fn followers_that_were_left_alone_elect_as_soon() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(2_000);
    lab.isolate(leader);
    let silent_since = lab.now_ns;
    lab.effects.clear();
    while lab.leader_or(leader) == leader {
        tick(&mut lab);
        assert!(lab.now_ns - silent_since < 800 * MS, "nobody leads");
    }
    assert!(lab.now_ns - silent_since > QUIET_NS - 110 * MS, "a lease may have been valid");
}

/// What is written after a long rest reaches all, and the lease goes on without a gap.
#[test]
fn a_group_that_was_left_alone_goes_on_at_once() {
    let (mut lab, leader) = Lab::led(3);
    for rest_ms in [0, 10, 30, 50, 70, 90] {
        lab.pass(2_000 + rest_ms);
        lab.propose(leader);
        for _ in 0..30 {
            lab.pass(10);
            assert!(is_valid(&mut lab, leader), "after a rest of {rest_ms} ms");
        }
    }
}

/// A group that sleeps has no room for traffic, and needs none of it to go on.
#[test]
fn a_group_that_rests_gives_room_back() {
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    for _ in 0..5 {
        lab.propose(leader);
        lab.pass(50);
    }
    for id in [leader, follower] {
        assert!(lab.node(id).spare_bytes(GROUP) > 0, "node {id} had traffic");
    }
    lab.pass(3_500);
    for id in 1..=3 {
        assert_eq!(lab.node(id).spare_bytes(GROUP), 0, "node {id}");
    }
    lab.effects.clear();
    let index = lab.propose(leader);
    lab.pass(100);
    for id in 1..=3 {
        let has_it = |it: &Effect| matches!(it, Effect::Apply { up_to, .. } if *up_to == index);
        assert!(lab.saw(id, has_it), "node {id} has what came after it");
    }
}

#[test]
fn who_does_not_answer_is_asked_by_raft() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    let follower = lab.follower(leader);
    lab.isolate(follower);
    wait_beat(&mut lab, leader);
    lab.deliver();
    wait_beat(&mut lab, leader);
    assert!(lab.sent(leader, MessageType::MsgHeartbeat), "the next one is raft's");
    lab.deliver();
    lab.pass(300);
    assert!(is_valid(&mut lab, leader), "the other one answers");
    // Without anybody it is no leader for long.
    for id in 1..=3 {
        lab.isolate(id);
    }
    lab.pass(300);
    assert!(!is_valid(&mut lab, leader));
    lab.pass(700);
    assert!(lab.nodes[&leader].next_position(GROUP).is_err(), "raft has looked for a majority");
}

#[test]
fn a_group_with_a_member_that_lags_has_heartbeats_as_often() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    let follower = lab.follower(leader);
    lab.isolate(follower);
    lab.propose(leader);
    lab.pass(300);
    let heartbeats: usize = (0..50).map(|_| tick(&mut lab)).sum();
    assert!(heartbeats >= 16, "{heartbeats} of 20 in half a second");
}

#[test]
fn only_a_follower_that_has_all_answers() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    let follower = lab.follower(leader);
    let at = lab.node(leader).next_position(GROUP).expect("it leads");
    let now_ns = lab.now_ns;
    let beat = Beat { group: GROUP, term: at.term, commit: at.index - 1, stamp_ns: now_ns };
    let node = lab.node(follower);
    assert!(node.hear_beat(leader, &beat));
    assert!(!node.hear_beat(leader, &Beat { commit: at.index, ..beat }), "it lacks one");
    assert!(!node.hear_beat(leader, &Beat { commit: at.index - 2, ..beat }), "it has more");
    assert!(!node.hear_beat(leader, &Beat { term: at.term + 1, ..beat }), "a term it has not seen");
    assert!(!node.hear_beat(leader, &Beat { term: at.term - 1, ..beat }), "a term that is over");
    let other = 6 - leader - follower;
    assert!(!node.hear_beat(other, &beat), "who does not lead");
    assert!(!lab.node(leader).hear_beat(follower, &beat), "a leader follows nobody");
}

#[test]
fn an_answer_counts_in_its_term_and_not_before_it_was_asked_for() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    let follower = lab.follower(leader);
    let at = lab.node(leader).next_position(GROUP).expect("it leads");
    for id in 1..=3 {
        lab.isolate(id);
    }
    lab.pass(260);
    assert!(!is_valid(&mut lab, leader));
    let now_ns = lab.now_ns;
    let answer = Beat { group: GROUP, term: at.term, commit: at.index - 1, stamp_ns: now_ns };
    let node = lab.node(leader);
    node.hear_answer(follower, &Beat { stamp_ns: now_ns + 1, ..answer });
    node.hear_answer(follower, &Beat { term: at.term - 1, ..answer });
    node.hear_answer(77, &answer);
    assert!(!is_valid(&mut lab, leader), "none of these is an answer");
    lab.node(leader).hear_answer(follower, &answer);
    assert!(is_valid(&mut lab, leader));
}

#[test]
fn who_answers_a_beat_keeps_silent() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    let follower = lab.follower(leader);
    let other = 6 - leader - follower;
    // Long after the last message; the beat comes alone.
    lab.beats.clear();
    lab.wire.clear();
    lab.now_ns += QUIET_NS;
    let at = lab.node(leader).next_position(GROUP).expect("it leads");
    let now_ns = lab.now_ns;
    let beat = Beat { group: GROUP, term: at.term, commit: at.index - 1, stamp_ns: now_ns };
    lab.node(follower).begin(now_ns);
    assert!(lab.node(follower).hear_beat(leader, &beat));
    let mut vote = Message::default();
    vote.set_msg_type(MessageType::MsgRequestPreVote);
    (vote.from, vote.to, vote.term) = (other, follower, at.term + 1);
    (vote.index, vote.log_term) = (at.index + 5, at.term);
    lab.node(follower).step(GROUP, vote.clone()).expect("a sound message");
    lab.ready(follower);
    assert!(lab.wire.is_empty(), "it votes inside its quiet time: {:?}", lab.wire);
    lab.now_ns += QUIET_NS;
    let now_ns = lab.now_ns;
    lab.node(follower).begin(now_ns);
    lab.node(follower).step(GROUP, vote).expect("a sound message");
    lab.ready(follower);
    assert!(!lab.wire.is_empty(), "afterwards it does");
}

#[test]
fn a_beat_of_a_leader_that_was_replaced_holds_nobody() {
    let (mut lab, leader) = Lab::led(3);
    lab.pass(500);
    wait_beat(&mut lab, leader);
    let late: Vec<(u64, BeatOut)> = std::mem::take(&mut lab.beats);
    assert!(!late.is_empty());
    lab.isolate(leader);
    lab.effects.clear();
    lab.pass(1_500);
    let next = lab.leader();
    assert_ne!(next, leader);
    for (from, BeatOut { to, beat }) in late {
        assert!(!lab.node(to).hear_beat(from, &beat));
    }
}
