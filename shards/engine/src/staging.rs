//! Owns the way of long strings into the store: a part a turn, so that no turn has to write all of one.

use crate::command::Flags;
use crate::engine::{Engine, Outcome, Request};
use crate::evict::Fit;
use crate::limits::{STAGED_PART_OF_SEGMENT, STAGED_PATIENCE_MS};
use hyperion_model::ReplyWriter;
use hyperion_store::{Room, StoreError};

/// The commands that set a key to a string that a client sent, and where it stands.
const SETTERS: [(&str, usize); 5] =
    [("set", 2), ("setnx", 2), ("getset", 2), ("setex", 3), ("psetex", 3)];

/// A command whose string is being written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staging {
    client: (u16, u64),
    touched_ms: u64,
}

/// What a command with a long string does now.
pub(crate) enum Step<'a> {
    /// It runs: this string is in the store.
    Run(&'a [u8]),
    /// It runs, as any other.
    Plain,
    /// It does not run now, or is answered.
    Held(Outcome),
}

impl Engine {
    /// Bytes that are staged in one turn, about; commands with less are plain.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.store.segment_bytes() / STAGED_PART_OF_SEGMENT
    }

    /// Writes the next part of a command's long string. One command of a core is served at a time, the others wait.
    pub(crate) fn stage<'a>(
        &mut self,
        request: &Request<'a>,
        bytes: usize,
        reply: &mut dyn ReplyWriter,
    ) -> Step<'a> {
        let setter = SETTERS.iter().find(|(name, _)| *name == request.spec.name);
        let Some(&value) = setter.and_then(|&(_, at)| request.arguments.get(at)) else {
            return Step::Plain;
        };
        if !self.store.is_long(value.len()) {
            return Step::Plain;
        }
        let now_ms = self.store.now_ms();
        let is_mine = self.staging.is_some_and(|staging| staging.client == request.client);
        if self.staging.is_some() && !is_mine {
            return Step::Held(Outcome::Unfinished);
        }
        if !is_mine && request.spec.flags.has(Flags::DENYOOM) {
            match self.make_memory(bytes) {
                Fit::Now => {}
                Fit::Later => return Step::Held(self.no_room(reply)),
                Fit::Never => return Step::Held(self.out_of_memory(reply)),
            }
        }
        let part = self.staged_bytes();
        if self.store.room(part) == Room::Later {
            return Step::Held(self.no_room(reply));
        }
        self.staging = Some(Staging { client: request.client, touched_ms: now_ms });
        match self.store.stage(value, part, !is_mine) {
            Ok(true) => {
                self.staging = None;
                self.store.offer_staged(value);
                Step::Run(value)
            }
            Ok(false) => Step::Held(Outcome::Unfinished),
            Err(StoreError::NoRoom { .. }) => Step::Held(self.no_room(reply)),
            Err(error) => {
                reply.error(&format!("ERR {error}"));
                self.end_staging();
                Step::Held(Outcome::Done { observed: 0 })
            }
        }
    }

    /// Drops the string of a client that does not come back: it has gone.
    pub(crate) fn drop_stale_staging(&mut self) {
        let now_ms = self.store.now_ms();
        if self.staging.is_some_and(|staging| now_ms > staging.touched_ms + STAGED_PATIENCE_MS) {
            self.end_staging();
        }
    }

    fn end_staging(&mut self) {
        self.staging = None;
        self.store.drop_staged();
    }
}
