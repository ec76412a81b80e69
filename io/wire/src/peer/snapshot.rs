//! The transfer of a partition's snapshot over the bulk link, in pieces that can be asked for again.
//!
//! The sender begins; the receiver answers with the sequence it wants, 0 or where a transfer broke
//! off; chunks follow in order, each acknowledged by the next one that is wanted, so that the
//! sender can keep several under way; the end names their count. After a broken link the same
//! `Begin` takes the transfer up again.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::frame::checksum;
use super::kind::Kind;
use super::raft_snapshot::ConfState;
use crate::limits::{BULK_CHUNK_BYTES, SENTENCE_BYTES_MAX};

/// Opens a transfer, or takes it up again.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct SnapshotBegin {
    /// The sender's number for the transfer; another snapshot has another one.
    pub transfer: u64,
    /// The group.
    pub group: u32,
    /// The last index that it contains.
    pub index: u64,
    /// The term of that index.
    pub term: u64,
    /// The group's configuration there.
    pub conf_state: ConfState,
    /// About how many bytes it has, for whoever shows progress; nothing is allocated by it.
    pub bytes_estimate: u64,
}

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct SnapshotChunk<'a> {
    /// The transfer.
    pub transfer: u64,
    /// The group.
    pub group: u32,
    /// Its place, from 0.
    pub sequence: u64,
    /// crc32c of `bytes`: of what was compressed, where the frame's is of what was sent.
    pub crc: u32,
    /// At most [`BULK_CHUNK_BYTES`].
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> SnapshotChunk<'a> {
    /// A chunk with its checksum.
    #[must_use]
    pub fn new(transfer: u64, group: u32, sequence: u64, bytes: &'a [u8]) -> Self {
        Self { transfer, group, sequence, crc: checksum(bytes), bytes: bytes.into() }
    }
}

/// The receiver has what lies before `sequence_next` and wants that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct SnapshotAck {
    /// The transfer.
    pub transfer: u64,
    /// The group.
    pub group: u32,
    /// The piece that is wanted next.
    pub sequence_next: u64,
}

/// All pieces were sent. The receiver answers with an acknowledgement of `count` when they are
/// installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct SnapshotEnd {
    /// The transfer.
    pub transfer: u64,
    /// The group.
    pub group: u32,
    /// How many there are.
    pub count: u64,
}

/// Either end gives the transfer up.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct SnapshotAbort<'a> {
    /// The transfer.
    pub transfer: u64,
    /// The group.
    pub group: u32,
    /// Why, for the log.
    pub sentence: Cow<'a, str>,
}

impl<'a> Body<'a> for SnapshotBegin {
    const KIND: Kind = Kind::SnapshotBegin;

    fn check(&self) -> Result<(), BodyError> {
        self.conf_state.check(Self::KIND)
    }
}

impl<'a> Body<'a> for SnapshotChunk<'a> {
    const KIND: Kind = Kind::SnapshotChunk;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "length of the bytes", self.bytes.len(), BULK_CHUNK_BYTES)?;
        if checksum(&self.bytes) != self.crc {
            let (transfer, sequence) = (self.transfer, self.sequence);
            return Err(BodyError::ChunkDamaged { transfer, sequence });
        }
        Ok(())
    }
}

impl<'a> Body<'a> for SnapshotAck {
    const KIND: Kind = Kind::SnapshotAck;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl<'a> Body<'a> for SnapshotEnd {
    const KIND: Kind = Kind::SnapshotEnd;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl<'a> Body<'a> for SnapshotAbort<'a> {
    const KIND: Kind = Kind::SnapshotAbort;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "sentence's length", self.sentence.len(), SENTENCE_BYTES_MAX)
    }
}
