//! Tests of prepared writes over recovery at every point of their way.

use super::disk::{World, pattern};
use crate::{BatchPlace, Content, Reach, Write};
use hyperion_model::{CoreId, DatabaseId, TransactionId};

fn id(count: u64) -> TransactionId {
    TransactionId::new(1, CoreId(0), count)
}

fn write<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Write<'a> {
    Write { database: DatabaseId(0), key, value: value.map(Content::string), expiry_ms: None }
}

fn prepare(world: &mut World, id: TransactionId, long: &[u8]) {
    let writes = [write(b"a", Some(b"new")), write(b"gone", None), write(b"long", Some(long))];
    world.retry(|store| store.prepare(id, &writes));
}

/// What words rest on is told by a start until a batch tells that they had been durable, and what they committed is not to be copied before.
#[test]
fn what_words_rest_on_is_told_until_it_is_durable() {
    let (mut world, other) = (started(), Reach { core: CoreId(1), lsn: 77 });
    prepare(&mut world, id(1), b"long");
    world.retry(|store| store.decide_upon(id(1), &[other]));
    world.retry(|store| store.commit_upon(id(1), Some(other)));
    world.write();
    let reached = world.store.reach();
    let again = World::open(&world.disk, 2).expect("nothing is damaged");
    let on: Vec<Reach> = again.recovered.ending.resting.iter().map(|it| it.on).collect();
    assert_eq!((on, again.recovered.ending.lsn), (vec![other, other], reached.lsn));
    world.sync();
    world.put(b"later", b"tells");
    world.write();
    let again = World::open(&world.disk, 3).expect("nothing is damaged");
    assert!(again.recovered.ending.resting.is_empty(), "{:?}", again.recovered.ending);
}

/// The begin of a batch that was made void ends the log there, with all that stands behind it.
#[test]
fn a_batch_that_was_made_void_ends_the_log() {
    let (mut world, other) = (started(), Reach { core: CoreId(1), lsn: 77 });
    world.write();
    prepare(&mut world, id(1), b"long");
    world.write();
    world.retry(|store| store.commit_upon(id(1), Some(other)));
    world.write();
    world.put(b"a", b"newest");
    world.write();
    let again = World::open(&world.disk, 2).expect("nothing is damaged");
    let place = again.recovered.ending.resting[0].batch;
    let offset = usize::try_from(place.offset).expect("an offset in a segment");
    world.disk.put(place.segment, offset, &BatchPlace::VOID);
    let mut cut = World::open(&world.disk, 3).expect("nothing had been durable");
    assert_eq!(state(&mut cut), (Some(b"old".to_vec()), false, None));
    assert_eq!(cut.recovered.unresolved.len(), 1);
}

fn state(world: &mut World) -> (Option<Vec<u8>>, bool, Option<usize>) {
    let gone = world.get(b"gone").is_none();
    (world.get(b"a"), gone, world.get(b"long").map(|value| value.len()))
}

fn started() -> World {
    let mut world = World::new();
    world.put(b"a", b"old");
    world.put(b"gone", b"here");
    world
}

#[test]
fn a_transaction_is_whole_or_absent_at_every_cut() {
    let long = pattern(5, 30_000);
    for commits in [true, false] {
        let mut world = started();
        world.write();
        let before = world.disk.written_bytes();
        prepare(&mut world, id(1), &long);
        world.write();
        let prepared = world.disk.written_bytes();
        if commits {
            world.retry(|store| store.commit_prepared(id(1)));
        } else {
            world.retry(|store| store.abort_prepared(id(1)));
        }
        world.write();
        let end = world.disk.written_bytes();
        let (old, new) =
            ((Some(b"old".to_vec()), false, None), (Some(b"new".to_vec()), true, Some(long.len())));
        for cut in (before..prepared - 200).step_by(997).chain(prepared - 200..=end) {
            let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced");
            let reach = world.disk.reach(cut);
            let committed = commits && reach == end;
            assert_eq!(&state(&mut again), if committed { &new } else { &old }, "cut {cut}");
            let waits = (prepared..end).contains(&reach);
            assert_eq!(!again.recovered.unresolved.is_empty(), waits, "cut {cut} of {end}");
            if !waits {
                continue;
            }
            // The word comes after the start.
            let mut aborted = World::open(&world.disk.cut(cut), 3).expect("nothing was synced");
            again.retry(|store| store.commit_prepared(id(1)));
            aborted.retry(|store| store.abort_prepared(id(1)));
            assert_eq!(state(&mut again), new, "cut {cut} committed");
            assert_eq!(state(&mut aborted), old, "cut {cut} aborted");
            for (world, expected) in [(&mut again, &new), (&mut aborted, &old)] {
                world.turn();
                let mut third = world.reopen().expect("no damage");
                assert_eq!(&state(&mut third), expected, "cut {cut}, third start");
                assert!(third.recovered.unresolved.is_empty(), "cut {cut}");
                // The chain's accounts are right: it can go.
                third.put(b"long", b"short");
                third.delete(b"long");
            }
        }
    }
}

#[test]
fn a_prepared_transaction_waits_through_many_starts_and_much_writing() {
    let long = pattern(5, 30_000);
    let mut world = started();
    prepare(&mut world, id(1), &long);
    for start in 0..4_u32 {
        for key in 0..600_u32 {
            world.put(&[key.to_le_bytes(), start.to_le_bytes()].concat(), &[1; 100]);
            world.put(b"filler", &[2; 1_000]);
        }
        for _ in 0..5 {
            world.turn();
        }
        world = world.reopen().expect("no damage");
        assert_eq!(world.recovered.unresolved.len(), 1, "start {start}");
        assert_eq!(state(&mut world), (Some(b"old".to_vec()), false, None), "start {start}");
    }
    world.retry(|store| store.commit_prepared(id(1)));
    assert_eq!(state(&mut world), (Some(b"new".to_vec()), true, Some(30_000)));
    // The pieces die, and their segments are used again, while the prepared batch stays for another key.
    world.put(b"long", b"short");
    for _ in 0..2_000 {
        world.put(b"filler", &[2; 1_000]);
        world.turn();
    }
    let mut again = world.reopen().expect("no damage");
    assert_eq!(state(&mut again), (Some(b"new".to_vec()), true, Some(5)));
}

#[test]
fn a_decision_is_kept_until_it_is_settled() {
    let mut world = started();
    world.retry(|store| store.decide(id(7)));
    for start in 0..3 {
        for _ in 0..500 {
            world.put(b"filler", &[2; 1_000]);
            world.put(b"a", b"old");
            world.put(b"gone", b"here");
            world.turn();
        }
        world = world.reopen().expect("no damage");
        assert_eq!(world.recovered.decided, [id(7)], "start {start}");
    }
    world.store.settled(id(7));
    for _ in 0..500 {
        world.put(b"filler", &[2; 1_000]);
        world.put(b"a", b"old");
        world.put(b"gone", b"here");
        world.turn();
    }
    let again = world.reopen().expect("no damage");
    assert!(again.recovered.decided.is_empty());
}

#[test]
fn all_writes_of_one_core_are_whole_or_absent() {
    for length in [10, 20_000] {
        let value = pattern(1, length);
        let mut world = started();
        world.write();
        let before = world.disk.written_bytes();
        let writes =
            [write(b"a", Some(b"new")), write(b"gone", None), write(b"long", Some(&value))];
        world.retry(|store| store.write_all(id(3), &writes));
        world.write();
        let end = world.disk.written_bytes();
        for cut in (before..end).step_by(length / 100 + 1).chain([end]) {
            let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced");
            let expected = if world.disk.reach(cut) == end {
                (Some(b"new".to_vec()), true, Some(length))
            } else {
                (Some(b"old".to_vec()), false, None)
            };
            assert_eq!(state(&mut again), expected, "length {length} cut {cut} of {end}");
        }
    }
}

/// Changes that were prepared in slices are whole or absent at every cut, also while some of them have taken effect.
#[test]
fn slices_that_are_committed_together_are_whole_or_absent() {
    let keys: Vec<[u8; 4]> = (0..300_u32).map(u32::to_be_bytes).collect();
    let mut world = World::new();
    keys.iter().step_by(2).for_each(|key| world.put(key, b"old"));
    world.write();
    let before = world.disk.written_bytes();
    let ids: Vec<TransactionId> = (0..3).map(id).collect();
    for (id, slice) in ids.iter().zip(keys.chunks(100)) {
        // Those that were there go, the others come.
        let change = |(at, key)| write(key, (at % 2 == 1).then_some(&b"new"[..]));
        let writes: Vec<Write<'_>> =
            slice.iter().map(|key| &key[..]).enumerate().map(change).collect();
        world.retry(|store| store.prepare(*id, &writes));
        world.write();
    }
    let prepared = world.disk.written_bytes();
    world.retry(|store| store.commit_all(&ids));
    let mut ends = vec![prepared];
    for id in &ids {
        world.write();
        ends.push(world.disk.written_bytes());
        assert_eq!(world.store.apply_next(*id), 50);
        world.put(b"another", &id.0.to_le_bytes());
    }
    let committed = ends[1];
    world.write();
    let end = world.disk.written_bytes();
    for cut in (before..prepared).step_by(777).chain(prepared..=end) {
        let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced");
        let is_new = world.disk.reach(cut) >= committed;
        for (at, key) in keys.iter().enumerate() {
            let expected = match (at % 2 == 1, is_new) {
                (true, true) => Some(b"new".to_vec()),
                (false, false) => Some(b"old".to_vec()),
                _ => None,
            };
            assert_eq!(again.get(key), expected, "key {at}, cut {cut} of {committed}");
        }
    }
}
