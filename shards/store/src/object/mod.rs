//! Owns values that do not lie in one record: objects, which are chunks in an order, and grow and change chunk by chunk.
//!
//! A chunk is one record, its base, and the deltas that were written since. Without deltas its bytes are read from the base, where
//! it lies in the arena; with deltas they are kept on the heap as well, until it has rested for a while. The cleaner moves whole
//! chunks: a live record of one has a new base written, and base and deltas die together.
//!
//! The order is a list in the log: a base or delta names the chunk that comes next, and the first chunk always has number 0. An
//! object is reached from its head, the record that the index points at; what no head reaches is dropped at a start.

mod ahead;
mod amendment;
mod change;
mod cool;
mod copy;
mod create;
mod deltas;
mod foreseen;
mod format;
mod noted;
mod notes;
mod packed;
mod patch;
mod read;
mod replay;
mod splices;
mod split;
mod stage;
mod table;
mod text;

pub(crate) use amendment::{Amendment, encode as encode_amendment, room as amendment_room};
pub use change::{Edit, Insert, LogMark};
pub(crate) use copy::Copying;
pub(crate) use create::cut;
pub(crate) use foreseen::Foreseen;
pub(crate) use format::{HEAD_BYTES, Head, read_chunk_key};
pub use noted::ObjectHandle;
pub use notes::{Between, NOTE_KINDS, Note, Notes};
pub use read::ValueHandle;
pub use splices::{Splice, Spliced, Splices};
pub use split::Split;
pub(crate) use stage::Staged;
pub use stage::{StagedAt, StagedText};

use crate::limits::{DYING_CHUNKS_A_SLICE, HOT_GROWS_BYTES, UNCOUNTED_CHUNKS_MAX};
use crate::log::{Location, Log};
use crate::prefetch::prefetch;
use deltas::Deltas;
use format::read_chunk;
use hyperion_model::collections::Map;
use table::{At, Table};

/// What a value is. Strings are [`ValueType::STRING`]; the others are their owners' to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ValueType(pub u8);

impl ValueType {
    /// A string of bytes.
    pub const STRING: Self = Self(0);
}

/// A chunk's content since its base was written.
#[derive(Debug)]
struct Hot {
    bytes: Vec<u8>,
    deltas: Deltas,
}

impl Hot {
    /// What a chunk becomes with its first delta.
    fn of(content: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(content.len() + HOT_GROWS_BYTES);
        bytes.extend_from_slice(content);
        Self { bytes, deltas: Deltas::default() }
    }
}

/// One chunk: a line of the cache, so that one look finds its bytes.
#[derive(Debug)]
#[repr(align(64))]
struct Chunk {
    base: Location,
    number: u32,
    /// Tells deltas of this base from those of an earlier one.
    generation: u32,
    /// Number of the chunk behind it.
    next: u32,
    /// Bytes of the content.
    bytes: u16,
    /// It is among those that are looked at to be cooled.
    is_watched: bool,
    hot: Option<Hot>,
}

const _: () = assert!(size_of::<Chunk>() == 64, "a chunk is a line of the cache");

impl Chunk {
    fn cold(number: u32, base: Location, bytes: usize, generation: u32, next: u32) -> Self {
        let bytes = u16::try_from(bytes).expect("a chunk is below 64 KiB");
        Self { base, number, generation, next, bytes, is_watched: false, hot: None }
    }

    /// Bytes of its content.
    fn len(&self) -> usize {
        usize::from(self.bytes)
    }

    #[inline]
    fn content<'a>(&'a self, log: &'a Log) -> &'a [u8] {
        match &self.hot {
            Some(hot) => &hot.bytes,
            None => self.stored(log),
        }
    }

    fn stored<'a>(&self, log: &'a Log) -> &'a [u8] {
        read_chunk(log.record(self.base).value).expect("a base is whole").2
    }

    /// Places of its records.
    fn records(&self) -> impl Iterator<Item = Location> + '_ {
        let deltas = self.hot.iter().flat_map(|hot| hot.deltas.iter().map(deltas::DeltaAt::at));
        std::iter::once(self.base).chain(deltas)
    }

    /// Bytes beside the log.
    fn heap_bytes(&self) -> usize {
        let hot = self.hot.as_ref().map_or(0, |hot| {
            hot.bytes.capacity() + hot.deltas.heap_bytes() + size_of::<cool::Warm>()
        });
        Table::BYTES_EACH + hot
    }
}

/// One object.
#[derive(Debug, Default)]
pub(crate) struct Object {
    chunks: Table,
    /// The chunks in order. Empty until an object that was read from the log is linked.
    order: Vec<At>,
    /// Numbers of chunks that a change under way has written ahead, and that are in no order yet.
    ahead: Vec<u32>,
    /// Number of the next new chunk.
    number_next: u32,
    generation_next: u32,
    /// Bytes of all chunks.
    bytes: usize,
    /// Bytes of its live records, but the head.
    log_bytes: u64,
    heap_bytes: usize,
    /// The log's position behind the last change.
    changed_at: u64,
    /// That position where an amendment was the last change, and where the amendment stands, which is what who sees it has seen.
    amended_at: (u64, u64),
    /// Its records count as live.
    is_counted: bool,
    /// Those who read it in parts.
    pins: u32,
    /// No key has it any more: it goes when nobody reads it.
    is_gone: bool,
    /// It is gone, and is counted when it has been given back.
    is_lazy: bool,
    /// What its owner keeps of its chunks.
    notes: Option<Box<Notes>>,
}

impl Object {
    /// Bytes of its live records, but the head, and of the heap.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.log_bytes + self.heap_bytes as u64
    }

    pub(crate) fn changed_at(&self) -> u64 {
        self.changed_at
    }

    /// What was seen by who sees the last change.
    pub(crate) fn observable_at(&self) -> u64 {
        let (changed_at, amended_at) = self.amended_at;
        if changed_at == self.changed_at { amended_at } else { self.changed_at }
    }

    /// Whether its chunks hold what they were created with: no delta or other base was written since.
    pub(crate) fn is_as_created(&self) -> bool {
        self.generation_next == 1 && self.chunks.iter().all(|chunk| chunk.hot.is_none())
    }

    pub(crate) fn chunk_count(&self) -> usize {
        self.order.len()
    }

    /// The bytes of the chunk at `index`.
    #[inline]
    pub(crate) fn chunk<'a>(&'a self, log: &'a Log, index: usize) -> &'a [u8] {
        self.chunks.at(self.order[index]).content(log)
    }

    /// The numbers of its chunks, in order.
    fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.order.iter().map(|at| at.number)
    }

    fn chunk_bytes(&self, index: usize) -> usize {
        self.chunks.at(self.order[index]).len()
    }

    fn count(&mut self, log: &mut Log, location: Location, size: usize) {
        log.add_live(location, size);
        self.log_bytes += size as u64;
    }

    fn discount(&mut self, log: &mut Log, location: Location) {
        let size = log.record(location).size;
        self.discount_sized(log, location, size);
    }

    fn discount_sized(&mut self, log: &mut Log, location: Location, size: usize) {
        self.log_bytes -= size as u64;
        log.remove_live_bytes(location, size);
    }
}

/// All objects of one core.
#[derive(Default)]
pub(crate) struct Objects {
    objects: Map<u64, Object>,
    /// Those that are gone, until their records are counted as dead.
    dying: Vec<Object>,
    dying_bytes: u64,
    /// Values of many chunks: those among the dying, and those that have been given back since the start.
    lazy: (u64, u64),
    heap_bytes: usize,
    /// Objects that have amendments that wait, as they will be.
    foreseen: Map<u64, Box<Foreseen>>,
    /// Chunks that were amended and have too many deltas.
    due: Vec<(u64, u32)>,
    /// Chunks that are looked at to be cooled.
    warm: cool::WarmChunks,
    /// A head was read from the log, whether its object was or not.
    has_heads: bool,
}

impl Objects {
    pub(crate) fn get(&self, id: u64) -> &Object {
        self.objects.get(&id).expect("a head is indexed only with its object")
    }

    /// An object that may be gone.
    pub(crate) fn find(&self, id: u64) -> Option<&Object> {
        self.objects.get(&id)
    }

    fn get_mut(&mut self, id: u64) -> &mut Object {
        self.objects.get_mut(&id).expect("a head is indexed only with its object")
    }

    /// Bytes beside the log.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.heap_bytes as u64
    }

    /// Bytes of records that count as live in the log, and whose objects are gone.
    pub(crate) fn dying_bytes(&self) -> u64 {
        self.dying_bytes
    }

    pub(crate) fn has_dying(&self) -> bool {
        !self.dying.is_empty()
    }

    /// The value is gone. Its records count as live until [`Objects::count_dying`] has met them.
    pub(crate) fn remove(&mut self, id: u64) {
        self.forget_foreseen(id);
        if let Some(object) = self.objects.get_mut(&id).filter(|object| object.pins > 0) {
            object.is_gone = true;
            self.heap_bytes -= object.heap_bytes;
            self.dying_bytes += object.log_bytes;
            return;
        }
        let Some(mut object) = self.objects.remove(&id) else { return };
        self.heap_bytes -= object.heap_bytes;
        let ahead = std::mem::take(&mut object.ahead);
        object.order.extend(ahead.into_iter().filter_map(|number| object.chunks.find(number)));
        // What was only read from the log counts nowhere.
        if object.is_counted {
            self.dying_bytes += object.log_bytes;
            self.let_die(object);
        }
    }

    /// A value is nobody's any more: it is given back slice by slice.
    fn let_die(&mut self, mut object: Object) {
        object.is_lazy = object.order.len() > UNCOUNTED_CHUNKS_MAX;
        self.lazy.0 += u64::from(object.is_lazy);
        self.dying.push(object);
    }

    /// Values of many chunks that are gone: those that wait to be given back, and those that were since the start.
    pub(crate) fn lazy(&self) -> (u64, u64) {
        self.lazy
    }

    /// Counts a bounded part of what is gone as dead, and gives its memory back.
    pub(crate) fn count_dying(&mut self, log: &mut Log) {
        let mut left = DYING_CHUNKS_A_SLICE;
        while left > 0
            && let Some(object) = self.dying.last_mut()
        {
            // An object that was read from the log and never linked has no order, and counts nowhere.
            let Some(At { number, .. }) = object.order.pop() else {
                let is_lazy = self.dying.pop().is_some_and(|object| object.is_lazy);
                self.lazy.0 -= u64::from(is_lazy);
                self.lazy.1 += u64::from(is_lazy);
                continue;
            };
            let Some(chunk) = object.chunks.remove(number) else { continue };
            left -= 1;
            if object.is_counted {
                for location in chunk.records() {
                    self.dying_bytes -= log.record(location).size as u64;
                    log.remove_live(location);
                    left = left.saturating_sub(1);
                }
            }
        }
    }

    /// All records of the log are dead: what is gone need not be counted, and with `all` nothing is left but what is read.
    pub(crate) fn all_died(&mut self, log: &mut Log, all: bool) {
        self.dying_bytes = 0;
        if all {
            self.foreseen.clear();
            let unread = self.objects.extract_if(|_, object| object.pins == 0);
            let unread: Vec<Object> = unread.map(|(_, object)| object).collect();
            unread.into_iter().for_each(|object| self.let_die(object));
            self.heap_bytes = 0;
        }
        self.dying.iter_mut().for_each(|object| object.is_counted = false);
        if all {
            self.count_pinned(log);
        }
    }

    /// Whether the record at `location` is one that the chunk is made of.
    pub(crate) fn is_live(&self, id: u64, number: u32, location: Location) -> bool {
        let chunk = self.objects.get(&id).and_then(|object| object.chunks.get(number));
        chunk.is_some_and(|chunk| {
            chunk.base == location
                || chunk
                    .hot
                    .as_ref()
                    .is_some_and(|hot| hot.deltas.iter().any(|delta| delta.at() == location))
        })
    }
}

/// The chunks of an object, in order: as they are, or as they will be where that is foreseen.
#[derive(Clone, Copy)]
pub(crate) struct Chunks<'a> {
    pub(crate) log: &'a Log,
    pub(crate) object: &'a Object,
    pub(crate) foreseen: Option<&'a Foreseen>,
}

impl<'a> Chunks<'a> {
    #[inline]
    pub(crate) fn prefetch(self, index: usize) {
        if self.foreseen.is_none() {
            prefetch(self.object.chunks.at(self.object.order[index]));
        }
    }

    #[inline]
    pub(crate) fn ask_change(self, index: usize) -> &'a [u8] {
        if self.foreseen.is_some() {
            return self.chunk(index);
        }
        let chunk = self.object.chunks.at(self.object.order[index]);
        if let Some(hot) = &chunk.hot {
            hot.deltas.prefetch();
        }
        chunk.content(self.log)
    }

    pub(crate) fn iter(self, from: usize) -> impl Iterator<Item = &'a [u8]> + 'a {
        (from..self.count()).map(move |index| self.chunk(index))
    }
}
