//! Tests of keys that expire.

use super::disk::World;
use hyperion_model::DatabaseId;
use hyperion_model::limits::SWEEP_LOOKS_A_TURN;

#[test]
fn the_sweep_removes_what_has_expired_and_a_clock_that_goes_back_does_not_return_it() {
    let mut world = World::new();
    for key in 0..500_u32 {
        let expiry = (key % 2 == 0).then_some(2_000_000 + u64::from(key));
        world.put_in((key % 3) as u8, &key.to_le_bytes(), b"value", expiry);
    }
    assert_eq!(world.store.figures().expiring, 250);
    world.store.set_now(2_000_250);
    let removed: u64 = (0..400).map(|_| world.store.sweep(64, u64::MAX).removed).sum();
    assert_eq!(removed, 126);
    assert_eq!(world.store.figures().expiring, 124);
    world.turn();
    // The clock of the next start is that of `World::open`, before any expiry.
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents().len(), 374);
    assert_eq!(again.store.figures().expiring, 124);
}

/// A clock that was a day ahead for a moment and is set right: times to live run on, and times that were named are those of the clock.
#[test]
fn a_clock_that_was_ahead_and_is_set_right_counts_again() {
    const NOW_MS: u64 = 2_000_000;
    const DAY_MS: u64 = 86_400_000;
    let mut world = World::new();
    world.store.set_now(NOW_MS);
    world.put_in(0, b"before", b"value", Some(NOW_MS + 5_000));
    world.store.set_now(NOW_MS + DAY_MS);
    let is_there = |world: &mut World, name: &[u8]| {
        world.store.find(&world.store.key(DatabaseId(0), name)).is_some()
    };
    while world.store.sweep(64, u64::MAX).removed == 0 {}
    assert!(!is_there(&mut world, b"before"));
    world.turn();
    // A moment is waited for: who was told a time is told none before it.
    world.store.set_now(NOW_MS + DAY_MS - 500);
    assert_eq!(world.store.now_ms(), NOW_MS + DAY_MS);
    world.store.set_now(NOW_MS + 1_000);
    assert_eq!(world.store.now_ms(), NOW_MS + 1_000);
    assert!(!is_there(&mut world, b"before"), "what was told to be gone was deleted");
    world.put_in(0, b"after", b"value", Some(NOW_MS + 3_000));
    assert!(is_there(&mut world, b"after"));
    for ms in (1_000..3_000).step_by(100) {
        world.store.set_now(NOW_MS + ms);
        world.turn();
        assert!(is_there(&mut world, b"after"), "after {ms} ms");
    }
    world.store.set_now(NOW_MS + 3_000);
    assert!(!is_there(&mut world, b"after"));
}

#[test]
fn one_sweep_looks_at_a_bounded_number_of_keys() {
    let mut world = World::new();
    for key in 0..20_000_u32 {
        world.put_in(0, &key.to_le_bytes(), b"value", Some(2_000_000 + u64::from(key % 2)));
        if key % 100 == 0 {
            world.turn();
        }
    }
    world.store.set_now(2_000_000);
    let swept = world.store.sweep(usize::MAX, u64::MAX);
    let bound = SWEEP_LOOKS_A_TURN..SWEEP_LOOKS_A_TURN + 100;
    assert!(bound.contains(&swept.looked_at), "{swept:?}");
    assert!(swept.removed > swept.looked_at / 3, "{swept:?}");
}

#[test]
fn an_expired_key_is_absent_at_its_very_millisecond() {
    let mut world = World::new();
    for (now, is_there) in [(1_000_000, true), (1_000_099, true), (1_000_100, false)] {
        world.put_in(0, b"probe", b"x", Some(1_000_100));
        world.store.set_now(now);
        let key = world.store.key(DatabaseId(0), b"probe");
        assert_eq!(world.store.find(&key).is_some(), is_there, "at {now}");
    }
}
