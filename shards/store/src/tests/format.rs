//! Tests of records, batch heads, headers and the manifest as bytes.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::manifest::{MANIFEST_BYTES, Manifest, ManifestError};
use crate::record::{Attributes, Extras, Kind, Plan, Record, key_at, sum, write_short};
use crate::segment::{HEADER_BYTES, Header, HeaderState, Role};
use proptest::prelude::*;

const EPOCH_MS: u64 = 1_700_000_000_000;

fn round_trip(kind: Kind, extras: &Extras, key: &[u8], value: &[u8]) -> (usize, bool) {
    let plan = Plan::new(key.len(), value.len(), extras, EPOCH_MS);
    let mut out = vec![0xaa; plan.size + 16];
    let (head, tail) = value.split_at(value.len() / 3);
    plan.write(&mut out, kind, extras, key, &[head, tail]);
    sum(&mut out[..plan.size], 77);
    assert_eq!(out[plan.size..], [0xaa; 16], "bytes behind the record");
    assert_eq!(key_at(&out), key);
    let record = Record::read(&out, EPOCH_MS).expect("a whole record");
    assert!(record.is_intact(&out, 77) && !record.is_intact(&out, 78));
    assert_eq!((record.kind, record.key, record.value), (kind, key, value));
    let read = Extras {
        expiry_ms: record.expiry_ms,
        namespace: record.namespace,
        attributes: record.attributes,
        moved_lsn: record.moved_lsn,
    };
    assert_eq!((&read, record.size), (extras, plan.size));
    assert!(Record::read(&out[..plan.size - 4], EPOCH_MS).is_none(), "cut short");
    (plan.size, out[4] & 0x10 != 0)
}

#[test]
fn records_have_the_sizes_that_the_format_names() {
    let expiry = |expiry_ms| Extras { expiry_ms: Some(expiry_ms), ..Extras::default() };
    let attributes = Attributes { flags: 9, cas: u64::MAX };
    for (key, value, extras, size, wide) in [
        (0, 0, Extras::default(), 8, false),
        (3, 5, Extras::default(), 16, false),
        (4, 5, Extras::default(), 20, false),
        (255, 65_535, Extras::default(), 65_800, false),
        (256, 0, Extras::default(), 272, true),
        (1, 65_536, Extras::default(), 65_556, true),
        (1, 1, expiry(EPOCH_MS), 16, false),
        (1, 1, expiry(EPOCH_MS + (1 << 40) - 1), 16, false),
        (1, 1, expiry(EPOCH_MS + (1 << 40)), 28, true),
        (1, 1, expiry(EPOCH_MS - 1), 28, true),
        (1, 1, expiry(0), 28, true),
        (1, 1, expiry(u64::MAX), 28, true),
        (1, 1, Extras { namespace: 15, ..Extras::default() }, 12, false),
        (1, 1, Extras { namespace: u16::MAX, ..expiry(EPOCH_MS + 1) }, 20, false),
        (1, 1, Extras { attributes: Some(attributes), ..Extras::default() }, 24, false),
        (1, 1, Extras { moved_lsn: Some(5), ..Extras::default() }, 28, true),
    ] {
        let (key, value) = (vec![7; key], vec![8; value]);
        let row = (key.len(), value.len(), extras);
        assert_eq!(round_trip(Kind::Put, &extras, &key, &value), (size, wide), "row {row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn records_come_back_as_written(
        key in prop_oneof![0..40_usize, 250..260_usize, 4_000..4_100_usize],
        value in prop_oneof![0..70_usize, 65_530..65_542_usize],
        kind in 0..13_usize,
        namespace in prop_oneof![Just(0_u16), 0..16_u16, Just(u16::MAX)],
        expiry in prop::option::of(prop_oneof![
            Just(0), Just(u64::MAX),
            EPOCH_MS - 2..EPOCH_MS + 2, EPOCH_MS + (1 << 40) - 2..EPOCH_MS + (1 << 40) + 2,
        ]),
        cas in prop::option::of(any::<u64>()),
        moved_lsn in prop::option::of(any::<u64>()),
    ) {
        const KINDS: [Kind; 13] = [
            Kind::Put, Kind::Tombstone, Kind::Flush, Kind::Delta, Kind::Prepare, Kind::Commit,
            Kind::Abort, Kind::Decision, Kind::Run, Kind::Packed, Kind::Chunk, Kind::Mark,
            Kind::Object,
        ];
        let attributes = cas.map(|cas| Attributes { flags: 3, cas });
        let extras = Extras { expiry_ms: expiry, namespace, attributes, moved_lsn };
        let (key, value) = (super::disk::pattern(1, key), super::disk::pattern(2, value));
        round_trip(KINDS[kind], &extras, &key, &value);
    }

    #[test]
    fn short_records_are_written_as_others_are(begin in any::<[u8; 24]>(), rest in 0..600_usize) {
        let rest = super::disk::pattern(3, rest);
        let (key, first) = begin.split_at(12);
        let plan = Plan::new(key.len(), first.len() + rest.len(), &Extras::default(), EPOCH_MS);
        let (mut long, mut short) = (vec![0xaa; plan.size + 16], vec![0xaa; plan.size + 16]);
        plan.write(&mut long, Kind::Delta, &Extras::default(), key, &[first, &rest]);
        let size = write_short(&mut short, (Kind::Delta, 12), &begin, &rest);
        prop_assert_eq!(size, plan.size);
        prop_assert_eq!(short, long);
    }

    #[test]
    fn reading_any_bytes_stays_inside_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(record) = Record::read(&bytes, EPOCH_MS) {
            prop_assert!(record.size <= bytes.len());
        }
        let _ = BatchHead::read(&bytes, 0);
        let _ = Header::read(&bytes);
        let _ = Manifest::read(&bytes);
    }
}

#[test]
fn a_batch_head_comes_back_and_every_bit_of_it_counts() {
    for (kind, durable_lag, durable_lsn) in [
        (BatchKind::Data, 5, 995),
        (BatchKind::Prepare, 0, 1000),
        (BatchKind::Seal, 2000, 0),
        (BatchKind::Resume, u32::MAX, 0),
    ] {
        let head = BatchHead {
            kind,
            body_bytes: 64,
            records: 3,
            base_lsn: 1000,
            previous_crc: 0x1234_5678,
            durable_lag,
            crc: 0,
        };
        let mut bytes = vec![0; BATCH_HEAD_BYTES + 64];
        let crc = head.write(&mut bytes, 42, 7);
        let read = BatchHead::read(&bytes, 7).expect("a whole head");
        assert_eq!(read, BatchHead { crc, ..head }, "{kind:?}");
        assert!(read.is_intact(&bytes, 42, 7) && !read.is_intact(&bytes, 43, 7));
        assert_eq!((read.durable_lsn(), read.lsn_end()), (durable_lsn, 1003), "{kind:?}");
        assert!(BatchHead::read(&bytes, 8).is_none(), "another salt");
        assert!(BatchHead::read(&bytes[..bytes.len() - 1], 7).is_none(), "a body cut short");
        for bit in 0..BATCH_HEAD_BYTES * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let intact =
                BatchHead::read(&flipped, 7).is_some_and(|head| head.is_intact(&flipped, 42, 7));
            assert!(!intact, "{kind:?} bit {bit}");
        }
    }
}

#[test]
fn a_header_comes_back_and_every_bit_of_it_counts() {
    for (state, role) in [
        (HeaderState::InUse, Role::Log),
        (HeaderState::Free, Role::Log),
        (HeaderState::InUse, Role::Copies),
        (HeaderState::InUse, Role::ExpiringCopies),
    ] {
        let header = Header {
            state,
            core: 3,
            role,
            id: 9,
            base_lsn: 1 << 50,
            epoch_ms: EPOCH_MS,
            instance: [5; 16],
            salt: 0xdead_beef,
            generation: 4,
        };
        let mut bytes = vec![0xff; HEADER_BYTES];
        header.write(&mut bytes);
        assert_eq!(Header::read(&bytes), Ok(Some(header)));
        for bit in 0..68 * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&flipped).is_err(), "bit {bit}");
        }
    }
    assert_eq!(Header::read(&[0; HEADER_BYTES]), Ok(None));
    assert!(Header::read(&[0; 60]).is_err());
}

#[test]
fn a_manifest_comes_back_and_damage_is_named() {
    let manifest = Manifest {
        instance: *b"0123456789abcdef",
        cores: 8,
        partitions: 64,
        starts: 3,
        generation: 2,
        segment_bytes: 64 << 20,
        hash_seed: u64::MAX - 1,
    };
    let bytes = manifest.write();
    assert_eq!(Manifest::read(&bytes), Ok(manifest));
    for bit in 0..MANIFEST_BYTES * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Manifest::read(&flipped), Err(ManifestError::Damaged(_))), "bit {bit}");
    }
    for length in [0, 1, 63, 65] {
        let short = vec![0; length];
        assert!(matches!(Manifest::read(&short), Err(ManifestError::Damaged(_))), "{length}");
    }
    let mut other = bytes;
    other[8] = 2;
    let crc = crc_fast::crc32_iscsi(&other[..60]);
    other[60..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(Manifest::read(&other), Err(ManifestError::Version { found: 2 }));
}
