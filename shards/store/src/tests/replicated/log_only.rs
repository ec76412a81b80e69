//! A store that keeps entries for others and no keys.

use super::fixture::{applied_state, delete, group, key_of, payload, put};
use crate::tests::disk::{Disk, World, options, pattern};
use crate::{GroupState, Store};
use hyperion_model::DatabaseId;

fn open(disk: &Disk, entropy: u64) -> World {
    let mut store = Store::new(options(entropy));
    store.keep_log_only();
    World::open_with(disk, store).expect("nothing is damaged")
}

#[test]
fn entries_are_kept_until_they_are_applied_and_then_they_are_gone() {
    let mut world = open(&Disk::default(), 1);
    let state = GroupState { term: 1, voters: vec![7; 5], ..GroupState::default() };
    world.retry(|store| store.set_group_state(group(0), &state));
    let (one, two, long) = (key_of(0, 1), key_of(0, 2), pattern(3, 20_000));
    let mut entries = vec![payload(&[put(&one, b"a"), put(&two, &long)]), payload(&[delete(&one)])];
    let mut index = 0;
    for entry in &entries {
        index += 1;
        world.retry(|store| store.append_entry(group(0), 1, index, 0, entry));
    }
    world.retry(|store| store.apply(group(0), 1));
    assert!(world.get(&two).is_none(), "its entry is applied, and nothing came of it");
    world.turn();

    // A start finds what is not applied, as others may want it, and no key.
    let mut world = open(&world.disk, 2);
    let found = world.recovered.groups.first().expect("the group is there");
    assert_eq!((found.applied, found.state.truncated_index), ((1, 1), 1));
    let payloads: Vec<&Vec<u8>> = found.entries.iter().map(|entry| &entry.payload).collect();
    assert_eq!(payloads, [&entries[1]]);
    assert_eq!(world.store.count(DatabaseId(0)), 0);
    assert!(applied_state(&world.store, 0).is_empty() && world.get(&two).is_none());

    // Many times what its segments hold goes through them.
    let mut world = world.with_segments_max(12);
    for number in 0..400_u32 {
        entries.push(payload(&[put(&two, &long), put(&one, &number.to_le_bytes())]));
        index += 1;
        let entry = entries.last().expect("just pushed");
        world.retry(|store| store.append_entry(group(0), 1, index, 0, entry));
        world.retry(|store| store.apply(group(0), index - 2));
        while world.store.wants_cleaning() && world.store.clean() {}
        world.turn();
    }
    world.turn();
    let world = open(&world.disk, 3);
    let found = world.recovered.groups.first().expect("the group is there");
    assert_eq!(found.applied, (index - 2, 1));
    let payloads: Vec<&Vec<u8>> = found.entries.iter().map(|entry| &entry.payload).collect();
    assert_eq!(payloads, entries[entries.len() - 2..].iter().collect::<Vec<_>>());
    assert_eq!(world.store.count(DatabaseId(0)), 0);
}
