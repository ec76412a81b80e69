//! Owns the machine of one core: what it is made of, its turn, and what it leaves to be done.

use crate::blocking::Blocked;
use crate::effect::{Effect, Mail};
use crate::epochs::Epochs;
use crate::events::{Changes, Events};
use crate::evict::Memory;
use crate::field_sweep::FieldSweep;
use crate::lock::Locks;
use crate::replication::Replication;
use crate::serving::Serving;
use crate::settings::{Durability, Settings};
use crate::slices::Sliced;
use crate::spanning::Spanning;
use crate::staging::Staging;
use crate::transaction::{Coordinator, Waiting};
use crate::work::{ReadyWork, Scratch, Undo, Units};
use hyperion_model::{CoreId, PartitionId, PartitionMap, TransactionId};
use hyperion_store::{Append, Store, StoreError};
use std::collections::{BTreeSet, VecDeque};

/// Bytes that a record may take beside its key and value, roundly.
pub(crate) const RECORD_SLACK_BYTES: usize = 64;

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
    pub(crate) settings: Settings,
    pub(crate) effects: Vec<Effect>,
    pub(crate) spanning: Spanning,
    start: u16,
    transactions_begun: u64,
    random: u64,
    pub(crate) scratch: Vec<u8>,
    pub(crate) memory: Memory,
    pub(crate) no_segments: Option<String>,
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
    /// Syncs of all cores together.
    pub(crate) epochs: Epochs,
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
            epochs: Epochs::default(),
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
        self.reads_changed();
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
        self.clean_until(|| false)
    }

    /// As [`Engine::clean`], and the slice ends early when `is_enough`.
    pub fn clean_until(&mut self, is_enough: impl FnMut() -> bool) -> bool {
        !self.slices_hold_cleaner()
            && self.store.wants_cleaning()
            && self.store.clean_until(is_enough)
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

    /// A segment has come: what found no room is tried again.
    pub fn room_came(&mut self) {
        self.retry_parked();
        self.retry_decisions();
        self.retry_units();
        self.settle();
    }

    /// Whether a lock was let go since the last call: commands that were [`crate::Outcome::Locked`] may run now.
    pub fn take_unlocked(&mut self) -> bool {
        self.locks.take_released()
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
