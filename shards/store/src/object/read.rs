//! Owns reading a long value a part at a time: it stays as it was for its reader, whatever becomes of its key meanwhile.

use super::{Chunks, Objects, ValueType};
use crate::database::{Found, Pieces, Value};
use crate::log::Log;
use crate::store::Store;

/// Names a value in chunks to one who reads it in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueHandle(pub u64);

impl Store {
    /// The handle of a string that lies in chunks; `None` for other values.
    #[must_use]
    pub fn handle(&self, found: &Found) -> Option<ValueHandle> {
        let head = found.head?;
        (head.value_type == ValueType::STRING).then_some(ValueHandle(head.id))
    }

    /// Keeps a value as it is until [`Store::unpin_value`], as often as it was pinned. Its key may change or go; who writes into it writes it
    /// anew.
    ///
    /// # Panics
    /// When the handle is not that of a value which is there.
    pub fn pin_value(&mut self, handle: ValueHandle) {
        self.objects.get_mut(handle.0).pins += 1;
    }

    /// A reader is done with a value.
    ///
    /// # Panics
    /// When it was not pinned.
    pub fn unpin_value(&mut self, handle: ValueHandle) {
        self.objects.unpin(handle.0);
        self.objects.count_dying(&mut self.log);
    }

    /// Appends `bytes` bytes of a pinned value to `out`, from `from` on, or what there is of them.
    ///
    /// # Panics
    /// When the value is not pinned.
    pub fn copy_part(&self, handle: ValueHandle, from: usize, bytes: usize, out: &mut Vec<u8>) {
        let object = self.objects.get(handle.0);
        assert!(object.pins > 0, "a value is read in parts without being pinned");
        let chunks = Chunks { log: &self.log, object, foreseen: None };
        let value = Value::Pieces(Pieces { value_type: ValueType::STRING, chunks });
        value.copy_range(from, from.saturating_add(bytes), out);
    }

    /// Whether somebody reads the value in parts.
    pub(super) fn is_pinned(&self, found: &Found) -> bool {
        matches!(self.value(found), Value::Pieces(pieces) if pieces.chunks.object.pins > 0)
    }
}

impl Objects {
    fn unpin(&mut self, id: u64) {
        let object = self.get_mut(id);
        object.pins = object.pins.checked_sub(1).expect("a value is unpinned as often as pinned");
        if object.pins == 0
            && object.is_gone
            && let Some(object) = self.objects.remove(&id)
        {
            self.let_die(object);
        }
    }

    /// All records of the log were counted as dead: those of values that are still read live on.
    pub(super) fn count_pinned(&mut self, log: &mut Log) {
        let pinned: Vec<u64> = self.objects.keys().copied().collect();
        for id in pinned {
            let object = self.get_mut(id);
            (object.is_gone, object.is_counted, object.log_bytes) = (true, false, 0);
            self.count_live(log, id);
            self.dying_bytes += self.get(id).log_bytes;
        }
    }
}
