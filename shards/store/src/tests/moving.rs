//! Tests of the way of all keys into stores of other cores.

use super::disk::{Contents, SEGMENT_BYTES, World, options, pattern};
use crate::{Held, Options, Store, Value, ValueType};
use hyperion_model::{CoreId, DatabaseId, PartitionMap};

fn put_held(store: &mut Store, held: &Held<'_>) {
    let key = store.key(held.database, held.key);
    let put = match held.value {
        Value::Pieces(pieces) if held.value_type != ValueType::STRING => {
            let chunks: Vec<Vec<&[u8]>> =
                (0..pieces.count()).map(|index| vec![pieces.chunk(index)]).collect();
            store.put_object(&key, held.value_type, &chunks, held.expiry_ms)
        }
        Value::Whole(whole) if held.value_type != ValueType::STRING => {
            store.put_packed(&key, held.value_type, &[whole], held.expiry_ms)
        }
        value => store.put(&key, &value.pieces().collect::<Vec<_>>(), held.expiry_ms),
    };
    put.expect("there is room");
}

/// Every key goes to the core that owns it, whatever its database, value and expiry; what has expired or is deleted goes nowhere.
#[test]
fn all_keys_move_to_other_cores() {
    let mut world = World::new();
    for number in 0..3_000_u64 {
        let key = format!("key:{number}").into_bytes();
        let expiry = number.is_multiple_of(3).then_some(2_000_000 + number);
        let database = if number.is_multiple_of(5) { 7 } else { 0 };
        world.put_in(
            database,
            &key,
            &pattern(number, 20 + usize::try_from(number % 90).expect("few")),
            expiry,
        );
    }
    world.put(b"long", &pattern(9, 90_000));
    world.put_in(0, b"gone", b"x", Some(1_500_000));
    world.put(b"deleted", b"x");
    assert!(world.delete(b"deleted"));
    world.retry(|store| {
        let key = store.key(DatabaseId(3), b"packed");
        store.put_packed(&key, ValueType(4), &[b"one", b"two"], None)
    });
    world.store.set_now(1_600_000);
    let expected = world.contents();
    assert_eq!(expected.len(), 3_002);
    let cores = 3;
    let map = PartitionMap::spread(4, cores);
    let mut moved = Contents::new();
    for core in (0..cores).map(CoreId) {
        let mut store = Store::new(Options { core, map: map.clone(), ..options(5) });
        store.set_now(1_600_000);
        for id in 1..40 {
            store.add_ready(id, Box::leak(vec![0; SEGMENT_BYTES].into_boxed_slice()));
        }
        store.reserve_for(std::slice::from_ref(&world.store));
        let owned: Vec<_> = store.owned_partitions().collect();
        for partition in owned {
            let taken: Result<(), ()> = world.store.each_key(partition, |held| {
                put_held(&mut store, &held);
                Ok(())
            });
            assert_eq!(taken, Ok(()));
        }
        let contents = super::disk::contents_of(&mut store);
        assert!(!contents.is_empty());
        moved.extend(contents);
    }
    assert!(moved == expected, "{} keys of {}", moved.len(), expected.len());
}
