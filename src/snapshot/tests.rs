//! Tests of the file's format: the same snapshot gives the same bytes, and no byte of it may change unseen.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use hyperion_store::manifest::Manifest;
use hyperion_store::{BatchCheck, HEADER_BYTES, Options, SegmentInUse, Store};

use super::file::{SnapshotFile, name_at, newest_ms, remove_parts};
use super::format::{
    ChunkHead, Coding, HEAD_BYTES, Head, IndexCore, IndexSegment, Libraries, VERSION, crc,
    read_index, write_index,
};
use super::restore::restore;
use super::restore_error::RestoreError;
use crate::packing::Compressor;

const SEGMENT_BYTES: usize = 64 << 10;
const GOLDEN: &[u8] = include_bytes!("testdata/snapshot-v1.hysnap");

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hyperion-snapshot-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("the folder is new");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn manifest() -> Manifest {
    Manifest {
        instance: *b"instance of test",
        cores: 1,
        partitions: 4,
        starts: 3,
        segment_bytes: u32::try_from(SEGMENT_BYTES).expect("it is small"),
        generation: 1,
        hash_seed: 7,
    }
}

/// A store with two segments, the second written in part.
fn store() -> Store {
    let mut store = Store::new(Options {
        core: CoreId(0),
        map: PartitionMap::spread(4, 1),
        instance: manifest().instance,
        generation: 1,
        segment_bytes: SEGMENT_BYTES,
        keeps_files: false,
        hash_seed: 7,
        entropy: 1,
    });
    store.set_now(1_000_000);
    for id in 1..4 {
        store.add_ready(id, Box::leak(vec![0; SEGMENT_BYTES].into_boxed_slice()));
    }
    for number in 0..90_u32 {
        let bytes = format!("key:{number}");
        let key = store.key(DatabaseId(0), bytes.as_bytes());
        let value = bytes.repeat(140);
        store.put(&key, &[value.as_bytes()], None).expect("there is room");
        store.take_appends(&mut Vec::new());
    }
    store
}

fn parts(store: &Store, segment: &SegmentInUse) -> Vec<(usize, Vec<u8>)> {
    let middle = {
        let bytes = store.segment_part(segment, HEADER_BYTES..segment.end / 2);
        let whole = BatchCheck::new(&segment.header).whole(bytes.expect("it is in use"));
        HEADER_BYTES + whole.expect("it is not damaged").bytes
    };
    let part = |range: std::ops::Range<usize>| {
        (range.start, store.segment_part(segment, range).expect("it is in use").to_vec())
    };
    vec![part(HEADER_BYTES..middle), part(middle..segment.end)]
}

/// Writes the store's snapshot, with a chunk of a segment that was freed before the cut.
fn write(path: &Path) {
    let store = store();
    let head = Head { created_ms: 1_700_000_000_000, is_part: false, manifest: manifest() };
    let mut file = SnapshotFile::create(path, &head).expect("the disk has room");
    let mut core = IndexCore { keys: 90, segments: Vec::new() };
    let mut compressor = Compressor::default();
    let mut chunk = |segment: u64, salt: u32, offset: usize, plain: &[u8], hurry: bool| {
        let packed = if hurry { None } else { compressor.pack(plain) };
        let coding = if packed.is_some() { Coding::Brotli } else { Coding::Raw };
        let stored = packed.unwrap_or(plain);
        let head = ChunkHead {
            core: 0,
            coding,
            offset: u32::try_from(offset).expect("it is small"),
            segment,
            salt,
            plain_bytes: u32::try_from(plain.len()).expect("it is small"),
            stored_bytes: u32::try_from(stored.len()).expect("it is small"),
            plain_crc: crc(plain),
            number: 0,
        };
        file.chunk(head, stored).expect("the disk has room")
    };
    chunk(1, 0, HEADER_BYTES, b"it was freed", true);
    for segment in store.segments_in_use() {
        let chunks = parts(&store, &segment).into_iter().enumerate().map(|(number, (at, part))| {
            chunk(
                segment.header.id,
                segment.header.salt,
                at,
                &part,
                number == 1 && segment.header.id == 2,
            )
        });
        let end = u32::try_from(segment.end).expect("it is small");
        core.segments.push(IndexSegment { header: segment.header, end, chunks: chunks.collect() });
    }
    assert_eq!(core.segments.len(), 2);
    file.finish(&[core], &Libraries::new()).expect("the disk has room");
}

/// To write the file anew, after the format's version was raised: `HYPERION_GOLDEN=write cargo test -p hyperion golden`.
#[test]
fn the_golden_file_is_written_and_read() {
    let folder = Folder::new("golden");
    let path = folder.0.join("s");
    write(&path);
    let bytes = fs::read(&path).expect("it is there");
    if std::env::var_os("HYPERION_GOLDEN").is_some() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/src/snapshot/testdata");
        fs::create_dir_all(place).expect("the sources are ours");
        fs::write(format!("{place}/snapshot-v{VERSION}.hysnap"), &bytes).expect("as above");
        return;
    }
    // How brotli compresses may change with its version; what it stands for may not.
    let golden = folder.0.join("golden");
    fs::write(&golden, GOLDEN).expect("the folder is ours");
    let mut found = Vec::new();
    for (from, to) in [(&path, "a"), (&golden, "b")] {
        let to = folder.0.join(to);
        let restored = restore(from, &to).expect("it is whole");
        assert_eq!((restored.keys, restored.segments, restored.cores), (90, 2, 1));
        let read = |name: &str| fs::read(to.join(name)).expect(name);
        found.push(
            ["MANIFEST", "core-000/segment-00000001.hyp", "core-000/segment-00000002.hyp"]
                .map(read),
        );
    }
    assert!(found[0] == found[1]);
    let store = store();
    for (segment, bytes) in store.segments_in_use().iter().zip(&found[0][1..]) {
        let expected = store.segment_part(segment, 0..segment.end).expect("it is in use");
        assert!(&bytes[..segment.end] == expected);
        assert!(bytes[segment.end..].iter().all(|&byte| byte == 0) && bytes.len() == SEGMENT_BYTES);
    }
}

#[test]
fn no_byte_changes_unseen() {
    let folder = Folder::new("bytes");
    let (path, to) = (folder.0.join("s"), folder.0.join("to"));
    let mut bytes = GOLDEN.to_vec();
    let step = if cfg!(debug_assertions) { 31 } else { 1 };
    let ends = (0..200).chain(bytes.len() - 600..bytes.len());
    for at in ends.chain((200..bytes.len() - 600).step_by(step)) {
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).expect("the folder is ours");
        let refused = restore(&path, &to);
        assert!(matches!(refused, Err(RestoreError::Damaged { .. })), "byte {at}: {refused:?}");
        assert!(!to.exists(), "byte {at}");
        bytes[at] ^= 0x10;
    }
    for cut in (0..bytes.len()).step_by(97) {
        fs::write(&path, &bytes[..cut]).expect("the folder is ours");
        let refused = restore(&path, &to);
        assert!(matches!(refused, Err(RestoreError::Damaged { .. })), "cut at {cut}: {refused:?}");
    }
    fs::write(&path, &bytes).expect("the folder is ours");
    restore(&path, &to).expect("it is whole again");
}

#[test]
fn a_newer_snapshot_is_not_called_damaged() {
    let folder = Folder::new("newer");
    let (path, to) = (folder.0.join("s"), folder.0.join("to"));
    let with_crc = |bytes: &mut [u8]| {
        let (crc_at, end) = (HEAD_BYTES - 4, HEAD_BYTES);
        let right = crc(&bytes[..crc_at]);
        bytes[crc_at..end].copy_from_slice(&right.to_le_bytes());
    };
    let mut newer = GOLDEN.to_vec();
    newer[8..10].copy_from_slice(&7_u16.to_le_bytes());
    let mut of_another_shape = newer.clone();
    // Its checksum may lie elsewhere, and its end may be another.
    of_another_shape[40] ^= 0xff;
    let length = of_another_shape.len();
    of_another_shape[length - 64..].fill(9);
    with_crc(&mut newer);
    // The data in it alone is of a later format.
    let mut newer_data = GOLDEN.to_vec();
    newer_data[24 + 8..24 + 10].copy_from_slice(&7_u16.to_le_bytes());
    newer_data[24 + 20] ^= 0xff;
    with_crc(&mut newer_data);
    for bytes in [newer, of_another_shape, newer_data] {
        fs::write(&path, &bytes).expect("the folder is ours");
        let refused = restore(&path, &to).expect_err("it is of a later release");
        assert!(matches!(refused, RestoreError::Version { found: 7, known: 1, .. }), "{refused:?}");
        assert_eq!(refused.exit_code(), 65);
        let said = refused.to_string();
        assert!(said.contains("with the release that wrote it, or a later one"), "{said}");
        assert!(!said.contains("damaged") && !to.exists(), "{said}");
    }
}

#[test]
fn a_chunk_says_what_it_is() {
    let head = ChunkHead {
        core: 3,
        coding: Coding::Brotli,
        offset: 4096,
        segment: 1 << 40,
        salt: 0xdead_beef,
        plain_bytes: 17,
        stored_bytes: 9,
        plain_crc: 5,
        number: 1 << 33,
    };
    assert_eq!(ChunkHead::read(&head.write()), Ok(head));
    for broken in [
        ChunkHead { plain_bytes: 0, ..head },
        ChunkHead { plain_bytes: u32::MAX, ..head },
        ChunkHead { stored_bytes: u32::MAX, ..head },
    ] {
        assert!(ChunkHead::read(&broken.write()).is_err(), "{broken:?}");
    }
}

#[test]
fn an_index_has_the_libraries_of_functions() {
    let none = Libraries::new();
    let some = Libraries::from([
        ("a".to_owned(), "#!lua name=a\n".repeat(1_000)),
        ("lib_2".to_owned(), String::new()),
    ]);
    let cores = [IndexCore { keys: 3, segments: Vec::new() }];
    for libraries in [&none, &some] {
        let bytes = write_index(&cores, libraries);
        assert_eq!(read_index(&bytes), Ok((cores.to_vec(), libraries.clone())));
    }
    // What follows is as long as it says, and text.
    let whole = write_index(&cores, &some);
    let plain = &whole[..whole.len() - 4];
    let sealed = |bytes: &[u8]| [bytes, &crc(bytes).to_le_bytes()].concat();
    let begin = write_index(&cores, &none).len() - 4;
    for cut in begin + 1..plain.len() {
        assert!(read_index(&sealed(&plain[..cut])).is_err(), "cut at {cut}");
    }
    let mut wrong = plain.to_vec();
    let name = wrong.windows(5).position(|it| it == b"lib_2").expect("it is there");
    wrong[name] = 0xff;
    assert!(read_index(&sealed(&wrong)).is_err());
}

#[test]
fn the_newest_is_found_and_parts_go() {
    let folder = Folder::new("names");
    assert_eq!(newest_ms(&folder.0), None);
    assert_eq!(remove_parts(&folder.0.join("none")).expect("none is fine"), 0);
    for name in [name_at(5), name_at(70), format!("{}.part", name_at(90)), "notes.part".to_owned()]
    {
        fs::write(folder.0.join(name), b"").expect("the folder is ours");
    }
    assert_eq!(newest_ms(&folder.0), Some(70));
    assert_eq!(remove_parts(&folder.0).expect("the folder is ours"), 1);
    assert_eq!(fs::read_dir(&folder.0).expect("it is there").count(), 3);
}
