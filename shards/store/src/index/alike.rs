//! Owns the one compare of all tags of a bucket.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "the intrinsics want it; of a loop the compiler makes vectors for half, which was 35 instructions of a lookup instead of ten"
    )
)]

use super::BUCKET_ENTRIES;

/// A bit for each of the tags that is `tag`: one compare, one pack, one mask.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "all for the same reason")]
pub(super) fn alike(tags: &[u16; BUCKET_ENTRIES], tag: u16) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi16, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16,
        _mm_setzero_si128,
    };
    const _: () = assert!(size_of::<[u16; BUCKET_ENTRIES]>() == 16, "one load takes all tags");
    // SAFETY: 16 bytes of a live reference are read, and every x86-64 processor has SSE2.
    let mask = unsafe {
        let tags = _mm_loadu_si128(std::ptr::from_ref(tags).cast());
        let alike = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag.cast_signed()));
        _mm_movemask_epi8(_mm_packs_epi16(alike, _mm_setzero_si128()))
    };
    mask.cast_unsigned()
}

/// A bit for each of the tags that is `tag`.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn alike(tags: &[u16; BUCKET_ENTRIES], tag: u16) -> u32 {
    let tags = tags.iter().enumerate();
    tags.fold(0, |mask, (entry, &other)| mask | u32::from(other == tag) << entry)
}
