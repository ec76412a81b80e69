//! Files whose every block is written before use, so that later syncs carry no metadata.

use std::{
    fs::{self, File, OpenOptions},
    io,
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
