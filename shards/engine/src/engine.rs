//! Owns the machine of one core: where a command belongs, when it may run, and what it leaves to be done.

use crate::blocking::Blocked;
use crate::command::{self, Blocking, CommandError, CommandSpec, Context, Flags, Part, Run, Wait};
use crate::effect::{Effect, Mail};
use crate::events::{Changes, Events};
use crate::evict::{Fit, Memory};
use crate::field_sweep::FieldSweep;
use crate::lock::Locks;
use crate::replication::{Around, Replication};
use crate::route::Route;
use crate::serving::Serving;
use crate::settings::{Durability, Settings};
use crate::slices::Sliced;
use crate::spanning::{STUCK, Spanning};
use crate::staging::{Staging, Step};
use crate::transaction::{Coordinator, Waiting};
use crate::work::{ReadyWork, Scratch, Undo, Units};
use hyperion_model::{
    CoreId, DatabaseId, PartitionId, PartitionMap, ReplyWriter, TransactionId, slot_of,
};
use hyperion_store::{Append, Key, Room, Store, StoreError, SyncTicket};
use std::collections::{BTreeSet, VecDeque};

/// Bytes that a record may take beside its key and value, roundly.
pub(crate) const RECORD_SLACK_BYTES: usize = 64;

/// Bytes of values in an answer above which it is told in parts.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Working space above this size is given back after the command.
const SCRATCH_KEEP_BYTES: usize = 1 << 20;

/// A command with what it needs to know of its client.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The command.
    pub spec: &'static CommandSpec,
    /// The client's database.
    pub database: DatabaseId,
    /// Name and arguments; their number is right.
    pub arguments: &'a [&'a [u8]],
    /// The client came in by this core's own address: it means this core's part of the keys.
    pub own_core_only: bool,
    /// Names the client among all of the node, by its core and its connection there: a command that is [`Outcome::Unfinished`] is
    /// known by it.
    pub client: (u16, u64),
    /// The slot of the key, where [`crate::key_slot`] was asked before.
    pub slot: Option<u16>,
    /// It reads, and its client takes what a replica says.
    pub from_replica: bool,
    /// Whether it may wait for what others write.
    pub blocking: Blocking,
}

/// What became of a command that was to run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered. The answer may leave once the log has released this position.
    Done {
        /// What the answer observed.
        observed: u64,
    },
    /// A key is locked: nothing happened, try again when [`Engine::take_unlocked`] says so.
    Locked,
    /// There is no room in the log: nothing happened, try again when a segment has come.
    NoRoom,
    /// A part of a long string was written, or another's is: try again in the next turn.
    Unfinished,
    /// The answer is too long for one turn: nothing happened, it is for [`Engine::begin_slices`].
    Sliced,
    /// It is for the front, which knows the node: nothing happened.
    Front,
    /// It found nothing and waits: nothing happened, it is for [`Engine::park`].
    Blocks(Wait),
    /// This node does not serve the slot any more: nothing happened.
    Elsewhere {
        /// The slot.
        slot: u16,
    },
}

/// One core's machine.
pub struct Engine {
    pub(crate) core: CoreId,
    pub(crate) map: PartitionMap,
    pub(crate) store: Store,
    pub(crate) locks: Locks,
    pub(crate) coordinator: Coordinator,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) own_mail: VecDeque<Mail>,
    /// Steps that found no room in the log.
    pub(crate) parked: VecDeque<(CoreId, Mail)>,
    /// Flushes that wait until no key is locked.
    pub(crate) flushes: VecDeque<(CoreId, Mail)>,
    settings: Settings,
    pub(crate) effects: Vec<Effect>,
    pub(crate) spanning: Spanning,
    start: u16,
    transactions_begun: u64,
    random: u64,
    scratch: Vec<u8>,
    pub(crate) memory: Memory,
    no_segments: Option<String>,
    /// Commands that are worked in slices; the first one is under way.
    pub(crate) sliced: VecDeque<Sliced>,
    /// The command whose long string is being written.
    pub(crate) staging: Option<Staging>,
    /// Who serves which partition, where there are several nodes.
    pub(crate) serving: Option<Serving>,
    /// Partitions without a copy on this node.
    pub(crate) elsewhere: BTreeSet<PartitionId>,
    /// The partitions as Raft groups.
    pub(crate) replication: Option<Box<Replication>>,
    /// Commands that wait for keys.
    pub(crate) blocked: Blocked,
    /// What happened to keys, for those who listen; commands are watched for them.
    pub(crate) events: Events,
    pub(crate) changes: Changes,
    pub(crate) is_watched: bool,
    /// Commands that run as one, on their way.
    pub(crate) units: Units,
    /// Work on copies that may run.
    pub(crate) ready_work: ReadyWork,
    /// Where commands run on copies.
    pub(crate) bench: Scratch,
    /// What the work that runs on the store itself has changed.
    pub(crate) undo: Undo,
    /// Where the walk for fields that expired stands.
    pub(crate) field_sweep: FieldSweep,
}

impl Engine {
    /// A machine around a store that has been recovered. `start` differs from start to start; `random` seeds what commands draw.
    #[must_use]
    pub fn new(
        core: CoreId,
        map: PartitionMap,
        store: Store,
        settings: Settings,
        start: u16,
        random: u64,
    ) -> Self {
        let mut engine = Self {
            core,
            map,
            store,
            locks: Locks::default(),
            coordinator: Coordinator::default(),
            waiting: Vec::new(),
            own_mail: VecDeque::new(),
            parked: VecDeque::new(),
            flushes: VecDeque::new(),
            settings,
            effects: Vec::new(),
            spanning: Spanning::default(),
            start,
            transactions_begun: 0,
            random,
            scratch: Vec::new(),
            memory: Memory::default(),
            no_segments: None,
            sliced: VecDeque::new(),
            staging: None,
            serving: None,
            elsewhere: BTreeSet::new(),
            replication: None,
            blocked: Blocked::default(),
            events: Events::default(),
            changes: Changes::default(),
            is_watched: false,
            units: Units::default(),
            ready_work: ReadyWork::default(),
            bench: Scratch::default(),
            undo: Undo::default(),
            field_sweep: FieldSweep::default(),
        };
        engine.settings_came();
        engine
    }

    /// Which core this is.
    #[must_use]
    pub fn core(&self) -> CoreId {
        self.core
    }

    /// Which core owns which partition.
    #[must_use]
    pub fn map(&self) -> &PartitionMap {
        &self.map
    }

    /// The store, to be looked at.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, for the one who writes its files and resumes it.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Ends the machine and gives its store back.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings. What has been written stays as durable as it was promised.
    pub fn apply(&mut self, settings: Settings) {
        self.settings = settings;
        self.settings_came();
    }

    /// Tells that no segment can be made (a sentence), or that it can again.
    pub fn set_no_segments(&mut self, why: Option<String>) {
        self.store.set_full(why.is_some());
        self.no_segments = why;
    }

    // ---- the turn

    /// Begins a turn at `now_ms`, Unix ms.
    pub fn begin_turn(&mut self, now_ms: u64) {
        self.store.set_now(now_ms);
        self.store.set_memory(self.memory_bytes());
        self.begin_evictions();
        self.drop_stale_staging();
    }

    /// Lets the cleaner work for a slice, if it has something to do. `true`: it goes on in the next turn.
    pub fn clean(&mut self) -> bool {
        !self.slices_hold_cleaner() && self.store.wants_cleaning() && self.store.clean()
    }

    /// Brings a bounded part of what was changed and rests back to the log alone. To be called every tick.
    pub fn cool(&mut self) {
        if !self.slices_hold_cleaner() {
            self.store.cool();
        }
    }

    /// Ends a turn: gives what is to be written.
    pub fn end_turn(&mut self, appends: &mut Vec<Append>) {
        self.store.take_appends(appends);
    }

    /// Whether records were appended since the last [`Engine::end_turn`].
    #[must_use]
    pub fn has_open_batch(&self) -> bool {
        self.store.has_open_batch()
    }

    /// Whether nothing waits for the log or for other cores.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
            && self.parked.is_empty()
            && self.flushes.is_empty()
            && self.coordinator.is_idle()
            && !self.is_slicing()
            && self.spanning.is_idle()
            && self.units.is_idle()
    }

    /// Moves the work that was asked for into `effects`.
    pub fn take_effects(&mut self, effects: &mut Vec<Effect>) {
        effects.append(&mut self.effects);
    }

    /// The log's position up to which answers may leave.
    #[must_use]
    #[inline]
    pub fn released_position(&self) -> u64 {
        if let Some(committed) = self.committed_position() {
            return committed;
        }
        match self.settings.durability {
            Durability::Always => self.store.durable_position(),
            Durability::Interval | Durability::Never => self.store.written_position(),
        }
    }

    /// These bytes are in their file.
    pub fn written(&mut self, append: &Append) {
        self.store.mark_written(append);
    }

    /// Every file of the ticket was synced.
    pub fn synced(&mut self, ticket: &SyncTicket) {
        self.store.finish_sync(ticket);
    }

    /// A segment has come: what found no room is tried again.
    pub fn room_came(&mut self) {
        self.retry_parked();
        self.retry_decisions();
        self.retry_units();
        self.settle();
    }

    /// Whether a lock was let go since the last call: commands that were [`Outcome::Locked`] may run now.
    pub fn take_unlocked(&mut self) -> bool {
        self.locks.take_released()
    }

    // ---- commands

    /// Asks the memory for the place of a key in `slot`, and gives what [`Engine::prefetch_record`] needs once it is there.
    /// `None`: the key is another core's.
    #[inline]
    pub fn prefetch_bucket<'a>(
        &self,
        database: DatabaseId,
        key: &'a [u8],
        slot: u16,
    ) -> Option<Key<'a>> {
        if self.map.owner(self.map.partition_of(slot)) != self.core {
            return None;
        }
        let key = self.store.key_in_slot(database, key, slot);
        self.store.prefetch_bucket(&key);
        Some(key)
    }

    /// Asks the memory for the record of a key whose place was asked for before.
    #[inline]
    pub fn prefetch_record(&self, key: &Key<'_>) {
        self.store.prefetch_record(key);
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
            if bytes > self.staged_bytes() || spec.flags.has(Flags::WRITES_MORE) {
                match self.stage(request, bytes, reply) {
                    Step::Plain => {}
                    Step::Held(outcome) => return outcome,
                    Step::Run(texts) => (staged, is_staged) = (texts, true),
                }
                bytes -= staged.iter().map(|text| text.value.len()).sum::<usize>();
            }
            if spec.flags.has(Flags::DENYOOM) {
                match self.make_memory(bytes) {
                    Fit::Now => {}
                    Fit::Later => return self.no_room(reply),
                    Fit::Never => return self.out_of_memory(reply),
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
        let absent = if self.is_watched { self.begin_watched(request) } else { Vec::new() };
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
        let ended = match around {
            Around::Entry(group) => {
                let has_entry = if result.is_err() {
                    self.store.drop_entry();
                    Ok(false)
                } else {
                    self.end_around(group)
                };
                // Without an entry no majority confirms what the answer tells: DEL of a key that is not there is a read.
                has_entry.map(|has_entry| has_entry || self.has_lease(group))
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
        if self.is_watched {
            let has_entry = matches!(around, Around::Entry(_));
            if matches!(ended, Ok(true)) && result.is_ok() {
                self.end_watched(request, &absent, appended);
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

    /// This core's part of a command that all cores answer.
    pub(crate) fn part(
        &mut self,
        gather: command::Gather,
        database: DatabaseId,
        arguments: &[&[u8]],
    ) -> Result<Part, CommandError> {
        command::check(gather, arguments)?;
        if gather == command::Gather::Flush && self.replication.is_some() {
            let is_all = arguments[0].eq_ignore_ascii_case(b"flushall");
            self.flush_groups((!is_all).then_some(database))?;
            return Ok(Part::Done);
        }
        let random = self.draw();
        let part = command::part(gather, &mut self.store, database, arguments, random)?;
        if gather == command::Gather::Flush && self.changes.notes_commands() {
            self.changes.note_all(self.store.appended_position());
        }
        Ok(part)
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

    #[expect(clippy::unused_self, reason = "as the other refusals")]
    pub(crate) fn out_of_memory(&self, reply: &mut dyn ReplyWriter) -> Outcome {
        reply.error(&CommandError::OutOfMemory.to_string());
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

    pub(crate) fn fresh_transaction(&mut self) -> TransactionId {
        self.transactions_begun += 1;
        TransactionId::new(self.start, self.core, self.transactions_begun)
    }

    pub(crate) fn start(&self) -> u16 {
        self.start
    }

    pub(crate) fn draw(&mut self) -> u64 {
        // splitmix64, from the seed that came in at the start.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    // ---- after a start

    /// Settles transactions that recovery found prepared: `is_decided` tells what their coordinators' logs say.
    ///
    /// # Errors
    /// When there is no room for the records of it.
    pub fn resolve(
        store: &mut Store,
        unresolved: &[hyperion_store::Unresolved],
        is_decided: impl Fn(TransactionId) -> bool,
    ) -> Result<(), StoreError> {
        unresolved.iter().try_for_each(|unresolved| {
            if is_decided(unresolved.id) {
                store.commit_prepared(unresolved.id)
            } else {
                store.abort_prepared(unresolved.id)
            }
        })
    }
}
