//! Owns the memory of the segments of all indexes of one core.
//!
//! A small pool takes 16 segments at a time from the heap. A large one takes blocks of 2 MiB, one ahead of its use, and names them, so
//! that a side thread has the system back them: a core that touched a huge page first would zero all of it in the midst of a turn.

use super::bucket::Bucket;
use super::memory::{BLOCK_SEGMENTS, Block, block};
use super::{BUCKETS, Entry};
use std::collections::VecDeque;

/// Segments of one chunk, a part of a block or by itself.
const CHUNK_SEGMENTS: usize = 16;
/// Segments up to which chunks come one by one.
const SMALL_SEGMENTS: usize = BLOCK_SEGMENTS;
/// When fewer segments are left, the next block is taken.
const AHEAD_SEGMENTS: usize = BLOCK_SEGMENTS / 2;

/// 64 buckets, one page.
#[repr(C, align(4096))]
#[derive(Clone, Copy)]
pub(super) struct IndexSegment {
    pub(super) buckets: [Bucket; BUCKETS],
}

const EMPTY: IndexSegment = IndexSegment { buckets: [Bucket::EMPTY; BUCKETS] };

type Segments = [IndexSegment; CHUNK_SEGMENTS];

enum Chunk {
    Own(Box<Segments>),
    OfBlock(&'static mut Segments),
}

impl Chunk {
    #[inline(always)]
    fn segments(&self) -> &Segments {
        match self {
            Self::Own(segments) => segments,
            Self::OfBlock(segments) => segments,
        }
    }

    #[inline(always)]
    fn segments_mut(&mut self) -> &mut Segments {
        match self {
            Self::Own(segments) => segments,
            Self::OfBlock(segments) => segments,
        }
    }
}

/// Memory that nobody has touched, and that the system may back with a page before somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbacked {
    /// Where it begins.
    pub address: usize,
    /// Its length.
    pub bytes: usize,
}

/// The segments of all indexes of one core.
#[derive(Default)]
pub(crate) struct IndexPool {
    chunks: Vec<Chunk>,
    pub(super) depths: Vec<u8>,
    /// Segments that were used and are not.
    pub(super) free: Vec<u32>,
    /// The block that is used next.
    next: Option<&'static mut Block>,
    /// Blocks that were not named yet.
    unbacked: VecDeque<Unbacked>,
}

impl IndexPool {
    #[inline(always)]
    pub(super) fn segment(&self, id: u32) -> &IndexSegment {
        &self.chunks[id as usize / CHUNK_SEGMENTS].segments()[id as usize % CHUNK_SEGMENTS]
    }

    #[inline(always)]
    pub(super) fn segment_mut(&mut self, id: u32) -> &mut IndexSegment {
        &mut self.chunks[id as usize / CHUNK_SEGMENTS].segments_mut()[id as usize % CHUNK_SEGMENTS]
    }

    /// An empty segment.
    pub(super) fn allocate(&mut self, depth: u8) -> u32 {
        if let Some(id) = self.free.pop() {
            // Here and not where it was given back: that may be many at once.
            *self.segment_mut(id) = EMPTY;
            self.depths[id as usize] = depth;
            return id;
        }
        let id = u32::try_from(self.depths.len()).expect("fewer than 2^32 index segments");
        if self.left() == 0 {
            self.grow();
        }
        self.depths.push(depth);
        if self.left() < AHEAD_SEGMENTS && self.depths.len() + AHEAD_SEGMENTS > SMALL_SEGMENTS {
            self.take_ahead();
        }
        id
    }

    /// Segments that have memory and were never used.
    fn left(&self) -> usize {
        self.chunks.len() * CHUNK_SEGMENTS - self.depths.len()
    }

    fn grow(&mut self) {
        if self.depths.len() < SMALL_SEGMENTS {
            self.chunks.push(Chunk::Own(Box::new([EMPTY; CHUNK_SEGMENTS])));
            return;
        }
        self.take_ahead();
        let block = self.next.take().expect("taken ahead");
        let (chunks, rest) = block.segments.as_chunks_mut::<CHUNK_SEGMENTS>();
        debug_assert!(rest.is_empty(), "blocks hold whole chunks");
        self.chunks.extend(chunks.iter_mut().map(Chunk::OfBlock));
    }

    /// Has a block ready, if there is none.
    fn take_ahead(&mut self) {
        if self.next.is_none() {
            let block = self.next.insert(block());
            let address = std::ptr::from_ref::<Block>(block).addr();
            self.unbacked.push_back(Unbacked { address, bytes: size_of::<Block>() });
        }
    }

    /// The next block that nobody was told of.
    #[inline]
    pub(crate) fn take_unbacked(&mut self) -> Option<Unbacked> {
        self.unbacked.pop_front()
    }

    pub(crate) fn release(&mut self, id: u32) {
        self.free.push(id);
    }

    /// The entries of one segment.
    pub(crate) fn entries_of(&self, id: u32, entries: &mut Vec<Entry>) {
        let buckets = self.segment(id).buckets.iter();
        entries.extend(buckets.flat_map(|bucket| bucket.entries().map(|(_, _, entry)| entry)));
    }

    /// Bytes of memory that the indexes hold: of segments that were ever used.
    pub(crate) fn bytes(&self) -> u64 {
        (self.depths.len() * size_of::<IndexSegment>()) as u64
    }
}
