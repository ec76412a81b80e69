//! Owns crashes and starts, and what must hold behind them.

use super::cores::{contents, owned};
use super::{Core, DATABASES, Schedule, Violation, World, Wrong};
use crate::history::{Held, State, unexpired};
use crate::node::Opened;
use crate::random::mix;
use hyperion_engine::{Durability, Eviction, Settings};
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, DatabaseId, TransactionId};
use hyperion_store::{BatchPlace, Ending, ScanCursor, cuts};

/// How far a start came.
enum Start {
    Whole(Vec<Opened>),
    CutShort(Vec<Opened>),
}

impl World {
    /// The process is killed or the power cut, and the node starts again.
    pub(super) fn crash(&mut self, device_failed: bool) -> Result<(), Violation> {
        self.report.crashes += 1;
        let cleaned = |core: &Core| core.engine.store().cleaner_figures().segments;
        self.report.cleaned += self.cores.iter().map(cleaned).sum::<u64>();
        // After a failed sync the system may drop what it had taken: no better than a power cut.
        let loses_power = device_failed || self.random.chance(600);
        let safe_position = |core: &Core| {
            let store = core.engine.store();
            if loses_power { store.durable_position() } else { store.written_position() }
        };
        let safe: Vec<u64> = self.cores.iter().map(safe_position).collect();
        for Core { engine, files, .. } in &mut self.cores {
            if files.direct.is_under_way() {
                self.report.torn += 1;
                files.tear_direct(engine, &mut self.disk, &mut self.random);
            }
        }
        self.stop();
        if loses_power {
            self.disk.cut_power(&mut self.random);
        }
        self.note(loses_power.into());
        let keeps_answers = !loses_power || self.durability == Durability::Always;
        self.start(&safe, keeps_answers).map_err(|violation| {
            let how = if loses_power { "a power cut" } else { "a kill" };
            format!("after {how}, durability {:?}: {violation}", self.durability)
        })
    }

    /// Opens every core and checks what is there. `safe` is the position on each core that must have stayed; `keeps_answers` tells
    /// whether all that was answered must have.
    pub(super) fn start(&mut self, safe: &[u64], keeps_answers: bool) -> Result<(), Violation> {
        let mut left = None;
        let interrupted_parts =
            if self.settings.schedule == Schedule::Restless { 600 } else { 200 };
        let opened = loop {
            let stage =
                if self.random.chance(interrupted_parts) { 1 + self.random.below(4) } else { 0 };
            match self.try_start(stage, safe, &mut left)? {
                Start::Whole(opened) => break opened,
                Start::CutShort(opened) => {
                    self.report.interrupted += 1;
                    opened.into_iter().for_each(|core| self.memory.take_back(core.store));
                    if self.random.chance(500) {
                        self.disk.cut_power(&mut self.random);
                    }
                }
            }
        };
        self.serve(opened);
        let found: Vec<State> =
            (0..self.cores.len()).map(|at| self.read_core(at)).collect::<Result<_, _>>()?;
        let mut whole = vec![None; self.names.len()];
        for state in found {
            state.iter().zip(&mut whole).for_each(|(&held, place)| *place = place.or(held));
        }
        let left = left.expect("a whole start has read its logs");
        if keeps_answers {
            self.checker.settle(&whole, self.now_ms)?;
        } else {
            self.check_cut(&left, &whole)?;
            self.checker.reset(&whole);
        }
        self.prefixes_reset(&whole);
        self.spreads.clear();
        self.flushed.fill(false);
        self.clients.iter_mut().for_each(|client| client.busy = None);
        Ok(())
    }

    fn prefixes_reset(&mut self, whole: &State) {
        for at in 0..self.cores.len() {
            let owned = owned(&self.names, &self.map, at);
            let mut state = vec![None; whole.len()];
            owned.into_iter().for_each(|key| state[key] = whole[key]);
            self.prefixes[at].reset(state);
        }
    }

    /// One try to start; it ends at `stage`, or with all cores open when that is 0. `left` becomes what the logs held.
    fn try_start(
        &mut self,
        stage: u64,
        safe: &[u64],
        left: &mut Option<State>,
    ) -> Result<Start, Violation> {
        self.starts += 1;
        self.disk.sync_all();
        let mut opened =
            (0..self.count).map(|number| self.open(number)).collect::<Result<Vec<_>, _>>()?;
        let lsn_seen = opened.iter().map(|core| core.recovered.lsn_next).max().unwrap_or(1);
        if self.settings.wrong != Wrong::SkipsCuts
            && let Some(stopped) = self.cut_back(&mut opened, stage)?
        {
            return Ok(stopped);
        }
        opened.iter_mut().for_each(|core| core.write_dropped(&mut self.disk));
        if stage == 1 {
            return Ok(Start::CutShort(opened));
        }
        let lsns = opened.iter().map(|core| core.recovered.lsn_next);
        let lsn = lsns.chain([lsn_seen]).max().unwrap_or(1);
        for core in &mut opened {
            core.resume(lsn, self.now_ms, &mut self.disk, &mut self.memory);
        }
        if left.is_none() {
            *left = Some(self.check_prefixes(&mut opened, safe)?);
        }
        if stage == 2 {
            return Ok(Start::CutShort(opened));
        }
        let decided: Set<TransactionId> =
            opened.iter().flat_map(|core| core.recovered.decided.iter().copied()).collect();
        if self.settings.wrong != Wrong::SkipsResolve {
            for core in &mut opened {
                let committed = core
                    .recovered
                    .unresolved
                    .iter()
                    .filter(|unresolved| decided.contains(&unresolved.id))
                    .count();
                self.report.committed_late += committed as u64;
                self.report.aborted_late += (core.recovered.unresolved.len() - committed) as u64;
                core.resolve(&decided, &mut self.disk, &mut self.memory)
                    .map_err(|error| error.to_string())?;
            }
        }
        for core in &mut opened {
            let appends_max = if stage == 3 { self.random.index(3) } else { usize::MAX };
            if stage == 4 && self.random.chance(500) {
                continue;
            }
            core.write_out(&mut self.disk, appends_max);
            if stage != 3 {
                core.sync(&mut self.disk);
            }
        }
        Ok(if stage == 0 { Start::Whole(opened) } else { Start::CutShort(opened) })
    }

    fn open(&mut self, number: u16) -> Result<Opened, Violation> {
        let entropy = self.random.number();
        Opened::read(number, &self.map, &self.disk, &mut self.memory, entropy)
            .map_err(|damage| format!("core {number}: {damage}"))
    }

    /// Ends the logs that rest on what another one has lost; gives a start that is cut short meanwhile.
    fn cut_back(
        &mut self,
        opened: &mut Vec<Opened>,
        stage: u64,
    ) -> Result<Option<Start>, Violation> {
        let found: Vec<&Ending> = opened.iter().map(|core| &core.recovered.ending).collect();
        let cuts = cuts(&found);
        for (number, cut) in (0..).zip(&cuts) {
            let Some(cut) = cut else { continue };
            self.report.cut_back += 1;
            let offset = usize::try_from(cut.offset).expect("an offset in a segment");
            self.disk.write((number, cut.segment), offset, &BatchPlace::VOID);
            if stage == 1 && self.random.chance(500) {
                return Ok(Some(Start::CutShort(std::mem::take(opened))));
            }
        }
        self.disk.sync_all();
        for (number, _) in (0..).zip(&cuts).filter(|(_, cut)| cut.is_some()) {
            let again = self.open(number)?;
            let before = std::mem::replace(&mut opened[usize::from(number)], again);
            self.memory.take_back(before.store);
        }
        Ok(None)
    }

    /// Each log must be a prefix of what its core did. Gives what all of them hold.
    fn check_prefixes(&mut self, opened: &mut [Opened], safe: &[u64]) -> Result<State, Violation> {
        let mut left = vec![None; self.names.len()];
        for (at, core) in opened.iter_mut().enumerate() {
            let owned = owned(&self.names, &self.map, at);
            let state = contents(&mut core.store, &self.names, &owned, &mut self.checker.values);
            self.prefixes[at]
                .settle(&state, safe[at], self.now_ms)
                .map_err(|violation| format!("core {at}: {violation}"))?;
            state.iter().zip(&mut left).for_each(|(&held, place)| *place = place.or(held));
            self.note(core.recovered.records);
        }
        Ok(left)
    }

    fn serve(&mut self, opened: Vec<Opened>) {
        let settings = Settings {
            reads: hyperion_engine::Reads::Lease,
            durability: self.durability,
            memory_bytes_max: self.memory_bytes_max,
            tight_bytes: None,
            eviction: Eviction::None,
            value_bytes_max: 100_000,
            thresholds: hyperion_engine::Thresholds::default(),
        };
        for core in opened {
            let random = self.random.number();
            let (mut engine, mut files) =
                core.serve(&self.map, settings.clone(), self.starts, random, self.settings.commits);
            files.syncs_alone = self.settings.wrong == Wrong::SyncsAlone;
            engine.begin_turn(self.now_ms);
            let seen = engine.store().appended_position();
            self.cores.push(Core {
                engine,
                files,
                held: Vec::new(),
                is_unfinished: false,
                ready: Vec::new(),
                seen,
            });
        }
        self.links = (0..self.cores.len() * self.cores.len())
            .map(|_| std::collections::VecDeque::new())
            .collect();
    }

    /// Reads a core that has just started; nothing but the run's keys may be there.
    fn read_core(&mut self, at: usize) -> Result<State, Violation> {
        let owned = owned(&self.names, &self.map, at);
        let store = self.cores[at].engine.store_mut();
        let state = contents(store, &self.names, &owned, &mut self.checker.values);
        for database in 0..DATABASES {
            let mut names = Vec::new();
            let mut partitions =
                self.map.owned_by(CoreId(u16::try_from(at).expect("2 or 3"))).peekable();
            let first = partitions.peek().copied().ok_or("a core owns nothing")?;
            let last = partitions.last().unwrap_or(first);
            let mut cursor = ScanCursor::at_partition(first);
            loop {
                cursor =
                    store.scan(DatabaseId(database), cursor, 64, |name| names.push(name.to_vec()));
                if cursor.0 == 0 || cursor.partition() > last {
                    break;
                }
            }
            let known = owned
                .iter()
                .filter(|&&key| self.names[key].0.0 == database && state[key].is_some())
                .count();
            if names.len() != known {
                return Err(format!(
                    "core {at} scans {} keys of database {database}, {known} are there",
                    names.len()
                ));
            }
        }
        self.cores[at].seen = self.cores[at].engine.store().appended_position();
        for held in state.iter().flatten() {
            self.note(mix(u64::from(held.value) ^ held.expiry_ms.unwrap_or(0)));
        }
        Ok(state)
    }

    /// After a power cut that may take answers: between what the logs held (`left`) and what is there now (`found`) lie only decided
    /// transactions, and each of them is whole or absent.
    fn check_cut(&self, left: &State, found: &State) -> Result<(), Violation> {
        for (key, (&left, &found)) in left.iter().zip(found).enumerate() {
            let is_explained = self.spreads.iter().any(|spread| spread.keys.contains(&key));
            if unexpired(left, self.now_ms) != found && !is_explained {
                return Err(format!("key {key} changed from {left:?} to {found:?} at the start"));
            }
        }
        let was_flushed = |key: usize| self.flushed[usize::from(self.names[key].0.0)];
        for spread in self.spreads.iter().filter(|spread| !was_flushed(spread.keys[0])) {
            let has = |&(key, value): &(usize, u32)| {
                let held = Held { value, expiry_ms: None };
                let (surely, possibly) = self.prefixes[self.owner(key)].keeps(key, held);
                let is_there = found[key] == Some(held);
                (is_there || surely, is_there || possibly)
            };
            let surely = spread.pairs.iter().filter(|&pair| has(pair).0).count();
            let possibly = spread.pairs.iter().filter(|&pair| has(pair).1).count();
            if surely > 0 && possibly < spread.pairs.len() {
                return Err(format!(
                    "of MSET {:?} {surely} to {possibly} keys were left",
                    spread.pairs
                ));
            }
        }
        Ok(())
    }
}
