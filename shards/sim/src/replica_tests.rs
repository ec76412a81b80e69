//! Tests of one core's replica and its disk, without a run around them.

use crate::direct::CommitWay;
use crate::disk::{Disk, Lies};
use crate::node::{Faults, Files, Memory, Opened, map};
use crate::random::Random;
use hyperion_cluster::group::{Entry, Message, MessageType, RecoveredGroup, entry};
use hyperion_engine::{Durability, Engine, Eviction, Reads, Replica, Settings, Thresholds};
use hyperion_model::GroupId;
use hyperion_model::collections::Set;

const GROUP: GroupId = GroupId(1);

/// What a core's log holds of the group after the process has ended.
fn found(disk: &Disk, memory: &mut Memory) -> hyperion_store::RecoveredGroup {
    let opened = Opened::read(0, &map(1), disk, memory, 3).expect("the log is whole");
    opened.recovered.groups.into_iter().find(|found| found.group == GROUP).expect("it is there")
}

fn open(disk: &mut Disk, memory: &mut Memory) -> (Engine, Files) {
    let mut opened = Opened::read(0, &map(1), disk, memory, 5).expect("there is nothing yet");
    opened.resume(1, 1_000, disk, memory);
    opened.resolve(&Set::default(), disk, memory).expect("nothing is prepared");
    opened.write_out(disk, usize::MAX);
    let settings = Settings {
        durability: Durability::Interval,
        memory_bytes_max: u64::MAX,
        tight_bytes: None,
        eviction: Eviction::None,
        reads: Reads::Lease,
        value_bytes_max: 100_000,
        thresholds: Thresholds::default(),
    };
    opened.serve(&map(1), settings, 1, 9, CommitWay::Synced)
}

fn from_leader(kind: MessageType, commit: u64, entries: Vec<Entry>) -> Message {
    let mut message = Message::default();
    message.set_msg_type(kind);
    (message.from, message.to, message.term, message.commit) = (2, 1, 2, commit);
    (message.index, message.log_term) = (1, 1);
    message.context = vec![0; 16].into();
    message.set_entries(entries.into());
    message
}

/// A replica that has two changes of members in its log, and does not know that the first was committed, elects by the members before both.
#[test]
fn the_commit_index_lies_before_a_change_of_members() {
    let (mut disk, mut memory, mut random) =
        (Disk::new(Lies::None), Memory::default(), Random::new(1));
    let (mut engine, mut files) = open(&mut disk, &mut memory);
    let recovered = RecoveredGroup::founded(&[1, 2, 3], 1);
    engine
        .replicate(1, 7, vec![Replica { group: GROUP, recovered, held: Vec::new() }], None, 1_000)
        .expect("there is room");
    let entries =
        vec![entry(2, 2, 2, Vec::new()), entry(3, 2, 2, Vec::new()), entry(4, 2, 0, Vec::new())];
    // The term first, so that nothing but the commit index is news when the entries come.
    for message in [
        from_leader(MessageType::MsgHeartbeat, 0, Vec::new()),
        from_leader(MessageType::MsgAppend, 2, entries),
    ] {
        engine.begin_turn(1_000);
        engine.begin_groups(2_000);
        engine.step(GROUP, message).expect("it is sound");
        engine.drive_groups();
        files.end_turn(&mut engine);
        // The process ends when that is written, before anything of it takes effect.
        while !files.appends.is_empty() {
            files.write(&mut engine, &mut disk, &mut random, Faults::default()).expect("it does");
        }
    }
    let found = found(&disk, &mut memory);
    assert_eq!(found.entries.len(), 3, "{found:?}");
    assert_eq!((found.applied.0, found.state.commit), (1, 2));
}
