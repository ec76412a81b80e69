//! Owns one run: clients, crashes and checks of a node, all from one seed.

mod clients;
mod crash;
mod transactions;

use crate::disk::Disk;
use crate::model::{CoreModel, Held};
use crate::node::{Core, Faults, Memory, map};
use crate::random::{Random, mix};
use hyperion_model::{PartitionMap, TransactionId};
use std::collections::{BTreeMap, BTreeSet};

/// When a write is answered, and with it what a crash may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is durable.
    Always,
    /// When it is written; a sync follows soon.
    Interval,
    /// When it is written.
    Never,
}

/// What a run is made with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Syncs report success and do nothing: the checks must find that.
    pub lies_about_sync: bool,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Stands for everything that happened, in order.
    pub trace: u64,
    /// Changes that were made.
    pub changes: u64,
    /// Crashes, of all kinds.
    pub crashes: u64,
    /// Transactions over several cores that were committed.
    pub transactions: u64,
    /// Commands that found no room.
    pub refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Prepared records are on their way to the disk.
    Preparing,
    /// The decision is on its way to the disk at this position.
    Deciding(u64),
    /// Commit records are on their way to the disk.
    Committing,
}

/// Keys, and what they become.
type Writes = Vec<(Vec<u8>, Option<Held>)>;

struct Part {
    core: u16,
    writes: Writes,
    prepared_at: u64,
    committed_at: Option<u64>,
}

struct Transaction {
    phase: Phase,
    parts: Vec<Part>,
    /// The client was told that it is done.
    is_acknowledged: bool,
}

/// One node and its clients.
pub struct World {
    random: Random,
    memory: Memory,
    disk: Disk,
    cores: Vec<Core>,
    models: Vec<CoreModel>,
    map: PartitionMap,
    durability: Durability,
    faults: Faults,
    segments_max: usize,
    transactions: BTreeMap<TransactionId, Transaction>,
    locked: BTreeSet<Vec<u8>>,
    /// Prepared records that are to be dropped.
    aborting: Vec<(u16, TransactionId)>,
    transaction_next: u64,
    starts: u16,
    now_ms: u64,
    report: Report,
}

/// Why a run failed: a sentence, with the seed left to the caller.
pub type Violation = String;

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
    let mut random = Random::new(seed);
    let cores = u16::try_from(2 + random.below(2)).expect("2 or 3");
    let durability = [Durability::Always, Durability::Interval, Durability::Never][random.index(3)];
    let faults =
        Faults { write_parts: [0, 0, 3][random.index(3)], sync_parts: [0, 0, 5][random.index(3)] };
    let mut world = World {
        memory: std::mem::take(memory),
        disk: Disk::new(settings.lies_about_sync),
        cores: Vec::new(),
        models: vec![CoreModel::default(); usize::from(cores)],
        map: map(cores),
        durability,
        faults,
        segments_max: [3, 5, 8][random.index(3)],
        transactions: BTreeMap::new(),
        locked: BTreeSet::new(),
        aborting: Vec::new(),
        transaction_next: 0,
        starts: 0,
        now_ms: 1_000_000,
        report: Report::default(),
        random,
    };
    let result = world.live();
    world.stop();
    *memory = std::mem::take(&mut world.memory);
    result.map(|()| world.report)
}

impl World {
    fn note(&mut self, what: u64) {
        self.report.trace = mix(self.report.trace ^ what).wrapping_add(what);
    }

    fn live(&mut self) -> Result<(), Violation> {
        let lives = 3 + self.random.below(3);
        let everything = vec![0; self.models.len()];
        self.start(&everything)?;
        for _ in 0..lives {
            let mut failed = false;
            for _ in 0..50 + self.random.below(400) {
                failed = self.step()?.is_err();
                if failed {
                    break;
                }
            }
            self.crash(failed)?;
        }
        Ok(())
    }

    fn stop(&mut self) {
        for core in self.cores.drain(..) {
            self.memory.take_back(core);
        }
    }
}
