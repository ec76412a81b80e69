//! Owns one core's changes in the order of its log: what a crash leaves must be an exact prefix of them.

use super::operation::{Held, KeyId, State, unexpired};

/// What one step of a core changed.
#[derive(Debug)]
struct Entry {
    /// Where its records end in the log.
    position: u64,
    changes: Vec<(KeyId, Option<Held>)>,
    /// Several transactions may have taken effect in the step, each for itself.
    is_joined: bool,
}

/// The changes of one core since its last start.
#[derive(Debug)]
pub struct Prefix {
    base: State,
    now: State,
    entries: Vec<Entry>,
    /// Entries that were left by the last crash: at least, and at most. Several prefixes may hold the same.
    kept: (usize, usize),
}

impl Prefix {
    /// A core without data; `keys` counts those of all cores.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        Self { base: vec![None; keys], now: vec![None; keys], entries: Vec::new(), kept: (0, 0) }
    }

    /// The core holds `now` after a step that ended at `position`.
    pub fn observe(&mut self, position: u64, now: State, is_joined: bool) {
        let changes: Vec<_> = now
            .iter()
            .zip(&self.now)
            .enumerate()
            .filter(|(_, (new, old))| new != old)
            .map(|(key, (new, _))| (key, *new))
            .collect();
        if !changes.is_empty() {
            self.entries.push(Entry { position, changes, is_joined });
        }
        self.now = now;
    }

    /// Looks for the prefix that gives `found`, the longest one; it must hold all that ends at or before `safe_position`.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn settle(&mut self, found: &State, safe_position: u64, now_ms: u64) -> Result<(), String> {
        let safe = self.entries.iter().take_while(|entry| entry.position <= safe_position).count();
        let mut state = self.base.clone();
        let mut kept: Option<(usize, usize)> = None;
        for count in 0..=self.entries.len() {
            let next = self.entries.get(count);
            let fits = |(key, &held): (KeyId, &Option<Held>)| {
                let is_as_next = next.filter(|next| next.is_joined).is_some_and(|next| {
                    next.changes
                        .iter()
                        .any(|&(other, new)| other == key && unexpired(new, now_ms) == found[key])
                });
                unexpired(held, now_ms) == found[key] || is_as_next
            };
            if state.iter().enumerate().all(fits) {
                let least = kept.map(|(least, _)| least).filter(|&least| least >= safe);
                kept = Some((least.unwrap_or(count), count));
            }
            for &(key, held) in next.into_iter().flat_map(|next| &next.changes) {
                state[key] = held;
            }
        }
        let total = self.entries.len();
        let Some(kept) = kept else {
            return Err(format!("no prefix of its {total} changes gives what is there"));
        };
        if kept.1 < safe {
            return Err(format!("{} of {total} changes are left, but {safe} were safe", kept.1));
        }
        self.kept = kept;
        Ok(())
    }

    /// Whether the last crash left the change that gave `key` this value: surely, and possibly.
    #[must_use]
    pub fn keeps(&self, key: KeyId, held: Held) -> (bool, bool) {
        // A step that was left in part shows its values themselves.
        let gave = |entry: &Entry| entry.changes.contains(&(key, Some(held)));
        let (least, most) = self.kept;
        (self.entries[..least].iter().any(gave), self.entries[..most].iter().any(gave))
    }

    /// Goes on from what was found.
    pub fn reset(&mut self, found: State) {
        self.base.clone_from(&found);
        self.now = found;
        self.entries.clear();
        self.kept = (0, 0);
    }
}
