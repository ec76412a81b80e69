//! Owns the list of a core's segment files: what is on it and not in the folder was lost, and with it what it held.
//!
//! Files are made and removed by their core alone, so that the list is true at any moment: a file gets on it when it is there, and off it
//! before it goes. Which of them hold anything the files say themselves.
//!
//! ```text
//! FILES   a byte for each number of a file: '+' there, 0 not
//! ```

use super::segment_files::segment_id;
use super::supply::segment_path;
use hyperion_runtime::files;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const NAME: &str = "FILES";
const THERE: u8 = b'+';

/// Numbers of files on a list, at most: those above are not missed. A file is used again and again, so few are ever made.
const NUMBERS_MAX: u64 = 16 << 20;

/// A file is there, on the disk.
pub(super) fn put_on(folder: &Path, id: u64) -> io::Result<()> {
    set(folder, id, THERE)
}

/// Removes a segment's file: it is off the list before it goes.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    if let (Some(folder), Some(id)) = (path.parent(), segment_id(path)) {
        set(folder, id, 0)?;
    }
    fs::remove_file(path)
}

/// Removes the list of a folder that has no files.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The files that are on the list and not among `there`, which are in order. A folder of a release that had no lists misses none.
pub(super) fn missing(folder: &Path, there: &[u64]) -> io::Result<Vec<PathBuf>> {
    let listed = read(folder)?.unwrap_or_default();
    let is_missing = |id: &u64| there.binary_search(id).is_err();
    Ok(listed.into_iter().filter(is_missing).map(|id| segment_path(folder, id)).collect())
}

/// Has the list name the files that are there, in order.
pub(super) fn bring_up_to_date(folder: &Path, there: &[u64]) -> io::Result<()> {
    let there = there.iter().copied().filter(|&id| index(id).is_some());
    if read(folder)?.is_some_and(|listed| there.clone().eq(listed)) {
        return Ok(());
    }
    let mut list = Vec::new();
    for at in there.filter_map(index) {
        list.resize(list.len().max(at + 1), 0);
        list[at] = THERE;
    }
    files::replace(&folder.join(NAME), &list)
}

/// The numbers on the list, in order; `None`: there is no list.
fn read(folder: &Path) -> io::Result<Option<Vec<u64>>> {
    let bytes = match fs::read(folder.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let listed = (0..).zip(bytes).filter(|(_, byte)| *byte == THERE);
    Ok(Some(listed.map(|(id, _)| id).collect()))
}

/// Where a number stands on the list; `None`: it is too high for one.
fn index(id: u64) -> Option<usize> {
    usize::try_from(id).ok().filter(|_| id < NUMBERS_MAX)
}

/// Changes one byte where it stands: that needs no room on a full disk.
fn set(folder: &Path, id: u64, byte: u8) -> io::Result<()> {
    let Some(at) = index(id) else { return Ok(()) };
    let path = folder.join(NAME);
    let is_new = !path.try_exists()?;
    if is_new && byte != THERE {
        return Ok(());
    }
    let file = File::options().write(true).create(true).truncate(false).open(&path)?;
    file.write_all_at(&[byte], at as u64)?;
    file.sync_data()?;
    if is_new { files::sync_directory(folder) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_is_missed_and_one_that_was_removed_is_not() {
        let folder = std::env::temp_dir().join(format!("hyperion-listing-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let folder = folder.as_path();
        let none: Vec<PathBuf> = Vec::new();
        assert_eq!(missing(folder, &[]).expect("it can be read"), none, "there is no list yet");
        for id in [1, 2, 7] {
            fs::write(segment_path(folder, id), b"").expect("it can be written");
            put_on(folder, id).expect("it can be written");
        }
        assert_eq!(missing(folder, &[1, 2, 7, 8]).expect("it can be read"), none);
        assert_eq!(missing(folder, &[1, 7]).expect("it can be read"), [segment_path(folder, 2)]);
        remove_file(&segment_path(folder, 2)).expect("it is there");
        assert!(!segment_path(folder, 2).exists());
        assert_eq!(missing(folder, &[1, 7]).expect("it can be read"), none);
        // One that came without a word is on the list from then on.
        bring_up_to_date(folder, &[1, 7, 9]).expect("it can be written");
        assert_eq!(missing(folder, &[1, 7]).expect("it can be read"), [segment_path(folder, 9)]);
        put_on(folder, NUMBERS_MAX).expect("it is passed over");
        assert_eq!(missing(folder, &[1, 7, 9]).expect("it can be read"), none);
        remove(folder).expect("it can go");
        remove(folder).expect("it is gone");
        assert_eq!(missing(folder, &[]).expect("it can be read"), none);
        fs::remove_dir_all(folder).expect("it is ours");
    }
}
