//! Owns one segment: its header as bytes, and what is known of it while it is in use.

use crate::cleaner::KeyFilter;
use crate::log::Reached;
use crate::mend::is_one_bit_from;
use crate::record::{read_u32, read_u64_short};
use crc_fast::crc32_iscsi;

/// Bytes before the first batch.
pub const HEADER_BYTES: usize = 4096;
/// Version of all that lies in a segment. Checked at start; golden files hold it.
pub const FORMAT_VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"HYPERION";
/// What the crc covers, crc included: below one disk sector, so that it is never torn.
pub(crate) const HEADER_USED_BYTES: usize = 68;
/// What [`Header::read`] says of segments that another release wrote.
pub const OTHER_VERSION: &str = "another version of the format; use the release that wrote it";

/// Whether the records behind a header count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderState {
    /// They are part of the log.
    InUse,
    /// They are left over; the segment waits for its next use.
    Free,
}

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Role {
    /// Part of the log: every change in its order.
    Log = 0,
    /// Beside the log: what the cleaner kept of other segments.
    Copies = 1,
    /// As the one before, and all of it expires.
    ExpiringCopies = 2,
}

impl Role {
    fn read(word: u16) -> Option<Self> {
        [Self::Log, Self::Copies, Self::ExpiringCopies]
            .into_iter()
            .find(|&role| role as u16 == word)
    }

    /// Whether the cleaner's copies lie in it.
    #[must_use]
    pub fn is_copies(self) -> bool {
        self != Self::Log
    }
}

/// The first bytes of a segment.
///
/// Shape: magic 8, version u16, state u16, core u16, role u16, id u64, base LSN u64, epoch in Unix ms u64, instance 16 bytes,
/// salt u32, generation u32, crc u32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// In use or free.
    pub state: HeaderState,
    /// The core that wrote it.
    pub core: u16,
    /// What it is for.
    pub role: Role,
    /// The file's number; it stays when the file is used again.
    pub id: u64,
    /// LSN of the first record, or the one before which the first copies lie: segments of a core are ordered by it.
    pub base_lsn: u64,
    /// Zero of the short expiry times in it, Unix ms.
    pub epoch_ms: u64,
    /// The node that the file belongs to.
    pub instance: [u8; 16],
    /// Random for every use: it is in all crcs of the segment.
    pub salt: u32,
    /// The layout of partitions over cores that it belongs to; the manifest names the one that counts.
    pub generation: u32,
}

impl Header {
    /// Writes the header, zeros behind it. `out` is `[HEADER_BYTES]`.
    pub fn write(&self, out: &mut [u8]) {
        let out = &mut out[..HEADER_BYTES];
        out.fill(0);
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[10..12].copy_from_slice(&u16::from(self.state == HeaderState::Free).to_le_bytes());
        out[12..14].copy_from_slice(&self.core.to_le_bytes());
        out[14..16].copy_from_slice(&(self.role as u16).to_le_bytes());
        out[16..24].copy_from_slice(&self.id.to_le_bytes());
        out[24..32].copy_from_slice(&self.base_lsn.to_le_bytes());
        out[32..40].copy_from_slice(&self.epoch_ms.to_le_bytes());
        out[40..56].copy_from_slice(&self.instance);
        out[56..60].copy_from_slice(&self.salt.to_le_bytes());
        out[60..64].copy_from_slice(&self.generation.to_le_bytes());
        let crc = crc32_iscsi(&out[..HEADER_USED_BYTES - 4]);
        out[HEADER_USED_BYTES - 4..HEADER_USED_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// The version that a segment names, whether it is known or not; `None` for what is no segment.
    #[must_use]
    pub fn version(bytes: &[u8]) -> Option<u16> {
        let is_ours = bytes.get(..8) == Some(MAGIC.as_slice());
        bytes.get(8..10).filter(|_| is_ours).map(|word| u16::from_le_bytes([word[0], word[1]]))
    }

    /// Reads a header. `Ok(None)`: all zeros, a file that was never used.
    ///
    /// # Errors
    /// A few words on what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, &'static str> {
        let Some(head) = bytes.get(..HEADER_USED_BYTES) else {
            return Err("the file is shorter than its header");
        };
        if head.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        if &head[..8] != MAGIC {
            return Err("it does not begin as a segment does");
        }
        let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let is_right =
            crc32_iscsi(&head[..HEADER_USED_BYTES - 4]) == read_u32(head, HEADER_USED_BYTES - 4);
        // Another version may have its checksum elsewhere.
        if word(8) != FORMAT_VERSION && (is_right || !is_one_bit_from(head, FORMAT_VERSION)) {
            return Err(OTHER_VERSION);
        }
        if !is_right {
            return Err("the header's checksum is wrong");
        }
        let role = Role::read(word(14)).ok_or(OTHER_VERSION)?;
        let mut instance = [0; 16];
        instance.copy_from_slice(&head[40..56]);
        Ok(Some(Self {
            state: if word(10) == 0 { HeaderState::InUse } else { HeaderState::Free },
            core: word(12),
            role,
            id: read_u64_short(&head[16..24]),
            base_lsn: read_u64_short(&head[24..32]),
            epoch_ms: read_u64_short(&head[32..40]),
            instance,
            salt: read_u32(head, 56),
            generation: read_u32(head, 60),
        }))
    }
}

/// Where a segment stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The slot has no memory.
    Absent,
    /// Waits for its next use.
    Ready,
    /// Takes the records of now.
    Active,
    /// Full, read only.
    Sealed,
    /// Dead; its header is being overwritten on disk.
    Freeing,
}

/// A segment: bytes at a base, and its accounts.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) state: State,
    pub(crate) memory: &'static mut [u8],
    pub(crate) role: Role,
    /// Tells this use of the slot from all others.
    pub(crate) use_number: u64,
    pub(crate) salt: u32,
    pub(crate) epoch_ms: u64,
    pub(crate) base_lsn: u64,
    /// Position of byte 0 in the core's log; of the log's end when it was begun, for copies.
    pub(crate) base_position: u64,
    /// Bytes in use from the start.
    pub(crate) filled: usize,
    /// Bytes of records that an index, an object or a prepared transaction points at.
    pub(crate) live_bytes: u64,
    /// Records that older segments depend on: tombstones, flushes and the words about transactions.
    pub(crate) anchors: u32,
    /// Bytes of them, those that have not moved yet by half: most of those can go when the segment is emptied.
    pub(crate) anchor_bytes: u64,
    /// Records of all kinds.
    pub(crate) records: u64,
    /// What may lie in it, once the cleaner wanted to know.
    pub(crate) filter: Option<Box<KeyFilter>>,
    /// A segment (its slot and use) that must be gone before this one can be emptied.
    pub(crate) waits_for: Option<(u32, u64)>,
    /// When it did not fit into the room that was left, though it seemed so: the log's [`Log::changes`](crate::log::Log), and what was live in it. While
    /// both are as they were, it does not fit.
    pub(crate) passed_over: Option<(u64, u64)>,
    /// A record in it has a wrong crc.
    pub(crate) is_spoiled: bool,
    /// Transactions that are under way and have records here.
    pub(crate) pins: u32,
    /// Where the log and the copies ended when the last live record died.
    pub(crate) died_at: Reached,
    /// Where the log ended when the last transaction with records here did.
    pub(crate) settled_at: u64,
    /// Bytes were written that no sync has covered.
    pub(crate) dirty: bool,
    /// Of copies: how far they are written, how far a sync under way takes them, and how far they are durable.
    pub(crate) written_end: usize,
    pub(crate) syncing_end: usize,
    pub(crate) durable_end: usize,
}

impl Segment {
    /// Bytes that batches take.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.filled.saturating_sub(HEADER_BYTES) as u64
    }

    /// Of copies: whether what is written is on the disk.
    pub(crate) fn is_durable_as_written(&self) -> bool {
        self.durable_end >= self.written_end
    }

    pub(crate) fn new(id: u64, memory: &'static mut [u8]) -> Self {
        Self {
            id,
            state: State::Ready,
            memory,
            role: Role::Log,
            use_number: 0,
            salt: 0,
            epoch_ms: 0,
            base_lsn: 0,
            base_position: 0,
            filled: 0,
            live_bytes: 0,
            anchors: 0,
            anchor_bytes: 0,
            records: 0,
            filter: None,
            waits_for: None,
            passed_over: None,
            is_spoiled: false,
            pins: 0,
            died_at: Reached::default(),
            settled_at: 0,
            dirty: false,
            written_end: 0,
            syncing_end: 0,
            durable_end: 0,
        }
    }
}
