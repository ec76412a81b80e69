//! A lock file that keeps two processes from one data directory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    process,
};

/// The lock; dropping it, or the end of the process, gives it up. The file stays.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("{path} is locked by process {holder}; stop that process or use another directory")]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process id written in it, or `unknown`.
        holder: String,
    },
    /// The file cannot be opened or written.
    #[error("cannot lock {path}: {source}")]
    Failed {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// As [`lock`], without writing anything. `None`: there is no such file, so nobody holds it.
///
/// Errors: another holder, named by what it wrote; or the file cannot be read.
pub fn lock_unwritten(path: &Path) -> Result<Option<FileLock>, LockError> {
    match File::open(path) {
        Ok(file) => take(&file, path).map(|()| Some(FileLock { _file: file })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LockError::Failed { path: path.to_path_buf(), source }),
    }
}

/// Locks the file at `path`, made when missing, without waiting, and writes this process's id in
/// it.
///
/// Errors: another holder, named by what it wrote; or the file cannot be used.
pub fn lock(path: &Path) -> Result<FileLock, LockError> {
    let failed = |source| LockError::Failed { path: path.to_path_buf(), source };
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    take(&file, path)?;
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", process::id()))
        .map_err(failed)?;
    Ok(FileLock { _file: file })
}

fn take(file: &File, path: &Path) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Who cannot be read is unknown; that it is held is what matters.
            let _ = file.take(20).read_to_string(&mut text);
            let holder = Some(text.trim()).filter(|text| !text.is_empty()).unwrap_or("unknown");
            Err(LockError::Held { path: path.to_path_buf(), holder: holder.to_string() })
        }
        Err(TryLockError::Error(source)) => {
            Err(LockError::Failed { path: path.to_path_buf(), source })
        }
    }
}
