//! Tests of what is kept back where no segment may follow the one in use.

use super::disk::{SEGMENT_BYTES, World, pattern};
use crate::{Room, Store, StoreError};
use hyperion_model::DatabaseId;

const VALUE_BYTES: usize = 300;

fn put(store: &mut Store, number: u32) -> Result<(), StoreError> {
    if store.room(VALUE_BYTES + 64) == Room::Later {
        return Err(StoreError::NoRoom { bytes: VALUE_BYTES });
    }
    let key = number.to_le_bytes();
    let key = store.key(DatabaseId(0), &key);
    store.put(&key, &[&pattern(number.into(), VALUE_BYTES)], None)
}

/// Fills some segments until no more fits. Gives the number of keys.
fn fill(world: &mut World) -> u32 {
    let mut keys = 0;
    for _ in 0..4 {
        world.supply();
        while put(&mut world.store, keys).is_ok() {
            keys += 1;
        }
        world.turn();
    }
    keys
}

/// Deletes as a command does that takes no memory.
fn delete(world: &mut World, number: u32) -> Result<bool, StoreError> {
    world.store.may_use_reserve(true);
    let key = number.to_le_bytes();
    let deleted = world.store.key(DatabaseId(0), &key);
    let deleted = world.store.delete(&deleted);
    world.store.may_use_reserve(false);
    deleted
}

/// Nobody has said yet that no more segments can be made: a deletion finds room all the same.
#[test]
fn writers_leave_room_for_deletions_before_the_disk_is_known_to_be_full() {
    let mut world = World::new();
    let keys = fill(&mut world);
    assert!(keys > 40, "{keys} keys in {SEGMENT_BYTES} bytes");
    assert!(matches!(put(&mut world.store, keys), Err(StoreError::NoRoom { .. })));
    for number in 0..40 {
        assert_eq!(delete(&mut world, number), Ok(true), "key {number}");
    }
    assert!(matches!(put(&mut world.store, keys), Err(StoreError::NoRoom { .. })), "still");
    world.supply();
    assert_eq!(put(&mut world.store, keys), Ok(()), "a segment was made");
}

/// What was kept back before a start is there after it: the segment in use goes on.
#[test]
fn deletions_find_room_after_a_start_on_a_full_disk() {
    let mut world = World::new();
    let keys = fill(&mut world);
    let mut again = world.reopen().expect("no damage");
    assert!(matches!(put(&mut again.store, keys), Err(StoreError::NoRoom { .. })));
    for number in 0..40 {
        assert_eq!(delete(&mut again, number), Ok(true), "key {number}");
    }
}

/// A segment of which a part is dead would fill what is kept back with its copies, and be free only when the last has found room.
#[test]
fn the_cleaner_leaves_room_for_deletions_when_nothing_can_be_emptied() {
    let mut world = World::new();
    let keys = fill(&mut world);
    world.store.set_full(true);
    let deletions = keys / 16;
    for number in 0..deletions {
        assert_eq!(delete(&mut world, number), Ok(true), "key {number} of {keys}");
        assert!(matches!(put(&mut world.store, keys), Err(StoreError::NoRoom { .. })));
        while world.store.clean() {}
        world.turn();
    }
    // As deletions go on, a segment is emptied in the end, and writers go on too.
    let mut number = deletions;
    while put(&mut world.store, keys).is_err() {
        assert_eq!(delete(&mut world, number), Ok(true), "key {number} of {keys}");
        while world.store.clean() {}
        world.turn();
        number += 1;
    }
}

/// Strings of one record and of chunks, deleted in any order while nothing else may be written: the cleaner's copies of chunks go to the log
/// itself, where the deletions go too.
#[test]
fn deletions_of_all_kinds_are_never_refused_on_a_full_disk() {
    for seed in 0..40_u64 {
        let mut world = World::new();
        let mut random = seed;
        let mut draw = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let mut keys: Vec<u32> = Vec::new();
        for round in 0..6_u32 {
            world.supply();
            for number in (round * 1_000..).take(1_000_usize) {
                let bytes = [1_000, 3_000, 7_000, 20_000][usize::try_from(draw(4)).expect("small")];
                let key = number.to_le_bytes();
                let key = world.store.key(DatabaseId(0), &key);
                if world.store.room(bytes + 2_000) == Room::Later {
                    break;
                }
                world.store.put(&key, &[&pattern(seed, bytes)], None).expect("there was room");
                keys.push(number);
            }
            world.turn();
        }
        world.store.set_full(true);
        while !keys.is_empty() {
            let number = keys.swap_remove(usize::try_from(draw(keys.len() as u64)).expect("small"));
            assert_eq!(delete(&mut world, number), Ok(true), "seed {seed}, {} left", keys.len());
            for _ in 0..4 {
                while world.store.clean() {}
                let is_full = world.store.figures().segments_ready == 0;
                assert!(
                    !is_full || !world.store.cleaner.holds_on(),
                    "seed {seed}: another segment may want less"
                );
                world.turn();
            }
        }
    }
}

/// What did not fit is not tried again and again while others are there, however many of them did not.
#[test]
fn segments_that_do_not_fit_are_passed_over_until_there_is_other_room() {
    let mut world = World::new();
    let (mut keys, mut of_segments): (u32, Vec<(u32, Vec<u32>)>) = (0, Vec::new());
    for _ in 0..4 {
        world.supply();
        while world.store.room(4_000) == Room::Now {
            let key = keys.to_le_bytes();
            let key = world.store.key(DatabaseId(0), &key);
            world.store.put(&key, &[&pattern(keys.into(), 3_000)], None).expect("there was room");
            let slot = *world.store.log.order.back().expect("it was written");
            match of_segments.last_mut() {
                Some((last, of)) if *last == slot => of.push(keys),
                _ => of_segments.push((slot, vec![keys])),
            }
            keys += 1;
        }
        world.turn();
    }
    world.store.set_full(true);
    // Of each of three nothing is left but a key: any of them fits.
    let three: Vec<u32> = of_segments[..3].iter().map(|(slot, _)| *slot).collect();
    for number in of_segments[..3].iter().flat_map(|(_, of)| &of[1..]) {
        delete(&mut world, *number).expect("there is room");
    }
    world.turn();
    world.store.log.pass_over(three[0]);
    world.store.log.pass_over(three[1]);
    let live = |world: &World| {
        [0, 1, 2].map(|at| world.store.log.segments[three[at] as usize].live_bytes > 0)
    };
    assert_eq!(live(&world), [true; 3]);
    world.store.clean_eagerly();
    while world.store.clean() {}
    assert_eq!(live(&world), [true, true, false], "only the third is emptied");
    // What was emptied is free, and so is its room.
    world.turn();
    while world.store.clean() {}
    assert_eq!(live(&world), [false; 3]);
}

/// Of several segments that are ready only the last must leave room for deletions.
#[test]
fn the_largest_batch_finds_its_segment_on_a_full_disk_where_others_are_ready() {
    let mut world = World::new();
    world.put(b"key", &pattern(1, VALUE_BYTES));
    let bytes = world.store.batch_bytes_max();
    assert_eq!(world.store.room(2 * bytes), Room::Later);
    world.supply();
    world.store.set_full(true);
    assert!(world.store.figures().segments_ready > 1);
    assert_eq!(world.store.make_batch(bytes), Ok(()));
}

/// What lies beside the log grows and shrinks, and the limit of segments with it: while it was higher, writers began what was kept for the cleaner.
#[test]
fn the_cleaner_goes_on_when_the_limit_sinks_below_what_is_held() {
    let mut world = World::new();
    let memory = |world: &mut World, segments: usize| {
        let bytes = world.store.bytes_beside() + (segments * SEGMENT_BYTES) as u64;
        world.store.set_memory(bytes);
    };
    memory(&mut world, 20);
    let mut keys = 0;
    for _ in 0..40 {
        world.supply();
        while put(&mut world.store, keys).is_ok() {
            keys += 1;
        }
        world.turn();
    }
    for number in (0..keys).step_by(3) {
        delete(&mut world, number).expect("there is room for deletions");
    }
    world.turn();
    memory(&mut world, 23);
    while put(&mut world.store, keys).is_ok() {
        keys += 1;
    }
    world.turn();
    memory(&mut world, 18);
    let figures = world.store.figures();
    assert_eq!(figures.segments_ready, 0, "{figures:?}");
    assert!(figures.segments_in_use > 18, "{figures:?}");
    let mut turns = 0;
    while put(&mut world.store, keys).is_err() {
        while world.store.clean() {}
        world.turn();
        world.supply();
        turns += 1;
        assert!(turns < 200, "the cleaner is stuck: {:?}", world.store.figures());
    }
    let held = world.store.figures().segments_in_use + world.store.figures().segments_ready;
    assert!(held <= figures.segments_in_use + 2, "{held} segments, {figures:?}");
}
