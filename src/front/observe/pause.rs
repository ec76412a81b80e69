//! Owns CLIENT PAUSE: for how long which commands wait.

/// What waits, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Unix ms up to which every command waits, and up to which those that write do.
    all_until_ms: u64,
    writes_until_ms: u64,
}

impl Pause {
    /// Begins one, or makes the one that holds longer.
    pub(crate) fn begin(&mut self, until_ms: u64, only_writes: bool) {
        let until = if only_writes { &mut self.writes_until_ms } else { &mut self.all_until_ms };
        *until = until_ms.max(*until);
    }

    /// Whether one holds.
    pub(crate) fn holds(&self, now_ms: u64) -> bool {
        now_ms < self.all_until_ms.max(self.writes_until_ms)
    }

    /// Whether a command waits.
    pub(crate) fn stops(&self, now_ms: u64, writes: bool) -> bool {
        now_ms < self.all_until_ms || writes && now_ms < self.writes_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_pause_is_not_made_shorter() {
        let mut pause = Pause::default();
        assert!(!pause.holds(0));
        pause.begin(100, true);
        pause.begin(50, false);
        pause.begin(20, false);
        assert!(pause.stops(49, false) && pause.stops(49, true));
        assert!(!pause.stops(50, false) && pause.stops(99, true));
        assert!(pause.holds(99) && !pause.holds(100));
    }
}
