//! Owns the way through the records of one segment, batch by batch.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::prefetch::prefetch;
use crate::record::Record;
use crate::segment::{HEADER_BYTES, Segment};

/// What lies so far ahead of the walk is asked for, so that it is there when it is looked at, and copied.
const AHEAD_BYTES: usize = 2 << 10;
const LINE_BYTES: usize = 64;

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    offset: usize,
    batch_end: usize,
    lsn: u64,
    is_prepared: bool,
}

/// What comes next.
pub(super) enum Step<'a> {
    /// A record, its offset in the segment, and its LSN: none in a prepared batch, which takes effect later than it was written.
    Record(usize, Option<u64>, Record<'a>),
    /// Nothing: the walk is through.
    End,
    /// Something that is no record: memory went bad.
    Spoiled,
}

impl Walk {
    pub(super) fn start() -> Self {
        Self { offset: HEADER_BYTES, batch_end: HEADER_BYTES, lsn: 0, is_prepared: false }
    }

    /// Bytes between two places of one walk.
    pub(super) fn bytes_since(&self, earlier: &Self) -> u64 {
        (self.offset - earlier.offset) as u64
    }

    pub(super) fn next<'a>(&mut self, segment: &'a Segment) -> Step<'a> {
        let filled = &segment.memory[..segment.filled];
        while self.offset == self.batch_end {
            if self.offset >= filled.len() {
                return Step::End;
            }
            let Some(head) = BatchHead::read(&filled[self.offset..], segment.salt) else {
                return Step::Spoiled;
            };
            self.offset += BATCH_HEAD_BYTES;
            self.batch_end = self.offset + head.body_bytes as usize;
            self.lsn = head.base_lsn;
            self.is_prepared = head.kind == BatchKind::Prepare;
        }
        let Some(bytes) = filled.get(self.offset..self.batch_end) else { return Step::Spoiled };
        let Some(record) = Record::read(bytes, segment.epoch_ms) else { return Step::Spoiled };
        let (offset, lsn) = (self.offset, (!self.is_prepared).then_some(self.lsn));
        for line in (0..record.size.min(AHEAD_BYTES)).step_by(LINE_BYTES) {
            if let Some(byte) = filled.get(offset + AHEAD_BYTES + line) {
                prefetch(byte);
            }
        }
        self.offset += record.size;
        self.lsn += 1;
        Step::Record(offset, lsn, record)
    }
}
