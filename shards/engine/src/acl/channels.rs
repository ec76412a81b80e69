//! Owns which words of a command are channels, and whether they are patterns themselves.

use std::ops::Range;

/// The words that are channels, and whether they are patterns.
pub(super) fn channels_of(name: &str, count: usize) -> Option<(Range<usize>, bool)> {
    match name {
        "subscribe" | "ssubscribe" => Some((1..count, false)),
        "psubscribe" => Some((1..count, true)),
        "publish" | "spublish" => Some((1..count.min(2), false)),
        _ => None,
    }
}
