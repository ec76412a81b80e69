//! Owns blocks of zeroed memory for index segments: one huge page each.
#![expect(unsafe_code, reason = "zeros are made without touching them only behind an unsafe call")]

use super::pool::IndexSegment;

/// Segments of one block.
pub(super) const BLOCK_SEGMENTS: usize = 512;

/// As large as a huge page and aligned like one.
#[repr(C, align(2097152))]
pub(super) struct Block {
    pub(super) segments: [IndexSegment; BLOCK_SEGMENTS],
}

const _: () = assert!(size_of::<Block>() == 2 << 20, "a block is one huge page");

/// A block of empty segments for the life of the process. Where the allocator has fresh memory of the system it is not touched here:
/// who touches it first pays for it, page by page, unless somebody has the system back it before.
pub(super) fn block() -> &'static mut Block {
    let block = Box::<Block>::new_zeroed();
    // SAFETY: a block is arrays of integers, for which zeros are a value: that of empty segments.
    Box::leak(unsafe { block.assume_init() })
}
