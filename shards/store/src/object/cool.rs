//! Owns the cooling of chunks. One that was changed has its bytes on the heap beside the log; when it has rested for a while it is
//! written anew, and only the log has it.

use super::Objects;
use crate::limits::{COOLED_BYTES_A_TICK, COOLED_LOOKS_A_TICK};
use crate::log::Log;
use crate::store::Store;

/// A chunk that was hot when it was last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warm {
    id: u64,
    number: u32,
    /// What it was then: generation and deltas; `None` when it has just become hot.
    seen: Option<(u32, usize)>,
}

impl Store {
    /// Looks at a bounded number of chunks that were changed, and writes some of those that have rested since the last look anew. To be
    /// called from time to time. Without room nothing happens.
    pub fn cool(&mut self) {
        self.objects.cool(&mut self.log);
    }
}

impl Objects {
    /// Chunks of an object that have become hot are looked at from now on.
    pub(super) fn watch_warmed(&mut self, id: u64) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        let warm = object.warmed.drain(..).map(|number| Warm { id, number, seen: None });
        self.warm.extend(warm);
    }

    fn cool(&mut self, log: &mut Log) {
        let mut left = COOLED_BYTES_A_TICK;
        for _ in 0..COOLED_LOOKS_A_TICK.min(self.warm.len()) {
            let Some(warm) = self.warm.pop_front() else { return };
            let Warm { id, number, .. } = warm;
            let chunk = self.objects.get_mut(&id).and_then(|it| it.chunks.get_mut(&number));
            let Some(chunk) = chunk else { continue };
            let Some(hot) = &chunk.hot else {
                chunk.is_watched = false;
                continue;
            };
            let seen = Some((chunk.generation, hot.deltas.len()));
            if warm.seen != seen {
                self.warm.push_back(Warm { seen, ..warm });
                continue;
            }
            let Ok(bytes) = self.rebase(log, id, number) else {
                self.warm.push_front(warm);
                return;
            };
            let chunk = self.objects.get_mut(&id).and_then(|it| it.chunks.get_mut(&number));
            chunk.expect("it was written anew").is_watched = false;
            left = left.saturating_sub(bytes);
            if left == 0 {
                return;
            }
        }
    }
}
