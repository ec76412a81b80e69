//! Owns what clients do, one step at a time.

use super::{Durability, Violation, World};
use crate::disk::DeviceError;
use crate::model::{Change, Held, unexpired};
use crate::random::mix;
use hyperion_model::{DatabaseId, slot_of};
use hyperion_store::{Room, StoreError};

const KEYS: u64 = 40;

impl World {
    /// One thing happens: a command, or a piece of work on the disk. `Ok(Err(_))`: the device failed, the node must stop.
    pub(super) fn step(&mut self) -> Result<Result<(), DeviceError>, Violation> {
        self.now_ms += self.random.below(50);
        for core in &mut self.cores {
            core.store.set_now(self.now_ms);
        }
        match self.random.below(100) {
            0..=39 => self.put()?,
            40..=49 => self.delete()?,
            50 if self.random.chance(300) => self.flush()?,
            50..=59 => self.read()?,
            60..=64 => self.begin_transaction()?,
            65..=74 => self.advance_transactions()?,
            75 => drop(self.cores.iter_mut().map(|core| core.store.sweep(64)).count()),
            _ => {
                let at = self.random.index(self.cores.len());
                let core = &mut self.cores[at];
                core.supply(self.segments_max, &mut self.disk, &mut self.memory);
                let may_sync = self.durability != Durability::Never
                    || core.store.wants_sync()
                    || !self.transactions.is_empty();
                return Ok(core.step(&mut self.disk, &mut self.random, self.faults, may_sync));
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn owner(&self, key: &[u8]) -> usize {
        usize::from(self.map.owner(self.map.partition_of(slot_of(key))).0)
    }

    pub(super) fn any_key(&mut self) -> Vec<u8> {
        let number = self.random.below(KEYS);
        let mut key = format!("key-{number}").into_bytes();
        // Some keys are longer than a small record takes.
        key.resize(key.len() + if number == 7 { 300 } else { 0 }, b'.');
        key
    }

    pub(super) fn any_value(&mut self, length_max: u64) -> Vec<u8> {
        let seed = self.random.number();
        let length = 8 + self.random.below(length_max);
        (0..length / 8 + 1).flat_map(|word| mix(seed ^ word).to_le_bytes()).collect()
    }

    fn put(&mut self) -> Result<(), Violation> {
        let key = self.any_key();
        let length_max = [100, 100, 100, 600, 600, 4_000, 30_000][self.random.index(7)];
        let value = self.any_value(length_max);
        let expiry = self.random.chance(150).then(|| self.now_ms + self.random.below(3_000));
        if self.locked.contains(&key) {
            return Ok(());
        }
        let at = self.owner(&key);
        let store = &mut self.cores[at].store;
        let bytes = value.len() + value.len() / 50 + key.len() + 64;
        let result = if store.room(bytes) == Room::Later {
            Err(StoreError::NoRoom { bytes })
        } else {
            store.put(&store.key(DatabaseId(0), &key), &[&value], expiry)
        };
        self.made(at, result, Change::Write(vec![(key, Some((value, expiry)))]))
    }

    fn delete(&mut self) -> Result<(), Violation> {
        let key = self.any_key();
        if self.locked.contains(&key) {
            return Ok(());
        }
        let at = self.owner(&key);
        let store = &mut self.cores[at].store;
        let result = store.delete(&store.key(DatabaseId(0), &key)).map(|_| ());
        self.made(at, result, Change::Write(vec![(key, None)]))
    }

    fn flush(&mut self) -> Result<(), Violation> {
        let at = self.random.index(self.cores.len());
        let database = if self.random.chance(500) { Some(DatabaseId(0)) } else { None };
        let result = self.cores[at].store.flush(database);
        self.made(at, result, Change::Flush)
    }

    /// Notes a change that was made, or that there was no room for it.
    pub(super) fn made(
        &mut self,
        at: usize,
        result: Result<(), StoreError>,
        change: Change,
    ) -> Result<(), Violation> {
        let position = self.cores[at].store.appended_position();
        self.note(position);
        match result {
            Ok(()) => {
                self.models[at].push(position, None, change);
                self.report.changes += 1;
                Ok(())
            }
            Err(StoreError::NoRoom { .. }) => {
                self.report.refused += 1;
                self.cores[at].supply(self.segments_max, &mut self.disk, &mut self.memory);
                Ok(())
            }
            Err(error) => Err(format!("core {at}: {error}")),
        }
    }

    fn read(&mut self) -> Result<(), Violation> {
        let key = self.any_key();
        let at = self.owner(&key);
        let found: Option<Held> = self.cores[at].get(&key);
        let expected = unexpired(self.models[at].now(), self.now_ms).remove(&key);
        self.note(found.is_some().into());
        if found == expected {
            return Ok(());
        }
        let length = |held: Option<Held>| held.map(|(value, expiry)| (value.len(), expiry));
        Err(format!(
            "core {at}: key {} reads {:?}, should be {:?} (bytes, expiry)",
            key.escape_ascii(),
            length(found),
            length(expected)
        ))
    }
}
