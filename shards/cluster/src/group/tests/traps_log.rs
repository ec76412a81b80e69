//! The traps of the log: what must be durable before what, and messages that raft asserts about.

use raft::eraftpb::ConfChangeV2;

use super::lab::{GROUP, Lab};
use super::world::MS;
use crate::group::{
    Change, Conf, Effect, Entry, GroupState, Message, MessageType, Position, RecoveredGroup, entry,
};

#[test]
fn the_quorum_decides_and_the_leaders_own_sync_is_one_vote() {
    let (mut lab, leader) = Lab::led(3);
    lab.stuck.insert(leader);
    let index = lab.propose(leader);
    lab.ready(leader);
    assert!(lab.sent(leader, MessageType::MsgAppend), "it goes out before it is durable");
    assert!(
        lab.saw(leader, |effect| matches!(effect, Effect::Staged { first, .. } if *first == index)),
        "the store has it already"
    );
    lab.deliver();
    let applies =
        |effect: &Effect| matches!(effect, Effect::Apply { up_to, .. } if *up_to == index);
    assert!(lab.saw(leader, applies), "two followers have it");
    let (id, ticket) = lab.tickets.pop().expect("its own sync is still under way");
    lab.node(id).persisted(ticket);
    lab.stuck.clear();
    lab.pass(50);
}

#[test]
fn a_follower_acknowledges_only_what_is_durable() {
    let (mut lab, leader) = Lab::led(3);
    let follower = lab.follower(leader);
    lab.stuck.insert(follower);
    lab.propose(leader);
    lab.ready(leader);
    lab.wire.retain(|message| message.to == follower);
    for message in std::mem::take(&mut lab.wire) {
        lab.node(follower).step(GROUP, message).expect("sound");
    }
    lab.ready(follower);
    assert!(!lab.sent(follower, MessageType::MsgAppendResponse));
    let (id, ticket) = lab.tickets.pop().expect("a sync is under way");
    lab.node(id).persisted(ticket);
    lab.ready(follower);
    assert!(lab.sent(follower, MessageType::MsgAppendResponse));
}

#[test]
fn a_slow_disk_does_not_hold_back_answers_to_heartbeats() {
    let (mut lab, leader) = Lab::led(3);
    lab.stuck.extend([1, 2, 3]);
    lab.propose(leader);
    lab.pass(1_000);
    assert!(lab.nodes[&leader].next_position(GROUP).is_ok(), "it still leads");
    let now_ns = lab.now_ns;
    assert_ne!(lab.node(leader).lease(GROUP, now_ns), crate::group::Lease::Expired);
}

#[test]
fn a_sole_voter_sends_nothing_before_its_term_is_durable() {
    // It is elected by itself at once. Its entries at a learner would be taken for those of its next life, which has the
    // same term when this one is not durable.
    let mut lab = Lab::new(1);
    let mut conf = Conf::of_voters(&[1]);
    conf.learners.push(2);
    let founded = RecoveredGroup { conf, ..RecoveredGroup::founded(&[1], 1) };
    lab.start(1, founded);
    lab.stuck.insert(1);
    // Two voters' groups of one node: the learner is not there, only what is sent to it counts.
    lab.now_ns += 10 * MS;
    lab.turn(1);
    assert!(!lab.sent(1, MessageType::MsgAppend));
    let (id, ticket) = lab.tickets.pop().expect("term and vote are under way");
    lab.node(id).persisted(ticket);
    lab.ready(1);
    assert!(lab.sent(1, MessageType::MsgAppend));
}

#[test]
fn proposals_that_raft_never_saw_are_cut() {
    let (mut lab, leader) = Lab::led(3);
    let index = lab.propose(leader);
    // Before the turn's end another leader is heard.
    let mut beat = Message::default();
    beat.set_msg_type(MessageType::MsgHeartbeat);
    (beat.from, beat.to, beat.term) = (lab.follower(leader), leader, 40);
    lab.node(leader).step(GROUP, beat).expect("sound");
    lab.ready(leader);
    let order: Vec<&str> = lab
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Append { cut_from, .. } if *cut_from == Some(index) => Some("cut"),
            Effect::LostLeader { last, .. } if *last == index - 1 => Some("lost"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["cut", "lost"]);
}

#[test]
fn a_change_of_members_stands_behind_the_commit_index_that_was_known() {
    // A replica that comes back with a second change in its log must know that the first was committed: otherwise it
    // elects by members of two changes ago.
    let (mut lab, leader) = Lab::led(3);
    lab.propose(leader);
    lab.pass(50);
    lab.effects.clear();
    lab.node(leader).propose_conf_change(GROUP, &[Change::Learner(4)]).expect("it leads");
    lab.pass(50);
    for id in 1..=3 {
        let of = lab.effects.iter().filter(|(node, _)| *node == id).map(|(_, effect)| effect);
        let order: Vec<&str> = of
            .filter_map(|effect| match effect {
                Effect::State { state, must_sync: true, .. } if state.commit >= 3 => Some("state"),
                Effect::Append { entries, .. } if entries.iter().any(is_change) => Some("change"),
                _ => None,
            })
            .take(2)
            .collect();
        assert_eq!(order, ["state", "change"], "node {id}");
    }
}

#[test]
fn what_another_takes_the_place_of_is_cut_before_a_commit_index_past_it() {
    // Else a start that finds the state alone takes the end of the old log for what was committed.
    let mut lab = Lab::new(3);
    let entries = (2..=9).map(|index| entry(index, 1, 0, b"void".to_vec())).collect();
    lab.start(1, RecoveredGroup { entries, ..RecoveredGroup::founded(&[1, 2, 3], 1) });
    let mut append = Message::default();
    append.set_msg_type(MessageType::MsgAppend);
    (append.from, append.to, append.term) = (2, 1, 5);
    (append.index, append.log_term, append.commit) = (1, 1, 4);
    append.set_entries((2..=4).map(|index| entry(index, 5, 0, Vec::new())).collect());
    lab.effects.clear();
    lab.node(1).step(GROUP, append).expect("sound");
    lab.ready(1);
    let order: Vec<&str> = lab
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Append { cut_from: Some(2), .. } => Some("cut"),
            Effect::State { state, .. } if state.commit == 4 => Some("state"),
            Effect::Append { cut_from: None, entries, .. } if entries.len() == 3 => Some("entries"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["cut", "state", "entries"]);
}

fn is_change(entry: &Entry) -> bool {
    entry.get_entry_type() != raft::eraftpb::EntryType::EntryNormal
}

#[test]
fn a_joint_change_goes_on_under_another_leader() {
    // Raft leaves a joint configuration by itself only as the leader that entered it.
    let mut lab = Lab::new(3);
    let mut conf = Conf::of_voters(&[1, 2, 4]);
    (conf.voters_outgoing, conf.index) = (vec![1, 2, 3], 2);
    for id in 1..=4 {
        let recovered = RecoveredGroup {
            conf: conf.clone(),
            term: 3,
            commit: 5,
            applied: 5,
            truncated: Position { index: 5, term: 3 },
            ..RecoveredGroup::default()
        };
        lab.start(id, recovered);
    }
    lab.pass(1_500);
    let leader = lab.leader();
    let conf = lab.nodes[&leader].conf(GROUP).expect("it is there");
    assert_eq!((conf.voters.as_slice(), conf.is_joint()), (&[1, 2, 4][..], false));
}

#[test]
fn a_restart_applies_changes_of_members_that_the_record_does_not_have() {
    let mut change = ConfChangeV2::default();
    change.set_changes(vec![raft_single(4)].into());
    let payload = protobuf::Message::write_to_bytes(&change).expect("it encodes");
    let mut lab = Lab::new(3);
    let recovered = RecoveredGroup {
        term: 2,
        commit: 3,
        applied: 3,
        entries: vec![entry(2, 2, 2, payload), entry(3, 2, 0, b"value".to_vec())],
        ..RecoveredGroup::founded(&[1, 2, 3], 1)
    };
    lab.start(1, recovered);
    lab.ready(1);
    let conf = lab.nodes[&1].conf(GROUP).expect("it is there");
    assert_eq!((conf.index, conf.voters.as_slice()), (2, &[1, 2, 3, 4][..]));
    assert!(
        !lab.saw(1, |effect| matches!(effect, Effect::Apply { .. })),
        "nothing is applied twice"
    );
}

fn raft_single(node: u64) -> raft::eraftpb::ConfChangeSingle {
    let mut single = raft::eraftpb::ConfChangeSingle::default();
    single.set_node_id(node);
    single
}

#[test]
fn a_heartbeat_past_the_end_of_a_lost_log_stops_nobody() {
    let mut lab = Lab::new(3);
    let mut beat = Message::default();
    beat.set_msg_type(MessageType::MsgHeartbeat);
    (beat.from, beat.to, beat.term, beat.commit) = (2, 1, 7, 900);
    lab.node(1).step(GROUP, beat).expect("sound");
    lab.ready(1);
    assert_eq!(lab.nodes[&1].state(GROUP).map(|state| state.commit), Some(1));
}

#[test]
fn appends_are_joined_only_when_they_follow() {
    // Raft 0.7 joins entries onto an empty append of another index.
    let append = |index: u64, entries: &[u64]| {
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgAppend);
        (message.to, message.term, message.index, message.commit) = (2, 5, index, index);
        let entries: Vec<Entry> = entries.iter().map(|at| entry(*at, 5, 0, Vec::new())).collect();
        message.set_entries(entries.into());
        message
    };
    for (messages, expected) in [
        (vec![append(9, &[]), append(4, &[5, 6])], vec![(9, 0), (4, 2)]),
        (vec![append(4, &[5]), append(5, &[6, 7]), append(7, &[])], vec![(4, 3)]),
        (vec![append(4, &[5]), append(4, &[5])], vec![(4, 1), (4, 1)]),
    ] {
        let joined = crate::group::batch::join(messages);
        let shape: Vec<(u64, usize)> =
            joined.iter().map(|message| (message.index, message.entries.len())).collect();
        assert_eq!(shape, expected);
    }
}

#[test]
fn what_no_peer_sends_is_refused() {
    let (mut lab, leader) = Lab::led(3);
    let from = lab.follower(leader);
    let term = lab.nodes[&leader].state(GROUP).expect("it is there").term;
    let message = |kind, index| {
        let mut message = Message::default();
        message.set_msg_type(kind);
        (message.from, message.to, message.term, message.index) = (from, leader, term, index);
        message
    };
    let mut gap = message(MessageType::MsgAppend, 1);
    gap.set_entries(vec![entry(7, 1, 0, Vec::new())].into());
    let mut astray = message(MessageType::MsgHeartbeat, 0);
    astray.to = from;
    for (message, what) in [
        (message(MessageType::MsgAppendResponse, 1_000), "an acknowledgement of the future"),
        (message(MessageType::MsgHeartbeatResponse, 0), "an answer without a heartbeat"),
        (message(MessageType::MsgReadIndex, 0), "a forwarded read"),
        (message(MessageType::MsgTransferLeader, 0), "a forwarded transfer"),
        (message(MessageType::MsgHup, 0), "a local message"),
        (gap, "entries with a gap"),
        (astray, "a message for another node"),
    ] {
        assert!(lab.node(leader).step(GROUP, message).is_err(), "{what}");
    }
}

#[test]
fn what_is_recovered_is_checked() {
    let founded = || RecoveredGroup::founded(&[1, 2, 3], 4);
    for (what, recovered) in [
        ("a gap", RecoveredGroup { entries: vec![entry(6, 1, 0, Vec::new())], ..founded() }),
        (
            "a term that falls",
            RecoveredGroup { entries: vec![entry(5, 0, 0, Vec::new())], ..founded() },
        ),
        (
            "a term of the future",
            RecoveredGroup { entries: vec![entry(5, 9, 0, Vec::new())], ..founded() },
        ),
        ("node 0", RecoveredGroup { conf: Conf::of_voters(&[0, 1]), ..founded() }),
    ] {
        let mut groups = crate::group::Groups::new(1, 1, crate::group::Bounds::default());
        assert!(groups.add(GROUP, recovered, 0).is_err(), "{what}");
    }
    let mut groups = crate::group::Groups::new(1, 1, crate::group::Bounds::default());
    let torn = RecoveredGroup { commit: 99, ..founded() };
    groups.add(GROUP, torn, 0).expect("a commit index past a torn end is no damage");
}

#[test]
fn members_survive_their_bytes() {
    let mut conf = Conf::of_voters(&[3, 1, 2]);
    (conf.index, conf.learners, conf.learners_next) = (77, vec![9], vec![2]);
    conf.voters_outgoing = vec![1, 2, 5];
    let state = GroupState { conf, floor: Position { index: 8, term: 2 }, ..GroupState::default() };
    for repaired in [false, true] {
        let state = GroupState { repaired, ..state.clone() };
        let bytes = state.encode_members();
        assert_eq!(GroupState::decode_members(&bytes), Some((state.clone(), &[][..])));
        for end in 0..bytes.len() {
            assert_eq!(GroupState::decode_members(&bytes[..end]), None, "cut at {end}");
        }
        let more = [&bytes[..], &[7]].concat();
        assert_eq!(GroupState::decode_members(&more), Some((state, &[7][..])));
    }
}
