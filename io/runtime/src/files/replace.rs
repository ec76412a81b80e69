//! Replacing a small file whole, and making directory entries durable.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Makes the entries of a directory durable: files made, renamed or removed in it.
///
/// Errors: those of open and fsync.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts `bytes` in the place of the file at `path`: after a crash the old or the new file is there,
/// whole. Writes `path` + `.new`, syncs it, renames it and syncs the directory. One writer at a
/// time.
///
/// Errors: those of the calls; the old file is untouched then, except when the last sync failed:
/// then either may be there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(path);
    name.push(".new");
    let fresh = Path::new(&name);
    let written = write(fresh, bytes).and_then(|()| fs::rename(fresh, path));
    if let Err(error) = written {
        // What is left of it is written over next time.
        let _ = fs::remove_file(fresh);
        return Err(error);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or_else(|| Path::new(".")))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
