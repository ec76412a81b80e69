//! Owns how often the log is told of what whoever reaches an address can make happen by the thousand.

use super::limits::TOLD_EVERY_NS;

/// Tells once in a while, with the number of those that were not told.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    next_ns: u64,
    untold: u64,
}

impl Seldom {
    /// Whether the log is told of one now, and what is added of those that it was not told of.
    pub(crate) fn tell(&mut self, now_ns: u64) -> Option<String> {
        if now_ns < self.next_ns {
            self.untold += 1;
            return None;
        }
        self.next_ns = now_ns + TOLD_EVERY_NS;
        Some(match std::mem::take(&mut self.untold) {
            0 => String::new(),
            untold => format!(" (and {untold} others since the last time)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_in_a_while() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.tell(1).as_deref(), Some(""));
        assert!((0..7).all(|at| seldom.tell(2 + at).is_none()));
        let told = seldom.tell(1 + TOLD_EVERY_NS).expect("it is time");
        assert!(told.contains("7 others"), "{told}");
        assert_eq!(seldom.tell(1 + 2 * TOLD_EVERY_NS).as_deref(), Some(""));
    }
}
