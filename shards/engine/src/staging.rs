//! Owns the way of long strings into the store: a part a turn, so that no turn has to write all of one command.

use crate::command::{Flags, Run, Spread, copy_options, keys_of, staged_growth};
use crate::engine::Engine;
use crate::evict::Fit;
use crate::limits::{STAGED_PART_OF_SEGMENT, STAGED_PATIENCE_MS, STAGED_VALUE_BYTES_MIN};
use crate::request::{Outcome, Request};
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, ReplyWriter};
use hyperion_store::{Found, Room, StagedAt, StagedText, StoreError};

/// A command whose strings are being written.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    client: (u16, u64),
    touched_ms: u64,
    /// The key whose string stays as it is until then.
    key: Option<(DatabaseId, Vec<u8>)>,
}

/// What a command with long strings does now.
pub(crate) enum Step<'a> {
    /// It runs: these strings are in the store.
    Run(Vec<StagedText<'a>>),
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

    /// Writes the next part of a command's long strings; `bytes` is what it brings. One command of a core is served at a time, the others
    /// wait.
    pub(crate) fn stage<'a>(
        &mut self,
        request: &Request<'a>,
        bytes: usize,
        reply: &mut dyn ReplyWriter,
    ) -> Step<'a> {
        let lookups = self.store.lookups();
        let copied = self.copied(request);
        let texts = if copied.is_some() { None } else { self.staged_texts(request) };
        self.store.set_lookups(lookups);
        let now_ms = self.store.now_ms();
        let is_mine = self.staging.as_ref().is_some_and(|staging| staging.client == request.client);
        let more = copied.map(|found| self.store.value(&found).len());
        let Some((texts, more)) = more.map(|more| (Vec::new(), more)).or(texts) else {
            // What was staged for it is not wanted any more.
            if is_mine {
                self.end_staging();
            }
            return Step::Plain;
        };
        if self.staging.is_some() && !is_mine {
            return Step::Held(Outcome::Unfinished);
        }
        if !is_mine && request.spec.flags.has(Flags::DENYOOM) {
            match self.make_memory(bytes + more) {
                Fit::Now => {}
                Fit::Later => return Step::Held(self.no_room(reply)),
                Fit::Never => return Step::Held(self.out_of_memory(bytes + more, reply)),
            }
        }
        let part = self.staged_bytes();
        if self.store.room(part) == Room::Later {
            return Step::Held(self.no_room(reply));
        }
        let changed = texts.iter().find(|text| text.at != StagedAt::Whole);
        let key = changed.map(|text| text.key.bytes).or(copied.map(|_| request.arguments[1]));
        let key = key.map(|key| (request.database, key.to_vec()));
        self.staging = Some(Staging { client: request.client, touched_ms: now_ms, key });
        let staged = match &copied {
            Some(found) => self.store.stage_copy(found, part, !is_mine),
            None => self.store.stage(&texts, part, !is_mine),
        };
        self.store.offer_copy();
        self.store.set_lookups(lookups);
        match staged {
            Ok(true) => Step::Run(texts),
            Ok(false) => Step::Held(Outcome::Unfinished),
            Err(StoreError::NoRoom { .. }) => Step::Held(self.no_room(reply)),
            Err(error) => {
                reply.error(&format!("ERR {error}"));
                self.end_staging();
                Step::Held(Outcome::Done { observed: 0 })
            }
        }
    }

    /// The long string that a command gives to another key; none where it will be refused, or where what other replicas get is whole.
    fn copied(&mut self, request: &Request<'_>) -> Option<Found> {
        let &[_, from, to, ..] = request.arguments else { return None };
        let Run::Keys { spread, .. } = request.spec.run else { return None };
        let (database, replaces) = match spread {
            Spread::Rename => (request.database, true),
            Spread::RenameNx => (request.database, false),
            Spread::Copy => copy_options(request.arguments, request.database).ok()?,
            _ => return None,
        };
        let is_key = |key: &[u8]| key.len() <= KEY_BYTES_MAX;
        let is_same = database == request.database && from == to;
        if self.replication.is_some() || !is_key(from) || !is_key(to) || is_same {
            return None;
        }
        let (from, to) = (self.store.key(request.database, from), self.store.key(database, to));
        if !replaces && self.store.peek(&to).is_some() {
            return None;
        }
        let found = self.store.peek(&from)?;
        let is_long = self.store.is_long(self.store.value(&found).len());
        (is_long && self.store.handle(&found).is_some()).then_some(found)
    }

    /// The strings of a command that are written ahead, and zeros that belong to them; none where all it writes is little, or where it will
    /// be refused.
    fn staged_texts<'a>(&mut self, request: &Request<'a>) -> Option<(Vec<StagedText<'a>>, usize)> {
        let arguments = request.arguments;
        let text = |key: usize, at, value: usize| {
            let key = *arguments.get(key).filter(|key| key.len() <= KEY_BYTES_MAX)?;
            let key = self.store.key(request.database, key);
            Some(StagedText { key, at, value: arguments.get(value)? })
        };
        match request.spec.name {
            "set" | "setnx" | "getset" | "setex" | "psetex" => {
                let value = if request.spec.name.ends_with("ex") { 3 } else { 2 };
                let text = text(1, StagedAt::Whole, value)?;
                self.store.is_long(text.value.len()).then(|| (vec![text], 0))
            }
            "mset" | "msetnx" => {
                let is_pairs = !arguments.len().is_multiple_of(2);
                let values = arguments.iter().skip(2).step_by(2);
                let bytes: usize = values.map(|value| value.len()).sum();
                if !is_pairs || !self.store.is_long(bytes) {
                    return None;
                }
                let long = |&value: &usize| arguments[value].len() >= STAGED_VALUE_BYTES_MIN;
                let values = (2..arguments.len()).step_by(2).filter(long);
                let texts = values.map(|value| text(value - 1, StagedAt::Whole, value));
                let texts = texts.collect::<Option<Vec<_>>>()?;
                (!texts.is_empty()).then_some((texts, 0))
            }
            // What other replicas get is whole.
            "append" | "setrange" if self.replication.is_some() => None,
            "append" => {
                let text = text(1, StagedAt::End, 2)?;
                self.fits_value(&text, 0)
            }
            "setrange" => {
                let offset = usize::try_from(parse_integer(arguments.get(2)?)?).ok()?;
                let text = text(1, StagedAt::Offset(offset), 3)?;
                self.fits_value(&text, offset)
            }
            "setbit" | "bitfield" if self.replication.is_none() => {
                let (offset, value) = staged_growth(arguments)?;
                let key = *arguments.get(1).filter(|key| key.len() <= KEY_BYTES_MAX)?;
                let key = self.store.key(request.database, key);
                let text = StagedText { key, at: StagedAt::Offset(offset), value };
                self.fits_value(&text, offset)
            }
            _ => None,
        }
    }

    /// A text for a string that may be there: its zeros come out of where it ends.
    fn fits_value<'a>(
        &mut self,
        text: &StagedText<'a>,
        offset: usize,
    ) -> Option<(Vec<StagedText<'a>>, usize)> {
        let value_bytes = text.value.len();
        if value_bytes == 0 || !self.store.is_long(offset.saturating_add(value_bytes)) {
            return None;
        }
        let found = self.store.peek(&text.key);
        let before = found.map_or(0, |found| self.store.value(&found).len());
        let begin = if text.at == StagedAt::End { before } else { offset };
        let end = begin.checked_add(value_bytes)?;
        let zeros = offset.saturating_sub(before);
        let is_allowed = end as u64 <= self.settings().value_bytes_max;
        let is_staged = is_allowed && self.store.is_long(zeros + value_bytes);
        is_staged.then(|| (vec![*text], zeros))
    }

    /// Whether a command writes to the key of a string that another client's command is about to change.
    pub(crate) fn waits_for_staging(&self, request: &Request<'_>) -> bool {
        let Some(Staging { client, key: Some((database, key)), .. }) = &self.staging else {
            return false;
        };
        *client != request.client
            && *database == request.database
            && keys_of(request.spec, request.arguments).any(|at| request.arguments[at] == &key[..])
    }

    /// Drops the strings of a client that does not come back: it has gone.
    pub(crate) fn drop_stale_staging(&mut self) {
        let now_ms = self.store.now_ms();
        // In the future, where the clock was set back: as if it had just been touched.
        if let Some(staging) = &mut self.staging {
            staging.touched_ms = staging.touched_ms.min(now_ms);
        }
        let is_stale = |staging: &Staging| now_ms > staging.touched_ms + STAGED_PATIENCE_MS;
        if self.staging.as_ref().is_some_and(is_stale) {
            self.end_staging();
        }
    }

    /// The command has run, or never will: what it did not take goes.
    pub(crate) fn end_staging(&mut self) {
        self.staging = None;
        self.store.drop_staged();
    }
}
