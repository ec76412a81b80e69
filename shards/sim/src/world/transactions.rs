//! Owns transactions over several cores: prepare, decide, commit, settle, each step when the one before is durable.

use super::{Part, Phase, Transaction, Violation, World, Writes};
use crate::model::Change;
use hyperion_model::{CoreId, DatabaseId, TransactionId};
use hyperion_store::{StoreError, Write};
use std::collections::BTreeMap;

fn failed(error: StoreError) -> Result<(), Violation> {
    match error {
        StoreError::NoRoom { .. } => Ok(()),
        StoreError::TooLarge { .. } => Err(format!("transaction: {error}")),
    }
}

impl World {
    /// Writes the prepared records of a new transaction on every core that it concerns.
    pub(super) fn begin_transaction(&mut self) -> Result<(), Violation> {
        let mut by_core: BTreeMap<usize, Writes> = BTreeMap::new();
        for _ in 0..2 + self.random.below(4) {
            let key = self.any_key();
            let at = self.owner(&key);
            let writes = by_core.entry(at).or_default();
            if self.locked.contains(&key) || writes.iter().any(|(other, _)| *other == key) {
                continue;
            }
            // The first write of each core is a value, so that its taking effect can be seen.
            let goes = !writes.is_empty() && self.random.chance(300);
            let length_max = if self.random.chance(100) { 20_000 } else { 300 };
            let value = self.any_value(length_max);
            by_core.entry(at).or_default().push((key, (!goes).then_some((value, None))));
        }
        by_core.retain(|_, writes| !writes.is_empty());
        if by_core.len() < 2 {
            return Ok(());
        }
        let coordinator = u16::try_from(self.random.index(self.cores.len())).expect("2 or 3");
        self.transaction_next += 1;
        let id = TransactionId::new(self.starts, CoreId(coordinator), self.transaction_next);
        let mut parts: Vec<Part> = Vec::new();
        for (at, writes) in by_core {
            let borrowed: Vec<Write<'_>> = writes
                .iter()
                .map(|(key, held)| Write {
                    database: DatabaseId(0),
                    key,
                    value: held.as_ref().map(|(value, _)| &value[..]),
                    expiry_ms: None,
                })
                .collect();
            let result = self.cores[at].store.prepare(id, &borrowed);
            let core = u16::try_from(at).expect("2 or 3");
            if let Err(error) = result {
                failed(error)?;
                self.cores[at].supply(self.segments_max, &mut self.disk, &mut self.memory);
                self.aborting.extend(parts.iter().map(|part| (part.core, id)));
                for part in &parts {
                    part.writes.iter().for_each(|(key, _)| drop(self.locked.take(key)));
                }
                return Ok(());
            }
            let prepared_at = self.cores[at].store.appended_position();
            self.locked.extend(writes.iter().map(|(key, _)| key.clone()));
            self.note(prepared_at);
            parts.push(Part { core, writes, prepared_at, committed_at: None });
        }
        let phase = Phase::Preparing;
        self.transactions.insert(id, Transaction { phase, parts, is_acknowledged: false });
        Ok(())
    }

    /// Takes every transaction as far as it may go now.
    pub(super) fn advance_transactions(&mut self) -> Result<(), Violation> {
        for (at, id) in std::mem::take(&mut self.aborting) {
            if let Err(error) = self.cores[usize::from(at)].store.abort_prepared(id) {
                failed(error)?;
                self.aborting.push((at, id));
            }
        }
        let ids: Vec<TransactionId> = self.transactions.keys().copied().collect();
        for id in ids {
            let mut transaction = self.transactions.remove(&id).expect("it was listed");
            if !self.advance(id, &mut transaction)? {
                self.transactions.insert(id, transaction);
            }
        }
        Ok(())
    }

    fn is_durable(&self, core: u16, position: u64) -> bool {
        position <= self.cores[usize::from(core)].store.durable_position()
    }

    /// One step of a transaction; true when it is settled.
    fn advance(
        &mut self,
        id: TransactionId,
        transaction: &mut Transaction,
    ) -> Result<bool, Violation> {
        let coordinator = id.coordinator().0;
        let parts = &mut transaction.parts;
        match transaction.phase {
            Phase::Preparing => {
                if parts.iter().all(|part| self.is_durable(part.core, part.prepared_at)) {
                    let store = &mut self.cores[usize::from(coordinator)].store;
                    match store.decide(id) {
                        Ok(()) => transaction.phase = Phase::Deciding(store.appended_position()),
                        Err(error) => failed(error)?,
                    }
                }
            }
            Phase::Deciding(position) => {
                if self.is_durable(coordinator, position) {
                    transaction.phase = Phase::Committing;
                    transaction.is_acknowledged = true;
                    self.report.transactions += 1;
                }
            }
            Phase::Committing => {
                for part in parts.iter_mut().filter(|part| part.committed_at.is_none()) {
                    let at = usize::from(part.core);
                    if let Err(error) = self.cores[at].store.commit_prepared(id) {
                        failed(error)?;
                        continue;
                    }
                    let position = self.cores[at].store.appended_position();
                    part.committed_at = Some(position);
                    part.writes.iter().for_each(|(key, _)| drop(self.locked.take(key)));
                    let change = Change::Write(part.writes.clone());
                    self.models[at].push(position, Some(id), change);
                    self.note(position);
                }
                let is_settled = parts
                    .iter()
                    .all(|part| part.committed_at.is_some_and(|at| self.is_durable(part.core, at)));
                if is_settled {
                    self.cores[usize::from(coordinator)].store.settled(id);
                }
                return Ok(is_settled);
            }
        }
        Ok(false)
    }
}
