//! Owns what a core should hold: a state, and the changes behind it of which a crash may take the last ones.

use hyperion_model::TransactionId;
use std::collections::BTreeMap;

/// A value and its expiry.
pub type Held = (Vec<u8>, Option<u64>);
/// Keys and values of one core.
pub type Contents = BTreeMap<Vec<u8>, Held>;

/// One change of one core, atomic.
#[derive(Clone, Debug)]
pub enum Change {
    /// Keys that become something, or go.
    Write(Vec<(Vec<u8>, Option<Held>)>),
    /// All keys go.
    Flush,
}

/// A change and where it lies in the log.
#[derive(Clone, Debug)]
struct Entry {
    position: u64,
    transaction: Option<TransactionId>,
    change: Change,
}

/// What one core should hold.
#[derive(Clone, Debug, Default)]
pub struct CoreModel {
    base: Contents,
    entries: Vec<Entry>,
    now: Contents,
}

fn apply(contents: &mut Contents, change: &Change) {
    match change {
        Change::Flush => contents.clear(),
        Change::Write(writes) => {
            for (key, held) in writes {
                match held {
                    Some(held) => drop(contents.insert(key.clone(), held.clone())),
                    None => drop(contents.remove(key)),
                }
            }
        }
    }
}

/// What of `contents` has not expired.
#[must_use]
pub fn unexpired(contents: &Contents, now_ms: u64) -> Contents {
    let lives = |held: &Held| held.1.is_none_or(|at_ms| at_ms > now_ms);
    contents
        .iter()
        .filter(|(_, held)| lives(held))
        .map(|(key, held)| (key.clone(), held.clone()))
        .collect()
}

impl CoreModel {
    /// A change was made; it ends at `position`.
    pub fn push(&mut self, position: u64, transaction: Option<TransactionId>, change: Change) {
        apply(&mut self.now, &change);
        self.entries.push(Entry { position, transaction, change });
    }

    /// What clients should see now, expired keys too.
    #[must_use]
    pub fn now(&self) -> &Contents {
        &self.now
    }

    /// Finds the changes that are left after a crash: `found` must be what an exact prefix of them made, and all that end at or
    /// before `safe_position` are in it. Gives the transactions among those left; the model goes on from there.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn settle(
        &mut self,
        found: &Contents,
        safe_position: u64,
        now_ms: u64,
    ) -> Result<Vec<TransactionId>, String> {
        let mut contents = self.base.clone();
        let matches = |contents: &Contents| unexpired(contents, now_ms) == *found;
        let mut kept = matches(&contents).then_some(0);
        for (at, entry) in self.entries.iter().enumerate() {
            apply(&mut contents, &entry.change);
            if matches(&contents) {
                kept = Some(at + 1);
            }
        }
        let safe = self.entries.iter().take_while(|entry| entry.position <= safe_position).count();
        let total = self.entries.len();
        let Some(kept) = kept else {
            return Err(format!(
                "{} keys were found, which no prefix of {total} changes gives",
                found.len()
            ));
        };
        if kept < safe {
            return Err(format!("{kept} of {total} changes are left, but {safe} were safe"));
        }
        let left: Vec<Entry> = self.entries.drain(..).take(kept).collect();
        left.iter().for_each(|entry| apply(&mut self.base, &entry.change));
        self.now = self.base.clone();
        Ok(left.iter().filter_map(|entry| entry.transaction).collect())
    }
}
