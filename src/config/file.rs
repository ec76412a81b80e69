//! Owns the config on disk: whole or not at all, with the last few versions beside it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;

use crate::remedy::Remedy;

use super::limits::EARLIER_CONFIGS_MAX;

/// The mode of a new config: it holds the hash of the password.
const NEW_FILE_MODE: u32 = 0o600;

/// Replaces a file so that after a crash it is the old one or the new one.
///
/// Errors: those of writing beside the file, of syncing and of renaming. After an error in the last
/// step, the sync of the folder, the new content is in place and may be lost in a power cut.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path).map_or(NEW_FILE_MODE, |meta| meta.permissions().mode() & 0o777);
    let beside = beside(path, "new");
    let written = write_new(&beside, bytes, mode).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // The first error is the one to report; a file that stays behind is removed by the next
        // write.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    File::open(folder(path))?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(NEW_FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Writes an earlier config beside the current one and removes all but the last ten.
///
/// Errors: those of writing; one that cannot be removed is left where it is.
pub(crate) fn keep_earlier(path: &Path, epoch: u64, bytes: &[u8]) -> io::Result<()> {
    write_atomically(&earlier_path(path, epoch), bytes)?;
    let earlier = earlier(path)?;
    let surplus = earlier.len().saturating_sub(EARLIER_CONFIGS_MAX);
    for (_, old) in &earlier[..surplus] {
        let _ = fs::remove_file(old);
    }
    Ok(())
}

/// Keeps what is in the file beside it as `.bak`, in the place of an earlier one.
///
/// Errors: those of reading and writing.
pub(crate) fn keep_bak(path: &Path) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".bak");
    write_atomically(&path.with_file_name(name), &fs::read(path)?)
}

/// The earlier configs beside the current one, the oldest first.
///
/// Errors: those of listing the folder.
pub(crate) fn earlier(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?.path();
        let epoch = entry
            .file_stem()
            .and_then(|stem| Path::new(stem).extension()?.to_str()?.parse::<u64>().ok());
        if let Some(epoch) = epoch.filter(|epoch| earlier_path(path, *epoch) == entry) {
            found.push((epoch, entry));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// When this node took configs in the place of earlier ones, in Unix ms: by epoch, the newest that are kept. `epoch` is the current one.
pub(crate) fn taken_ms(path: &Path, epoch: u64) -> BTreeMap<u64, u64> {
    let earlier = earlier(path).unwrap_or_default();
    let next = earlier.iter().skip(1).map(|(epoch, _)| *epoch).chain([epoch]);
    let taken = earlier.iter().zip(next).filter_map(|((_, path), next)| {
        // What is replaced is written beside the new one just before.
        let written = fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
        let ms = written.duration_since(UNIX_EPOCH).ok()?.as_millis();
        Some((next, u64::try_from(ms).ok()?))
    });
    taken.collect()
}

/// Finds out whether the config can be kept current, without changing it.
///
/// Errors: a sentence that names the path and says what to do.
pub(crate) fn check_writable(path: &Path) -> Result<(), String> {
    let advice = "the node keeps its config current; give it a file and a folder that it may write";
    let complain = |place: &Path, error: &io::Error| {
        let advice = match Remedy::of(error) {
            // A config that is mounted read-only is nobody's accident.
            Remedy::Writable | Remedy::Rights | Remedy::Place | Remedy::Other => advice,
            remedy => remedy.advice(),
        };
        format!(
            "the config at {} cannot be written: {}: {error}; {advice}",
            path.display(),
            place.display()
        )
    };
    if path.exists() {
        OpenOptions::new().write(true).open(path).map_err(|error| complain(path, &error))?;
        if is_mount_point(path) {
            return Err(format!(
                "the config at {} is mounted by itself and cannot be replaced; mount its folder instead",
                path.display()
            ));
        }
    }
    let probe = beside(path, "probe");
    write_new(&probe, b"", NEW_FILE_MODE)
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| complain(folder(path), &error))
}

/// Makes a folder, and those above it, for this user alone.
///
/// Errors: those of making it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn is_mount_point(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) =
        (fs::canonicalize(path), fs::read_to_string("/proc/self/mountinfo"))
    else {
        return false;
    };
    mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|place| Path::new(place) == path))
}

fn earlier_path(path: &Path, epoch: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(format!(".{epoch}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Reads a config, or as much of it as shows that it is too long.
///
/// Errors: those of opening and reading.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(CONFIG_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
