//! Which files a core's ring may write, and which writes are under way.

use std::{fs::File, io};

use crate::FileId;

/// Bytes of the program that the kernel reads: an address, because a part of them may change meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) pointer: *const u8,
    pub(crate) length: usize,
}

impl Source {
    pub(super) fn of(bytes: &'static [u8]) -> Source {
        Source { pointer: bytes.as_ptr(), length: bytes.len() }
    }

    pub(super) fn is_empty(self) -> bool {
        self.length == 0
    }

    /// What follows the first `length` bytes.
    pub(super) fn after(self, length: usize) -> Source {
        let length = length.min(self.length);
        Source { pointer: self.pointer.wrapping_add(length), length: self.length - length }
    }
}

/// One write or sync until its last completion.
#[derive(Debug)]
pub(super) struct FileOperation {
    pub(super) file: FileId,
    pub(super) token: u64,
    pub(super) offset: u64,
    pub(super) bytes: Source,
    pub(super) sync: bool,
    /// Completions that are still to come.
    pub(super) pending: u8,
    /// Bytes that the write of this round has written.
    pub(super) written: usize,
    /// The first error that says why, before those that only follow from it.
    pub(super) error: Option<io::Error>,
    pub(super) cancelled: bool,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    file: Option<File>,
    in_flight: usize,
}

/// Both tables.
#[derive(Debug, Default)]
pub(crate) struct FileTable {
    slots: Vec<Slot>,
    operations: Vec<Option<FileOperation>>,
    free: Vec<u32>,
}

impl FileTable {
    pub(super) fn add(&mut self, file: File) -> FileId {
        let at = match self.slots.iter().position(|slot| slot.file.is_none()) {
            Some(at) => at,
            None => {
                self.slots.push(Slot { generation: 0, file: None, in_flight: 0 });
                self.slots.len() - 1
            }
        };
        let slot = &mut self.slots[at];
        slot.file = Some(file);
        FileId { index: u32::try_from(at).unwrap_or(u32::MAX), generation: slot.generation }
    }

    fn slot(&mut self, id: FileId) -> Option<&mut Slot> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|slot| slot.generation == id.generation && slot.file.is_some())
    }

    /// Takes a file out, unless something of it is in flight.
    pub(super) fn take(&mut self, id: FileId) -> Option<File> {
        let slot = self.slot(id).filter(|slot| slot.in_flight == 0)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.file.take()
    }

    pub(super) fn get(&self, id: FileId) -> Option<&File> {
        self.slots
            .get(id.index as usize)
            .filter(|slot| slot.generation == id.generation)
            .and_then(|slot| slot.file.as_ref())
    }

    pub(super) fn start(&mut self, operation: FileOperation) -> u32 {
        if let Some(slot) = self.slot(operation.file) {
            slot.in_flight += 1;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.operations.push(None);
            u32::try_from(self.operations.len() - 1).unwrap_or(u32::MAX)
        });
        self.operations[index as usize] = Some(operation);
        index
    }

    pub(super) fn operation(&mut self, index: u32) -> &mut FileOperation {
        self.operations[index as usize].as_mut().expect("a completion names an operation under way")
    }

    pub(super) fn finish(&mut self, index: u32) -> FileOperation {
        let operation = self.operations[index as usize].take();
        let operation = operation.expect("an operation under way ends once");
        self.free.push(index);
        if let Some(slot) = self.slot(operation.file) {
            slot.in_flight -= 1;
        }
        operation
    }

    pub(super) fn operations_in_flight(&self) -> usize {
        self.operations.len() - self.free.len()
    }
}
