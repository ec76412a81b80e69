//! Owns long input buffers that are not needed any more: their memory goes back to the system a part a turn, because the system takes its
//! time for each page.

use hyperion_runtime::arena;

use super::limits::{INPUT_KEEP_BYTES, INPUT_RETURNED_BYTES};

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
}

impl Spent {
    /// Takes a buffer that was written up to `reached`.
    pub(crate) fn take(&mut self, mut bytes: Vec<u8>, reached: usize) {
        if reached > INPUT_KEEP_BYTES {
            bytes.clear();
            self.buffers.push(Buffer { bytes, reached });
        }
    }

    /// Gives the next part back. `true`: there is more.
    pub(crate) fn give_back(&mut self) -> bool {
        let Some(Buffer { bytes, reached }) = self.buffers.last_mut() else { return false };
        let from = reached.saturating_sub(INPUT_RETURNED_BYTES);
        let spare = bytes.spare_capacity_mut();
        let end = (*reached).min(spare.len());
        arena::discard(&mut spare[from.min(end)..end]);
        *reached = from;
        if from == 0 {
            self.buffers.pop();
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
        spent.take(vec![7; 3 * INPUT_RETURNED_BYTES + 1], 3 * INPUT_RETURNED_BYTES + 1);
        let calls = (1..).find(|_| !spent.give_back());
        assert_eq!(calls, Some(4));
    }
}
