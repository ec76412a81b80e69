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
