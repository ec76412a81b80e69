//! Tests of flush, scan and recovery against a plain map.

use super::disk::{Contents, Disk, World, options, pattern};
use crate::{Options, ScanCursor, Store};
use hyperion_model::{DatabaseId, PartitionMap};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn a_flush_holds_after_a_start() {
    for (flushed, left) in [(Some(0), 200), (Some(1), 200), (Some(5), 300), (None, 0)] {
        let mut world = World::new();
        for key in 0..300_u32 {
            world.put_in((key % 3) as u8, &key.to_le_bytes(), &[1; 500], None);
        }
        world.retry(|store| store.flush(flushed.map(DatabaseId)));
        assert_eq!(world.contents().len(), left, "{flushed:?}");
        world.turn();
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.contents(), world.contents(), "{flushed:?}");
        again.put(b"after", b"1");
        again.turn();
        let mut third = again.reopen().expect("no damage");
        assert_eq!(third.contents().len(), left + 1, "{flushed:?}");
    }
}

#[test]
fn a_scan_meets_every_key_that_stays_while_others_come() {
    let mut world = World::new();
    for key in 0..4_000_u32 {
        world.put(&key.to_le_bytes(), b"v");
    }
    let (mut met, mut cursor, mut next) = (BTreeSet::new(), ScanCursor::default(), 4_000_u32);
    loop {
        cursor = world.store.scan(DatabaseId(0), cursor, 10, |key| {
            met.insert(key.to_vec());
        });
        if cursor.0 == 0 {
            break;
        }
        for _ in 0..9 {
            world.put(&next.to_le_bytes(), b"v");
            next += 1;
        }
    }
    let missed: Vec<u32> =
        (0..4_000_u32).filter(|key| !met.contains(&key.to_le_bytes()[..])).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// A walk does not look at the buckets of partitions that have no key: where few have one, a step comes to the end.
#[test]
fn a_scan_passes_over_partitions_without_keys() {
    let map = PartitionMap::spread(1_024, 1);
    let store = Store::new(Options { map, ..options(1) });
    let mut world = World::open_with(&Disk::default(), store).expect("an empty disk");
    for key in 0..20_u32 {
        world.put(&key.to_le_bytes(), b"v");
    }
    let mut met = BTreeSet::new();
    let cursor = world.store.scan(DatabaseId(0), ScanCursor::default(), 100, |key| {
        met.insert(key.to_vec());
    });
    assert_eq!((met.len(), cursor), (20, ScanCursor(0)));
}

#[test]
fn a_cursor_of_a_client_s_own_making_does_no_harm() {
    let mut world = World::new();
    (0..100_u32).for_each(|key| world.put(&key.to_le_bytes(), b"v"));
    for cursor in [u64::MAX, 4 << 48, 3 << 48 | 0xff << 32, 1 << 47, 0xffff_ffff] {
        let mut next = ScanCursor(cursor);
        for _ in 0..10_000 {
            next = world.store.scan(DatabaseId(0), next, 10, |_| {});
            if next.0 == 0 {
                break;
            }
        }
        assert_eq!(next.0, 0, "cursor {cursor:#x}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, length: usize, expiry: Option<u64> },
    Delete { key: u8 },
    Flush { database: Option<u8> },
    Write,
    Sync,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![4 => 0..200_usize, 2 => 1_000..9_000_usize, 1 => 9_000..90_000_usize];
    let expiry = prop::option::of(2_000_000..3_000_000_u64);
    let step = prop_oneof![
        12 => (any::<u8>(), length, expiry)
            .prop_map(|(key, length, expiry)| Step::Put { key, length, expiry }),
        4 => any::<u8>().prop_map(|key| Step::Delete { key }),
        1 => prop::option::of(0..3_u8).prop_map(|database| Step::Flush { database }),
        3 => Just(Step::Write),
        3 => Just(Step::Sync),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_store_is_a_map_over_any_restart(steps in steps()) {
        let (mut world, mut model) = (World::new(), Contents::new());
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { key, length, expiry } => {
                    let (database, key) = (key % 3, vec![key / 12; usize::from(key % 7) + 1]);
                    let value = pattern(at as u64, length);
                    world.put_in(database, &key, &value, expiry);
                    model.insert((database, key), (value, expiry));
                }
                Step::Delete { key } => {
                    let (database, key) = (key % 3, vec![key / 12; usize::from(key % 7) + 1]);
                    let there = world.retry(|store| {
                        let key = store.key(DatabaseId(database), &key);
                        store.delete(&key)
                    });
                    prop_assert_eq!(there, model.remove(&(database, key)).is_some());
                }
                Step::Flush { database } => {
                    world.retry(|store| store.flush(database.map(DatabaseId)));
                    model.retain(|(other, _), _| database.is_some_and(|database| database != *other));
                }
                Step::Write => world.write(),
                Step::Sync => world.turn(),
                Step::Restart => {
                    world.write();
                    world = world.reopen().expect("no damage");
                }
            }
        }
        prop_assert!(world.contents() == model);
        while world.store.count_detached() {}
        world.write();
        let mut again = world.reopen().expect("no damage");
        prop_assert!(again.contents() == model);
        prop_assert_eq!(again.store.figures().live_bytes, world.store.figures().live_bytes);
        prop_assert_eq!(again.store.figures().expiring, world.store.figures().expiring);
    }
}
