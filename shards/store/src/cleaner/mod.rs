//! Owns the cleaner: sealed segments with much that is dead are emptied, a slice at a time, and freed.
//!
//! What is live is copied beside the log, or appended to it once more: either way a start meets the versions of a key in their order, so
//! nothing needs an older LSN. A tombstone may go only when no older segment can still hold its key; until then it moves along, and keeps
//! the LSN of the deletion. Other words that older segments depend on (flushes, ends of transactions) never move: replayed
//! later they would say something else. Their segment waits until those older ones are empty, which are taken first.

mod choose;
mod copy;
mod fill;
mod filter;
mod held;
mod walk;

use crate::database::Place;
use crate::log::Location;
use crate::record::Kind;
pub(crate) use filter::KeyFilter;
pub(crate) use held::Held;
use walk::Walk;

/// One segment that is being emptied.
struct Pass {
    slot: u32,
    use_number: u64,
    walk: Walk,
}

/// A record that the walk met: what is known of it without another look.
#[derive(Clone, Copy)]
struct Met {
    location: Location,
    /// None in a prepared batch.
    lsn: Option<u64>,
    kind: Kind,
    size: usize,
    expires: bool,
    /// Of its key, where it sets or removes one of this core.
    place: Option<Place>,
}

/// A filter that is being filled for a segment older than the one that is being emptied.
struct Filling {
    slot: u32,
    use_number: u64,
    walk: Walk,
    filter: KeyFilter,
}

/// What the cleaner is about, and what it did.
#[derive(Default)]
pub(crate) struct Cleaner {
    pass: Option<Pass>,
    filling: Option<Filling>,
    /// A segment that must go before another one can.
    first: Option<u32>,
    /// Every dead byte is worth the work.
    pub(crate) is_eager: bool,
    /// The pass under way found no room for a copy.
    is_stuck: bool,
    /// What had been appended and copied at the last slice.
    seen: u64,
    /// Bytes of segments that are still to be looked through for what was written.
    owed: u64,
    group: Vec<Met>,
    /// Segments whose memory went bad, and nobody was told.
    pub(crate) spoiled: Vec<u32>,
    pub(crate) figures: CleanerFigures,
}

/// What the cleaner did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanerFigures {
    /// Segments that were emptied.
    pub segments: u64,
    /// Records that were looked at.
    pub records: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// Tombstones that were written once more.
    pub tombstones_moved: u64,
    /// Tombstones that could go.
    pub tombstones_dropped: u64,
    /// Segments with a record whose crc is wrong: memory went bad, they are never freed.
    pub spoiled: u64,
}
