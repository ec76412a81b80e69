//! Owns one run: clients, cores, mail, crashes and checks of a node, all from one seed.

mod clients;
mod cores;
mod crash;

use crate::direct::CommitWay;
use crate::disk::{DeviceError, Disk, Lies};
use crate::history::{Checker, KeyId, Prefix, ValueId};
use crate::node::{Faults, Files, Memory, map};
use crate::random::{Random, mix};
use crate::replies::Word;
use hyperion_engine::{Durability, Engine, Mail};
use hyperion_model::{DatabaseId, PartitionMap, slot_of};
use std::collections::VecDeque;
use std::fmt;

/// Keys of one database.
const KEYS: usize = 10;
/// Databases that clients use.
const DATABASES: u8 = 2;

/// Steps in which all that was begun must come to its end.
const DRAIN_STEPS: usize = 5_000;

/// What is done wrong on purpose: the checks must find it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing.
    #[default]
    Nothing,
    /// Syncs report success and do nothing.
    LiesAboutSync,
    /// Direct writes complete before their bytes are safe.
    LiesAboutDirectWrites,
    /// Answers leave before what they observed is released.
    ReleasesEarly,
    /// Prepared transactions are not settled at a start.
    SkipsResolve,
    /// Logs that rest on what another one has lost go on at a start.
    SkipsCuts,
    /// Cores sync each for itself.
    SyncsAlone,
}

/// What a run leans to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// As the seed has it.
    #[default]
    Any,
    /// Mail takes so long that crashes find many transactions half way.
    SlowMail,
    /// Two or three segments a core, long values, and errors instead of waiting.
    FullDisk,
    /// Short lives, and starts that are cut short again and again.
    Restless,
}

/// What a run is made with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// What it leans to.
    pub schedule: Schedule,
    /// What is done wrong.
    pub wrong: Wrong,
    /// How `always` commits.
    pub commits: CommitWay,
}

impl Settings {
    /// What the run of a seed leans to: of four seeds one has a schedule of its own, of four three commit by direct writes.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let schedule = match seed % 12 {
            3 => Schedule::SlowMail,
            7 => Schedule::FullDisk,
            11 => Schedule::Restless,
            _ => Schedule::Any,
        };
        let commits = match mix(seed) % 4 {
            0 => CommitWay::Synced,
            1 => CommitWay::Mixed,
            _ => CommitWay::Direct,
        };
        Self { schedule, wrong: Wrong::Nothing, commits }
    }

    /// The same run where every commit is a write and a sync.
    #[must_use]
    pub fn of_seed_synced(seed: u64) -> Self {
        Self { commits: CommitWay::Synced, ..Self::of_seed(seed) }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Stands for everything that happened, in order.
    pub trace: u64,
    /// Commands that were answered.
    pub answers: u64,
    /// Commands over several cores that were answered, refusals too.
    pub spreads: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Crashes, of all kinds.
    pub crashes: u64,
    /// Starts that were cut short.
    pub interrupted: u64,
    /// Prepared transactions that starts settled, by their decision.
    pub committed_late: u64,
    /// Prepared transactions that starts dropped.
    pub aborted_late: u64,
    /// Segments that the cleaner emptied.
    pub cleaned: u64,
    /// Direct writes that a crash found under way.
    pub torn: u64,
    /// Logs that starts cut back because they rested on what another one had lost.
    pub cut_back: u64,
}

impl Report {
    /// Adds another run's figures; the trace depends on the order.
    pub fn add(&mut self, other: &Self) {
        self.trace = self.trace.rotate_left(1) ^ other.trace;
        self.answers += other.answers;
        self.spreads += other.spreads;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.interrupted += other.interrupted;
        self.committed_late += other.committed_late;
        self.aborted_late += other.aborted_late;
        self.cleaned += other.cleaned;
        self.torn += other.torn;
        self.cut_back += other.cut_back;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} answers ({} over several cores, {} refused), {} crashes, {} starts cut short, {} transactions committed \
             and {} dropped by starts, {} segments cleaned, {} direct writes torn, {} logs cut back; trace {:016x}",
            self.answers,
            self.spreads,
            self.refused,
            self.crashes,
            self.interrupted,
            self.committed_late,
            self.aborted_late,
            self.cleaned,
            self.torn,
            self.cut_back,
            self.trace
        )
    }
}

/// Why a run failed: a sentence, with the seed left to the caller.
pub type Violation = String;

/// A command on its way.
struct Command {
    client: usize,
    database: DatabaseId,
    words: Vec<Vec<u8>>,
}

/// What cores bring each other, in order for each pair.
enum Message {
    Engine(Mail),
    Command(Command),
    Reply(usize, Vec<Word>),
}

/// An answer that waits for the log.
struct Ready {
    observed: u64,
    client: usize,
    words: Vec<Word>,
}

/// One core that serves.
struct Core {
    engine: Engine,
    files: Files,
    held: Vec<Command>,
    /// One of them has written a part of a long string.
    is_unfinished: bool,
    ready: Vec<Ready>,
    /// The log's position when its keys were looked at last.
    seen: u64,
}

/// A command that a client waits for.
struct Busy {
    /// Its numbers at the checker; FLUSHDB has one for each core, DBSIZE none.
    numbers: Vec<u64>,
    /// It is about keys of several cores.
    is_spread: bool,
}

struct Client {
    home: usize,
    busy: Option<Busy>,
}

/// A command over several cores since the last start.
struct SpreadWrite {
    keys: Vec<KeyId>,
    /// What MSET and MSETNX set.
    pairs: Vec<(KeyId, ValueId)>,
}

struct World {
    random: Random,
    settings: Settings,
    memory: Memory,
    disk: Disk,
    map: PartitionMap,
    names: Vec<(DatabaseId, Vec<u8>)>,
    cores: Vec<Core>,
    count: u16,
    /// By sender and receiver.
    links: Vec<VecDeque<Message>>,
    clients: Vec<Client>,
    checker: Checker,
    prefixes: Vec<Prefix>,
    spreads: Vec<SpreadWrite>,
    /// Databases that were flushed since the last start: a flush right behind a commit hides it from [`Prefix`].
    flushed: [bool; DATABASES as usize],
    durability: Durability,
    memory_bytes_max: u64,
    faults: Faults,
    segments_max: usize,
    values_made: u64,
    starts: u16,
    now_ms: u64,
    report: Report,
}

/// Runs one seed.
///
/// # Errors
/// What promise was broken.
pub fn run(seed: u64, settings: Settings) -> Result<Report, Violation> {
    run_with(seed, settings, &mut Memory::default())
}

/// As [`run`], with memory that was used before.
///
/// # Errors
/// What promise was broken.
pub fn run_with(seed: u64, settings: Settings, memory: &mut Memory) -> Result<Report, Violation> {
    let mut world = World::new(seed, settings, std::mem::take(memory));
    let result = world.live();
    world.stop();
    *memory = std::mem::take(&mut world.memory);
    result.map(|()| world.report)
}

fn key_name(number: usize) -> Vec<u8> {
    let mut name = format!("key-{number}").into_bytes();
    // One key is longer than a small record takes.
    name.resize(name.len() + if number == 7 { 300 } else { 0 }, b'.');
    name
}

impl World {
    fn new(seed: u64, settings: Settings, memory: Memory) -> Self {
        let mut random = Random::new(seed);
        let count = u16::try_from(2 + random.below(2)).expect("2 or 3");
        let durability =
            [Durability::Always, Durability::Interval, Durability::Never][random.index(3)];
        let faults = Faults {
            write_parts: [0, 0, 2][random.index(3)],
            sync_parts: [0, 0, 3][random.index(3)],
            fills_up: random.chance(500),
        };
        let segments_max = match settings.schedule {
            Schedule::FullDisk => [2, 3][random.index(2)],
            _ => [3, 5, 10, 16][random.index(4)],
        };
        let names: Vec<(DatabaseId, Vec<u8>)> = (0..DATABASES)
            .flat_map(|database| (0..KEYS).map(move |key| (DatabaseId(database), key_name(key))))
            .collect();
        let cores = usize::from(count);
        let clients = 3 + random.index(4);
        let lies = match settings.wrong {
            Wrong::LiesAboutSync => Lies::Syncs,
            Wrong::LiesAboutDirectWrites => Lies::DirectWrites,
            _ => Lies::None,
        };
        Self {
            settings,
            memory,
            disk: Disk::new(lies),
            map: map(count),
            cores: Vec::new(),
            count,
            links: Vec::new(),
            clients: (0..clients)
                .map(|_| Client { home: random.index(cores), busy: None })
                .collect(),
            checker: Checker::new(names.len()),
            prefixes: (0..count).map(|_| Prefix::new(names.len())).collect(),
            names,
            spreads: Vec::new(),
            flushed: [false; DATABASES as usize],
            durability,
            memory_bytes_max: if random.chance(100) { 400 << 10 } else { u64::MAX },
            faults,
            segments_max,
            values_made: 0,
            starts: 0,
            now_ms: 1_000_000,
            report: Report::default(),
            random,
        }
    }

    fn note(&mut self, what: u64) {
        self.report.trace = mix(self.report.trace ^ what).wrapping_add(what);
    }

    fn owner(&self, key: KeyId) -> usize {
        usize::from(self.map.owner(self.map.partition_of(slot_of(&self.names[key].1))).0)
    }

    fn live(&mut self) -> Result<(), Violation> {
        let is_restless = self.settings.schedule == Schedule::Restless;
        let (lives, steps) =
            if is_restless { (12, 300) } else { (3 + self.random.below(3), 3_000) };
        self.start(&vec![0; usize::from(self.count)], true)?;
        for _ in 0..lives {
            let mut failed = false;
            for _ in 0..50 + self.random.below(steps) {
                failed = self.step()?.is_err();
                if failed {
                    break;
                }
            }
            if !failed && self.random.chance(300) {
                failed = self.drain()?;
            }
            self.crash(failed)?;
        }
        Ok(())
    }

    /// One thing happens. `Ok(Err(_))`: the device failed, the node must stop.
    fn step(&mut self) -> Result<Result<(), DeviceError>, Violation> {
        self.now_ms += self.random.below(20);
        let mail = if self.settings.schedule == Schedule::SlowMail { 34 } else { 50 };
        match self.random.below(100) {
            0..30 => self.act()?,
            at if at < mail => self.deliver()?,
            _ => {
                let at = self.random.index(self.cores.len());
                return self.work(at);
            }
        }
        Ok(Ok(()))
    }

    /// Nobody sends any more: every client must be answered in the end, if there is room for it. `true`: the device failed.
    fn drain(&mut self) -> Result<bool, Violation> {
        for _ in 0..DRAIN_STEPS {
            if self.clients.iter().all(|client| client.busy.is_none()) {
                return Ok(false);
            }
            self.now_ms += 1;
            if self.random.chance(400) {
                self.deliver()?;
                continue;
            }
            let at = self.random.index(self.cores.len());
            if self.work(at)?.is_err() {
                return Ok(true);
            }
        }
        let waits = self.cores.iter().any(|core| core.engine.store().segments_wanted() > 0);
        if waits {
            return Ok(false);
        }
        let waiting: Vec<_> = self.checker.pending().collect();
        Err(format!("after {DRAIN_STEPS} steps these wait for their answers: {waiting:?}"))
    }

    fn stop(&mut self) {
        self.links.clear();
        for core in self.cores.drain(..) {
            self.memory.take_back(core.engine.into_store());
        }
    }
}
