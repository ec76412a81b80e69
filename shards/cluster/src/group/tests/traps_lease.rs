//! The traps of reads: leases that outlive the silence of the voters.

use super::lab::{GROUP, Lab};
use super::world::MS;
use crate::group::timing::{LEASE_NS, QUIET_NS};
use crate::group::{Effect, Lease, MessageType, Refusal};

fn is_valid(lab: &mut Lab, id: u64) -> bool {
    let now_ns = lab.now_ns;
    lab.node(id).lease(GROUP, now_ns) != Lease::Expired
}

#[test]
fn lease_based_reads_check_no_clock() {
    // Raft's own lease reads would answer after SIGSTOP: nothing had told the leader that time has passed.
    let (mut lab, leader) = Lab::led(3);
    assert!(is_valid(&mut lab, leader));
    let Lease::Valid { until_ns } = lab.nodes[&leader].lease(GROUP, lab.now_ns) else {
        panic!("the lease is valid");
    };
    assert_eq!(lab.nodes[&leader].lease(GROUP, until_ns), Lease::Expired, "not a turn was needed");
    assert!(until_ns <= lab.now_ns + LEASE_NS);
}

#[test]
fn the_lease_counts_from_the_sending_of_the_heartbeat() {
    let (mut lab, leader) = Lab::led(3);
    // The next heartbeats are answered, but the answers lie around.
    let begun_ns = lab.now_ns;
    while !lab.sent(leader, MessageType::MsgHeartbeat) && lab.beats.is_empty() {
        lab.now_ns += 10 * MS;
        lab.turn(leader);
    }
    let sent_ns = lab.now_ns;
    assert!(sent_ns < begun_ns + 60 * MS);
    lab.now_ns += 200 * MS;
    lab.deliver();
    let Lease::Valid { until_ns } = lab.nodes[&leader].lease(GROUP, lab.now_ns) else {
        panic!("200 ms are not the whole lease");
    };
    assert_eq!(until_ns, sent_ns + LEASE_NS);
}

#[test]
fn the_lease_is_over_before_the_reply_leaves() {
    let (mut lab, leader) = Lab::led(3);
    assert!(is_valid(&mut lab, leader), "before the read");
    lab.now_ns += 400 * MS;
    assert!(!is_valid(&mut lab, leader), "after it");
}

#[test]
fn lease_reads_stop_before_a_leadership_transfer() {
    let (mut lab, leader) = Lab::led(3);
    let to = lab.follower(leader);
    lab.node(leader).transfer_leader(GROUP, to).expect("it leads");
    assert!(!is_valid(&mut lab, leader), "before anything is sent");
    lab.ready(leader);
    assert!(lab.sent(leader, MessageType::MsgTimeoutNow));
    // The call is lost, or late: the transfer is given up, but the lease does not come back, because the call may still
    // arrive and breaks the silence of the others.
    lab.wire.clear();
    lab.pass(1_000);
    assert!(lab.nodes[&leader].next_position(GROUP).is_ok(), "it still leads");
    assert!(!is_valid(&mut lab, leader));
    lab.node(leader).read_index(GROUP, 7).expect("a majority can still be asked");
    lab.ready(leader);
    lab.deliver();
    assert!(lab.saw(leader, |effect| matches!(effect, Effect::ReadAt { token: 7, .. })));
}

#[test]
fn a_transfer_that_nobody_was_told_of_gives_the_lease_back() {
    let (mut lab, leader) = Lab::led(3);
    let to = lab.follower(leader);
    lab.isolate(to);
    // The next leader lacks an entry, so that it is not told to campaign yet.
    lab.propose(leader);
    lab.pass(20);
    lab.node(leader).transfer_leader(GROUP, to).expect("it leads");
    lab.pass(20);
    assert!(!is_valid(&mut lab, leader), "it may be told at any time");
    lab.pass(1_000);
    assert!(is_valid(&mut lab, leader), "the transfer is given up");
}

#[test]
fn a_transfer_makes_the_other_lead() {
    let (mut lab, leader) = Lab::led(3);
    let to = lab.follower(leader);
    let index = lab.propose(leader);
    lab.node(leader).transfer_leader(GROUP, to).expect("it leads");
    lab.pass(100);
    assert_eq!(lab.leader(), to, "at once, inside the quiet time");
    assert!(lab.saw(leader, |effect| matches!(effect, Effect::LostLeader { .. })));
    assert!(
        lab.saw(to, |effect| matches!(effect, Effect::Apply { up_to, .. } if *up_to >= index)),
        "what was proposed before is not lost"
    );
}

#[test]
fn a_new_leader_answers_read_index_only_after_committing_in_its_term() {
    let mut lab = Lab::new(3);
    let elected = (0..90).find_map(|_| {
        lab.now_ns += 10 * MS;
        for id in 1..=3 {
            lab.turn(id);
        }
        // One round at a time, so that the election is seen before its first commit.
        for _ in 0..4 {
            let now_ns = lab.now_ns;
            for message in std::mem::take(&mut lab.wire) {
                let to = message.to;
                lab.node(to).begin(now_ns);
                lab.node(to).step(GROUP, message).expect("sound");
                lab.ready(to);
            }
            let elected = lab
                .nodes
                .iter()
                .find(|(_, node)| node.next_position(GROUP) == Err(Refusal::NotServing))
                .map(|(id, _)| *id);
            if elected.is_some() {
                return elected;
            }
        }
        None
    });
    let elected = elected.expect("somebody is elected");
    assert_eq!(lab.node(elected).read_index(GROUP, 1), Err(Refusal::NotServing));
    assert!(!is_valid(&mut lab, elected));
    lab.deliver();
    assert_eq!(lab.node(elected).read_index(GROUP, 1), Ok(()), "now it has committed");
}

#[test]
fn a_read_whose_leader_steps_down_is_told() {
    let (mut lab, leader) = Lab::led(3);
    lab.node(leader).read_index(GROUP, 9).expect("it leads");
    lab.isolate(leader);
    lab.pass(1_500);
    assert!(lab.saw(leader, |effect| matches!(effect, Effect::ReadLost { token: 9, .. })));
    assert!(lab.saw(leader, |effect| matches!(effect, Effect::LostLeader { .. })));
    assert_ne!(lab.leader(), leader);
}

#[test]
fn a_joint_configuration_needs_both_majorities_for_the_lease() {
    use crate::group::Conf;
    use crate::group::lease::Acks;
    let mut acks = Acks::default();
    let mut heard = |from: u64, sent_ns: u64| {
        let mut message = crate::group::Message::default();
        (message.from, message.term) = (from, 4);
        Acks::stamp(&mut message, sent_ns);
        assert!(acks.acknowledge(&mut message, 4));
    };
    heard(2, 500);
    heard(4, 300);
    let old = Conf::of_voters(&[1, 2, 3]);
    let new = Conf::of_voters(&[1, 4, 5]);
    let mut joint = new.clone();
    joint.voters_outgoing.clone_from(&old.voters);
    for (conf, expected) in [(old.clone(), 500), (new.clone(), 300), (joint, 300)] {
        assert_eq!(acks.until_ns(1, 4, &conf, 900), expected + LEASE_NS, "{conf:?}");
    }
    let mut turned = old.clone();
    turned.voters_outgoing.clone_from(&new.voters);
    assert_eq!(acks.until_ns(1, 4, &turned, 900), 300 + LEASE_NS, "the later side is no better");
    let mut nobody = Conf::of_voters(&[1, 6, 7]);
    nobody.voters_outgoing = vec![1, 2, 3];
    assert_eq!(acks.until_ns(1, 4, &nobody, 900), 0, "one side alone is no lease");
    assert_eq!(acks.until_ns(1, 5, &Conf::of_voters(&[1, 2, 3]), 900), 0, "another term");
    assert_eq!(acks.until_ns(1, 5, &Conf::of_voters(&[1]), 900), 900 + LEASE_NS, "a sole voter");
}

#[test]
fn the_lease_ends_before_the_quiet_time() {
    let (mut lab, leader) = Lab::led(3);
    lab.isolate(leader);
    let begun_ns = lab.now_ns;
    let mut lease_end_ns = 0;
    while lab.leader_or(0) == 0 {
        lab.pass(10);
        if is_valid(&mut lab, leader) {
            lease_end_ns = lab.now_ns;
        }
    }
    assert!(lease_end_ns < begun_ns + LEASE_NS);
    assert!(lab.now_ns >= begun_ns + QUIET_NS - 60 * MS, "nobody was elected earlier");
}
