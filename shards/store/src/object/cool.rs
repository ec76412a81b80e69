//! Owns the cooling of chunks. One that was changed has its bytes on the heap beside its base and its deltas; when it has rested for a round
//! of looks it is written anew, unless its base has all of it, and only the log has it.

use super::Objects;
use crate::limits::{
    COOLED_BYTES_A_TICK, WARM_CHUNKS_MAX, WARM_LOOKS_A_TICK_MAX, WARM_LOOKS_A_TICK_MIN,
    WARM_ROUND_TICKS,
};
use crate::log::Log;
use crate::store::Store;
use std::collections::VecDeque;

/// A chunk as it was when it was last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warm {
    id: u64,
    number: u32,
    /// Made of its generation and its deltas; 0 when it has not been looked at yet.
    seen: u32,
}

/// Chunks that are looked at in turn, each once.
#[derive(Debug, Default)]
pub(super) struct WarmChunks {
    queue: VecDeque<Warm>,
    /// Looks of this round that are left, and those of a tick.
    left: usize,
    a_tick: usize,
}

impl WarmChunks {
    /// Looks at a chunk from now on. `false`: there are too many.
    pub(super) fn watch(&mut self, id: u64, number: u32) -> bool {
        let has_room = self.queue.len() < WARM_CHUNKS_MAX;
        if has_room {
            self.queue.push_back(Warm { id, number, seen: 0 });
        }
        has_room
    }

    /// The next one of this tick, which has had so many looks.
    fn next(&mut self, looks: usize) -> Option<Warm> {
        if self.left == 0 {
            self.left = self.queue.len();
            let part = self.left.div_ceil(WARM_ROUND_TICKS);
            self.a_tick = part.clamp(WARM_LOOKS_A_TICK_MIN, WARM_LOOKS_A_TICK_MAX);
        }
        if looks >= self.a_tick || self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.queue.pop_front()
    }
}

impl Store {
    /// Looks at a bounded number of chunks that were changed, and writes some of those that have rested since the last look anew. To be
    /// called every tick. Without room nothing happens.
    pub fn cool(&mut self) {
        let before = self.log.appended_position();
        self.objects.cool(&mut self.log);
        self.log.note_upkeep(before);
    }
}

impl Objects {
    fn cool(&mut self, log: &mut Log) {
        let (mut looks, mut left) = (0, COOLED_BYTES_A_TICK);
        let looks_max = self.warm.queue.len();
        while looks < looks_max
            && let Some(warm) = self.warm.next(looks)
        {
            looks += 1;
            let Warm { id, number, .. } = warm;
            let object = self.objects.get_mut(&id).filter(|object| !object.is_gone);
            let chunk = object.and_then(|object| object.chunks.get_mut(number));
            let Some(chunk) = chunk else { continue };
            let Some(hot) = &chunk.hot else {
                chunk.is_watched = false;
                continue;
            };
            let seen = chunk.generation.wrapping_mul(0x9e37_79b9).wrapping_add(hot.deltas.count());
            let seen = seen | 1 << 31;
            if warm.seen != seen {
                self.warm.queue.push_back(Warm { seen, ..warm });
                continue;
            }
            if hot.deltas.count() == 0 {
                // Its base has all of it.
                self.forget_heap(id, number);
                continue;
            }
            let Ok(bytes) = self.rebase(log, id, number) else {
                self.warm.queue.push_front(warm);
                return;
            };
            let object = self.objects.get_mut(&id).expect("it is there");
            object.chunks.get_mut(number).expect("it was written anew").is_watched = false;
            left = left.saturating_sub(bytes);
            if left == 0 {
                return;
            }
        }
    }

    /// Forgets what a chunk without deltas has on the heap.
    fn forget_heap(&mut self, id: u64, number: u32) {
        let object = self.objects.get_mut(&id).expect("it is there");
        let chunk = object.chunks.get_mut(number).expect("it is there");
        let before = chunk.heap_bytes();
        (chunk.hot, chunk.is_watched) = (None, false);
        let less = before - chunk.heap_bytes();
        object.heap_bytes -= less;
        self.heap_bytes -= less;
    }
}
