//! Owns the watch over commands for those who listen: keys that come, are missed, or go by themselves, whatever command it was.

use super::{Change, KeyEvent, changed_keys, may_change};
use crate::command::{Flags, keys_of};
use crate::engine::Engine;
use crate::request::Request;
use hyperion_model::{EventClass, EventMask};
use hyperion_store::GoneWhy;

impl Engine {
    /// Which keyspace events are told from now on.
    pub fn set_events(&mut self, mask: EventMask) {
        let mask = if mask.tells() { mask } else { EventMask::NONE };
        self.events.listen(mask);
        self.watch();
    }

    /// Whether the names of keys that change are told from now on: [`Engine::take_change`].
    pub fn tell_changes(&mut self, is_on: bool) {
        let by_entries = self.replication.is_some();
        if self.changes.turn(is_on, by_entries) {
            self.store.keep_applied(is_on && by_entries);
            self.watch();
        }
    }

    /// Any key may have another value from now on, for who keeps copies: who leads, or which replicas are here, has changed.
    pub(crate) fn all_changed(&mut self) {
        if self.changes.is_on() {
            self.changes.note_all(0);
        }
    }

    /// Whether commands are watched at all: the one question that a command pays for when nobody listens.
    fn watch(&mut self) {
        self.is_watched = self.events.is_listening() || self.changes.notes_commands();
        self.store.keep_gone(self.is_watched);
    }

    /// A command is about to run: gives the places of those of its keys that are not there, where the coming of keys is told.
    #[cold]
    pub(crate) fn begin_watched(&mut self, request: &Request<'_>) -> Vec<usize> {
        if !request.spec.flags.has(Flags::WRITE) || !self.events.wants(EventClass::New) {
            return Vec::new();
        }
        let absent = |at: &usize| !self.is_there(request, *at);
        keys_of(request.spec, request.arguments).filter(absent).collect()
    }

    /// A command has run: what happened to its keys is told once the log has released what it has appended.
    #[cold]
    pub(crate) fn end_watched(&mut self, request: &Request<'_>, absent: &[usize], appended: u64) {
        for &at in absent.iter().rev() {
            if self.is_there(request, at) {
                self.events.note_first("new", request.database, request.arguments[at]);
            }
        }
        let is_read = request.spec.flags.has(Flags::READONLY) && request.spec.name != "object";
        if is_read && self.events.wants(EventClass::KeyMiss) {
            for at in keys_of(request.spec, request.arguments) {
                if !self.is_there(request, at) {
                    let (database, key) = (request.database, request.arguments[at]);
                    self.events.note(EventClass::KeyMiss, "keymiss", database, key);
                }
            }
        }
        self.seal_gone();
        let position = self.store.appended_position();
        if self.changes.notes_commands() && may_change(request.spec) && position != appended {
            for at in changed_keys(request.spec, request.arguments) {
                self.changes.note(position, request.arguments[at].to_vec(), Some(request.client));
            }
        }
        self.events.seal_open(position);
    }

    /// A command was refused: it has changed nothing. Where `is_undone`, nothing has gone by itself either.
    #[cold]
    pub(crate) fn drop_watched(&mut self, is_undone: bool) {
        self.events.drop_open();
        if is_undone {
            let _ = self.store.take_gone();
        } else {
            self.seal_gone();
        }
    }

    /// Whether events wait.
    #[inline]
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events.has_sealed() || self.store.has_gone()
    }

    /// Whether changes wait.
    #[inline]
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.changes.has_some()
            || self.changes.notes_commands() && self.store.has_gone()
            || self.store.has_applied()
    }

    /// Takes the next change that may be told.
    pub fn take_change(&mut self) -> Option<Change> {
        if self.store.has_gone() {
            self.seal_gone();
        }
        if self.store.has_applied() {
            // A majority has them: they wait for nothing.
            match self.store.take_applied() {
                Some(keys) => keys.into_iter().for_each(|key| self.changes.note(0, key, None)),
                None => self.changes.note_all(0),
            }
        }
        if !self.changes.has_some() {
            return None;
        }
        let released = self.released_position();
        self.changes.next(released)
    }

    /// Takes the next event that may be told.
    pub fn take_event(&mut self) -> Option<KeyEvent> {
        if self.store.has_gone() {
            self.seal_gone();
        }
        if !self.events.has_sealed() {
            return None;
        }
        let released = self.released_position();
        self.events.next(released)
    }

    /// Events that were dropped since the last call, because too many waited for the log.
    pub fn take_dropped_events(&mut self) -> u64 {
        self.events.take_dropped()
    }

    /// Keys that went by themselves.
    pub(crate) fn seal_gone(&mut self) {
        let (gone, dropped) = self.store.take_gone();
        self.events.count_dropped(dropped);
        let position = self.store.appended_position();
        if dropped > 0 && self.changes.notes_commands() {
            self.changes.note_all(position);
        }
        for gone in gone {
            let (class, event) = match gone.why {
                GoneWhy::Expired => (EventClass::Expired, "expired"),
                GoneWhy::Evicted => (EventClass::Evicted, "evicted"),
            };
            if self.changes.notes_commands() {
                self.changes.note(position, gone.key.clone(), None);
            }
            if self.events.wants(class) {
                let event = KeyEvent { event, database: gone.database, key: gone.key };
                self.events.seal(position, [event]);
            }
        }
    }

    /// Whether the key at `at` of a request is there; that somebody looked is not counted.
    fn is_there(&mut self, request: &Request<'_>, at: usize) -> bool {
        let bytes = request.arguments[at];
        if bytes.len() > hyperion_model::limits::KEY_BYTES_MAX {
            return false;
        }
        let lookups = self.store.lookups();
        let key = self.store.key(request.database, bytes);
        let is_there = self.store.peek(&key).is_some();
        self.store.set_lookups(lookups);
        is_there
    }
}
