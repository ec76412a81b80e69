//! Files whose blocks are there before use: written, so that later syncs carry no metadata, or allocated only.
#![expect(unsafe_code, reason = "fallocate has no safe wrapper in std")]

use crate::io::{Source, write_durable};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::AsRawFd,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

/// Bytes written at once, and their alignment for direct I/O.
const CHUNK_BYTES: usize = 1 << 20;
const ALIGNMENT_BYTES: usize = 4096;

/// Makes a new file of `bytes` zeros, on stable storage when this returns, open for reading and
/// writing through the page cache. Written past the page cache where the file system allows it. The
/// directory is not synced.
///
/// Units: `bytes`, any count.
/// Errors: the file exists, or the disk is full: then the file is removed again.
pub fn create_filled(path: &Path, bytes: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    fill_or_remove(file, path, |file| fill(file, path, bytes))
}

/// Makes a new file of `bytes` zeros whose blocks are allocated and not written: much cheaper than [`create_filled`],
/// but the first sync of each part carries metadata. Without fallocate it is filled. The directory is not synced.
///
/// Units: `bytes`, any count.
/// Errors: the file exists, or the disk is full: then the file is removed again.
pub fn create_allocated(path: &Path, bytes: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    fill_or_remove(file, path, |file| match allocate(file, bytes) {
        Ok(()) => file.sync_all(),
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => fill(file, path, bytes),
        Err(error) => Err(error),
    })
}

fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as `file` lives; no memory is passed.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Blocks of direct I/O: offsets and lengths are multiples of it.
pub const DIRECT_BLOCK_BYTES: usize = ALIGNMENT_BYTES;

/// Opens an existing file for writes past the page cache; none where the file system has none.
///
/// Errors: those of open, but for a file system without direct I/O.
pub fn open_direct(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells whether one direct write that is durable when it completes is no slower than a write to the page cache and a sync
/// behind it, on the disk of `folder`. Some disks take milliseconds for the first and not for the second.
///
/// Errors: the folder cannot be written.
pub fn direct_commits_pay(folder: &Path) -> io::Result<bool> {
    let path = folder.join("probe");
    let _ = fs::remove_file(&path);
    let file = create_filled(&path, PROBE_BYTES as u64)?;
    let result = probe(&file, &path);
    // A probe that stays is removed by the next one.
    let _ = fs::remove_file(&path);
    result
}

const PROBE_BYTES: usize = 1 << 20;
const PROBE_ROUNDS: usize = 12;

fn probe(file: &File, path: &Path) -> io::Result<bool> {
    let Some(direct) = open_direct(path)? else { return Ok(false) };
    let memory = vec![1_u8; 2 * ALIGNMENT_BYTES];
    let skip = memory.as_ptr().align_offset(ALIGNMENT_BYTES);
    let block = &memory[skip..skip + ALIGNMENT_BYTES];
    let (mut cached, mut straight) = (Duration::MAX, Duration::MAX);
    for round in 0..PROBE_ROUNDS {
        let at = (round * ALIGNMENT_BYTES) as u64;
        let since = Instant::now();
        file.write_all_at(block, at)?;
        file.sync_data()?;
        cached = cached.min(since.elapsed());
        let since = Instant::now();
        let bytes = Source { pointer: block.as_ptr(), length: block.len() };
        match write_durable(&direct, bytes, at) {
            Ok(written) if written == block.len() => {}
            Err(error)
                if !matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) =>
            {
                return Err(error);
            }
            _ => return Ok(false),
        }
        straight = straight.min(since.elapsed());
    }
    // A worker thread's wake-up, which the first way needs on the ring, is not in these times: a tie goes to the second.
    Ok(straight <= cached + cached / 8)
}

pub(super) fn fill_or_remove(
    file: File,
    path: &Path,
    fill: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    match fill(&file) {
        Ok(()) => Ok(file),
        Err(error) => {
            drop(file);
            // The first error is the one to tell; a file that stays is met by the next
            // `create_new`.
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

fn fill(file: &File, path: &Path, bytes: u64) -> io::Result<()> {
    let memory = vec![0_u8; CHUNK_BYTES + ALIGNMENT_BYTES];
    let skip = memory.as_ptr().align_offset(ALIGNMENT_BYTES);
    let zeros = &memory[skip..skip + CHUNK_BYTES];
    let whole = bytes - bytes % ALIGNMENT_BYTES as u64;
    let direct = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path);
    let done = match direct.map(|direct| write_zeros(&direct, zeros, 0, whole)) {
        Ok(Ok(())) => whole,
        Ok(Err(error)) if error.raw_os_error() != Some(libc::EINVAL) => return Err(error),
        // No direct I/O here (for example tmpfs): through the page cache.
        _ => 0,
    };
    write_zeros(file, zeros, done, bytes)?;
    file.sync_all()
}

fn write_zeros(file: &File, zeros: &[u8], from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(&zeros[..length], at)?;
        at += length as u64;
    }
    Ok(())
}
