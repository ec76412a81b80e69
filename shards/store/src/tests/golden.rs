//! Tests that the bytes of a segment stay what they are: produced and read.

use super::disk::{Disk, World, pattern};
use crate::manifest::{Manifest, ManifestError};
use crate::segment::{Header, OTHER_VERSION, Role};
use crate::{Content, Write};
use hyperion_model::{CoreId, DatabaseId, TransactionId};

const GOLDEN: &[u8] = include_bytes!("../../testdata/segment-v1.bin");
const GOLDEN_COPIES: &[u8] = include_bytes!("../../testdata/copies-v1.bin");
const GOLDEN_MANIFEST: &[u8] = include_bytes!("../../testdata/manifest-v1.bin");

pub(super) fn manifest() -> Manifest {
    Manifest {
        instance: *b"instance of test",
        cores: 3,
        partitions: 64,
        starts: 513,
        segment_bytes: 64 << 20,
        generation: 7,
        hash_seed: 0x0123_4567_89ab_cdef,
    }
}

#[test]
fn the_golden_manifest_is_written_and_read() {
    if std::env::var_os("HYPERION_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/manifest-v1.bin");
        std::fs::write(path, manifest().write()).expect("the folder is there");
        return;
    }
    assert_eq!(manifest().write(), GOLDEN_MANIFEST);
    assert_eq!(Manifest::read(GOLDEN_MANIFEST), Ok(manifest()));
}

/// A later format may have another size, and its checksum elsewhere; its magic and version stay where they are.
#[test]
fn a_newer_format_is_told_from_damage() {
    let mut newer = manifest().write().to_vec();
    newer[8..10].copy_from_slice(&2_u16.to_le_bytes());
    newer[30] ^= 0xff;
    for bytes in [&newer[..], &newer[..40], &[&newer[..], &[0; 64]].concat()] {
        assert_eq!(Manifest::read(bytes), Err(ManifestError::Version { found: 2 }));
    }
    let mut newer = GOLDEN.to_vec();
    newer[8..10].copy_from_slice(&2_u16.to_le_bytes());
    newer[30] ^= 0xff;
    assert_eq!(Header::read(&newer), Err(OTHER_VERSION));
    assert_eq!(Header::version(&newer), Some(2));
}

fn sequence() -> World {
    let mut world = World::new();
    world.put(b"key", b"value");
    world.put_in(3, b"expires", b"soon", Some(1_500_000));
    world.put_in(0, b"expires far", b"late", Some(1 << 45));
    world.sync();
    world.put(&[b'k'; 300], b"a wide key");
    world.put(b"long", &pattern(1, 9_000));
    assert!(world.delete(b"key"));
    world.sync();
    let id = |count| TransactionId::new(1, CoreId(0), count);
    let write = [Write {
        database: DatabaseId(1),
        key: b"t",
        value: Some(Content::string(b"x")),
        expiry_ms: None,
    }];
    for (count, commits) in [(1, true), (2, false)] {
        world.retry(|store| store.prepare(id(count), &write));
        world.write();
        if commits {
            world.retry(|store| store.decide(id(count)));
            world.retry(|store| store.commit_prepared(id(count)));
        } else {
            world.retry(|store| store.abort_prepared(id(count)));
        }
    }
    world.retry(|store| store.flush(Some(DatabaseId(9))));
    world.sync();
    let mut world = world.reopen().expect("no damage");
    world.put(b"after", b"the start");
    world.sync();
    world
}

/// To write the file anew, after the format's version was raised: `HYPERION_GOLDEN=write cargo test -p hyperion-store golden`.
#[test]
fn the_same_changes_give_the_golden_bytes() {
    let mut world = sequence();
    let file = world.disk.files.remove(&1).expect("the first segment");
    let used = file.iter().rposition(|&byte| byte != 0).expect("it is in use") + 1;
    if std::env::var_os("HYPERION_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/segment-v1.bin");
        std::fs::write(path, &file[..used]).expect("the folder is there");
        return;
    }
    let differs = file.iter().zip(GOLDEN).position(|(new, old)| new != old);
    assert_eq!((used, differs), (GOLDEN.len(), None), "length, and first byte that differs");
}

#[test]
fn the_golden_bytes_are_read() {
    let mut file = GOLDEN.to_vec();
    file.resize(super::disk::SEGMENT_BYTES, 0);
    let disk = Disk { files: [(1, file)].into(), writes: Vec::new() };
    let mut world = World::open(&disk, 1).expect("no damage");
    let expected = [
        ((0, b"after".to_vec()), (b"the start".to_vec(), None)),
        ((0, b"expires far".to_vec()), (b"late".to_vec(), Some(1 << 45))),
        ((0, vec![b'k'; 300]), (b"a wide key".to_vec(), None)),
        ((0, b"long".to_vec()), (pattern(1, 9_000), None)),
        ((1, b"t".to_vec()), (b"x".to_vec(), None)),
        ((3, b"expires".to_vec()), (b"soon".to_vec(), Some(1_500_000))),
    ];
    assert!(world.contents() == expected.into());
    assert_eq!(world.recovered.decided, [TransactionId::new(1, CoreId(0), 1)]);
}

/// A segment of copies: of keys that stay in a segment whose rest has died.
fn copied() -> (World, Vec<u8>) {
    let mut world = World::new();
    world.put(b"key", b"value");
    world.put_in(3, b"wide", &[b'w'; 300], None);
    while world.store.figures().segments_in_use < 3 {
        world.put(b"filler", &[7; 4000]);
        world.turn();
    }
    let index = world.store.bytes_beside();
    world.store.set_memory(index + 10 * super::disk::SEGMENT_BYTES as u64);
    world.store.clean_eagerly();
    for _ in 0..4 {
        world.supply();
        world.store.clean();
        world.turn();
    }
    world.store.tell_durable();
    world.turn();
    let is_copies = |bytes: &&Vec<u8>| {
        Header::read(bytes).ok().flatten().is_some_and(|header| header.role == Role::Copies)
    };
    let file = world.disk.files.values().find(is_copies).expect("something was copied").clone();
    (world, file)
}

#[test]
fn the_same_copies_give_the_golden_bytes() {
    let (_, file) = copied();
    let used = file.iter().rposition(|&byte| byte != 0).expect("it is in use") + 1;
    if std::env::var_os("HYPERION_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/copies-v1.bin");
        std::fs::write(path, &file[..used]).expect("the folder is there");
        return;
    }
    let differs = file.iter().zip(GOLDEN_COPIES).position(|(new, old)| new != old);
    assert_eq!((used, differs), (GOLDEN_COPIES.len(), None), "length, and first byte that differs");
}

/// The log itself is not needed for what was copied.
#[test]
fn the_golden_copies_are_read() {
    let mut file = GOLDEN_COPIES.to_vec();
    file.resize(super::disk::SEGMENT_BYTES, 0);
    let disk = Disk { files: [(1, file)].into(), writes: Vec::new() };
    let mut world = World::open(&disk, 1).expect("no damage");
    let expected = [
        ((0, b"key".to_vec()), (b"value".to_vec(), None)),
        ((3, b"wide".to_vec()), (vec![b'w'; 300], None)),
    ];
    assert!(world.contents() == expected.into());
    world.put(b"key", b"later");
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.get(b"key"), Some(b"later".to_vec()));
}
