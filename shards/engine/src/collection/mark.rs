//! Owns the marks of chunks: where an entry about in the middle begins, so that who looks for one begins nearer to it. The note of a chunk has
//! it, 0 where none is known; who replaces bytes of the chunk moves it.

use super::chunk::span;

/// Chunks of fewer bytes are gone through from their ends.
const MARKED_BYTES_MIN: usize = 256;

/// A mark for entries of which none is known. Time: a step for each of the first half.
pub(super) fn of_entries(entries: &[u8]) -> u16 {
    if entries.len() < MARKED_BYTES_MIN {
        return 0;
    }
    let mut at = 0;
    while let Some(span) = span(entries, at)
        && span.end <= entries.len() / 2
    {
        at = span.end;
    }
    u16::try_from(at).unwrap_or(0)
}

/// What becomes of a mark where `removed` bytes at `at` are replaced by `inserted` ones.
pub(super) fn moved(mark: u16, (at, removed): (usize, usize), inserted: usize) -> u16 {
    let place = usize::from(mark);
    if place <= at {
        return mark;
    }
    let behind = place.checked_sub(at + removed);
    behind.and_then(|behind| u16::try_from(at + inserted + behind).ok()).unwrap_or(0)
}

/// The better mark of two for so many bytes; the second is a place where an entry begins.
pub(super) fn better(mark: u16, place: usize, bytes: usize) -> u16 {
    let off = |place: usize| place.abs_diff(bytes / 2);
    match u16::try_from(place) {
        Ok(other) if bytes >= MARKED_BYTES_MIN && off(place) < off(mark.into()) => other,
        _ => mark,
    }
}

/// Whether an entry begins at a mark, or none does behind it.
#[cfg(debug_assertions)]
pub(super) fn is_right(mark: usize, entries: &[u8]) -> bool {
    let mut at = 0;
    while at < mark
        && let Some(span) = span(entries, at)
    {
        at = span.end;
    }
    at == mark
}
