//! Owns what is to be noted of a script once it has had its effect: what it said on channels, what it called, and what it was denied.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use hyperion_engine::Recorded;
use hyperion_engine::acl::Denied;
use hyperion_engine::command::{CommandSpec, Flags, keys_of};
use hyperion_model::DatabaseId;

use super::limits::{
    DENIALS_MAX, ERRORS_MAX, READ_BYTES_MAX, READS_MAX, SHOWN_BYTES_MAX, SPARE_BYTES_MAX,
};
use crate::pubsub::Registry;

/// A command that a script was denied, with its words.
#[derive(Debug)]
pub(crate) struct Denial {
    pub(crate) spec: &'static CommandSpec,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) denied: Denied,
}

/// How often a script has called a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// It did not run.
    pub(crate) rejected: u64,
}

/// Keys that a script has read, for a client that keeps copies.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) keys: BTreeSet<Vec<u8>>,
    bytes: usize,
    /// More than are noted.
    pub(crate) are_too_many: bool,
}

/// A message: channel, text, and whether it is a shard channel.
pub(crate) type Message = (Vec<u8>, Vec<u8>, bool);
/// A call, for who watches.
pub(crate) type Seen = (DatabaseId, &'static CommandSpec, Vec<Vec<u8>>);

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Asides {
    pub(crate) published: RefCell<Vec<Message>>,
    /// Who hears them, for their number.
    pub(crate) listeners: Rc<RefCell<Registry>>,
    pub(crate) denied: RefCell<Vec<Denial>>,
    /// With the index of the command.
    pub(crate) calls: RefCell<Vec<(usize, Tally)>>,
    /// The lines of errors that calls gave.
    pub(crate) errors: RefCell<Vec<String>>,
    /// Somebody watches.
    pub(crate) is_watched: bool,
    pub(crate) seen: RefCell<Vec<Seen>>,
    seen_bytes: Cell<usize>,
    /// Its client keeps copies of what is read.
    pub(crate) is_tracked: bool,
    pub(crate) reads: RefCell<Reads>,
    /// Memory of answers and of texts, for the next script.
    answer: RefCell<Recorded>,
    text: RefCell<Vec<u8>>,
}

impl Asides {
    /// Forgets all: the script begins anew.
    pub(super) fn clear(&self) {
        self.published.borrow_mut().clear();
        self.denied.borrow_mut().clear();
        self.calls.borrow_mut().clear();
        self.errors.borrow_mut().clear();
        self.seen.borrow_mut().clear();
        self.seen_bytes.take();
        self.reads.take();
    }

    /// Memory for the answers of calls and of the script, and for a text that it gives; both are empty.
    pub(super) fn take_spare(&self) -> (Recorded, Vec<u8>) {
        let (mut answer, mut text) = (self.answer.take(), self.text.take());
        answer.clear();
        text.clear();
        (answer, text)
    }

    /// Keeps the memory of an answer that was told.
    pub(crate) fn keep_answer(&self, answer: Recorded) {
        if answer.room() <= SPARE_BYTES_MAX {
            self.answer.replace(answer);
        }
    }

    pub(super) fn keep_text(&self, text: Vec<u8>) {
        if text.capacity() <= SPARE_BYTES_MAX {
            self.text.replace(text);
        }
    }

    pub(super) fn deny(&self, spec: &'static CommandSpec, words: &[&[u8]], denied: Denied) {
        let mut noted = self.denied.borrow_mut();
        if noted.len() < DENIALS_MAX {
            noted.push(Denial { spec, words: owned(words), denied });
        }
    }

    /// A call is about to run.
    pub(super) fn see(&self, database: DatabaseId, spec: &'static CommandSpec, words: &[&[u8]]) {
        let bytes: usize = words.iter().map(|word| word.len()).sum();
        let all = self.seen_bytes.get() + bytes;
        if self.is_watched && all <= SHOWN_BYTES_MAX {
            self.seen_bytes.set(all);
            self.seen.borrow_mut().push((database, spec, owned(words)));
        }
    }

    /// A call runs: what it reads is noted where somebody wants to know.
    pub(super) fn read(&self, spec: &CommandSpec, words: &[&[u8]]) {
        if !self.is_tracked || !spec.flags.has(Flags::READONLY) {
            return;
        }
        let mut reads = self.reads.borrow_mut();
        for at in keys_of(spec, words) {
            if reads.keys.contains(words[at]) {
                continue;
            }
            if reads.keys.len() >= READS_MAX || reads.bytes + words[at].len() > READ_BYTES_MAX {
                reads.are_too_many = true;
                return;
            }
            reads.bytes += words[at].len();
            reads.keys.insert(words[at].to_vec());
        }
    }

    pub(super) fn count(&self, spec: &CommandSpec, count: impl FnOnce(&mut Tally)) {
        let mut calls = self.calls.borrow_mut();
        let index = spec.index();
        if let Some((_, tally)) = calls.iter_mut().find(|(known, _)| *known == index) {
            return count(tally);
        }
        let mut tally = Tally::default();
        count(&mut tally);
        calls.push((index, tally));
    }

    pub(super) fn fail(&self, line: &str) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < ERRORS_MAX {
            errors.push(line.to_owned());
        }
    }

    /// An error that a call gave is the answer of the script: it is counted as that.
    pub(super) fn answered(&self) {
        self.errors.borrow_mut().pop();
    }
}

fn owned(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}
