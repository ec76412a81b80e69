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
