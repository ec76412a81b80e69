//! Owns keyspace events from where they happen until they may be told: when the log has released the change that they tell of.

use crate::command::Spread;
use crate::effect::OwnedWrite;
use crate::limits::{EVENT_BYTES_MAX, EVENTS_MAX};
use crate::lock::LockKey;
use hyperion_model::{DatabaseId, EventClass, EventMask};
use std::collections::VecDeque;

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// What it is called, such as `set`.
    pub event: &'static str,
    /// The key's database.
    pub database: DatabaseId,
    /// The key.
    pub key: Vec<u8>,
}

/// What happened, in order: first what the running command notes, and behind it what waits for the log.
#[derive(Debug, Default)]
pub struct Events {
    mask: EventMask,
    /// Of the command that runs.
    open: Vec<KeyEvent>,
    /// Each with the position that the log must release first.
    sealed: VecDeque<(u64, KeyEvent)>,
    sealed_bytes: usize,
    dropped: u64,
}

impl Events {
    /// Which events are noted from now on.
    pub(crate) fn listen(&mut self, mask: EventMask) {
        self.mask = mask;
    }

    /// Whether events of this class are noted.
    #[inline]
    #[must_use]
    pub fn wants(&self, class: EventClass) -> bool {
        self.mask.has(class)
    }

    /// Whether any are.
    #[inline]
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.mask != EventMask::NONE
    }

    /// Notes an event of the running command, if somebody listens to its class.
    #[inline]
    pub fn note(
        &mut self,
        class: EventClass,
        event: &'static str,
        database: DatabaseId,
        key: &[u8],
    ) {
        if self.mask.has(class) {
            self.note_wanted(event, database, key);
        }
    }

    #[cold]
    fn note_wanted(&mut self, event: &'static str, database: DatabaseId, key: &[u8]) {
        self.open.push(KeyEvent { event, database, key: key.to_vec() });
    }

    /// Events that the running command, and those that run together with it, have noted so far.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Notes events of the running command behind the first `before` that were noted.
    pub(crate) fn note_behind(
        &mut self,
        before: usize,
        events: impl IntoIterator<Item = KeyEvent>,
    ) {
        let at = before.min(self.open.len());
        self.open.splice(at..at, events);
    }

    /// Takes back what the running command has noted: it has changed nothing.
    pub fn drop_open(&mut self) {
        self.open.clear();
    }

    /// What the running command has noted, for one whose changes take effect later: [`Events::seal`] them then.
    #[must_use]
    pub fn take_open(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.open)
    }

    /// The command has ended: what it noted is told once the log has released `position`.
    pub fn seal_open(&mut self, position: u64) {
        let mut open = std::mem::take(&mut self.open);
        self.seal(position, open.drain(..));
        // The list itself is used again.
        self.open = open;
    }

    /// Lets events wait for `position`. Where too many wait already they are counted and dropped: nobody's write waits for listeners.
    pub fn seal(&mut self, position: u64, events: impl IntoIterator<Item = KeyEvent>) {
        for event in events {
            if self.sealed.len() >= EVENTS_MAX || self.sealed_bytes >= EVENT_BYTES_MAX {
                self.dropped += 1;
                continue;
            }
            self.sealed_bytes += event.key.len();
            self.sealed.push_back((position, event));
        }
    }

    /// Whether some wait.
    #[inline]
    #[must_use]
    pub fn has_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// The next one that may be told now that the log has released `released`.
    pub(crate) fn next(&mut self, released: u64) -> Option<KeyEvent> {
        let (_, event) = self.sealed.pop_front_if(|(position, _)| *position <= released)?;
        self.sealed_bytes -= event.key.len();
        Some(event)
    }

    /// What waits for more than `position` may never have happened.
    pub(crate) fn lose_from(&mut self, position: u64) {
        let bytes = &mut self.sealed_bytes;
        self.sealed.retain(|(until, event)| {
            let stays = *until <= position;
            *bytes -= if stays { 0 } else { event.key.len() };
            stays
        });
    }

    pub(crate) fn count_dropped(&mut self, count: u64) {
        self.dropped += count;
    }

    /// Events that were dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

/// The events of a command over several cores or partitions, by what it writes. `wants` tells which classes are heard; `absent` has the keys that
/// were looked for and not there.
pub(crate) fn of_spread(
    spread: Spread,
    (writes, absent): (&[OwnedWrite], &[LockKey]),
    wants: impl Fn(EventClass) -> bool,
) -> Vec<KeyEvent> {
    let of = |event, (database, key): &LockKey| KeyEvent {
        event,
        database: *database,
        key: key.clone(),
    };
    let all = |event| absent.iter().map(|key| of(event, key)).collect();
    let told: Vec<KeyEvent> = match spread {
        Spread::Mget | Spread::Count | Spread::Touch if wants(EventClass::KeyMiss) => {
            all("keymiss")
        }
        Spread::Msetnx if wants(EventClass::New) && !writes.is_empty() => all("new"),
        // They have two keys.
        Spread::Rename | Spread::RenameNx | Spread::Copy if wants(EventClass::New) => {
            let comes = |(database, key): &&LockKey| {
                let mut written = writes.iter().filter(|write| write.value.is_some());
                written.any(|write| write.database == *database && write.key == *key)
            };
            absent.iter().filter(comes).map(|key| of("new", key)).collect()
        }
        _ => Vec::new(),
    };
    // Of a value that moves, the place where it was is told first.
    let is_first = |write: &&OwnedWrite| write.value.is_none();
    let (gone, come): (Vec<_>, Vec<_>) = writes.iter().partition(is_first);
    let named = gone.into_iter().chain(come).filter_map(|write| {
        let (class, event) = match (spread, &write.value) {
            (Spread::Mset | Spread::Msetnx, Some(_)) => (EventClass::String, "set"),
            (Spread::Delete, None) => (EventClass::Generic, "del"),
            (Spread::Rename | Spread::RenameNx, None) => (EventClass::Generic, "rename_from"),
            (Spread::Rename | Spread::RenameNx, Some(_)) => (EventClass::Generic, "rename_to"),
            (Spread::Copy, Some(_)) => (EventClass::Generic, "copy_to"),
            // What its handler notes is told.
            _ => return None,
        };
        wants(class).then(|| KeyEvent { event, database: write.database, key: write.key.clone() })
    });
    told.into_iter().chain(named).collect()
}
