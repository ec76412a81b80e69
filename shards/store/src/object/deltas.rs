//! Owns where the deltas of one chunk lie: there are few, they come one by one and go all at once.

use crate::log::Location;
use crate::prefetch::prefetch;

/// Deltas of a block, which is a line of the cache.
const BLOCK_DELTAS: usize = 7;

/// Where a delta's record lies, and its size: 40 bits and 24.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeltaAt(u64);

impl DeltaAt {
    const LOCATION_BITS: u32 = 40;

    fn new(location: Location, size: usize) -> Self {
        debug_assert!(location >> Self::LOCATION_BITS == 0 && size >> 24 == 0);
        Self((size as u64) << Self::LOCATION_BITS | location)
    }

    pub(super) fn at(self) -> Location {
        self.0 & ((1 << Self::LOCATION_BITS) - 1)
    }

    pub(super) fn size(self) -> usize {
        usize::try_from(self.0 >> Self::LOCATION_BITS).expect("24 bits")
    }
}

#[derive(Debug)]
struct Block {
    deltas: [DeltaAt; BLOCK_DELTAS],
    before: Option<Box<Block>>,
}

/// The deltas of a chunk since its base.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    last: Option<Box<Block>>,
    count: u32,
    bytes: u32,
}

impl Deltas {
    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of their records.
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Asks for where the next one is noted.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.last.as_deref().into_iter().for_each(prefetch);
    }

    /// A delta was written, or read.
    pub(super) fn push(&mut self, location: Location, size: usize) {
        let at = self.count as usize % BLOCK_DELTAS;
        if at == 0 {
            let before = self.last.take();
            self.last = Some(Box::new(Block { deltas: [DeltaAt(0); BLOCK_DELTAS], before }));
        }
        let block = self.last.as_mut().expect("the last delta of a block makes the next one come");
        block.deltas[at] = DeltaAt::new(location, size);
        self.count += 1;
        self.bytes += u32::try_from(size).expect("24 bits");
    }

    /// Each of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = DeltaAt> + '_ {
        let blocks = std::iter::successors(self.last.as_deref(), |block| block.before.as_deref());
        let in_last = (self.count as usize).wrapping_sub(1) % BLOCK_DELTAS + 1;
        blocks.enumerate().flat_map(move |(nth, block)| {
            let filled = if nth == 0 { in_last } else { BLOCK_DELTAS };
            block.deltas[..filled].iter().copied()
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        (self.count as usize).div_ceil(BLOCK_DELTAS) * size_of::<Block>()
    }
}

impl Drop for Deltas {
    /// One block after the other: as many as there are would be too deep a recursion.
    fn drop(&mut self) {
        let mut next = self.last.take();
        while let Some(mut block) = next {
            next = block.before.take();
        }
    }
}
