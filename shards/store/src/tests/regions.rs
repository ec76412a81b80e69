//! Tests of starts with so many keys that they go into the indexes region by region.

use super::disk::World;
use crate::limits::{PRESIZE_BYTES_MIN, REPLAY_QUEUED_MAX};
use hyperion_model::{DatabaseId, TransactionId};

/// What stands in the log between the keys of one partition is replayed in its place, whatever waits: later values count, deletions take
/// what was there before them and nothing that came after, flushes their database, and transactions all of theirs.
#[test]
fn a_start_with_many_keys_gives_what_was_there() {
    let mut world = World::new();
    let mut state = 11_u64;
    let mut roll = move |sides: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % sides
    };
    let mut steps = 0_u64;
    while world.disk.files.len() * super::disk::SEGMENT_BYTES < PRESIZE_BYTES_MIN + (1 << 20) {
        steps += 1;
        let (database, key) = (u8::try_from(roll(2)).expect("below 2"), roll(30_000));
        let key = format!("key:{key}").into_bytes();
        let value = format!("{steps}:{}", "x".repeat(usize::try_from(roll(90)).expect("few")));
        match roll(1_000) {
            0..150 => {
                world.retry(|store| {
                    let key = store.key(DatabaseId(database), &key);
                    store.delete(&key)
                });
            }
            150..250 => world.put_in(database, &key, value.as_bytes(), Some(9_000_000 + steps)),
            250..255 => {
                let writes = [crate::Write {
                    database: DatabaseId(database),
                    key: &key,
                    value: Some(crate::Content::string(value.as_bytes())),
                    expiry_ms: None,
                }];
                world.retry(|store| {
                    store.prepare(TransactionId(steps), &writes)?;
                    store.commit_prepared(TransactionId(steps))
                });
            }
            255 if steps.is_multiple_of(7) => {
                world.retry(|store| store.flush(Some(DatabaseId(database))));
            }
            _ => world.put_in(database, &key, value.as_bytes(), None),
        }
        if steps.is_multiple_of(500) {
            world.write();
        }
    }
    world.sync();
    while world.store.count_detached() {}
    let expected = world.contents();
    assert!(expected.len() > 4 * REPLAY_QUEUED_MAX, "{} keys", expected.len());
    let mut again = world.reopen().expect("no damage");
    assert!(again.contents() == expected, "{} keys", again.store.figures().keys);
    assert_eq!(again.store.figures().live_bytes, world.store.figures().live_bytes);
    assert_eq!(again.store.figures().expiring, world.store.figures().expiring);
}
