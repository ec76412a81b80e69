//! Owns a store with two groups and the model of each, and crashes that leave any prefix of what was written.

use super::model::{Model, OBJECT, State, carry_out};
use crate::object::Amendment;
use crate::replicated::{join_chunks, read_chunks};
use crate::tests::disk::{Disk, SEGMENT_BYTES, World};
use crate::{
    Change, ChangeKind, Found, GroupState, PartitionCursor, RecoveredGroup, Room, Store,
    StoreError, Value, ValueType, encode_changes,
};
use hyperion_model::{DatabaseId, GroupId, PartitionId, PartitionMap, slot_of};

pub(super) const KEYS: u8 = 12;

/// What was there when so many bytes were written.
#[derive(Clone)]
struct Snapshot {
    bytes: usize,
    models: Vec<Model>,
}

pub(super) struct Groups {
    pub(super) world: World,
    /// Of the partitions 0 and 1.
    pub(super) models: Vec<Model>,
    history: Vec<Snapshot>,
    segments: u64,
    entropy: u64,
}

pub(super) fn group(at: usize) -> GroupId {
    GroupId(u32::try_from(at).expect("small") + 1)
}

/// The `number`th key of a partition.
pub(super) fn key_of(partition: u16, number: u8) -> Vec<u8> {
    let map = PartitionMap::spread(4, 1);
    let names = (0..).map(|at: u32| format!("key {number} {at}").into_bytes());
    names
        .into_iter()
        .find(|name| map.partition_of(slot_of(name)) == PartitionId(partition))
        .expect("some name lies there")
}

pub(super) fn put<'a>(key: &'a [u8], value: &'a [u8]) -> Change<'a> {
    Change {
        kind: ChangeKind::Put,
        database: DatabaseId(0),
        key,
        value,
        expiry_ms: None,
        attributes: None,
    }
}

pub(super) fn delete(key: &[u8]) -> Change<'_> {
    Change { kind: ChangeKind::Delete, ..put(key, b"") }
}

pub(super) fn payload(changes: &[Change<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_changes(changes, &mut out);
    out
}

/// All that is applied in a partition.
pub(super) fn applied_state(store: &Store, partition: u16) -> State {
    let (mut state, mut cursor) = (State::new(), PartitionCursor::default());
    loop {
        let mut out = Vec::new();
        let next = store.partition_scan(PartitionId(partition), cursor, 200, &mut out);
        carry_out(&out, &mut state);
        match next {
            Some(next) => cursor = next,
            None => return state,
        }
    }
}

/// A value as the model has it.
pub(super) fn value_of(store: &Store, found: &Found) -> Vec<u8> {
    let (value, value_type) = (store.value(found), store.value_type(found));
    if matches!(value, Value::Pieces(_)) && value_type != ValueType::STRING {
        let chunks = join_chunks(value_type.0, value.pieces());
        assert_eq!(value.len(), value.pieces().map(<[u8]>::len).sum::<usize>());
        return [OBJECT, &chunks].concat();
    }
    let mut bytes = Vec::new();
    value.copy_range(0, usize::MAX, &mut bytes);
    bytes
}

impl Groups {
    pub(super) fn new(segments: u64) -> Self {
        let world = World::new();
        let models = vec![Model::default(), Model::default()];
        let mut groups = Self { world, models, history: Vec::new(), segments, entropy: 2 };
        for at in 0..2 {
            let state =
                GroupState { term: 1, vote: 1, voters: vec![7; 5], ..GroupState::default() };
            groups.world.retry(|store| store.set_group_state(group(at), &state));
        }
        groups.limit();
        groups.note();
        groups
    }

    /// Memory for the segments, besides the index, and a cleaner that finds everything worth it.
    pub(super) fn limit(&mut self) {
        let beside = self.world.store.bytes_beside();
        self.world.store.set_memory(beside + self.segments * SEGMENT_BYTES as u64);
        self.world.store.clean_eagerly();
        self.world.store.set_amending(true);
    }

    /// Writes, and keeps what the models are now.
    pub(super) fn note(&mut self) {
        self.world.write();
        let bytes = self.world.disk.written_bytes();
        self.history.push(Snapshot { bytes, models: self.models.clone() });
    }

    // ---- what happens to a group

    /// Appends as a follower does, at any index behind what is applied.
    pub(super) fn append(&mut self, at: usize, index: u64, changes: &[Change<'_>]) {
        let term = self.models[at].term_of(self.models[at].last()).max(1)
            + u64::from(index <= self.models[at].last());
        let bytes = payload(changes);
        self.world.retry(|store| store.append_entry(group(at), term, index, 0, &bytes));
        if index <= self.models[at].last() {
            // The cut may be written, and the entry not.
            self.models[at].cut(index);
            self.world.write();
            let bytes = self.world.disk.written_bytes();
            self.history.push(Snapshot { bytes, models: self.models.clone() });
        }
        self.models[at].entries.push((term, bytes));
        self.note();
    }

    /// Makes the changes as a leader's command does.
    pub(super) fn build(&mut self, at: usize, changes: &[Change<'_>]) {
        self.build_by(at, |store| {
            changes.iter().try_for_each(|change| {
                let key = |store: &Store| store.key(change.database, change.key);
                match change.kind {
                    ChangeKind::Put => {
                        let key = key(store);
                        store.put(&key, &[change.value], change.expiry_ms)
                    }
                    ChangeKind::Delete => {
                        let key = key(store);
                        store.delete(&key).map(|_| ())
                    }
                    ChangeKind::Object => {
                        let (value_type, chunks) = read_chunks(change.value).expect("it is whole");
                        let bytes = change.value.len() + 64 * chunks.len() + 1_000;
                        if store.room(bytes) == Room::Later {
                            return Err(StoreError::NoRoom { bytes });
                        }
                        let key = key(store);
                        store.put_object(&key, ValueType(value_type), &chunks, change.expiry_ms)
                    }
                    ChangeKind::Amend => {
                        let amendment = Amendment::read(change.value).expect("it is whole");
                        let found = store.find(&key(store)).expect("who amends has found it");
                        store.change(&found, &amendment.edits, &amendment.inserts())
                    }
                    ChangeKind::Flush => store.flush(Some(change.database)),
                    ChangeKind::FlushAll => store.flush(None),
                    _ => unreachable!("commands make others elsewhere"),
                }
            })
        });
    }

    /// An entry with what `make` changes.
    pub(super) fn build_by(
        &mut self,
        at: usize,
        mut make: impl FnMut(&mut Store) -> Result<(), StoreError>,
    ) {
        let (term, index) =
            (self.models[at].term_of(self.models[at].last()).max(1), self.models[at].last() + 1);
        let built = self.world.retry(|store| {
            store.begin_entry(group(at), term, index);
            if let Err(error) = make(store) {
                // The command is tried again, from its start.
                store.drop_entry();
                return Err(error);
            }
            store.end_entry()
        });
        if let Some(bytes) = built {
            self.models[at].entries.push((term, bytes));
        }
        self.note();
    }

    pub(super) fn apply(&mut self, at: usize, index: u64) {
        self.world.retry(|store| store.apply(group(at), index));
        self.models[at].applied = index;
        self.note();
    }

    pub(super) fn cut(&mut self, at: usize, from: u64) {
        self.world.retry(|store| store.cut(group(at), from));
        if from <= self.models[at].last() {
            self.models[at].cut(from);
        }
        self.note();
    }

    pub(super) fn install_begin(&mut self, at: usize) {
        self.world.retry(|store| store.install_begin(group(at)));
        self.models[at] = Model { is_installing: true, ..Model::default() };
        self.note();
    }

    pub(super) fn install_chunk(&mut self, at: usize, changes: &[Change<'_>]) {
        let bytes = payload(changes);
        self.world.retry(|store| store.install_chunk(group(at), &bytes));
        carry_out(&bytes, &mut self.models[at].base_state);
        // A part of a chunk may be there.
        self.note();
    }

    pub(super) fn install_end(&mut self, at: usize, index: u64, term: u64) {
        self.world.retry(|store| store.install_end(group(at), (index, term), &[9; 3]));
        let model = &mut self.models[at];
        (model.base, model.applied, model.is_installing) = ((index, term), index, false);
        self.note();
    }

    /// Lets the cleaner and the disk work.
    pub(super) fn clean(&mut self, slices: u32) {
        for _ in 0..slices {
            self.world.supply();
            self.world.store.clean();
            self.world.turn();
        }
        self.note();
    }

    // ---- starts

    /// Starts again from what is left when the last `lost` bytes are.
    pub(super) fn crash(&mut self, lost: usize) {
        let first = self.history[0].bytes;
        let cut = self.world.disk.written_bytes().saturating_sub(lost).max(first);
        let disk = self.world.disk.cut(cut);
        self.entropy += 1;
        self.world = World::open(&disk, self.entropy).expect("no damage");
        let known = self.history.iter().rposition(|snapshot| snapshot.bytes <= cut);
        let known = known.expect("the first one is not lost");
        let candidates = &self.history[known..(known + 5).min(self.history.len())];
        let matched = candidates.iter().find(|it| self.is_as_found(&it.models));
        let Some(matched) = matched else {
            for at in 0..2 {
                println!("found {:?}", self.found(at));
                println!(
                    "holds {:?}",
                    applied_state(&self.world.store, u16::try_from(at).expect("small")).keys()
                );
                for it in candidates {
                    let model = &it.models[at];
                    println!(
                        "  may be: applied {} last {} state {:?}",
                        model.applied,
                        model.last(),
                        model.applied_state().keys()
                    );
                }
            }
            panic!("a start that lost {lost} bytes found what never was");
        };
        self.models = matched.models.clone();
        self.history.clear();
        self.limit();
        self.note();
        self.check();
    }

    /// No crash loses what the models are now.
    pub(super) fn synced(&mut self) {
        self.history.clear();
        self.note();
    }

    /// Starts from a disk that holds some of what was written since [`Groups::synced`]: one of the states since then must be there.
    pub(super) fn start_from(&self, disk: &Disk, place: &str) -> Self {
        let entropy = self.entropy + 1;
        let world = World::open(disk, entropy).unwrap_or_else(|it| panic!("{place}: {it}"));
        let (models, history) = (self.models.clone(), self.history.clone());
        let mut groups = Self { world, models, history, entropy, ..*self };
        let matched = groups.history.iter().find(|it| groups.is_as_found(&it.models));
        let models = matched.map(|it| it.models.clone());
        groups.models = models.unwrap_or_else(|| panic!("{place}: a start found what never was"));
        groups.limit();
        groups.synced();
        groups.check();
        groups
    }

    fn found(&self, at: usize) -> Option<&RecoveredGroup> {
        self.world.recovered.groups.iter().find(|found| found.group == group(at))
    }

    fn is_as_found(&self, models: &[Model]) -> bool {
        models.iter().enumerate().all(|(at, model)| {
            let Some(found) = self.found(at) else { return false };
            let state = applied_state(&self.world.store, u16::try_from(at).expect("small"));
            // While it is installed, any part of the last chunk may be there.
            let is_state = model.is_installing || state == model.applied_state();
            let entries = &found.entries;
            let first = found.state.truncated_index + 1;
            let are_entries = entries.iter().zip(first..).all(|(entry, index)| {
                entry.index == index
                    && index <= model.last()
                    && model.entry(index) == &(entry.term, entry.payload.clone())
            });
            let last = found.state.truncated_index + entries.len() as u64;
            let truncated = found.state.truncated_index;
            let knows_term = truncated < model.base.0
                || truncated <= model.last()
                    && model.term_of(truncated) == found.state.truncated_term;
            found.applied.0 == model.applied
                && (model.applied == 0 || found.applied.1 == model.term_of(model.applied))
                && found.is_installing == model.is_installing
                && found.state.truncated_index <= model.applied
                && last == model.last()
                && knows_term
                && are_entries
                && is_state
        })
    }

    // ---- checks

    /// What is applied, what a leader's command sees, and what is held for entries.
    pub(super) fn check(&mut self) {
        for at in 0..2 {
            let partition = u16::try_from(at).expect("small");
            let model = self.models[at].clone();
            if model.is_installing {
                // Of the last chunk any part may be there.
                continue;
            }
            let applied = applied_state(&self.world.store, partition);
            let expected = model.applied_state();
            assert!(
                applied == expected,
                "group {at}: {:?}, not {:?}",
                applied.keys(),
                expected.keys()
            );
            assert_eq!(self.world.store.last_index(group(at)), model.last());
            let seen = model.state_at(model.last());
            for (database, number) in (0..2).flat_map(|db| (0..KEYS).map(move |at| (db, at))) {
                let bytes = key_of(partition, number);
                let store = &mut self.world.store;
                let key = store.key(DatabaseId(database), &bytes);
                let found = store
                    .find(&key)
                    .map(|found| (value_of(store, &found), store.expiry_ms(&found)));
                assert!(found.as_ref() == seen.get(&(database, bytes)), "group {at} key {number}");
            }
        }
        let pending = self.models.iter().any(|model| model.last() > model.applied);
        let groups = [group(0), group(1)];
        assert_eq!(self.world.store.oldest_unapplied(groups).is_some(), pending);
        assert!(pending || self.world.store.figures().pending_bytes == 0);
    }
}
