//! Owns long buffers that are not needed any more: their memory goes back to the system a part a turn, because the system takes its
//! time for each page, and faster the more of it there is.

use hyperion_runtime::arena;

use super::limits::{INPUT_KEEP_BYTES, RETURNED_BYTES, RETURNED_PART, UNRETURNED_BYTES};

/// A buffer, and up to where it was written and not given back yet.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    reached: usize,
}

/// Buffers on their way back.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    buffers: Vec<Buffer>,
    /// Sum of what was not given back yet.
    bytes: usize,
}

impl Spent {
    /// Takes a buffer that was written up to `reached`.
    pub(crate) fn take(&mut self, mut bytes: Vec<u8>, reached: usize) {
        if reached > INPUT_KEEP_BYTES {
            bytes.clear();
            self.bytes += reached;
            self.buffers.push(Buffer { bytes, reached });
        }
    }

    /// Gives the next part back. `true`: there is more.
    pub(crate) fn give_back(&mut self) -> bool {
        let beyond = self.bytes.saturating_sub(UNRETURNED_BYTES);
        let mut part = (beyond / RETURNED_PART).clamp(RETURNED_BYTES, UNRETURNED_BYTES);
        while part > 0
            && let Some(Buffer { bytes, reached }) = self.buffers.last_mut()
        {
            let from = reached.saturating_sub(part);
            let given = *reached - from;
            let spare = bytes.spare_capacity_mut();
            let end = (*reached).min(spare.len());
            arena::discard(&mut spare[from.min(end)..end]);
            *reached = from;
            part -= given;
            self.bytes -= given;
            if from == 0 {
                self.buffers.pop();
            }
        }
        !self.buffers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_back_in_parts() {
        let mut spent = Spent::default();
        assert!(!spent.give_back());
        spent.take(vec![7; 100], 100);
        assert!(!spent.give_back(), "a short one goes at once");
        spent.take(vec![7; 3 * RETURNED_BYTES + 1], 3 * RETURNED_BYTES + 1);
        let calls = (1..).find(|_| !spent.give_back());
        assert_eq!(calls, Some(4));
    }

    #[test]
    fn what_comes_faster_than_parts_go_does_not_gather() {
        let mut spent = Spent::default();
        for _ in 0..200 {
            spent.take(Vec::with_capacity(6 * RETURNED_BYTES), 6 * RETURNED_BYTES);
            spent.give_back();
            assert!(spent.bytes <= 3 * UNRETURNED_BYTES, "{} bytes", spent.bytes);
        }
        let calls = (1..).find(|_| !spent.give_back()).unwrap_or(0);
        assert!(calls > 10, "little of it goes at once: {calls} calls");
        assert_eq!(spent.bytes, 0);
    }
}
