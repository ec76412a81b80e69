//! Owns which flushes of all cores have ended, as one core hears of them: only then its clients hear that everything has changed.
//!
//! Each core says that it has flushed behind the answers that it gave before; the one that asked all says how many do. One word of that one would
//! overtake what was read before the flush.

use std::collections::BTreeMap;

use hyperion_model::TransactionId;

use super::limits::FLUSHES_MAX;

/// Flushes of which some words have come.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    /// How many cores have said so, and how many will.
    open: BTreeMap<TransactionId, (usize, Option<usize>)>,
}

impl Flushes {
    /// Takes a word: of a core that has flushed, or of the one that asked `cores` of them. `true`: clients are to hear that everything has
    /// changed.
    pub(super) fn take(&mut self, id: TransactionId, cores: Option<usize>) -> bool {
        let (said, awaited) = self.open.entry(id).or_default();
        match cores {
            None => *said += 1,
            Some(_) => *awaited = cores,
        }
        let has_ended = *awaited == Some(*said);
        if has_ended {
            self.open.remove(&id);
        }
        has_ended
    }

    /// So many are open that some must have been forgotten: they are, and clients are to hear that everything has changed.
    pub(super) fn overflow(&mut self) -> bool {
        let is_over = self.open.len() > FLUSHES_MAX;
        if is_over {
            self.open.clear();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_model::CoreId;

    #[test]
    fn the_last_word_ends_a_flush() {
        let id = |number| TransactionId::new(1, CoreId(0), number);
        let mut flushes = Flushes::default();
        assert!(!flushes.take(id(1), None));
        assert!(!flushes.take(id(2), Some(1)), "its core has not said so");
        assert!(!flushes.take(id(1), Some(2)));
        assert!(flushes.take(id(1), None), "the second core of two");
        assert!(flushes.take(id(2), None));
        assert!(flushes.open.is_empty());
    }

    #[test]
    fn those_that_never_end_are_forgotten() {
        let mut flushes = Flushes::default();
        for number in 0..=FLUSHES_MAX as u64 {
            assert!(!flushes.overflow());
            assert!(!flushes.take(TransactionId::new(1, CoreId(0), number), None));
        }
        assert!(flushes.overflow());
        assert!(flushes.open.is_empty());
    }
}
