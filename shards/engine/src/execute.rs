//! Owns how a command that belongs here runs: what it waits for, what surrounds it, and what is refused.

use crate::command::{self, Blocking, CommandError, Context, Flags, Part, Run, Sought};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::events::Coming;
use crate::evict::Fit;
use crate::limits::ENTRY_BYTES_MAX;
use crate::replication::Around;
use crate::request::{Outcome, Request};
use crate::route::Route;
use crate::spanning::STUCK;
use crate::staging::Step;
use hyperion_model::{DatabaseId, PartitionId, ReplyWriter, TransactionId, slot_of};
use hyperion_store::{Key, Room, StoreError};

/// Bytes of values in an answer above which it is told in parts.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Working space above this size is given back after the command.
const SCRATCH_KEEP_BYTES: usize = 1 << 20;

impl Engine {
    /// Asks the memory for the place of a key in `slot`, and gives what [`Engine::prefetch_record`] needs once it is there.
    /// `None`: the key is another core's.
    #[inline]
    pub fn prefetch_bucket<'a>(
        &self,
        database: DatabaseId,
        key: &'a [u8],
        slot: u16,
    ) -> Option<Key<'a>> {
        let key = self.own_key(database, key, slot)?;
        self.store.prefetch_bucket(&key);
        Some(key)
    }

    /// Asks the memory for the record of a key whose place was asked for before.
    #[inline]
    pub fn prefetch_record(&self, key: &Key<'_>) {
        self.store.prefetch_record(key);
    }

    /// Whether asking ahead for entries of collections pays.
    #[inline]
    #[must_use]
    pub fn has_large_collections(&self) -> bool {
        self.store.has_large_objects()
    }

    /// The key of this core in `slot`; `None`: it is another core's.
    #[inline]
    #[must_use]
    pub fn own_key<'a>(&self, database: DatabaseId, key: &'a [u8], slot: u16) -> Option<Key<'a>> {
        let is_own = self.map.owner(self.map.partition_of(slot)) == self.core;
        is_own.then(|| self.store.key_in_slot(database, key, slot))
    }

    /// Asks the memory for entries of large collections that commands look for which run soon.
    #[inline]
    pub fn prefetch_entries<'a>(
        &self,
        database: DatabaseId,
        sought: impl Iterator<Item = Sought<'a>>,
    ) {
        let key_of = |key, slot| self.own_key(database, key, slot);
        command::prefetch_entries(&self.store, key_of, sought);
    }

    /// Runs a command whose route is [`Route::Here`].
    pub fn execute(&mut self, request: &Request<'_>, reply: &mut dyn ReplyWriter) -> Outcome {
        let spec = request.spec;
        if let Some(serving) = &self.serving
            && let Some(Route::Elsewhere { slot }) = self.route_to_node(serving, request)
        {
            return Outcome::Elsewhere { slot };
        }
        if !self.locks.is_empty() && self.touches_locked(request) {
            if self.is_stuck(request) {
                reply.error(STUCK);
                return Outcome::Done { observed: 0 };
            }
            return Outcome::Locked;
        }
        if !self.sliced.is_empty() && self.waits_for_slices(request) {
            return Outcome::Locked;
        }
        let (mut staged, mut is_staged) = (Vec::new(), false);
        if spec.flags.has(Flags::WRITE) {
            if self.staging.is_some() && self.waits_for_staging(request) {
                return Outcome::Unfinished;
            }
            let mut bytes: usize =
                request.arguments.iter().map(|argument| argument.len() + RECORD_SLACK_BYTES).sum();
            if bytes > ENTRY_BYTES_MAX && spec.flags.has(Flags::DENYOOM) && self.is_replicated() {
                let length: usize = request.arguments.iter().map(|argument| argument.len()).sum();
                if length > ENTRY_BYTES_MAX {
                    reply.error(&format!(
                        "ERR a command of {length} bytes does not fit an entry of the replicated log, which takes {ENTRY_BYTES_MAX}; write the value in parts, a string with APPEND or SETRANGE"
                    ));
                    return Outcome::Done { observed: 0 };
                }
            }
            if bytes > self.staged_bytes() || spec.flags.has(Flags::WRITES_MORE) {
                match self.stage(request, bytes, reply) {
                    Step::Plain => {}
                    Step::Held(outcome) => return outcome,
                    Step::Run(texts) => (staged, is_staged) = (texts, true),
                }
                bytes -= staged.iter().map(|text| text.value.len()).sum::<usize>();
            }
            // What is staged had memory made for all of it before its first part, and this core's share may be another by now.
            if spec.flags.has(Flags::DENYOOM) && !is_staged {
                match self.make_memory(bytes) {
                    Fit::Now => {}
                    Fit::Later => return self.no_room(reply),
                    Fit::Never => return self.out_of_memory(bytes, reply),
                }
            }
            // What takes no memory may use the last of it: it lets other things go.
            self.store.may_use_reserve(!spec.flags.has(Flags::DENYOOM));
            if self.store.room(bytes) == Room::Later {
                self.store.may_use_reserve(false);
                return self.no_room(reply);
            }
        }
        let around = self.begin_around(request, self.slot_of_request(request));
        if let Around::Refused(outcome) = around {
            self.store.may_use_reserve(false);
            return outcome;
        }
        self.store.begin_observing();
        self.store.offer_staged(&staged);
        let answer_bytes_max = if matches!(spec.run, Run::Keys { .. }) && self.may_slice(request) {
            ANSWER_BYTES_MAX
        } else {
            usize::MAX
        };
        // What a write looks up is no read.
        let lookups = self.store.lookups();
        let appended = self.store.appended_position();
        let coming = self.is_watched.then(|| {
            let line = (request.spec, request.database, request.arguments);
            Coming::begin(&mut self.store, &self.events, line)
        });
        let result = match spec.run {
            Run::Key(handler) | Run::Keys { local: handler, .. } => {
                let transaction = if matches!(spec.run, Run::Keys { .. }) {
                    self.fresh_transaction()
                } else {
                    TransactionId(0)
                };
                let random = self.draw();
                let mut context = self.context(request.database, reply, transaction, random);
                context.slot = request.slot;
                context.answer_bytes_max = answer_bytes_max;
                context.blocking = request.blocking;
                handler(&mut context, request.arguments)
            }
            Run::Scan => {
                let own_core_only = request.own_core_only;
                let mut context = self.context(request.database, reply, TransactionId(0), 0);
                command::scan_part(&mut context, request.arguments, own_core_only)
            }
            Run::Every(gather) => {
                let result = self.part(gather, request.database, request.arguments);
                let random = self.draw();
                result.map(|part| command::merge(gather, vec![part], random, reply))
            }
            Run::Front(_) => {
                reply.error("ERR the command belongs to the connection");
                Ok(())
            }
        };
        if spec.flags.has(Flags::WRITE) || matches!(result, Err(CommandError::TooMuch)) {
            self.store.set_lookups(lookups);
        }
        let mut hides = false;
        let ended = match around {
            Around::Entry(group) => {
                let has_entry = if result.is_err() {
                    self.store.drop_entry();
                    Ok(false)
                } else {
                    match self.end_around(group) {
                        // On a full disk reads go on: what they met that had expired is hidden alone.
                        Err(StoreError::NoRoom { .. })
                            if !spec.writes() && self.store.is_full() =>
                        {
                            hides = true;
                            Ok(false)
                        }
                        ended => ended,
                    }
                };
                // Without an entry no majority confirms what the answer tells: DEL of a key that is not there is a read.
                has_entry.map(|has_entry| has_entry || self.confirms_read(group))
            }
            Around::Nothing | Around::Refused(_) => Ok(true),
        };
        self.store.may_use_reserve(false);
        self.store.read_applied(false);
        if is_staged {
            self.end_staging();
        }
        if self.scratch.capacity() > SCRATCH_KEEP_BYTES {
            self.scratch = Vec::new();
        }
        if let Some(coming) = coming {
            let has_entry = matches!(around, Around::Entry(_));
            if matches!(ended, Ok(true)) && result.is_ok() && !hides {
                self.end_watched(request, &coming, appended);
            } else {
                self.drop_watched(has_entry);
            }
        }
        if !matches!(ended, Ok(true)) {
            // Its answer is there already, and is taken back by who sees this.
            return Outcome::NoRoom;
        }
        match result {
            Ok(()) => {}
            Err(CommandError::TooMuch) => return Outcome::Sliced,
            Err(CommandError::AtFront) => return Outcome::Front,
            Err(CommandError::Blocks(wait)) => return Outcome::Blocks(wait),
            Err(CommandError::Store(StoreError::NoRoom { .. })) => return self.no_room(reply),
            Err(error) => reply.error(&error.to_string()),
        }
        Outcome::Done { observed: self.store.observed_position() }
    }

    /// The line of DEBUG OBJECT about a key of this core; `None` when it has none of that name.
    pub fn debug_object(&mut self, database: DatabaseId, key: &[u8]) -> Option<String> {
        let partition = self.map.partition_of(slot_of(key));
        if self.map.owner(partition) != self.core {
            return None;
        }
        command::debug_line(&mut self.store, database, key, &self.settings.thresholds)
    }

    pub(crate) fn context<'a>(
        &'a mut self,
        database: DatabaseId,
        reply: &'a mut dyn ReplyWriter,
        transaction: TransactionId,
        random: u64,
    ) -> Context<'a> {
        Context {
            store: &mut self.store,
            database,
            reply,
            scratch: &mut self.scratch,
            value_bytes_max: self.settings.value_bytes_max,
            thresholds: self.settings.thresholds,
            random,
            transaction,
            slot: None,
            answer_bytes_max: usize::MAX,
            blocking: Blocking::Never,
            events: &mut self.events,
        }
    }

    /// This core's part of a command that all cores answer. What it changes is told.
    pub(crate) fn part(
        &mut self,
        gather: command::Gather,
        database: DatabaseId,
        arguments: &[&[u8]],
    ) -> Result<Part, CommandError> {
        let part = self.part_untold(gather, database, arguments, &[])?;
        if part == Part::Kept {
            self.changes.note_all(self.store.appended_position());
        }
        Ok(part)
    }

    /// As [`Engine::part`]; who has asked all cores tells what it has changed.
    pub(crate) fn part_untold(
        &mut self,
        gather: command::Gather,
        database: DatabaseId,
        arguments: &[&[u8]],
        led: &[PartitionId],
    ) -> Result<Part, CommandError> {
        command::check(gather, arguments)?;
        if gather == command::Gather::Flush && self.replication.is_some() {
            let is_all = arguments[0].eq_ignore_ascii_case(b"flushall");
            self.flush_groups((!is_all).then_some(database), led)?;
            return Ok(Part::Done);
        }
        let random = self.draw();
        let part = command::part(gather, &mut self.store, database, arguments, random)?;
        let is_kept = gather == command::Gather::Flush && self.changes.notes_commands();
        Ok(if is_kept { Part::Kept } else { part })
    }

    fn touches_locked(&self, request: &Request<'_>) -> bool {
        match request.spec.run {
            Run::Key(_) | Run::Keys { .. } => {
                command::keys_of(request.spec, request.arguments)
                    .any(|at| self.locks.holds(request.database, request.arguments[at]))
                    || self.target_is_locked(request)
            }
            Run::Every(gather) => gather == command::Gather::Flush,
            _ => false,
        }
    }

    /// COPY and MOVE may be about a key of another database.
    fn target_is_locked(&self, request: &Request<'_>) -> bool {
        if request.spec.name == "move" {
            return command::move_target(request.arguments)
                .is_ok_and(|target| self.locks.holds(target, request.arguments[1]));
        }
        let is_copy = matches!(request.spec.run, Run::Keys { spread: command::Spread::Copy, .. });
        is_copy
            && command::copy_options(request.arguments, request.database)
                .is_ok_and(|(target, _)| self.locks.holds(target, request.arguments[2]))
    }

    pub(crate) fn out_of_memory(&self, bytes: usize, reply: &mut dyn ReplyWriter) -> Outcome {
        reply.error(&self.why_no_memory(bytes).to_string());
        Outcome::Done { observed: 0 }
    }

    pub(crate) fn no_room(&self, reply: &mut dyn ReplyWriter) -> Outcome {
        let Some(refusal) = self.room_refusal() else { return Outcome::NoRoom };
        reply.error(&refusal);
        Outcome::Done { observed: 0 }
    }

    /// Why what found no room is refused, if no segment can be made; else it waits.
    pub(crate) fn room_refusal(&self) -> Option<String> {
        let refusal = |why| format!("MISCONF {why}, reads go on");
        self.no_segments.as_ref().map(refusal)
    }
}
