//! Owns long buffers between the commands and answers that need them: a few are kept, with the memory that the system has given them, and
//! go back when nobody has wanted one for a while.

use super::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX, SPARE_BYTES_MAX, SPARE_IDLE_TICKS};

/// A buffer, and up to where it was ever written: so much of it is memory.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reached: usize,
}

/// Empty buffers.
#[derive(Debug, Default)]
pub(crate) struct SpareBuffers {
    buffers: Vec<Reached>,
    /// Sum of what they reach.
    bytes: usize,
    /// Ticks since one was wanted.
    idle_ticks: u32,
}

impl SpareBuffers {
    /// An empty buffer with room for so many bytes: the shortest of those that are kept, unless that is far too long, or a new one.
    pub(crate) fn take(&mut self, room: usize) -> Reached {
        self.idle_ticks = 0;
        let is_fit = |it: &Reached| (room..=8 * room).contains(&it.bytes.capacity());
        let fits = self.buffers.iter().enumerate().filter(|(_, it)| is_fit(it));
        match fits.min_by_key(|(_, it)| it.bytes.capacity()).map(|(at, _)| at) {
            Some(at) => {
                let buffer = self.buffers.swap_remove(at);
                self.bytes -= buffer.reached;
                buffer
            }
            None => Reached { bytes: Vec::with_capacity(room.next_power_of_two()), reached: 0 },
        }
    }

    /// Keeps a buffer; gives it back when it is too long, or when there are enough.
    pub(crate) fn keep(&mut self, mut buffer: Reached) -> Option<Reached> {
        let is_kept = buffer.bytes.capacity() <= SPARE_BUFFER_BYTES_MAX
            && self.buffers.len() < SPARE_BUFFERS_MAX
            && self.bytes + buffer.reached <= SPARE_BYTES_MAX;
        if !is_kept {
            return Some(buffer);
        }
        buffer.bytes.clear();
        self.bytes += buffer.reached;
        self.buffers.push(buffer);
        None
    }

    /// A tick: gives one back when none was wanted for a while.
    pub(crate) fn tick(&mut self) -> Option<Reached> {
        self.idle_ticks = self.idle_ticks.saturating_add(1);
        let buffer = if self.idle_ticks > SPARE_IDLE_TICKS { self.buffers.pop() } else { None };
        self.bytes -= buffer.as_ref().map_or(0, |buffer| buffer.reached);
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(capacity: usize) -> Reached {
        Reached { bytes: Vec::with_capacity(capacity), reached: capacity }
    }

    #[test]
    fn the_shortest_that_fits_is_used_again() {
        let mut spare = SpareBuffers::default();
        let kept: Vec<_> = [1 << 20, 1 << 17, 1 << 18].map(buffer).into();
        let address = kept[2].bytes.as_ptr();
        kept.into_iter().for_each(|one| assert!(spare.keep(one).is_none()));
        let taken = spare.take(200_000);
        assert_eq!((taken.bytes.as_ptr(), taken.reached), (address, 1 << 18));
        assert_eq!(spare.take(200_000).bytes.capacity(), 1 << 20);
        let made = spare.take(200_000);
        assert_eq!((made.bytes.capacity(), made.reached), (1 << 18, 0), "none is left that fits");
        assert_eq!(spare.bytes, 1 << 17);
        assert_eq!(spare.take(10_000).bytes.capacity(), 1 << 14, "what is left is far too long");
    }

    #[test]
    fn no_more_is_kept_than_allowed_and_nothing_for_ever() {
        let mut spare = SpareBuffers::default();
        assert!(spare.keep(buffer(2 * SPARE_BUFFER_BYTES_MAX)).is_some(), "it is too long");
        let each = SPARE_BUFFER_BYTES_MAX / 2;
        let kept = (0..100).filter(|_| spare.keep(buffer(each)).is_none()).count();
        assert_eq!(kept, SPARE_BYTES_MAX / each);
        let mut many = SpareBuffers::default();
        let kept = (0..1_000).filter(|_| many.keep(buffer(1)).is_none()).count();
        assert_eq!(kept, SPARE_BUFFERS_MAX);
        let given = (0..SPARE_IDLE_TICKS + 100).filter(|_| spare.tick().is_some()).count();
        assert_eq!((given, spare.bytes), (SPARE_BYTES_MAX / each, 0));
    }
}
