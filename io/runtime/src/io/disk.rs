//! Files: writes on the core, and writes and syncs on the ring.

use std::{
    fs::File,
    io,
    ops::Range,
    os::{fd::AsRawFd, unix::fs::FileExt},
};

use super::{
    Committer, Io,
    committer::Commit,
    file_table::{FileOperation, Source},
};
use crate::{
    FileId,
    arena::ArenaView,
    files::DIRECT_BLOCK_BYTES,
    limits,
    ring::{Completion, Operation, Token},
};

impl<M> Io<M> {
    /// Hands a file to the ring.
    pub fn add_file(&mut self, file: File) -> FileId {
        self.memory.files.add(file)
    }

    /// Takes a file back; none while a write or sync of it is under way, or when the id is dead.
    pub fn take_file(&mut self, id: FileId) -> Option<File> {
        self.memory.files.take(id)
    }

    /// Writes all of `bytes` now, on this core: for the page cache. Buffered writes on the ring
    /// would go to a worker thread on file systems that may block.
    ///
    /// Errors: those of pwrite; `NotFound` for a dead id.
    pub fn write_inline(&mut self, id: FileId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.memory.files.get(id) {
            Some(file) => file.write_all_at(bytes, offset),
            None => Err(dead(id)),
        }
    }

    /// Writes all of `bytes` at `offset`, and then syncs the file's data if `sync`;
    /// `Core::file_done` is called once for both. A write that the kernel cuts short is continued;
    /// `WriteZero` says that it went no further.
    pub fn write(&mut self, id: FileId, offset: u64, bytes: &'static [u8], sync: bool, token: u64) {
        self.start_file_operation(id, offset, Source::of(bytes), sync, token);
    }

    /// Syncs the file's data; `Core::file_done` is called once.
    pub fn sync(&mut self, id: FileId, token: u64) {
        self.start_file_operation(id, 0, Source::of(&[]), true, token);
    }

    /// Writes a part of an arena to a file that was opened for direct I/O, on stable storage when it completes, by a thread
    /// beside the core;
    /// `Core::file_done` is called once. The arena may change meanwhile: what is on the disk of bytes that do is either.
    ///
    /// Units: `range` in bytes of the arena and of the file alike, whole blocks of `files::DIRECT_BLOCK_BYTES`.
    /// Panics: when the range is not in the arena or not of whole blocks.
    pub fn write_arena(&mut self, id: FileId, arena: ArenaView, range: Range<usize>, token: u64) {
        let whole = range.start.is_multiple_of(DIRECT_BLOCK_BYTES)
            && range.end.is_multiple_of(DIRECT_BLOCK_BYTES);
        assert!(
            whole && range.end <= arena.bytes(),
            "range {range:?} of an arena of {} bytes",
            arena.bytes()
        );
        let bytes =
            Source { pointer: arena.pointer().wrapping_add(range.start), length: range.len() };
        if let Some(operation) =
            self.begin_file_operation(id, range.start as u64, bytes, false, token)
            && let Err(error) = self.begin_commit(operation)
        {
            let operation = self.memory.files.finish(operation);
            self.file_results.push_back((operation.token, Err(error)));
        }
    }

    fn begin_commit(&mut self, index: u32) -> io::Result<()> {
        if self.committer.is_none() {
            let (core, bell) = (self.cross.core(), self.cross.shared_bell());
            self.committer = Some(Committer::start(core, bell)?);
        }
        let &mut FileOperation { file, offset, bytes, .. } = self.memory.files.operation(index);
        let file =
            self.memory.files.get(file).expect("a file stays while it is written").as_raw_fd();
        if let Some(committer) = &self.committer {
            committer.begin(Commit { file, offset, bytes, operation: index });
        }
        Ok(())
    }

    /// The next commit that the thread of the commits has ended: the caller's token and the result.
    pub(crate) fn commit_completed(&mut self) -> Option<(u64, io::Result<()>)> {
        let (operation, result) = self.committer.as_ref()?.take()?;
        let operation = self.memory.files.finish(operation);
        self.stats.file_writes += 1;
        self.stats.file_syncs += 1;
        Some((operation.token, result))
    }

    fn start_file_operation(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: Source,
        sync: bool,
        token: u64,
    ) {
        if let Some(operation) = self.begin_file_operation(file, offset, bytes, sync, token) {
            self.submit_file_operation(operation);
        }
    }

    /// An entry in the table; none when there is nothing to do or it is refused, which is reported in the next turn.
    fn begin_file_operation(
        &mut self,
        file: FileId,
        offset: u64,
        bytes: Source,
        sync: bool,
        token: u64,
    ) -> Option<u32> {
        let refused = if self.memory.files.get(file).is_none() {
            Some(Err(dead(file)))
        } else if self.memory.files.operations_in_flight() >= limits::FILE_OPERATIONS_MAX {
            let text = format!("more than {} writes under way", limits::FILE_OPERATIONS_MAX);
            Some(Err(io::Error::new(io::ErrorKind::ResourceBusy, text)))
        } else if bytes.is_empty() && !sync {
            Some(Ok(()))
        } else {
            None
        };
        if let Some(result) = refused {
            self.file_results.push_back((token, result));
            return None;
        }
        let index = self.memory.files.start(FileOperation {
            file,
            token,
            offset,
            bytes,
            sync,
            pending: 0,
            written: 0,
            error: None,
            cancelled: false,
        });
        Some(index)
    }

    fn submit_file_operation(&mut self, index: u32) {
        let operation = self.memory.files.operation(index);
        let (file, offset, bytes) = (operation.file, operation.offset, operation.bytes);
        let sync = operation.sync;
        operation.pending = u8::from(!bytes.is_empty()) + u8::from(sync);
        operation.written = 0;
        operation.cancelled = false;
        let fd = self.memory.files.get(file).expect("a file stays while it is written").as_raw_fd();
        let sync_token = sync.then(|| Token::new(Operation::Sync, index, 0));
        match (bytes.is_empty(), sync_token) {
            (false, sync_token) => {
                let token = Token::new(Operation::Write, index, 0);
                self.ring.write(fd, offset, bytes, sync_token, token);
            }
            (true, Some(token)) => self.ring.sync(fd, token),
            (true, None) => unreachable!("an empty write without a sync is not started"),
        }
    }

    /// A write or sync completed. Gives the caller's token and the result when all of the operation
    /// is through.
    pub(crate) fn file_completed(
        &mut self,
        completion: Completion,
    ) -> Option<(u64, io::Result<()>)> {
        let Completion { token, result, .. } = completion;
        let operation = self.memory.files.operation(token.index);
        operation.pending -= 1;
        match (token.operation, usize::try_from(result)) {
            (Operation::Write, Ok(0)) => {
                operation.error.get_or_insert_with(|| io::ErrorKind::WriteZero.into());
            }
            (Operation::Write, Ok(written)) => {
                operation.written = written;
                self.stats.file_writes += 1;
            }
            (_, Ok(_)) => self.stats.file_syncs += 1,
            (_, Err(_)) if -result == libc::ECANCELED => operation.cancelled = true,
            (_, Err(_)) if matches!(-result, libc::EINTR | libc::EAGAIN) => {
                operation.cancelled = true;
            }
            (_, Err(_)) => {
                operation.error.get_or_insert_with(|| io::Error::from_raw_os_error(-result));
            }
        }
        if operation.pending > 0 {
            return None;
        }
        if operation.error.is_none() {
            operation.bytes = operation.bytes.after(operation.written);
            operation.offset += operation.written as u64;
            let again = !operation.bytes.is_empty() || operation.cancelled;
            if again {
                self.submit_file_operation(token.index);
                return None;
            }
        }
        let operation = self.memory.files.finish(token.index);
        Some((operation.token, operation.error.map_or(Ok(()), Err)))
    }
}

fn dead(id: FileId) -> io::Error {
    let FileId { index, generation } = id;
    io::Error::new(io::ErrorKind::NotFound, format!("file {index}/{generation} is not open"))
}
