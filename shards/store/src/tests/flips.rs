//! Tests that a flipped bit never becomes a wrong byte: refused, cut off as an end that was not synced, or left out by a salvage.
//!
//! `HYPERION_FLIPS=10000 cargo nextest run -p hyperion-store flips` for more of them.

use super::disk::{Contents, SEGMENT_BYTES, World, pattern};
use crate::manifest::{Manifest, ManifestError};
use crate::segment::{HEADER_USED_BYTES, Header, HeaderState};
use crate::{Content, Damage, Edit, Recovered, Store, Write, mend};
use hyperion_model::{CoreId, DatabaseId, TransactionId};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The negative control: no checksum is looked at.
    static CHECKS_ARE_OFF: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn checks_are_off() -> bool {
    CHECKS_ARE_OFF.get()
}

const FLIPS: u64 = 600;
const STEPS: u64 = 150;
/// Batches at the end that no later batch may know to be durable.
const UNTOLD_STEPS: usize = 8;

/// A value and when it expires.
type Version = (Vec<u8>, Option<u64>);

/// Files, and the contents after every step.
struct History {
    files: BTreeMap<u64, Vec<u8>>,
    contents: Vec<Contents>,
    /// All that a key ever was.
    versions: BTreeMap<(u8, Vec<u8>), BTreeSet<Version>>,
}

fn id(count: u64) -> TransactionId {
    TransactionId::new(1, CoreId(0), count)
}

/// Every kind of record: small and wide, with expiry and database, long values and their changes, tombstones, flushes, transactions of each end,
/// and starts in between.
fn step(world: &mut World, step: u64) {
    let key = (step % 41).to_le_bytes();
    match step % 15 {
        1 => world.put_in(3, &key, &pattern(step, 500), Some(2_000_000 + step)),
        2 => world.put_in(0, &key, &pattern(step, 90), Some(1 << 45)),
        3 => world.put(&[b'k'; 300], &pattern(step, 1_000)),
        4 | 11 => world.put(b"long", &pattern(step, 20_000)),
        5 => drop(world.delete(&key)),
        6 => {
            let value = pattern(step, 200);
            let writes = [
                Write {
                    database: DatabaseId(1),
                    key: b"t",
                    value: Some(Content::string(&value)),
                    expiry_ms: None,
                },
                Write { database: DatabaseId(0), key: &key, value: None, expiry_ms: None },
            ];
            world.retry(|store| store.prepare(id(step), &writes));
        }
        8 => {
            world.retry(|store| store.decide(id(step - 2)));
            world.retry(|store| store.commit_prepared(id(step - 2)));
            world.store.settled(id(step - 2));
        }
        9 => {
            let writes =
                [Write { database: DatabaseId(1), key: b"t", value: None, expiry_ms: None }];
            world.retry(|store| store.prepare(id(step), &writes));
        }
        10 => world.retry(|store| store.abort_prepared(id(step - 1))),
        7 | 13 | 14 => change_long(world, step),
        12 if step > 100 => world.retry(|store| store.flush(Some(DatabaseId(3)))),
        _ => world.put(&key, &pattern(step, 2_000)),
    }
}

/// Changes the long value where it lies: a few bytes, or so many that a chunk gets a new base, or at its end.
fn change_long(world: &mut World, step: u64) {
    world.put_in(0, b"before", b"a batch before", None);
    world.write();
    world.retry(|store| {
        let key = store.key(DatabaseId(0), b"long");
        let Some(found) = store.find(&key) else { return Ok(()) };
        let length = store.value(&found).len();
        let (offset, bytes) = match step % 4 {
            0 => (length, 300),
            1 => (length / 2, 7),
            2 => (100, 6_000),
            _ => (200, 40),
        };
        store.write_text(&key, &found, offset, &[&pattern(step, bytes)])
    });
}

fn history(cleans: bool) -> History {
    let mut world = World::new();
    let mut contents = vec![Contents::new()];
    for number in 0..STEPS {
        step(&mut world, number);
        if cleans {
            world.store.clean_eagerly();
            world.supply();
            world.store.clean();
        }
        if number % 3 == 0 {
            world.turn();
        } else {
            world.write();
        }
        contents.push(world.contents());
        if number % 50 == 46 {
            world.sync();
            world = world.reopen().expect("no damage");
        }
    }
    let mut versions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (key, version) in contents.iter().flatten() {
        versions.entry(key.clone()).or_default().insert(version.clone());
    }
    History { files: world.disk.files, contents, versions }
}

/// Opens files in memory that is used again.
#[derive(Default)]
struct Opener {
    spare: Vec<&'static mut [u8]>,
}

impl Opener {
    fn open(
        &mut self,
        files: &BTreeMap<u64, Vec<u8>>,
        salvages: bool,
    ) -> (Result<Recovered, Damage>, Contents) {
        let mut segments = Vec::new();
        for (&segment, bytes) in files {
            let header = match Header::read(bytes) {
                Ok(header) => header,
                Err(_) if salvages => mend::segment_header(bytes),
                Err(what) => {
                    self.spare.extend(segments.into_iter().map(|(_, memory)| memory));
                    return (Err(Damage { segment, offset: 0, records: 0, what }), Contents::new());
                }
            };
            if let Some(header) = header.filter(|header| header.state == HeaderState::InUse) {
                let memory = self.spare.pop().unwrap_or_else(|| vec![0; SEGMENT_BYTES].leak());
                memory.copy_from_slice(bytes);
                segments.push((header, memory));
            }
        }
        let mut store = Store::new(super::disk::options(5));
        store.set_now(1_000_000);
        let recovered = if salvages { store.salvage(segments) } else { store.recover(segments) };
        let contents = match &recovered {
            Ok(_) => super::disk::contents_of(&mut store),
            Err(_) => Contents::new(),
        };
        self.spare.extend(store.into_memory());
        (recovered, contents)
    }
}

/// Where the flips go: a pseudo-random bit of a pseudo-random file.
fn flipped(files: &BTreeMap<u64, Vec<u8>>, flip: u64) -> (BTreeMap<u64, Vec<u8>>, u64, usize) {
    let mut state = flip.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x51_7c_c1_b7;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).expect("48 bits") % limit
    };
    let (&segment, bytes) = files.iter().nth(below(files.len())).expect("below their number");
    let bit = match below(8) {
        0 => below(HEADER_USED_BYTES * 8),
        _ => below(bytes.len() * 8),
    };
    let mut files = files.clone();
    files.get_mut(&segment).expect("it is there")[bit / 8] ^= 1 << (bit % 8);
    (files, segment, bit / 8)
}

/// What a flip made: refused, or cut back, or nothing; `Err` when a byte is wrong.
fn judge(history: &History, opener: &mut Opener, flip: u64) -> Result<&'static str, String> {
    let (files, segment, at) = flipped(&history.files, flip);
    let place = format!("flip {flip}, byte {at} of segment {segment}");
    let (recovered, contents) = opener.open(&files, false);
    let refused = match recovered {
        Err(damage) => {
            if !damage.to_string().contains(&format!("segment {}", damage.segment)) {
                return Err(format!("{place}: {damage}"));
            }
            true
        }
        Ok(_) => {
            let prefix = history.contents.iter().rposition(|other| *other == contents);
            let prefix = prefix.ok_or_else(|| format!("{place}: no contents that ever were"))?;
            if prefix + UNTOLD_STEPS < history.contents.len() {
                return Err(format!("{place}: cut back to step {prefix}"));
            }
            if prefix + 1 == history.contents.len() {
                return Ok("nothing");
            }
            false
        }
    };
    let (recovered, contents) = opener.open(&files, true);
    let recovered = recovered.map_err(|damage| format!("{place}: salvage: {damage}"))?;
    let wrong = contents
        .iter()
        .find(|(key, version)| !history.versions.get(key).is_some_and(|all| all.contains(version)));
    if let Some((key, _)) = wrong {
        return Err(format!("{place}: salvage gave a value to {key:?} that it never had"));
    }
    if refused && at >= HEADER_USED_BYTES && recovered.holes.is_empty() {
        return Err(format!("{place}: refused, and the salvage found no hole"));
    }
    Ok(if refused { "refused" } else { "cut" })
}

fn flips() -> u64 {
    std::env::var("HYPERION_FLIPS").ok().and_then(|count| count.parse().ok()).unwrap_or(FLIPS)
}

#[test]
fn a_flipped_bit_is_never_a_wrong_byte() {
    judge_all(&history(false), flips());
}

#[test]
fn a_flipped_bit_in_a_log_that_is_cleaned_is_never_a_wrong_byte() {
    judge_all(&history(true), flips() / 2);
}

fn judge_all(history: &History, flips: u64) {
    let mut opener = Opener::default();
    let (recovered, contents) = opener.open(&history.files, false);
    assert!(recovered.is_ok() && Some(&contents) == history.contents.last());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for flip in 0..flips {
        let what = judge(history, &mut opener, flip).unwrap_or_else(|wrong| panic!("{wrong}"));
        *counts.entry(what).or_default() += 1;
    }
    println!("{counts:?}");
    assert!(counts["refused"] > flips / 8, "{counts:?}");
}

#[test]
fn without_checksums_flipped_bits_are_wrong_bytes() {
    let history = history(false);
    let mut opener = Opener::default();
    CHECKS_ARE_OFF.set(true);
    std::panic::set_hook(Box::new(|_| {}));
    let wrong = (0..400)
        .filter(|&flip| {
            let judged = catch_unwind(AssertUnwindSafe(|| judge(&history, &mut opener, flip)));
            !matches!(judged, Ok(Ok(_)))
        })
        .count();
    CHECKS_ARE_OFF.set(false);
    let _ = std::panic::take_hook();
    assert!(wrong > 20, "{wrong} of 400");
}

#[test]
fn a_salvage_of_sound_files_is_a_recovery() {
    let history = history(false);
    let mut opener = Opener::default();
    let (recovered, contents) = opener.open(&history.files, false);
    let (salvaged, saved) = opener.open(&history.files, true);
    assert_eq!(recovered, salvaged);
    assert!(contents == saved);
}

#[test]
fn a_salvage_goes_on_behind_every_hole_and_names_the_keys() {
    let mut world = World::new();
    for number in 0..300_u32 {
        world.put(&number.to_le_bytes(), &pattern(number.into(), 900));
        world.sync();
    }
    let mut files = world.disk.files.clone();
    // Three holes: in a value, over several batches, and from some place to the end of a segment.
    let damage = [(1, 20_000..20_001), (2, 30_000..34_000), (3, 40_000..SEGMENT_BYTES)];
    for (segment, range) in damage.clone() {
        files.get_mut(&segment).expect("it is there")[range]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x55);
    }
    let mut opener = Opener::default();
    let (refused, _) = opener.open(&files, false);
    let refused = refused.expect_err("it is damaged");
    assert_eq!(refused.segment, 1);
    let (recovered, contents) = opener.open(&files, true);
    let holes = recovered.expect("no other core's keys").holes;
    let lost: u64 = holes.iter().map(|hole| hole.records_max).sum();
    assert_eq!(holes.len(), 3, "{holes:?}");
    // The end of a segment is a mark, which is a record too; each sync is told by a batch of the next.
    let missing = 300 - contents.len() as u64;
    assert!(missing <= lost && lost <= missing + 2, "{missing} missing, {lost} lost at most");
    for (hole, (segment, range)) in holes.iter().zip(damage) {
        assert_eq!(hole.segment, segment);
        assert!(hole.offset <= range.start as u64 && hole.end >= range.end as u64, "{hole:?}");
        for (_, key) in &hole.keys {
            assert!(!contents.contains_key(&(0, key.clone())), "{key:?} is named and there");
        }
    }
    for ((_, key), (value, _)) in &contents {
        let number = u32::from_le_bytes(key.as_slice().try_into().expect("four bytes"));
        assert!(*value == pattern(number.into(), 900), "{number}");
    }
}

#[test]
fn a_bit_of_a_header_can_be_mended_and_a_lost_one_worked_out() {
    let history = history(false);
    for bytes in history.files.values() {
        let Some(header) = Header::read(bytes).expect("it is sound") else { continue };
        for bit in 0..HEADER_USED_BYTES * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&bytes).is_err(), "bit {bit}");
            assert_eq!(mend::segment_header(&bytes), Some(header), "bit {bit}");
        }
        if header.state == HeaderState::InUse {
            let mut bytes = bytes.clone();
            bytes[..4096].fill(0);
            let told = mend::Told::read(&bytes).expect("its first batch is there");
            assert_eq!(told.header(header.id, &header), header);
        }
    }
}

#[test]
fn a_bit_of_the_manifest_can_be_mended() {
    let manifest = super::golden::manifest();
    for bit in 0..manifest.write().len() * 8 {
        let mut bytes = manifest.write();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let read = Manifest::read(&bytes);
        assert!(matches!(read, Err(ManifestError::Damaged(_))), "bit {bit}: {read:?}");
        assert_eq!(mend::manifest(&bytes).as_ref(), Some(&manifest), "bit {bit}");
    }
}

#[test]
fn a_search_for_heads_looks_at_every_place_that_is_not_among_zeros() {
    for head_at in (0..256).step_by(4) {
        for zeros_before_kind in [0, 4, 8, 12] {
            // A head of which only what stands before the kind may be zero.
            let mut memory = vec![0_u8; 512];
            memory[head_at + zeros_before_kind..head_at + 32].fill(1);
            let (mut at, mut seen) = (0, Vec::new());
            while at + 32 < memory.len() {
                at = crate::salvage::next_place(&memory, at);
                seen.push(at);
            }
            assert!(head_at == 0 || seen.contains(&head_at), "{head_at} {zeros_before_kind}");
            assert!(seen.len() < 100, "{head_at}: {} places", seen.len());
        }
    }
}

/// A change of a long value is lost, later ones of the same chunk are not: without what they follow on they mean nothing, and the
/// value is told as lost.
#[test]
fn a_lost_change_of_a_long_value_takes_the_value_with_it() {
    // The first change is a delta, or so much that the chunk gets a new base: two splices of most of it.
    for lost_bytes in [7, 6_000] {
        let mut world = World::new();
        world.put(b"long", &pattern(1, 30_000));
        world.sync();
        for (seed, at, removed) in [(2, 100, lost_bytes), (3, 300, 9), (4, 20, 5)] {
            world.retry(|store| {
                let key = store.key(DatabaseId(0), b"long");
                let found = store.find(&key).expect("it is there");
                let inserted = &pattern(seed, removed)[..];
                store.change(&found, &[Edit::Splice { chunk: 0, at, removed, inserted }; 2], &[])
            });
            world.sync();
        }
        for seed in 0..4 {
            world.put(b"other", &pattern(seed, 40));
            world.sync();
        }
        let mut files = world.disk.files.clone();
        let changes = world.disk.writes.len() - 4 - 3;
        let (segment, start, _) = world.disk.writes[changes];
        files.get_mut(&segment).expect("it is there")[start + 60] ^= 1;
        let mut opener = Opener::default();
        let (recovered, contents) = opener.open(&files, true);
        let recovered = recovered.expect("no other core's keys");
        assert_eq!(recovered.holes.len(), 1, "{:?}", recovered.holes);
        let keys: Vec<&[u8]> = contents.keys().map(|(_, key)| &key[..]).collect();
        assert_eq!(keys, [b"other"], "{lost_bytes} bytes were lost");
        assert_eq!(recovered.incomplete, [(0, b"long".to_vec())]);
    }
}
