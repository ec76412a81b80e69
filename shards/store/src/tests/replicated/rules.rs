//! Tests of the rules, one by one.

use super::fixture::{Groups, applied_state, delete, group, key_of, payload, put};
use crate::tests::disk::{World, pattern};
use crate::{GroupState, StoreError, ValueType};
use hyperion_model::{DatabaseId, GroupId, TransactionId};

fn seen(groups: &mut Groups, key: &[u8]) -> Option<Vec<u8>> {
    groups.world.get(key)
}

#[test]
fn an_entry_is_seen_by_its_leader_and_takes_effect_when_applied() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, b"one")]);
    assert_eq!(seen(&mut groups, &key).as_deref(), Some(&b"one"[..]));
    assert!(applied_state(&groups.world.store, 0).is_empty());
    assert_eq!(groups.world.store.count(DatabaseId(0)), 0);
    groups.crash(0);
    assert_eq!(seen(&mut groups, &key).as_deref(), Some(&b"one"[..]));
    groups.build(0, &[delete(&key)]);
    assert_eq!(seen(&mut groups, &key), None);
    groups.apply(0, 1);
    assert_eq!(seen(&mut groups, &key), None);
    assert_eq!(applied_state(&groups.world.store, 0).len(), 1);
    groups.apply(0, 2);
    assert!(applied_state(&groups.world.store, 0).is_empty());
    groups.crash(0);
}

/// A replica holds entries of which it does not know whether a majority has them: readers that ask it must not see those.
#[test]
fn what_is_not_applied_is_not_seen_where_that_is_asked_for() {
    let mut groups = Groups::new(14);
    let (one, two) = (key_of(0, 1), key_of(0, 2));
    groups.build(0, &[put(&one, b"old")]);
    groups.apply(0, 1);
    groups.build(0, &[put(&one, b"new"), put(&two, b"first")]);
    let mut both = |alone| {
        groups.world.store.read_applied(alone);
        (seen(&mut groups, &one), seen(&mut groups, &two))
    };
    assert_eq!(both(true), (Some(b"old".to_vec()), None));
    assert_eq!(both(false), (Some(b"new".to_vec()), Some(b"first".to_vec())));
}

/// Readers wait there; a start does not see it.
#[test]
fn a_place_in_the_log_is_one_of_its_own_and_changes_nothing() {
    let mut groups = Groups::new(14);
    groups.build(0, &[put(&key_of(0, 1), b"applied")]);
    groups.apply(0, 1);
    groups.build(0, &[put(&key_of(0, 2), b"not applied")]);
    let mut behind = 0;
    for _ in 0..20 {
        let before = groups.world.retry(|store| store.mark_place(group(0)));
        assert!(before >= behind);
        behind = groups.world.store.appended_position();
        assert!(behind > before);
    }
    groups.check();
    groups.crash(0);
    groups.build(0, &[put(&key_of(0, 3), b"later")]);
    groups.apply(0, 3);
    groups.crash(0);
}

/// A command that reads what it wrote itself, and one that writes a key twice.
#[test]
fn a_command_sees_its_own_writes() {
    let mut groups = Groups::new(14);
    let (one, two, long) = (key_of(0, 1), key_of(0, 2), pattern(3, 20_000));
    let store = &mut groups.world.store;
    store.add_ready(900, Box::leak(vec![0; 64 << 10].into_boxed_slice()));
    store.begin_entry(group(0), 1, 1);
    let key = store.key(DatabaseId(0), &one);
    store.put(&key, &[b"a"], None).expect("there is room");
    assert!(store.find(&key).is_some());
    assert_eq!(store.delete(&key), Ok(true));
    assert!(store.find(&key).is_none());
    assert_eq!(store.delete(&key), Ok(false));
    store.put(&key, &[&long], Some(2_000_000)).expect("there is room");
    let found = store.find(&key).expect("it was just written");
    assert_eq!(store.value(&found).len(), long.len());
    assert_eq!(store.value_type(&found), ValueType::STRING);
    store.set_expiry(&key, &found, None).expect("there is room");
    let other = store.key(DatabaseId(0), &two);
    store.put(&other, &[b"b"], None).expect("there is room");
    store.flush(Some(DatabaseId(0))).expect("there is room");
    assert!(store.find(&other).is_none());
    store.put(&other, &[b"c"], None).expect("there is room");
    let bytes = store.end_entry().expect("there is room").expect("something was changed");
    groups.models[0].entries.push((1, bytes.clone()));
    groups.note();
    groups.check();
    // Another replica makes the same of it.
    let mut other = Groups::new(14);
    other.world.retry(|store| store.append_entry(group(0), 1, 1, 0, &bytes));
    other.models[0].entries.push((1, bytes));
    for groups in [&mut groups, &mut other] {
        groups.note();
        groups.check();
        groups.apply(0, 1);
        groups.check();
        groups.crash(0);
        assert_eq!(applied_state(&groups.world.store, 0).len(), 1);
    }
}

#[test]
fn a_command_without_changes_makes_no_entry() {
    let mut groups = Groups::new(14);
    groups.world.supply();
    let store = &mut groups.world.store;
    let before = store.appended_position();
    store.begin_entry(group(0), 1, 1);
    let bytes = key_of(0, 1);
    let key = store.key(DatabaseId(0), &bytes);
    assert!(store.find(&key).is_none());
    assert_eq!(store.delete(&key), Ok(false));
    assert_eq!(store.end_entry(), Ok(None));
    assert_eq!((store.last_index(group(0)), store.appended_position()), (0, before));
}

/// What a reply waits for: the record that was read, and for what is not there the deletion, applied or not.
#[test]
fn what_is_observed_lies_behind_the_oldest_unapplied_entry() {
    let mut groups = Groups::new(14);
    let (here, gone, never) = (key_of(0, 1), key_of(0, 2), key_of(0, 3));
    groups.build(0, &[put(&here, b"v"), put(&gone, b"v")]);
    groups.apply(0, 1);
    let observed = |groups: &mut Groups, bytes: &[u8]| {
        let store = &mut groups.world.store;
        let key = store.key(DatabaseId(0), bytes);
        store.begin_observing();
        let _ = store.find(&key);
        store.observed_position()
    };
    assert_eq!(groups.world.store.oldest_unapplied([group(0)]), None);
    let applied = observed(&mut groups, &here);
    groups.build(0, &[delete(&gone)]);
    let oldest = groups.world.store.oldest_unapplied([group(0), group(1)]).expect("one waits");
    assert_eq!(groups.world.store.oldest_unapplied([group(1)]), None);
    assert!(observed(&mut groups, &here) == applied && applied <= oldest);
    assert!(observed(&mut groups, &gone) > oldest);
    assert!(observed(&mut groups, &never) > oldest);
    groups.build(0, &[put(&here, b"w")]);
    assert!(observed(&mut groups, &here) > oldest);
    // A later entry does not make the earlier deletion younger when that is applied.
    let before = observed(&mut groups, &never);
    groups.apply(0, 2);
    let oldest = groups.world.store.oldest_unapplied([group(0)]).expect("one waits");
    assert!(observed(&mut groups, &never) == before && before <= oldest);
    assert!(observed(&mut groups, &here) > oldest);
}

#[test]
fn a_replica_that_was_given_up_does_not_come_back() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, b"v")]);
    groups.apply(0, 1);
    groups.build(0, &[put(&key, b"w")]);
    groups.world.retry(|store| store.remove_group(group(0)));
    groups.world.turn();
    assert_eq!(groups.world.get(&key), None);
    let mut again = groups.world.reopen().expect("no damage");
    assert_eq!(again.get(&key), None);
    assert!(again.recovered.groups.iter().all(|found| found.group != group(0)));
    // It is a plain partition now, and may become a group's again, from the start.
    again.put(&key, b"plain");
    let state = GroupState { term: 1, ..GroupState::default() };
    again.retry(|store| store.set_group_state(group(0), &state));
    let change = payload(&[put(&key, b"first")]);
    again.retry(|store| store.append_entry(group(0), 1, 1, 0, &change));
    again.turn();
    let mut third = again.reopen().expect("no damage");
    assert_eq!(applied_state(&third.store, 0).len(), 1);
    assert_eq!(third.get(&key).as_deref(), Some(&b"first"[..]));
    let found = third.recovered.groups.iter().find(|it| it.group == group(0)).expect("it is back");
    assert_eq!((found.applied, found.entries.len()), ((0, 0), 1));
}

#[test]
fn expired_keys_are_hidden_and_deleted_by_entries() {
    let mut groups = Groups::new(14);
    let (key, other) = (key_of(0, 1), key_of(0, 2));
    let brief = |key| crate::Change { expiry_ms: Some(1_000_500), ..put(key, b"v") };
    groups.build(0, &[brief(&key), brief(&other)]);
    groups.apply(0, 1);
    groups.world.store.set_now(1_001_000);
    groups.world.supply();
    let position = groups.world.store.appended_position();
    assert_eq!(seen(&mut groups, &key), None);
    let swept = groups.world.store.sweep(1_000, 100);
    assert_eq!(swept.removed, 0);
    let mut expired = groups.world.store.take_expired();
    expired.sort();
    let mut expected = vec![(DatabaseId(0), key.clone()), (DatabaseId(0), other.clone())];
    expected.sort();
    expired.dedup();
    assert_eq!(expired, expected);
    assert_eq!(groups.world.store.appended_position(), position, "nothing is written for it");
    // A leader's command that meets it deletes it.
    let store = &mut groups.world.store;
    store.begin_entry(group(0), 1, 2);
    let at = store.key(DatabaseId(0), &key);
    assert!(store.find(&at).is_none());
    let bytes = store.end_entry().expect("there is room").expect("it is deleted");
    assert_eq!(bytes, payload(&[delete(&key)]));
    assert_eq!(store.figures().expired, 1);
    groups.world.retry(|store| store.apply(group(0), 2));
    assert_eq!(groups.world.store.count(DatabaseId(0)), 1);
}

/// A key that waits for its entry, and is expired by then.
#[test]
fn an_unapplied_value_expires_too() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    groups.build(0, &[crate::Change { expiry_ms: Some(1_000_500), ..put(&key, b"v") }]);
    groups.world.store.set_now(1_001_000);
    assert_eq!(seen(&mut groups, &key), None);
    groups.apply(0, 1);
    assert_eq!(seen(&mut groups, &key), None);
}

/// The epoch of the segment that an entry lies in is not that of the one it was made for: expiry is Unix time in all of them.
#[test]
fn an_expiry_is_the_same_on_a_replica_with_another_clock() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    let change = crate::Change { expiry_ms: Some(5_000_000), ..put(&key, b"v") };
    groups.world.store.set_now(4_000_000);
    groups.append(0, 1, &[change]);
    groups.apply(0, 1);
    groups.check();
    groups.crash(0);
}

#[test]
fn an_entry_for_another_partition_or_of_any_bytes_is_refused() {
    let mut groups = Groups::new(14);
    groups.world.supply();
    let store = &mut groups.world.store;
    let foreign = payload(&[put(&key_of(1, 1), b"v")]);
    for wrong in [&foreign[..], &foreign[..5], &[9; 40]] {
        let result = store.append_entry(group(0), 1, 1, 0, wrong);
        assert!(matches!(result, Err(StoreError::BadEntry { .. })), "{wrong:?}: {result:?}");
        assert_eq!(store.last_index(group(0)), 0);
    }
}

/// An entry that finds no room leaves nothing behind, not even the part of it that was written.
#[test]
fn an_entry_without_room_is_dropped_whole() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, b"before")]);
    groups.apply(0, 1);
    let store = &mut groups.world.store;
    store.begin_entry(group(0), 1, 2);
    let mut write = |number, value: &[u8]| {
        let bytes = key_of(0, number);
        let at = store.key(DatabaseId(0), &bytes);
        let written = store.put(&at, &[value], None);
        // What lies in a part is found.
        let found = number > 2 || store.find(&at).is_some();
        (written, found)
    };
    assert_eq!(write(1, b"part"), (Ok(()), true));
    assert_eq!(write(2, b"part"), (Ok(()), true));
    assert_eq!(write(3, &[1; 7_900]), (Ok(()), true));
    // The chunks of long values take the room that was made for the change before.
    let mut number = 4;
    for bytes in [400_000, 100_000, 30_000, 9_000] {
        while write(number, &vec![1; bytes]).0.is_ok() {
            number += 1;
        }
    }
    assert!(matches!(write(number, &[1; 9_000]).0, Err(StoreError::NoRoom { .. })));
    assert!(matches!(store.end_entry(), Err(StoreError::NoRoom { .. })));
    groups.note();
    groups.check();
    groups.build(0, &[put(&key, b"after")]);
    groups.check();
    groups.crash(0);
    groups.apply(0, 2);
    groups.check();
    groups.crash(0);
    groups.check();
}

/// The process ends between the parts of an entry; the next one takes its index.
#[test]
fn an_entry_whose_end_is_missing_is_void() {
    let mut groups = Groups::new(14);
    groups.world.supply();
    let store = &mut groups.world.store;
    store.begin_entry(group(0), 1, 1);
    let bytes = key_of(0, 1);
    let key = store.key(DatabaseId(0), &bytes);
    store.put(&key, &[b"part"], None).expect("there is room");
    assert!(store.find(&key).is_some());
    groups.note();
    groups.crash(0);
    groups.build(0, &[put(&key_of(0, 2), b"whole")]);
    groups.apply(0, 1);
    groups.crash(0);
    assert_eq!(applied_state(&groups.world.store, 0).len(), 1);
}

#[test]
#[should_panic(expected = "a replicated partition is changed by entries alone")]
fn a_replicated_partition_takes_no_plain_change() {
    let mut groups = Groups::new(14);
    groups.world.put(&key_of(0, 1), b"v");
}

#[test]
#[should_panic(expected = "a transaction is prepared in a replicated partition")]
fn a_replicated_partition_takes_no_prepared_change() {
    let mut groups = Groups::new(14);
    let key = key_of(0, 1);
    let write = crate::Write { database: DatabaseId(0), key: &key, value: None, expiry_ms: None };
    let _ = groups.world.store.prepare(TransactionId(1), &[write]);
}

/// Keys that were there before the partition became a group's stay, and are what the group begins with.
#[test]
fn a_partition_becomes_a_group_with_its_keys() {
    let mut world = World::new();
    let key = key_of(0, 1);
    world.put(&key, b"plain");
    let state = GroupState { term: 1, ..GroupState::default() };
    world.retry(|store| store.set_group_state(group(0), &state));
    assert_eq!(world.get(&key).as_deref(), Some(&b"plain"[..]));
    let change = payload(&[put(&key, b"entry")]);
    world.retry(|store| store.append_entry(group(0), 1, 1, 0, &change));
    world.retry(|store| store.apply(group(0), 1));
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.get(&key).as_deref(), Some(&b"entry"[..]));
}

/// Long values of entries that are void take no memory in the end.
#[test]
fn the_chunks_of_a_void_value_die() {
    let mut groups = Groups::new(40);
    let live = groups.world.store.live_bytes();
    let (key, long) = (key_of(0, 1), pattern(3, 90_000));
    groups.append(0, 1, &[put(&key, &long)]);
    assert!(groups.world.store.live_bytes() > live + 90_000);
    groups.cut(0, 1);
    while groups.world.store.count_detached() {}
    // A group's record says more now than before, and no more.
    assert!(groups.world.store.live_bytes() < live + 200);
    groups.crash(0);
    assert!(groups.world.store.live_bytes() < live + 200);
}

/// Where only the config is replicated, everything else is flushed as ever, and the group's record still counts.
#[test]
fn the_config_s_group_outlives_a_flush_of_all() {
    let mut world = World::new();
    let state = |term| GroupState { term, ..GroupState::default() };
    world.retry(|store| store.set_group_state(GroupId(0), &state(1)));
    world.put(b"key", b"value");
    world.retry(|store| store.flush(None));
    assert_eq!(world.get(b"key"), None);
    while world.store.count_detached() {}
    world.retry(|store| store.set_group_state(GroupId(0), &state(2)));
    world.turn();
    let again = world.reopen().expect("no damage");
    assert_eq!(again.recovered.groups[0].state, state(2));
    assert_eq!(again.store.figures().live_bytes, world.store.figures().live_bytes);
}

/// What may go is told, and an entry deletes it; what is on its way is not told again.
#[test]
fn keys_of_replicated_partitions_are_evicted_by_entries() {
    let mut groups = Groups::new(14);
    let keys: Vec<Vec<u8>> = (0..4).map(|number| key_of(0, number)).collect();
    let changes: Vec<crate::Change<'_>> = keys.iter().map(|key| put(key, b"v")).collect();
    groups.build(0, &changes);
    groups.apply(0, 1);
    groups.world.store.set_policy(crate::Policy::AllkeysLru);
    let mut told = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let store = &mut groups.world.store;
        assert_eq!(store.evict(|_, _| false), crate::Evicted::NotYet);
        let Ok((database, key)) = store.next_evicted(|_, key| key == keys[0]) else { continue };
        groups.build_by(0, |store| store.evict_in_entry(database, &key));
        assert!(told.insert(key.clone()), "a key is told twice: {}", key.escape_ascii());
    }
    assert_eq!(told.len(), 3);
    let last = groups.models[0].last();
    groups.apply(0, last);
    groups.check();
    assert_eq!(groups.world.store.evicted(), 3);
}
