//! Owns whether writers rest. While they do, what is dead goes even where memory is plenty, and memory in which nothing lies is given back.

use super::Log;
use crate::index::Unbacked;
use crate::limits::{GIVEN_BYTES_A_TICK, REST_BYTES_PART, REST_DEAD_PART, REST_MS};
use crate::segment::State;

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Since when it is looked, Unix ms, and how much had been appended then.
    since_ms: u64,
    seen: u64,
    pub(super) is_on: bool,
    /// Segments whose free memory was given back, and has not been asked for again.
    bare: Vec<u32>,
    /// Slots that are still to be looked at for free memory, the next one, and how far it was looked at.
    left: usize,
    next: usize,
    offset: usize,
}

const HUGE_PAGE_BYTES: usize = 2 << 20;

impl Log {
    /// Looks whether somebody writes. To be called every turn, when the clock has been told.
    #[inline]
    pub(crate) fn follow_rest(&mut self) {
        let written = self.appended_position().abs_diff(self.rest.seen);
        let is_written = written > (self.segment_bytes / REST_BYTES_PART) as u64;
        if is_written || self.rest.since_ms == 0 || self.now_ms < self.rest.since_ms {
            self.rest.is_on = false;
            self.has_other_segments();
        } else if self.now_ms < self.rest.since_ms + REST_MS {
            return;
        } else {
            self.rest.is_on = true;
            self.look_at_cleaning = true;
        }
        (self.rest.since_ms, self.rest.seen) = (self.now_ms, self.appended_position());
    }

    /// What was appended since then is upkeep: nobody wrote it, and writers may rest all the same.
    pub(crate) fn note_upkeep(&mut self, appended_before: u64) {
        self.rest.seen += self.appended_position() - appended_before;
    }

    /// Whether nobody has written for a while.
    pub(crate) fn is_resting(&self) -> bool {
        self.rest.is_on
    }

    /// Segments came, went or were begun: there may be more that nothing lies in.
    pub(crate) fn has_other_segments(&mut self) {
        // The one that was left in the middle is looked at once more.
        self.rest.left = self.segments.len() + usize::from(self.rest.offset > 0);
    }

    /// More of what is held is dead than is left alone where nobody writes.
    pub(crate) fn is_loose(&self, held: u64, live: u64) -> bool {
        self.rest.is_on && held - live > held / REST_DEAD_PART
    }

    /// Gives memory in which nothing lies to `give`, which may make zeros of it: what is ready, and what is behind the end of what is filled. Once
    /// while writers rest, and again when the cleaner has begun or freed a segment; a bounded part a call, for pages take time to go.
    pub(crate) fn give_idle(&mut self, mut give: impl FnMut(&mut [u8])) {
        let mut part = GIVEN_BYTES_A_TICK;
        while self.rest.is_on && self.rest.left > 0 && part > 0 {
            let slot = self.rest.next % self.segments.len();
            let segment = &mut self.segments[slot];
            let free_from = match segment.state {
                State::Ready => 0,
                State::Active => segment.filled,
                _ => segment.memory.len(),
            };
            let from = free_from.max(self.rest.offset).min(segment.memory.len());
            // Between calls no huge page is cut.
            let whole = (from + part) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
            let least = (from + 1).next_multiple_of(HUGE_PAGE_BYTES);
            let end = whole.max(least).min(segment.memory.len());
            if from < end {
                give(&mut segment.memory[from..end]);
                part = part.saturating_sub(end - from);
                let slot = u32::try_from(slot).expect("slots are few");
                if !self.rest.bare.contains(&slot) {
                    self.rest.bare.push(slot);
                }
            }
            self.rest.offset = end;
            if end == segment.memory.len() {
                (self.rest.left, self.rest.next, self.rest.offset) =
                    (self.rest.left - 1, slot + 1, 0);
            }
        }
    }

    /// Memory that was given back and is filled soon: writers do not rest any more.
    #[inline]
    pub(crate) fn take_bare(&mut self) -> Option<Unbacked> {
        if self.rest.bare.is_empty() || self.rest.is_on {
            return None;
        }
        let next = self.ready.front().copied();
        let at = self.rest.bare.iter().position(|&slot| {
            let state = self.segments[slot as usize].state;
            Some(slot) == next || !matches!(state, State::Ready)
        })?;
        let segment = &self.segments[self.rest.bare.swap_remove(at) as usize];
        let from = segment.filled.min(segment.memory.len());
        let left = &segment.memory[from..];
        Some(Unbacked { address: left.as_ptr().addr(), bytes: left.len() })
    }
}
