//! Owns the watch over commands for those who listen: keys that come, are missed, or go by themselves, whatever command it was.

use super::{Change, Events, KeyEvent, changed_keys, may_change};
use crate::command::{CommandSpec, Flags, keys_of};
use crate::engine::Engine;
use crate::request::Request;
use hyperion_model::{DatabaseId, EventClass, EventMask};
use hyperion_store::{GoneWhy, Store};

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

    /// A command has run: what happened to its keys is told once the log has released what it has appended.
    #[cold]
    pub(crate) fn end_watched(&mut self, request: &Request<'_>, coming: &Coming, appended: u64) {
        let line = (request.spec, request.database, request.arguments);
        coming.tell(&mut self.store, &mut self.events, line);
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
}

/// A command that runs, with its database and its words.
type Line<'a> = (&'a CommandSpec, DatabaseId, &'a [&'a [u8]]);

/// Keys that come with a command, and those that it misses: what no handler tells.
#[derive(Debug, Default)]
pub(crate) struct Coming {
    /// Places of its keys that are not there before it, where the coming of keys is told.
    absent: Vec<usize>,
    /// Events that commands before it have noted.
    before: usize,
}

impl Coming {
    /// A command is about to run.
    #[cold]
    pub(crate) fn begin(store: &mut Store, events: &Events, line: Line<'_>) -> Self {
        let (spec, _, words) = line;
        let before = events.open_count();
        if !spec.flags.has(Flags::WRITE) || !events.wants(EventClass::New) {
            return Self { absent: Vec::new(), before };
        }
        let absent = keys_of(spec, words).filter(|at| !is_there(store, line, *at)).collect();
        Self { absent, before }
    }

    /// It has run: notes what came before all that it has noted itself, and behind it what it missed.
    #[cold]
    pub(crate) fn tell(&self, store: &mut Store, events: &mut Events, line: Line<'_>) {
        let (spec, database, words) = line;
        let come = self.absent.iter().filter(|at| is_there(store, line, **at));
        let new = |at: &usize| KeyEvent { event: "new", database, key: words[*at].to_vec() };
        events.note_behind(self.before, come.map(new));
        let is_read = spec.flags.has(Flags::READONLY) && spec.name != "object";
        if is_read && events.wants(EventClass::KeyMiss) {
            for at in keys_of(spec, words) {
                if !is_there(store, line, at) {
                    events.note(EventClass::KeyMiss, "keymiss", database, words[at]);
                }
            }
        }
    }
}

/// Whether the key at `at` of a command is there; that somebody looked is not counted.
fn is_there(store: &mut Store, (_, database, words): Line<'_>, at: usize) -> bool {
    if words[at].len() > hyperion_model::limits::KEY_BYTES_MAX {
        return false;
    }
    let lookups = store.lookups();
    let key = store.key(database, words[at]);
    let is_there = store.peek(&key).is_some();
    store.set_lookups(lookups);
    is_there
}
