//! Owns what a backup needs of a store: which segments are in use and how far they are written, their bytes, and a check of batches
//! that were read from elsewhere.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::record::read_u32;
use crate::recovery::is_whole;
use crate::segment::{HEADER_BYTES, Header, HeaderState};
use crate::store::Store;

/// A segment that is part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInUse {
    /// Its header; salt and base LSN tell this use from others of the same file.
    pub header: Header,
    /// Bytes from the start that are written, up to the end of a batch.
    pub end: usize,
}

impl SegmentInUse {
    /// Whether both are the same use of the same segment.
    #[must_use]
    pub fn is_same_use(&self, other: &Header) -> bool {
        (self.header.id, self.header.salt, self.header.base_lsn)
            == (other.id, other.salt, other.base_lsn)
            && other.state == HeaderState::InUse
    }
}

impl Store {
    /// The segments that a start would read if the process ended now and lost nothing that is written, the oldest first. Those that
    /// are being freed are not among them: what took their records' place is written.
    #[must_use]
    pub fn segments_in_use(&self) -> Vec<SegmentInUse> {
        let written = self.log.written_position();
        let in_use = |&slot: &u32| {
            let segment = &self.log.segments[slot as usize];
            let header = Header::read(segment.memory.get(..HEADER_BYTES)?).ok().flatten().filter(
                |header| header.state == HeaderState::InUse && header.salt == segment.salt,
            )?;
            let end = if segment.role.is_copies() {
                segment.written_end
            } else {
                let reached = usize::try_from(written.checked_sub(segment.base_position)?).ok()?;
                segment.filled.min(reached)
            };
            (end >= HEADER_BYTES).then_some(SegmentInUse { header, end })
        };
        self.log.order.iter().filter_map(in_use).collect()
    }

    /// Bytes of a segment, as far as they are in it; none when it is not in this use any more.
    #[must_use]
    pub fn segment_part(
        &self,
        segment: &SegmentInUse,
        part: std::ops::Range<usize>,
    ) -> Option<&[u8]> {
        let slot = self.slot_of(segment.header.id)?;
        let memory = &self.log.segments[slot as usize].memory;
        let header = Header::read(memory.get(..HEADER_BYTES)?).ok().flatten()?;
        segment.is_same_use(&header).then(|| memory.get(part)).flatten()
    }

    /// The LSN that the next record gets: it counts the changes since the data was made.
    #[must_use]
    pub fn lsn_next(&self) -> u64 {
        self.log.lsn_next
    }
}

/// Checks the batches of one segment, in order, as they are read piece by piece.
#[derive(Clone, Debug)]
pub struct BatchCheck {
    salt: u32,
    epoch_ms: u64,
    previous_crc: u32,
    /// The LSN after the last batch.
    lsn: u64,
    is_copies: bool,
}

/// What [`BatchCheck::whole`] found at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Bytes of whole batches.
    pub bytes: usize,
    /// Bytes that the batch behind them needs, as far as can be told.
    pub next_bytes: usize,
}

impl BatchCheck {
    /// A check that begins with the first batch, behind the header.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self {
            salt: header.salt,
            epoch_ms: header.epoch_ms,
            previous_crc: header.salt,
            lsn: header.base_lsn,
            is_copies: header.role.is_copies(),
        }
    }

    /// Looks at the batches at the start of `bytes`, which go on where the last call ended.
    ///
    /// # Errors
    /// The offset in `bytes` of a batch that is all there and not as it was written.
    pub fn whole(&mut self, bytes: &[u8]) -> Result<Whole, usize> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let Some(head_bytes) = rest.get(..BATCH_HEAD_BYTES) else {
                return Ok(Whole { bytes: at, next_bytes: BATCH_HEAD_BYTES });
            };
            let next_bytes = BATCH_HEAD_BYTES + read_u32(head_bytes, 4) as usize;
            if rest.len() < next_bytes {
                return Ok(Whole { bytes: at, next_bytes });
            }
            let head = BatchHead::read(rest, self.salt).ok_or(at)?;
            let follows = match head.kind {
                _ if self.is_copies => head.base_lsn >= self.lsn,
                BatchKind::Resume => head.base_lsn >= self.lsn,
                _ => head.base_lsn == self.lsn,
            };
            let is_intact = follows
                && head.previous_crc == self.previous_crc
                && is_whole(rest, 0, &head, self.salt, self.epoch_ms);
            if !is_intact {
                return Err(at);
            }
            self.previous_crc = head.crc;
            self.lsn = if self.is_copies { head.base_lsn } else { head.lsn_end() };
            at += next_bytes;
        }
    }
}
