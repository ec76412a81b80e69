//! Feeds recovery with segments of any bytes, bare or with every checksum made right so that they get deep: it must neither
//! panic nor hang, and what it gives must be readable. So must what a salvage of the same segments gives.
//!
//! Input: 1 byte of choices (bits 0 and 1: segments less one; bit 2: checksums are made right; bit 3: the input changes bytes of
//! a golden segment instead of being one; bit 4: of the one with replicated groups), then the bytes.
#![no_main]

use crc_fast::crc32_iscsi;
use hyperion_model::{CoreId, DatabaseId, PartitionId, PartitionMap, TransactionId};
use hyperion_store::{
    HEADER_BYTES, HeaderState, Options, PartitionCursor, RecoveredGroup, Role, ScanCursor, SegmentHeader,
    Store, StoreError, decode_changes,
};
use libfuzzer_sys::fuzz_target;

const SEGMENT_BYTES: usize = 64 << 10;
const SALT: u32 = 0x5a17_5a17;
const GOLDEN: &[u8] = include_bytes!("../../testdata/segment-v1.bin");
const GOLDEN_GROUPS: &[u8] = include_bytes!("../../testdata/groups-v1.bin");

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// Size of the record at the start of `bytes`, if it fits.
fn record_size(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < 16 {
        return None;
    }
    let flags = bytes[4];
    let wide = flags & 0x10 != 0;
    let mut size = if wide {
        16_usize.checked_add(word(bytes, 8))?.checked_add(word(bytes, 12))?
    } else {
        8 + usize::from(bytes[5]) + usize::from(u16::from_le_bytes([bytes[6], bytes[7]]))
    };
    for (flag, small, large) in [(0x20, 5, 8), (0x40, 2, 2), (0x80, 12, 12)] {
        size += if flags & flag == 0 {
            0
        } else if wide {
            large
        } else {
            small
        };
    }
    size += if wide && bytes[5] & 1 != 0 { 8 } else { 0 };
    let size = size.next_multiple_of(4);
    (size <= bytes.len()).then_some(size)
}

/// Makes lengths, LSNs and checksums right, batch after batch, as far as the bytes allow.
fn make_right(segment: &mut [u8], mut lsn: u64) -> u64 {
    let (mut at, mut previous) = (HEADER_BYTES, SALT);
    while at + 32 + 16 <= segment.len() {
        if segment[at + 4..at + 48].iter().all(|&byte| byte == 0) {
            break;
        }
        let body_end = (at + 32 + word(segment, at + 4)).min(segment.len());
        let (mut place, mut folded, mut records) = (at + 32, 0_u32, 0_u32);
        while place < body_end {
            if segment[place + 4] & 0x0f == 0 {
                segment[place + 4] |= 1;
            }
            if segment[place + 4] & 0x0f == 15 {
                segment[place + 4] ^= 8;
            }
            let Some(size) = record_size(&segment[place..body_end]) else { break };
            let crc = crc32_iscsi(&segment[place + 4..place + size]) ^ SALT;
            segment[place..place + 4].copy_from_slice(&crc.to_le_bytes());
            folded = folded.rotate_left(7).wrapping_mul(0x9e37_79b1) ^ crc;
            records += 1;
            place += size;
        }
        if records == 0 {
            break;
        }
        let body = u32::try_from(place - at - 32).expect("a segment is small");
        segment[at + 4..at + 8].copy_from_slice(&body.to_le_bytes());
        segment[at + 8..at + 12].copy_from_slice(&records.to_le_bytes());
        let kind = (segment[at + 12].wrapping_sub(1) & 3) + 1;
        if kind == 4 {
            lsn += u64::from(segment[at + 16]);
        }
        segment[at + 12..at + 16].copy_from_slice(&[kind, 0, 0, 0]);
        segment[at + 16..at + 24].copy_from_slice(&lsn.to_le_bytes());
        segment[at + 24..at + 28].copy_from_slice(&previous.to_le_bytes());
        let check = (crc32_iscsi(&segment[at + 4..at + 32]) ^ SALT).to_le_bytes();
        segment[at + 13..at + 16].copy_from_slice(&check[..3]);
        let crc = crc32_iscsi(&segment[at + 4..at + 32]) ^ SALT ^ folded;
        segment[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        (previous, at) = (crc, place);
        lsn += u64::from(records);
        if kind == 3 {
            break;
        }
    }
    lsn
}

fn segment_of(input: &[u8], choices: u8) -> Vec<u8> {
    let mut segment = vec![0; SEGMENT_BYTES];
    if choices & 8 == 0 {
        let length = input.len().min(SEGMENT_BYTES - HEADER_BYTES);
        segment[HEADER_BYTES..HEADER_BYTES + length].copy_from_slice(&input[..length]);
    } else {
        let golden = if choices & 16 == 0 { GOLDEN } else { GOLDEN_GROUPS };
        segment[..golden.len()].copy_from_slice(golden);
        for change in input.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let at = HEADER_BYTES + at % (golden.len() - HEADER_BYTES);
            segment[at] = change[2];
        }
    }
    segment
}

fn header(id: u64, base_lsn: u64) -> SegmentHeader {
    SegmentHeader {
        state: HeaderState::InUse,
        core: 0,
        role: Role::Log,
        id,
        base_lsn,
        epoch_ms: 1_000_000,
        instance: [7; 16],
        generation: 1,
        salt: SALT,
    }
}

/// Segments with their memory, and memory for one more.
struct Given {
    segments: Vec<(SegmentHeader, &'static mut [u8])>,
    spare: &'static mut [u8],
}

fn new_store() -> Store {
    let mut store = Store::new(Options {
        core: CoreId(0),
        map: PartitionMap::spread(4, 1),
        instance: [7; 16],
        generation: 1,
        segment_bytes: SEGMENT_BYTES,
        keeps_files: true,
        hash_seed: 7,
        entropy: 3,
    });
    store.set_now(1_000_000);
    store
}

/// Reads all that a store holds. Gives the keys of each database.
fn read_all(store: &mut Store) -> Vec<Vec<Vec<u8>>> {
    let mut found_keys = Vec::new();
    for database in 0..16 {
        let (mut keys, mut cursor) = (Vec::new(), ScanCursor::default());
        loop {
            cursor = store.scan(DatabaseId(database), cursor, 100, |key| keys.push(key.to_vec()));
            if cursor.0 == 0 {
                break;
            }
        }
        for bytes in &keys {
            let key = store.key(DatabaseId(database), bytes);
            let Some(found) = store.find(&key) else { continue };
            let (mut value, held) = (Vec::new(), store.value(&found));
            held.copy_range(0, held.len(), &mut value);
            assert_eq!(value.len(), held.len());
        }
        found_keys.push(keys);
    }
    found_keys
}

/// What the driver of a group does with what a start gave it, until the replica is given up.
fn use_group(store: &mut Store, found: &RecoveredGroup) -> Result<(), StoreError> {
    let (group, last) = (found.group, store.last_index(found.group));
    let first = found.state.truncated_index + 1;
    for (entry, index) in found.entries.iter().zip(first..) {
        assert_eq!(entry.index, index, "{found:?}");
        assert!(group.0 == 0 || entry.entry_type != 0 || decode_changes(&entry.payload).is_ok());
    }
    assert_eq!(first + found.entries.len() as u64, last + 1, "{found:?}");
    if let Some(partition) = group.0.checked_sub(1).and_then(|it| u16::try_from(it).ok()) {
        let (mut out, mut cursor) = (Vec::new(), Some(PartitionCursor::default()));
        while let Some(at) = cursor {
            cursor = store.partition_scan(PartitionId(partition), at, 1_000, &mut out);
        }
        assert!(decode_changes(&out).is_ok());
    }
    if found.is_installing {
        store.install_begin(group)?;
        store.install_end(group, (last + 7, 9), b"voters")?;
    } else {
        let middle = found.applied.0 + (last - found.applied.0) / 2;
        store.apply(group, middle)?;
        if middle < last {
            store.cut(group, middle + 1)?;
        }
    }
    let next = store.last_index(group) + 1;
    store.append_entry(group, u64::MAX, next, 0, b"")?;
    store.apply(group, next)?;
    store.remove_group(group)
}

/// What a repair does: it reads all that can be read, and its holes lie in the segments.
fn salvage_and_read(Given { segments, .. }: Given, recovers_whole: bool) {
    let mut store = new_store();
    let ids: Vec<u64> = segments.iter().map(|(header, _)| header.id).collect();
    let Ok(recovered) = store.salvage(segments) else { return };
    assert!(!recovers_whole || recovered.holes.is_empty(), "{:?}", recovered.holes);
    for hole in &recovered.holes {
        assert!(ids.contains(&hole.segment), "{hole:?}");
        assert!(hole.offset <= hole.end && hole.end <= SEGMENT_BYTES as u64, "{hole:?}");
    }
    read_all(&mut store);
}

/// What a start does, and clients behind it. Gives whether the segments were taken.
fn recover_and_use(Given { segments, spare }: Given) -> bool {
    let mut store = new_store();
    let Ok(recovered) = store.recover(segments) else { return false };
    for &slot in &recovered.dropped {
        store.freed(slot);
    }
    store.resume(recovered.lsn_next);
    store.add_ready(99, spare);
    // As at a start: prepared transactions are settled, then clients read and write.
    for (at, unresolved) in recovered.unresolved.iter().enumerate() {
        let _ = if at % 2 == 0 {
            store.commit_prepared(unresolved.id)
        } else {
            store.abort_prepared(unresolved.id)
        };
    }
    for found in &recovered.groups {
        if use_group(&mut store, found).is_err() {
            return true;
        }
    }
    recovered.decided.iter().for_each(|&id: &TransactionId| store.settled(id));
    for (database, keys) in (0..).zip(read_all(&mut store)) {
        for bytes in &keys {
            let key = store.key(DatabaseId(database), bytes);
            let Some(found) = store.find(&key) else { continue };
            let expiry = store.expiry_ms(&found);
            let _ = store.set_expiry(&key, &found, expiry);
            let _ = store.delete(&key);
        }
    }
    let key = store.key(DatabaseId(0), b"key");
    let _ = store.put(&key, &[b"value"], None);
    let _ = store.flush(None);
    let mut appends = Vec::new();
    store.take_appends(&mut appends);
    appends.iter().for_each(|append| store.mark_written(append));
    if let Some(ticket) = store.begin_sync() {
        store.finish_sync(&ticket);
    }
    store.free_dead(&mut Vec::new());
    true
}

/// Lends the segments' memory to `read`, and takes it back behind it.
fn lend<T>(segments: &[(SegmentHeader, Vec<u8>)], read: impl FnOnce(Given) -> T) -> T {
    let buffers: Vec<(SegmentHeader, *mut [u8])> = segments
        .iter()
        .map(|(header, bytes)| (*header, Box::into_raw(bytes.clone().into_boxed_slice())))
        .collect();
    let spare = Box::into_raw(vec![0; SEGMENT_BYTES].into_boxed_slice());
    // SAFETY: each box is lent once, to a store that is gone when `read` returns.
    let lent = |buffer: *mut [u8]| unsafe { &mut *buffer };
    let segments = buffers.iter().map(|&(header, buffer)| (header, lent(buffer))).collect();
    let result = read(Given { segments, spare: lent(spare) });
    for buffer in buffers.into_iter().map(|(_, buffer)| buffer).chain([spare]) {
        // SAFETY: nobody holds the reference any more, and it came from `Box::into_raw`.
        drop(unsafe { Box::from_raw(buffer) });
    }
    result
}

fuzz_target!(|input: &[u8]| {
    let Some((&choices, input)) = input.split_first() else { return };
    let count = usize::from(choices & 3) + 1;
    let part = input.len().div_ceil(count).max(1);
    let (mut segments, mut lsn) = (Vec::new(), 1);
    for (id, part) in (1_u64..).zip(input.chunks(part)) {
        let mut segment = segment_of(part, choices);
        let header = header(id, lsn);
        header.write(&mut segment);
        lsn = if choices & 4 == 0 { lsn + 100 } else { make_right(&mut segment, lsn) };
        segments.push((header, segment));
    }
    let recovers = lend(&segments, recover_and_use);
    lend(&segments, |given| salvage_and_read(given, recovers));
});
