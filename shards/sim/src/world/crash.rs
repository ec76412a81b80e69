//! Owns crashes, and what must hold at the start behind them.

use super::{Durability, Phase, Violation, World};
use crate::node::Core;
use crate::random::mix;
use hyperion_model::TransactionId;
use std::collections::BTreeSet;

impl World {
    /// The process is killed or the power cut, and the node starts again.
    pub(super) fn crash(&mut self, device_failed: bool) -> Result<(), Violation> {
        self.report.crashes += 1;
        // After a failed sync the system may drop what it had taken: no better than a power cut.
        let loses_power = device_failed || self.random.chance(600);
        let safe: Vec<u64> = self
            .cores
            .iter()
            .map(|core| {
                let released = match self.durability {
                    Durability::Always => core.store.durable_position(),
                    Durability::Interval | Durability::Never => core.store.written_position(),
                };
                if loses_power {
                    released.min(core.store.durable_position())
                } else {
                    core.store.written_position()
                }
            })
            .collect();
        self.stop();
        if loses_power {
            self.disk.cut_power(&mut self.random);
        }
        self.note(loses_power.into());
        self.start(&safe).map_err(|violation| {
            let how = if loses_power { "a power cut" } else { "a kill" };
            format!("after {how}, durability {:?}: {violation}", self.durability)
        })
    }

    /// Opens every core and checks it against its model; `safe` is the position on each core that must be there.
    pub(super) fn start(&mut self, safe: &[u64]) -> Result<(), Violation> {
        self.starts += 1;
        self.disk.sync_all();
        let count = u16::try_from(self.models.len()).expect("2 or 3");
        for number in 0..count {
            let entropy = self.random.number();
            let (disk, memory) = (&mut self.disk, &mut self.memory);
            let core = Core::open(number, count, disk, memory, entropy, self.now_ms)
                .map_err(|damage| format!("core {number}: {damage}"))?;
            self.cores.push(core);
        }
        let lsn = self.cores.iter().map(|core| core.recovered.lsn_next).max().unwrap_or(1);
        let mut left = Vec::new();
        for (at, &safe_position) in safe.iter().enumerate() {
            let core = &mut self.cores[at];
            core.store.resume(lsn);
            core.supply(self.segments_max, &mut self.disk, &mut self.memory);
            let found = core.contents();
            let records = core.recovered.records;
            for (key, (value, _)) in &found {
                let parts =
                    key.iter().chain(value).fold(0, |sum, &byte| mix(sum ^ u64::from(byte)));
                self.note(parts);
            }
            self.note(records);
            let kept = self.models[at]
                .settle(&found, safe_position, self.now_ms)
                .map_err(|violation| format!("core {at}: {violation}"))?;
            left.push(kept.into_iter().collect::<BTreeSet<TransactionId>>());
        }
        self.settle_transactions(&left)
    }

    /// Every transaction is whole or absent, and whole if its client knows of it; what waits for a word gets it.
    fn settle_transactions(&mut self, left: &[BTreeSet<TransactionId>]) -> Result<(), Violation> {
        self.aborting.clear();
        self.locked.clear();
        for (id, mut transaction) in std::mem::take(&mut self.transactions) {
            let coordinator = usize::from(id.coordinator().0);
            let is_decided = self.cores[coordinator].recovered.decided.contains(&id);
            let mut applied = 0;
            for part in &mut transaction.parts {
                let at = usize::from(part.core);
                if part.committed_at.is_some_and(|position| position > 0) {
                    part.committed_at = left[at].contains(&id).then_some(0);
                }
                let waits = self.cores[at].recovered.unresolved.iter().any(|other| other.id == id);
                applied += usize::from(part.committed_at.is_some());
                if is_decided && !waits && part.committed_at.is_none() {
                    return Err(format!("{id:?} is decided, but core {at} knows nothing of it"));
                }
            }
            let parts = transaction.parts.len();
            if !is_decided && (applied > 0 && applied < parts || transaction.is_acknowledged) {
                let is_known = transaction.is_acknowledged;
                return Err(format!(
                    "{id:?} is not decided, took effect on {applied} of {parts} cores, acknowledged: {is_known}"
                ));
            }
            if is_decided {
                transaction.phase = Phase::Committing;
                for part in transaction.parts.iter().filter(|part| part.committed_at.is_none()) {
                    self.locked.extend(part.writes.iter().map(|(key, _)| key.clone()));
                }
                self.transactions.insert(id, transaction);
            }
        }
        for at in 0..self.cores.len() {
            let recovered = self.cores[at].recovered.clone();
            for id in recovered.decided.iter().filter(|id| !self.transactions.contains_key(id)) {
                self.cores[at].store.settled(*id);
            }
            for unresolved in recovered.unresolved {
                if !self.transactions.contains_key(&unresolved.id) {
                    let core = u16::try_from(at).expect("2 or 3");
                    self.aborting.push((core, unresolved.id));
                }
            }
        }
        // Locks are held until the decided ones have taken effect; the others go on their way as there is room.
        self.advance_transactions()
    }
}
