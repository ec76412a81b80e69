//! Files whose blocks are there before use: written, so that later syncs carry no metadata, or allocated only.
#![expect(unsafe_code, reason = "fallocate has no safe wrapper in std")]

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::AsRawFd,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
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
