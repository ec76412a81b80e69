//! Owns what is asked for of an object before it is looked at: where its chunks are, then their bytes. It is a guess, and changes nothing.

use super::{Chunk, Notes, Object};
use crate::database::Key;
use crate::log::Log;
use crate::prefetch::{prefetch, prefetch_bytes};
use crate::store::Store;

/// The object that a key has, in all likelihood.
#[derive(Clone, Copy)]
pub struct NearObject<'a> {
    object: &'a Object,
    notes: &'a Notes,
    log: &'a Log,
}

/// A chunk that will be looked at.
#[derive(Clone, Copy)]
pub struct NearChunk<'a> {
    chunk: &'a Chunk,
    log: &'a Log,
}

impl Store {
    /// The object of a key whose record was asked for; `None` where it has none, or none whose notes tell of it as it is.
    #[inline]
    #[must_use]
    pub fn near_object(&self, key: &Key<'_>) -> Option<NearObject<'_>> {
        let location = self.index_of(key.place())?.guess(&self.pool, key.hash)?;
        let id = self.object_head(location)?.id;
        if self.objects.foreseen(id).is_some() {
            return None;
        }
        let object = self.objects.find(id)?;
        let notes = object.notes.as_deref().filter(|notes| notes.at == object.changed_at)?;
        Some(NearObject { object, notes, log: &self.log })
    }
}

impl<'a> NearObject<'a> {
    /// The notes of its chunks.
    #[must_use]
    pub fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// Asks for the place of the bytes of the chunk at `index`.
    #[inline]
    #[must_use]
    pub fn chunk(&self, index: usize) -> Option<NearChunk<'a>> {
        let chunk = self.object.chunks.get(self.object.order.get(index)?)?;
        match &chunk.hot {
            Some(hot) => prefetch(&**hot),
            None => prefetch(&self.log.bytes_at(chunk.base)[0]),
        }
        Some(NearChunk { chunk, log: self.log })
    }
}

impl<'a> NearChunk<'a> {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.chunk.content(self.log)
    }

    /// Asks for one half of its bytes, whose place is there by now, `bytes_max` of them at most.
    #[inline]
    pub fn prefetch_half(&self, is_upper: bool, bytes_max: usize) {
        let bytes = self.bytes();
        let half = (bytes.len() / 2).min(bytes_max);
        let part = if is_upper { &bytes[bytes.len() - half..] } else { &bytes[..half] };
        prefetch_bytes(part);
    }
}
