//! Tests of values over the record limit.

use super::disk::{World, pattern};
use hyperion_model::DatabaseId;

#[test]
fn long_values_come_back_overwrite_and_go() {
    let mut world = World::new();
    for (step, length) in [8_192, 8_193, 20_000, 65_536, 300_000, 8_192, 1].into_iter().enumerate()
    {
        let value = pattern(step as u64, length);
        world.put(b"long", &value);
        world.put(b"other", &pattern(99, 30_000));
        assert_eq!(world.get(b"long").as_ref(), Some(&value), "length {length}");
        world.turn();
        world = world.reopen().expect("no damage");
        assert_eq!(world.get(b"long").as_ref(), Some(&value), "length {length} after a start");
        assert_eq!(world.get(b"other"), Some(pattern(99, 30_000)), "length {length}");
    }
    assert!(world.delete(b"long"));
    assert!(world.delete(b"other"));
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert!(again.contents().is_empty());
    assert_eq!(again.store.figures().live_bytes, 0);
}

#[test]
fn a_chain_that_was_torn_is_not_there() {
    let mut world = World::new();
    world.put(b"long", b"before");
    world.write();
    let before = world.disk.written_bytes();
    world.put(b"long", &pattern(1, 100_000));
    world.write();
    let end = world.disk.written_bytes();
    for cut in (before..=end).step_by(1_009).chain([end - 1, end]) {
        let mut again = World::open(&world.disk.cut(cut), 3).expect("nothing was synced");
        let expected =
            if world.disk.reach(cut) == end { pattern(1, 100_000) } else { b"before".to_vec() };
        assert!(again.get(b"long") == Some(expected), "cut {cut} of {end}");
        again.put(b"long", &pattern(2, 50_000));
        again.sync();
        let mut third = again.reopen().expect("no damage");
        assert!(third.get(b"long") == Some(pattern(2, 50_000)), "cut {cut}, third start");
    }
}

#[test]
fn another_expiry_keeps_the_chain() {
    let mut world = World::new();
    world.put(b"long", &pattern(1, 40_000));
    for expiry in [Some(5_000_000), None, Some(6_000_000)] {
        world.retry(|store| {
            let key = store.key(DatabaseId(0), b"long");
            let found = store.find(&key).expect("it is there");
            store.set_expiry(&key, &found, expiry)
        });
        world.turn();
        world = world.reopen().expect("no damage");
        assert!(world.get(b"long") == Some(pattern(1, 40_000)), "{expiry:?}");
    }
    world.store.set_now(6_000_001);
    assert_eq!(world.get(b"long"), None);
    assert_eq!(world.store.figures().live_bytes, 0);
}

#[test]
fn long_values_that_are_overwritten_give_their_segments_back() {
    let mut world = World::new().with_segments_max(8);
    for step in 0..100 {
        world.put(b"long", &pattern(step, 100_000));
        world.turn();
        world.turn();
    }
    let mut again = world.reopen().expect("no damage");
    assert!(again.get(b"long") == Some(pattern(99, 100_000)));
}
