//! Tests of what a backup reads: a copy of what is in use at any moment opens to the same keys.

use super::disk::{Disk, SEGMENT_BYTES, World, pattern};
use crate::{BatchCheck, HEADER_BYTES};

/// What a backup of this moment holds, each segment checked batch by batch in pieces.
fn copy(world: &World) -> Disk {
    let mut disk = Disk::default();
    for segment in world.store.segments_in_use() {
        let mut bytes = vec![0; SEGMENT_BYTES];
        segment.header.write(&mut bytes);
        let mut check = BatchCheck::new(&segment.header);
        let (mut at, mut wanted) = (HEADER_BYTES, 512);
        while at < segment.end {
            let end = segment.end.min(at + wanted);
            let part = world.store.segment_part(&segment, at..end).expect("it is in use");
            let whole = check.whole(part).expect("nothing is damaged");
            bytes[at..at + whole.bytes].copy_from_slice(&part[..whole.bytes]);
            wanted = if whole.bytes == 0 { whole.next_bytes } else { 512 };
            assert!(whole.bytes > 0 || at + wanted <= segment.end, "a batch is cut at {at}");
            at += whole.bytes;
        }
        disk.files.insert(segment.header.id, bytes);
    }
    disk
}

#[test]
fn a_copy_of_any_moment_opens_to_the_same_keys() {
    let mut world = World::new();
    for round in 0..300_u64 {
        let key =
            [b"key:".as_slice(), &[b'a' + u8::try_from(round % 20).expect("it is small")]].concat();
        world.put(&key, &pattern(round, usize::try_from(round * 37 % 3_000).expect("it is small")));
        if round % 11 == 3 {
            world.delete(b"key:a");
        }
        world.sync();
        if round % 5 == 0 {
            let mut other = World::open(&copy(&world), round).expect("a copy is a sound log");
            assert!(other.contents() == world.contents(), "round {round}");
        }
    }
    assert!(world.store.segments_in_use().len() > 1, "the log never went on to a second segment");
}

#[test]
fn a_check_finds_every_changed_byte() {
    let mut world = World::new();
    for number in 0..20_u64 {
        world.put(&number.to_le_bytes(), &pattern(number, 30));
        world.sync();
    }
    let segment = world.store.segments_in_use()[0];
    let part = world.store.segment_part(&segment, HEADER_BYTES..segment.end).expect("it is in use");
    let mut bytes = part.to_vec();
    let all = bytes.len();
    for at in 0..all {
        bytes[at] ^= 1;
        let found = BatchCheck::new(&segment.header).whole(&bytes);
        assert!(found.is_err() || found.is_ok_and(|whole| whole.bytes < all), "byte {at}");
        bytes[at] ^= 1;
    }
    let mut other = segment;
    other.header.salt ^= 1;
    assert!(world.store.segment_part(&other, 0..1).is_none(), "another use is not this one");
}
