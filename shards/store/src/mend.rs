//! Owns the second reading of heads that do not read back: which single bit was flipped, or what the batches behind tell of them.
//! For a repair alone; a start refuses what is damaged.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::manifest::{MANIFEST_BYTES, Manifest};
use crate::record::read_u32;
use crate::segment::{HEADER_BYTES, HEADER_USED_BYTES, Header, HeaderState, Role};
use crc_fast::crc32_iscsi;

/// The header of a segment in which one bit was flipped.
#[must_use]
pub fn segment_header(bytes: &[u8]) -> Option<Header> {
    let mut head: [u8; HEADER_USED_BYTES] = bytes.get(..HEADER_USED_BYTES)?.try_into().ok()?;
    with_a_bit_flipped(&mut head, |head| Header::read(head).ok().flatten())
}

/// A manifest in which one bit was flipped.
#[must_use]
pub fn manifest(bytes: &[u8]) -> Option<Manifest> {
    let mut bytes: [u8; MANIFEST_BYTES] = bytes.try_into().ok()?;
    with_a_bit_flipped(&mut bytes, |bytes| Manifest::read(bytes).ok())
}

/// Whether a bit of the version alone is wrong: with `version` in its place, the checksum in the last four bytes is right.
pub(crate) fn is_one_bit_from(bytes: &[u8], version: u16) -> bool {
    let (mut right, end) = (bytes.to_vec(), bytes.len() - 4);
    right[8..10].copy_from_slice(&version.to_le_bytes());
    crc32_iscsi(&right[..end]) == read_u32(&right, end)
}

fn with_a_bit_flipped<T>(bytes: &mut [u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    (0..bytes.len() * 8).find_map(|bit| {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = read(bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
        found
    })
}

/// What the batches of a segment tell when its header is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// LSN of the first record.
    pub base_lsn: u64,
    /// The LSN after the last record; of copies, which have none, as if they had.
    pub lsn_end: u64,
    salt: u32,
    role: Role,
}

impl Told {
    /// Reads the chain of heads in `bytes`, a whole segment. The first one's word for the batch before is the salt.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let first = bytes.get(HEADER_BYTES..HEADER_BYTES + BATCH_HEAD_BYTES)?;
        let salt = read_u32(first, 24);
        let (mut at, mut previous_crc) = (HEADER_BYTES, salt);
        let mut told: Option<Self> = None;
        let (mut role, mut records) = (Role::Log, 0);
        while let Some(head) = bytes
            .get(at..)
            .and_then(|rest| BatchHead::read(rest, salt))
            .filter(|head| head.previous_crc == previous_crc)
        {
            let base_lsn = told.map_or(head.base_lsn, |told| told.base_lsn);
            let is_copies = head.kind == BatchKind::Copies || role.is_copies();
            if is_copies {
                role = Role::Copies;
                records += u64::from(head.records);
            }
            let lsn_end = if is_copies { base_lsn + records } else { head.lsn_end() };
            told = Some(Self { base_lsn, lsn_end, salt, role });
            previous_crc = head.crc;
            at += BATCH_HEAD_BYTES + head.body_bytes as usize;
            if head.kind == BatchKind::Seal {
                break;
            }
        }
        told
    }

    /// A header for these batches. `like` is that of the segment before or behind it: the short expiry times count from its epoch, so
    /// they are off by as much as lies between the two.
    #[must_use]
    pub fn header(&self, id: u64, like: &Header) -> Header {
        let (base_lsn, salt, role) = (self.base_lsn, self.salt, self.role);
        Header { state: HeaderState::InUse, role, id, base_lsn, salt, ..*like }
    }
}
