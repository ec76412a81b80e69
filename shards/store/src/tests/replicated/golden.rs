//! Tests that the bytes of groups stay what they are: produced and read.

use super::fixture::{applied_state, delete, group, key_of, payload, put};
use crate::tests::disk::{Disk, SEGMENT_BYTES, World, pattern};
use crate::{Change, ChangeKind, GroupState};
use hyperion_model::{DatabaseId, GroupId};

const GOLDEN: &[u8] = include_bytes!("../../../testdata/groups-v1.bin");

/// All that is written for groups, once at least.
fn sequence() -> World {
    let mut world = World::new();
    let state =
        GroupState { term: 3, vote: 2, voters: b"voters".to_vec(), ..GroupState::default() };
    for id in 0..4 {
        world.retry(|store| store.set_group_state(GroupId(id), &state));
    }
    world.retry(|store| store.append_entry(GroupId(0), 3, 1, 0, b"{ config }"));
    world.retry(|store| store.append_entry(GroupId(0), 3, 2, 1, b"voters"));
    world.retry(|store| store.apply(GroupId(0), 1));
    let (one, two, long) = (key_of(0, 1), key_of(0, 2), pattern(1, 9_000));
    let brief = Change { expiry_ms: Some(1_500_000), ..put(&two, b"brief") };
    let packed = Change { kind: ChangeKind::Packed, ..put(&two, &[4, 1, 2]) };
    let flush = Change { kind: ChangeKind::Flush, database: DatabaseId(1), ..delete(b"") };
    let entries = [
        payload(&[put(&one, b"one"), brief]),
        payload(&[put(&two, &long), flush]),
        payload(&[delete(&one), packed]),
    ];
    for (index, entry) in (1..).zip(&entries) {
        world.retry(|store| store.append_entry(group(0), 3, index, 0, entry));
        world.sync();
    }
    world.retry(|store| store.apply(group(0), 2));
    world.retry(|store| store.cut(group(0), 3));
    world.retry(|store| store.append_entry(group(0), 4, 3, 0, &payload(&[delete(&two)])));
    world.sync();
    world.retry(|store| store.install_begin(group(1)));
    let chunk = payload(&[put(&key_of(1, 1), b"installed")]);
    world.retry(|store| store.install_chunk(group(1), &chunk));
    world.retry(|store| store.install_end(group(1), (77, 5), b"others"));
    world.retry(|store| store.install_begin(group(2)));
    world.sync();
    world
}

/// As for the other golden files: `HYPERION_GOLDEN=write cargo test -p hyperion-store golden`.
#[test]
fn the_same_entries_give_the_golden_bytes() {
    let mut world = sequence();
    let file = world.disk.files.remove(&1).expect("the first segment");
    let used = file.iter().rposition(|&byte| byte != 0).expect("it is in use") + 1;
    if std::env::var_os("HYPERION_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/groups-v1.bin");
        std::fs::write(path, &file[..used]).expect("the folder is there");
        return;
    }
    let differs = file.iter().zip(GOLDEN).position(|(new, old)| new != old);
    assert_eq!((used, differs), (GOLDEN.len(), None), "length, and first byte that differs");
}

#[test]
fn the_golden_entries_are_read() {
    let mut file = GOLDEN.to_vec();
    file.resize(SEGMENT_BYTES, 0);
    let disk = Disk { files: [(1, file)].into(), writes: Vec::new() };
    let mut world = World::open(&disk, 1).expect("no damage");
    let of = |at: usize| &world.recovered.groups[at];
    assert_eq!(world.recovered.groups.len(), 4);
    assert_eq!((of(0).applied, of(0).entries.len()), ((1, 3), 2));
    assert_eq!(of(0).entries[1].payload, b"voters");
    assert_eq!((of(1).applied, of(1).state.vote), ((2, 3), 2));
    let terms: Vec<u64> = of(1).entries.iter().map(|entry| entry.term).collect();
    assert_eq!(terms, [3, 3, 4]);
    assert_eq!((of(2).applied, of(2).state.voters.as_slice()), ((77, 5), &b"others"[..]));
    assert!(of(3).is_installing && !of(2).is_installing);
    let state = applied_state(&world.store, 0);
    assert_eq!(state[&(0, key_of(0, 2))], (pattern(1, 9_000), None));
    assert_eq!(state.len(), 2);
    assert_eq!(applied_state(&world.store, 1).len(), 1);
    assert_eq!(world.get(&key_of(0, 2)), None, "its deletion waits");
}
