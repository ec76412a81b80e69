//! Owns the reading of segment files at a start: each whole, with a look at what lies in it, by one thread or several.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use hyperion_runtime::{arena, files};
use hyperion_store::{Digest, Digester, SegmentHeader, StepRoom, Store};

use super::open_error::{OpenError, failed};
use super::segment_files::open_segment;

/// A segment that is in use: its id, its file and its header.
pub(super) type Used = (u64, PathBuf, SegmentHeader);

/// A segment in memory.
pub(super) struct Read {
    pub(super) header: SegmentHeader,
    pub(super) file: File,
    pub(super) memory: &'static mut [u8],
    pub(super) digest: Digest,
}

/// Reads all files of `used`, which are of `store`, on `threads` threads; the order is no matter.
pub(super) fn read(
    used: Vec<Used>,
    store: &Store,
    segment_bytes: usize,
    threads: usize,
) -> Result<Vec<Read>, OpenError> {
    let threads = threads.clamp(1, used.len().max(1));
    let digester = store.digester(threads);
    let waiting = Mutex::new(used.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |mut digester: Digester| {
        let each = std::iter::from_fn(&next);
        each.map(|used| read_one(used, segment_bytes, &mut digester)).collect()
    };
    if threads == 1 {
        return work(digester);
    }
    thread::scope(|scope| {
        let begin = |_| scope.spawn(|| work(digester.clone()));
        let begun: Vec<_> = (0..threads).map(begin).collect();
        let mut all = Vec::new();
        for thread in begun {
            let read: Result<Vec<Read>, OpenError> =
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.append(&mut read?);
        }
        Ok(all)
    })
}

fn read_one(
    (id, path, header): Used,
    segment_bytes: usize,
    digester: &mut Digester,
) -> Result<Read, OpenError> {
    let file = open_segment(&path)?;
    // What a killed process left in the page cache must be on the disk before anything builds on it.
    file.sync_data().map_err(failed(&path))?;
    let memory = arena::allocate(segment_bytes).map_err(failed(&path))?;
    files::read_data(&file, memory).map_err(failed(&path))?;
    let header = SegmentHeader { id, ..header };
    let room = StepRoom::new(segment_bytes);
    let (address, bytes) = room.span();
    let start = address.next_multiple_of(arena::ALIGNMENT_BYTES);
    let end = (address + bytes) / arena::ALIGNMENT_BYTES * arena::ALIGNMENT_BYTES;
    // Thousands of small pages cost more than what is written there.
    arena::ask_huge(start, end.saturating_sub(start));
    let digest = digester.digest(&header, memory, room);
    Ok(Read { header, file, memory, digest })
}
