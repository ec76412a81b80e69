//! Owns the scratch store of a core: in memory alone, made when it is needed first, emptied and kept.

use crate::command::CommandError;
use crate::effect::{OwnedWrite, Wanted};
use crate::limits::{SCRATCH_BYTES_MAX, SCRATCH_SEGMENT_BYTES};
use crate::lock::LockKey;
use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use hyperion_store::{Content, Options, OwnedContent, Room, Store, StoreError};

/// The store while something runs, and the memory of its segments.
#[derive(Default)]
pub(crate) struct Scratch {
    store: Option<Box<Store>>,
    /// What no segment of the store uses.
    memory: Vec<&'static mut [u8]>,
    segments: usize,
}

/// Bytes that a command or a value takes beside what it says, roundly.
pub(super) const SLACK_BYTES: usize = 1024;

/// What a client is told whose command needs more than there is.
pub(super) fn too_much() -> String {
    format!(
        "ERR the values of keys on several cores and what is made of them take more than {SCRATCH_BYTES_MAX} bytes here; give the keys one hash tag, as in {{tag}}key"
    )
}

impl Scratch {
    /// Makes an empty store whose chunks are as long as those of one with segments of `segment_bytes`.
    pub(super) fn open(&mut self, segment_bytes: usize, now_ms: u64, seed: u64) {
        let mut store = Store::new(Options {
            core: CoreId(0),
            map: PartitionMap::spread(1, 1),
            instance: [0; 16],
            generation: 0,
            segment_bytes: segment_bytes.min(SCRATCH_SEGMENT_BYTES),
            keeps_files: false,
            hash_seed: seed,
            entropy: seed,
        });
        // Its commands are answered as of the moment at which who leads each key found it there.
        store.hold_expiry();
        store.set_now(now_ms);
        self.store = Some(Box::new(store));
    }

    pub(super) fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("it was opened")
    }

    /// Gives the store another segment; `false`: it has all that it may have.
    pub(super) fn grow(&mut self) -> bool {
        let bytes = self.store().segment_bytes();
        let memory = match self.memory.pop() {
            Some(memory) => memory,
            None if (self.segments + 1) * bytes <= SCRATCH_BYTES_MAX => {
                self.segments += 1;
                Vec::leak(vec![0; bytes])
            }
            None => return false,
        };
        let number = (self.segments - self.memory.len()) as u64;
        self.store().add_ready(number, memory);
        true
    }

    /// Gives the store room for so many bytes. A value that finds no room has been written in part, so nothing less helps.
    pub(super) fn make_room(&mut self, bytes: usize) -> Result<(), String> {
        while self.store().room(bytes) == Room::Later {
            if !self.grow() {
                return Err(too_much());
            }
        }
        Ok(())
    }

    /// Lets the segments go that have died.
    pub(super) fn tidy(&mut self) {
        let store = self.store();
        store.take_appends(&mut Vec::new());
        store.free_dead(&mut Vec::new());
    }

    /// Takes the values of keys. Gives what tells each from a later one.
    pub(super) fn fill(
        &mut self,
        keys: &[LockKey],
        found: &mut [Option<Wanted>],
    ) -> Result<Vec<Option<u64>>, String> {
        let mut versions = Vec::with_capacity(keys.len());
        for ((database, bytes), wanted) in keys.iter().zip(found) {
            let Some(Wanted { value, expiry_ms }) = wanted.take() else {
                versions.push(None);
                continue;
            };
            let chunk_bytes_max = self.store().chunk_bytes_max();
            if !value.as_ref().is_sound(chunk_bytes_max) {
                return Err("ERR a value of this command's keys is not legible here".to_owned());
            }
            self.make_room(bytes.len() + value.bytes.len() + value.bytes.len() / 64 + SLACK_BYTES)?;
            self.put(*database, bytes, value.as_ref(), expiry_ms)?;
            let store = self.store();
            let key = store.key(*database, bytes);
            let version = store.peek(&key).map_or(0, |found| store.changed_at(&found));
            versions.push(Some(version));
        }
        Ok(versions)
    }

    /// Sets a key, with as many segments more as that takes: of a value in chunks each has a head in its record.
    fn put(
        &mut self,
        database: DatabaseId,
        bytes: &[u8],
        value: Content<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), String> {
        loop {
            let store = self.store();
            let key = store.key(database, bytes);
            match store.put_content(&key, value, expiry_ms) {
                Ok(()) => return Ok(()),
                Err(StoreError::NoRoom { .. }) if self.grow() => {}
                Err(StoreError::NoRoom { .. }) => return Err(too_much()),
                Err(error) => return Err(CommandError::Store(error).to_string()),
            }
        }
    }

    /// What has become another since [`Scratch::fill`] gave `versions`.
    pub(super) fn changes(
        &mut self,
        keys: &[LockKey],
        versions: &[Option<u64>],
    ) -> Vec<OwnedWrite> {
        let store = self.store();
        let mut writes = Vec::new();
        for ((database, bytes), before) in keys.iter().zip(versions) {
            let key = store.key(*database, bytes);
            let found = store.peek(&key);
            let after = found.map(|found| store.changed_at(&found));
            if after == *before {
                continue;
            }
            let value: Option<OwnedContent> = found.map(|found| store.content(&found));
            let expiry_ms = found.and_then(|found| store.expiry_ms(&found));
            writes.push(OwnedWrite { database: *database, key: bytes.clone(), value, expiry_ms });
        }
        writes
    }

    /// Ends the store; its memory is kept.
    pub(super) fn close(&mut self) {
        if let Some(store) = self.store.take() {
            self.memory.extend(store.into_memory());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_store::Form;

    /// Values of many short chunks take more than they say, for each chunk has a record of its own.
    #[test]
    fn values_of_any_number_of_chunks_find_room() {
        let mut scratch = Scratch::default();
        for count in (500..13_000_u32).step_by(250) {
            let mut bytes = vec![3];
            for _ in 0..count {
                bytes.extend_from_slice(&600_u32.to_le_bytes());
                bytes.extend_from_slice(&[1; 600]);
            }
            let content = OwnedContent { form: Form::Chunked, bytes };
            scratch.open(64 << 20, 1_000_000, 7);
            let key: LockKey = (DatabaseId(0), b"key".to_vec());
            let mut found = [Some(Wanted { value: content, expiry_ms: None })];
            let filled = scratch.fill(&[key], &mut found);
            assert!(filled.is_ok(), "{count} chunks: {filled:?}");
            scratch.close();
        }
    }
}
