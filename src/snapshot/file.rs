//! Owns the file of a snapshot while it is written: under another name until it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, Digest};
use hyperion_runtime::files;

use super::cluster::manifest_name;
use super::format::{ChunkHead, Footer, Head, IndexCore, Libraries, low, write_index};
use super::limits::SYNC_BYTES;

/// What stands behind the name of a file that is not whole.
const PART: &str = ".part";

/// A file on its way. Dropped before [`SnapshotFile::finish`], it is removed.
pub(super) struct SnapshotFile {
    path: PathBuf,
    file: File,
    /// Bytes written.
    pub(super) bytes: u64,
    synced: u64,
    crc: Digest,
    chunks: u64,
    is_finished: bool,
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

impl SnapshotFile {
    /// Begins the file that will be at `path`.
    ///
    /// Errors: those of the system; nothing is left then.
    pub(super) fn create(path: &Path, head: &Head) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(part(path))?;
        let mut made = Self {
            path: path.to_path_buf(),
            file,
            bytes: 0,
            synced: 0,
            crc: Digest::new(CrcAlgorithm::Crc32Iscsi),
            chunks: 0,
            is_finished: false,
        };
        made.write(&head.write())?;
        Ok(made)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
        if self.bytes - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.bytes;
        }
        Ok(())
    }

    /// Writes a chunk, numbers it, and gives its place.
    ///
    /// Errors: those of the system.
    pub(super) fn chunk(&mut self, mut head: ChunkHead, stored: &[u8]) -> io::Result<u64> {
        let place = self.bytes;
        head.number = self.chunks;
        self.chunks += 1;
        self.write(&head.write())?;
        self.write(stored)?;
        Ok(place)
    }

    /// Writes the index and the footer, brings all to the disk and gives the file its name. Gives its size.
    ///
    /// Errors: those of the system; nothing is left then.
    pub(super) fn finish(mut self, index: &[IndexCore], libraries: &Libraries) -> io::Result<u64> {
        let bytes = write_index(index, libraries);
        let index_offset = self.bytes;
        self.write(&bytes)?;
        let ends = index.iter().flat_map(|core| &core.segments).map(|segment| segment.end);
        let footer = Footer {
            index_offset,
            index_bytes: bytes.len() as u64,
            plain_bytes: ends.map(u64::from).sum(),
            keys: index.iter().map(|core| core.keys).sum(),
            chunks: self.chunks,
            whole_crc: low(self.crc.finalize()),
        };
        self.write(&footer.write())?;
        self.file.sync_all()?;
        fs::rename(part(&self.path), &self.path)?;
        self.is_finished = true;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        files::sync_directory(folder)?;
        Ok(self.bytes)
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(part(&self.path));
        }
    }
}

/// Removes what snapshots that were cut short have left in `folder`. Gives how many there were.
///
/// Errors: those of the system.
pub(super) fn remove_parts(folder: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(&format!("{ENDING}{PART}")) {
            fs::remove_file(path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

const BEGINNING: &str = "snapshot-";
const ENDING: &str = ".hysnap";

/// The name of the snapshot that is begun at this time.
pub(super) fn name_at(unix_ms: u64) -> String {
    format!("{BEGINNING}{unix_ms:013}{ENDING}")
}

/// The name of a node's part of the snapshot over all nodes that is begun at this time.
pub(super) fn part_name_at(unix_ms: u64, node: u32) -> String {
    format!("{BEGINNING}{unix_ms:013}-n{node}{ENDING}")
}

/// When the newest whole snapshot of a folder was begun, Unix ms.
pub(super) fn newest_ms(folder: &Path) -> Option<u64> {
    whole(folder).ok()?.pop().map(|(began_ms, _)| began_ms)
}

/// Removes all whole snapshots of a folder but the newest `keep`. Gives the names of those that are gone.
///
/// Errors: those of the system.
pub(super) fn remove_all_but(folder: &Path, keep: usize) -> io::Result<Vec<String>> {
    let mut found = whole(folder)?;
    found.truncate(found.len().saturating_sub(keep));
    for (began_ms, name) in &found {
        match fs::remove_file(folder.join(manifest_name(*began_ms))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::remove_file(folder.join(name))?,
        }
    }
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// The whole snapshots of a folder, the oldest first: when each was begun, Unix ms, and its name. What a person has named otherwise
/// is none of them.
fn whole(folder: &Path) -> io::Result<Vec<(u64, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(BEGINNING).and_then(|rest| rest.strip_suffix(ENDING));
        let began_ms: Option<u64> = rest.and_then(|rest| match rest.split_once("-n") {
            Some((began_ms, node)) => {
                let (began_ms, node) = (began_ms.parse().ok()?, node.parse().ok()?);
                (part_name_at(began_ms, node) == name).then_some(began_ms)
            }
            None => rest.parse().ok().filter(|&began_ms| name_at(began_ms) == name),
        });
        found.extend(began_ms.map(|began_ms| (began_ms, name)));
    }
    found.sort_unstable();
    Ok(found)
}
