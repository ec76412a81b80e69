//! Owns the head of a batch: one commit, the atomic unit of the log.
//!
//! 32 bytes: crc u32, body length u32, record count u32, kind u8, check u24, base LSN u64, crc of the batch before u32,
//! durable lag u32 (base LSN less the LSN that was known to be durable then; all ones: not known; among copies the head's offset less
//! that up to which their segment was known to be durable). The crc covers the rest of
//! the head and, by folding them, the crcs of the records in order; it is XORed with the segment's salt. The check is 24 bits
//! of the crc of the head alone, salted too: a search for batches behind a hole looks at the records of real heads only,
//! whatever bytes a client has stored there.

use crate::record::{read_u32, read_u64_short};
use crc_fast::crc32_iscsi;

/// Bytes of a head.
pub(crate) const BATCH_HEAD_BYTES: usize = 32;
/// Offset of the kind in a head; it is never zero.
pub(crate) const KIND_AT: usize = 12;

/// No log gets this far; what claims to is not a batch.
pub(crate) const LSN_MAX: u64 = 1 << 60;

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BatchKind {
    /// Records that take effect when the batch is whole.
    Data = 1,
    /// Records that take effect with the commit record of their transaction.
    Prepare = 2,
    /// The end of a segment: one mark.
    Seal = 3,
    /// A new start of the node: one mark with a random value; LSNs may jump here.
    Resume = 4,
    /// Copies, in a segment of their own: they take no LSNs, the base LSN is that of the next record of the log.
    Copies = 5,
}

/// The head of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) kind: BatchKind,
    pub(crate) body_bytes: u32,
    pub(crate) records: u32,
    pub(crate) base_lsn: u64,
    pub(crate) previous_crc: u32,
    pub(crate) durable_lag: u32,
    pub(crate) crc: u32,
}

/// Folds the crc of the next record into that of those before it.
#[inline(always)]
pub(crate) fn fold(before: u32, record_crc: u32) -> u32 {
    before.rotate_left(7).wrapping_mul(0x9e37_79b1) ^ record_crc
}

impl BatchHead {
    /// Writes the head over the first bytes of `out`; `folded` stands for the records. Gives the crc.
    pub(crate) fn write(&self, out: &mut [u8], folded: u32, salt: u32) -> u32 {
        let out = &mut out[..BATCH_HEAD_BYTES];
        out[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        out[8..12].copy_from_slice(&self.records.to_le_bytes());
        out[12..16].copy_from_slice(&[self.kind as u8, 0, 0, 0]);
        out[16..24].copy_from_slice(&self.base_lsn.to_le_bytes());
        out[24..28].copy_from_slice(&self.previous_crc.to_le_bytes());
        out[28..32].copy_from_slice(&self.durable_lag.to_le_bytes());
        let check = crc32_iscsi(&out[4..]) ^ salt;
        out[13..16].copy_from_slice(&check.to_le_bytes()[..3]);
        let crc = crc32_iscsi(&out[4..]) ^ salt ^ folded;
        out[..4].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// Reads a head whose check is right; that its body lies inside `bytes` is looked at, the crc is not.
    pub(crate) fn read(bytes: &[u8], salt: u32) -> Option<Self> {
        let head = bytes.get(..BATCH_HEAD_BYTES)?;
        let kind = match head[12] {
            1 => BatchKind::Data,
            2 => BatchKind::Prepare,
            3 => BatchKind::Seal,
            4 => BatchKind::Resume,
            5 => BatchKind::Copies,
            _ => return None,
        };
        let head = Self {
            kind,
            body_bytes: read_u32(head, 4),
            records: read_u32(head, 8),
            base_lsn: read_u64_short(&head[16..24]),
            previous_crc: read_u32(head, 24),
            durable_lag: read_u32(head, 28),
            crc: read_u32(head, 0),
        };
        let is_sound = head.records > 0
            && head.body_bytes as usize <= bytes.len() - BATCH_HEAD_BYTES
            && head.base_lsn < LSN_MAX
            && Self::check_is_right(bytes, salt);
        is_sound.then_some(head)
    }

    fn check_is_right(bytes: &[u8], salt: u32) -> bool {
        let mut covered = [0; BATCH_HEAD_BYTES - 4];
        covered.copy_from_slice(&bytes[4..BATCH_HEAD_BYTES]);
        covered[9..12].fill(0);
        (crc32_iscsi(&covered) ^ salt).to_le_bytes()[..3] == bytes[13..16]
    }

    /// Whether the crc of the head at the start of `bytes` is right for these folded records and this salt.
    pub(crate) fn is_intact(&self, bytes: &[u8], folded: u32, salt: u32) -> bool {
        #[cfg(test)]
        if crate::tests::flips::checks_are_off() {
            return true;
        }
        crc32_iscsi(&bytes[4..BATCH_HEAD_BYTES]) ^ salt ^ folded == self.crc
    }

    /// The LSN after the batch's last record.
    pub(crate) fn lsn_end(&self) -> u64 {
        self.base_lsn.saturating_add(u64::from(self.records))
    }

    /// The LSN below which all was durable when the batch was written; 0 when that is not known.
    pub(crate) fn durable_lsn(&self) -> u64 {
        if self.durable_lag == u32::MAX {
            return 0;
        }
        self.base_lsn.saturating_sub(u64::from(self.durable_lag))
    }
}
