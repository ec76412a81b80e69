//! Owns the way back of objects from the log: bases and deltas in the log's order, and in the end the chunks that heads reach.

use super::format::{Delta, Head, NO_CHUNK, apply, read_chunk};
use super::{Chunk, Hot, Object, Objects};
use crate::index::Entry;
use crate::limits::{HOLE_KEYS_MAX, OBJECT_CHUNKS_MAX};
use crate::log::{Location, Log};
use crate::record::Kind;
use crate::store::Store;
use hyperion_model::collections::Set;

impl Objects {
    /// A base was read.
    pub(crate) fn replay_chunk(&mut self, log: &Log, id: u64, number: u32, location: Location) {
        let Some((generation, next, bytes)) = read_chunk(log.record(location).value) else {
            return;
        };
        let object = self.objects.entry(id).or_default();
        object.meet(number, generation);
        object.chunks.insert(Chunk::cold(number, location, bytes.len(), generation, next));
    }

    /// A delta was read. One that does not follow on what is known of its chunk belongs to a base that is gone: it was written anew
    /// since, and comes later, or else it is lost, and with it the value.
    pub(crate) fn replay_delta(&mut self, log: &Log, id: u64, number: u32, location: Location) {
        let record = log.record(location);
        let Some(delta) = Delta::read(record.value) else { return };
        let object = self.objects.entry(id).or_default();
        object.meet(number, delta.generation);
        let Some(mut chunk) = object.chunks.remove(number) else { return };
        let sequence = chunk.hot.as_ref().map_or(0, |hot| hot.deltas.count());
        if chunk.generation != delta.generation || sequence != delta.sequence {
            return;
        }
        let mut hot = chunk.hot.take().unwrap_or_else(|| Hot::of(chunk.content(log)));
        if !apply(delta.splices, &mut hot.bytes) || hot.bytes.len() > log.chunk_bytes_max() {
            return;
        }
        hot.deltas.push(location, record.size);
        chunk.next = delta.next;
        chunk.bytes = u16::try_from(hot.bytes.len()).expect("a chunk is below 64 KiB");
        chunk.hot = Some(hot);
        object.chunks.insert(chunk);
    }

    /// Puts the chunks of an object that was read from the log in order, and drops those that are in none. `false`: one is missing.
    pub(crate) fn link(&mut self, id: u64) -> bool {
        let Some(object) = self.objects.get_mut(&id) else { return false };
        if !object.order.is_empty() {
            return true;
        }
        let mut chunks = std::mem::take(&mut object.chunks);
        let mut next = 0;
        while next != NO_CHUNK && object.order.len() < OBJECT_CHUNKS_MAX {
            // A number that comes twice is not there the second time.
            let Some(chunk) = chunks.remove(next) else { return false };
            object.bytes += chunk.len();
            object.heap_bytes += chunk.heap_bytes();
            next = chunk.next;
            let at = object.chunks.insert(chunk);
            object.order.push(at);
        }
        self.heap_bytes += object.heap_bytes;
        next == NO_CHUNK
    }

    /// Counts the records of a linked object as live, once.
    pub(crate) fn count_live(&mut self, log: &mut Log, id: u64) {
        let Some(object) = self.objects.get_mut(&id).filter(|object| !object.is_counted) else {
            return;
        };
        object.is_counted = true;
        let records: Vec<Location> = object.chunks.iter().flat_map(Chunk::records).collect();
        for location in records {
            let size = log.record(location).size;
            object.count(log, location, size);
        }
        for chunk in object.chunks.iter_mut().filter(|chunk| chunk.hot.is_some()) {
            chunk.is_watched = chunk.is_watched || self.warm.watch(id, chunk.number);
        }
    }

    /// Keeps only the objects for which `keep` holds; what the others are made of was never counted.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.objects.retain(|&id, _| keep(id));
        self.heap_bytes = self.objects.values().map(|object| object.heap_bytes).sum();
    }

    /// A head was read.
    pub(crate) fn replay_head(&mut self) {
        self.has_heads = true;
    }

    /// Whether heads and chunks were read, which are to be brought together.
    pub(crate) fn wants_settling(&self) -> bool {
        self.has_heads || !self.objects.is_empty()
    }
}

impl Store {
    /// Puts the chunks of values that are live in order and counts them, and drops the rest. A value whose chunks are not all there
    /// goes, and its key is given: a part of it was lost, or what took its place.
    pub(crate) fn settle_objects(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut incomplete = Vec::new();
        if !self.objects.wants_settling() {
            return incomplete;
        }
        let mut claimed: Set<u64> = Set::default();
        let mut broken: Vec<Location> = Vec::new();
        let prepared = self.transactions.prepared.values().flat_map(|prepared| &prepared.records);
        let prepared: Vec<u64> =
            prepared.filter_map(|&at| self.object_head(at)).map(|head| head.id).collect();
        let pending = self.pending_heads().into_iter().map(|head| head.id);
        let prepared = prepared.into_iter().chain(pending);
        claimed.extend(prepared.filter(|&id| self.objects.link(id)));
        let indexed = self.databases.iter().flatten().flat_map(|index| index.entries(&self.pool));
        for location in indexed.map(Entry::location) {
            let record = self.log.record(location);
            let head = (record.kind == Kind::Object).then(|| Head::read(record.value)).flatten();
            match head {
                Some(head) if self.objects.link(head.id) => drop(claimed.insert(head.id)),
                Some(_) => broken.push(location),
                None => {}
            }
        }
        self.objects.retain(|id| claimed.contains(&id));
        claimed.into_iter().for_each(|id| self.objects.count_live(&mut self.log, id));
        for location in broken {
            let record = self.log.record(location);
            let found = self.replayed_key(&record).and_then(|key| {
                let (spot, entry) = self.locate(&key)?;
                Some((spot, entry, key.bytes.to_vec(), key.database))
            });
            if let Some((spot, entry, bytes, database)) = found {
                let key = self.key(database, &bytes);
                self.unpoint(&key, spot, entry);
                if incomplete.len() < HOLE_KEYS_MAX {
                    incomplete.push((u16::from(database.0), bytes));
                }
            }
        }
        incomplete
    }
}

impl Object {
    /// Numbers and generations go on above all that were read.
    fn meet(&mut self, number: u32, generation: u32) {
        self.number_next = self.number_next.max(number.wrapping_add(1));
        self.generation_next = self.generation_next.max(generation.wrapping_add(1));
    }
}
