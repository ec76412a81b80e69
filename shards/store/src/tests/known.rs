//! Tests of what is kept in mind of the key that was looked up last: it never outlives what it tells of.

use super::disk::{World, options};
use crate::{Evicted, Key, Options, Policy, Store};
use hyperion_model::DatabaseId;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Keys of one length and of several, one too long to be kept in mind.
const KEYS: [&str; 5] =
    ["a", "b", "key:0001", "key:0002", "a key that is longer than those that are kept"];
/// Look-ups of one key, one after the other: from the third on it is known.
const LOOKS: usize = 4;

type Model = BTreeMap<(u8, usize), (u32, Option<u64>)>;

/// Looks a key up until it is known, and compares each time.
/// The first time it is the key `before`, which was made before what has happened since.
fn look(
    world: &mut World,
    model: &Model,
    now_ms: u64,
    (database, key): (u8, usize),
    mut before: Option<Key<'static>>,
) {
    let expected = model.get(&(database, key)).filter(|(_, at)| at.is_none_or(|at| at > now_ms));
    for round in 0..LOOKS {
        let made = world.store.key(DatabaseId(database), KEYS[key].as_bytes());
        let key = before.take().unwrap_or(made);
        let found = world.store.find(&key);
        let mut value = Vec::new();
        if let Some(found) = &found {
            let held = world.store.value(found);
            held.copy_range(0, held.len(), &mut value);
        }
        let expected = expected.map(|(value, _)| value.to_le_bytes().to_vec());
        assert_eq!(found.map(|_| value), expected, "{key:?}, look-up {round}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_known_of_a_key_is_what_is_so(steps in prop::collection::vec((0..9_u8, 0..2_u8, 0..KEYS.len(), any::<u32>()), 1..120)) {
        let (mut world, mut model, mut now_ms) = (World::new(), Model::new(), 1_000_000_u64);
        for (kind, database, key, number) in steps {
            look(&mut world, &model, now_ms, (database, key), None);
            let bytes = KEYS[key].as_bytes();
            let before = world.store.key(DatabaseId(database), bytes);
            match kind {
                0 | 1 => {
                    world.put_in(database, bytes, &number.to_le_bytes(), None);
                    model.insert((database, key), (number, None));
                }
                2 => {
                    let at = now_ms + 1 + u64::from(number % 8);
                    world.put_in(database, bytes, &number.to_le_bytes(), Some(at));
                    model.insert((database, key), (number, Some(at)));
                }
                3 => {
                    world.retry(|store| {
                        let key = store.key(DatabaseId(database), bytes);
                        store.delete(&key)
                    });
                    model.remove(&(database, key));
                }
                4 => {
                    world.retry(|store| store.flush(Some(DatabaseId(database))));
                    model.retain(|(other, _), _| *other != database);
                }
                5 => {
                    world.retry(|store| store.flush(None));
                    model.clear();
                }
                6 => {
                    now_ms += u64::from(number % 10);
                    world.store.set_now(now_ms);
                }
                7 => world.turn(),
                _ => {
                    world.store.set_policy(Policy::AllkeysRandom);
                    if matches!(world.store.evict(|_, _| false), Evicted::One) {
                        let left = world.contents();
                        model.retain(|(database, key), _| left.contains_key(&(*database, KEYS[*key].as_bytes().to_vec())));
                    }
                    world.store.set_policy(Policy::None);
                }
            }
            look(&mut world, &model, now_ms, (database, key), Some(before));
        }
    }
}

/// The hand counts down how often keys were used; that one is known does not hide from it that it is to be counted up again.
#[test]
fn a_known_key_that_is_used_all_the_time_is_evicted_last() {
    let options = Options { keeps_files: false, ..options(5) };
    let segment_bytes = options.segment_bytes;
    let mut store = Store::new(options);
    store.set_policy(Policy::AllkeysLfu);
    let (zero, mut now_ms) = (DatabaseId(0), 1_000_000);
    for id in 1..=store.segments_wanted() as u64 {
        store.add_ready(id, Box::leak(vec![0; segment_bytes].into_boxed_slice()));
    }
    store.set_now(now_ms);
    for number in 0..400_u64 {
        let bytes = number.to_le_bytes();
        let key = store.key(zero, &bytes);
        store.put(&key, &[b"value"], None).expect("there is room");
    }
    let used = 7_u64.to_le_bytes();
    for _ in 0..200 {
        now_ms += 60_000;
        store.set_now(now_ms);
        for _ in 0..20_000 {
            let key = store.key(zero, &used);
            assert!(store.find(&key).is_some());
        }
    }
    while store.count(zero) > 20 {
        assert_eq!(store.evict(|_, _| false), Evicted::One);
    }
    let key = store.key(zero, &used);
    assert!(store.find(&key).is_some(), "the only one that was used");
}
