//! Owns a core's segment files before anything is served: found, read and written one after the other.

use super::open_error::{OpenError, failed};
use super::supply::segment_path;
use hyperion_store::manifest::Manifest;
use hyperion_store::mend::Told;
use hyperion_store::{Append, HEADER_BYTES, OTHER_VERSION, SegmentHeader, Store};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The segment files of a core, by id.
pub(super) fn segments_in(folder: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let name = entry.map_err(failed(folder))?.file_name();
        if let Some(id) = segment_id(Path::new(&name)) {
            found.push((id, segment_path(folder, id)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The number of a segment's file, by its name.
pub(super) fn segment_id(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("segment-")?.strip_suffix(".hyp")?.parse().ok()
}

const CUT_SHORT: &str = "the file is cut short";

pub(super) fn open_segment(path: &Path) -> Result<File, OpenError> {
    File::options().read(true).write(true).open(path).map_err(failed(path))
}

/// What a file is called until it has the length of a segment: one that goes by a segment's name is never short, unless bytes were lost.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension(UNFINISHED)
}

const UNFINISHED: &str = "unfinished";

/// Removes the files of a core whose making was cut short; gives whether there were any.
pub(super) fn remove_unfinished(folder: &Path) -> Result<bool, OpenError> {
    let mut found = false;
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            fs::remove_file(&path).map_err(failed(&path))?;
            found = true;
        }
    }
    Ok(found)
}

/// The header of a segment; `None` for a file that was never used.
pub(super) fn read_header(
    path: &Path,
    manifest: &Manifest,
) -> Result<Option<SegmentHeader>, OpenError> {
    if !fs::metadata(path).map_err(failed(path))?.is_file() {
        let path = path.to_path_buf();
        return Err(OpenError::Header { path, what: "it is no regular file", records: None });
    }
    let file = File::open(path).map_err(failed(path))?;
    let length = file.metadata().map_err(failed(path))?.len();
    let mut bytes = vec![0; HEADER_BYTES];
    let records = || -> Option<u64> {
        let told = Told::read(&fs::read(path).ok()?)?;
        Some(told.lsn_end - told.base_lsn)
    };
    let wrong = |what| OpenError::Header { path: path.to_path_buf(), what, records: records() };
    let whole = u64::from(manifest.segment_bytes);
    if length < HEADER_BYTES as u64 {
        return Err(wrong(CUT_SHORT));
    }
    file.read_exact_at(&mut bytes, 0).map_err(failed(path))?;
    let header = SegmentHeader::read(&bytes).map_err(|what| {
        match SegmentHeader::version(&bytes).filter(|_| what == OTHER_VERSION) {
            Some(found) => OpenError::Version { path: path.to_path_buf(), found },
            None => wrong(what),
        }
    })?;
    match header {
        _ if length < whole => Err(wrong(CUT_SHORT)),
        _ if length > whole => Err(wrong("the file is longer than a segment")),
        None => Ok(None),
        Some(header) if header.instance != manifest.instance => {
            Err(wrong("it belongs to another node"))
        }
        Some(header) => Ok(Some(header)),
    }
}

/// What the batches of a file tell whose header is all zeros: nothing, if the file was never used.
pub(super) fn told_without_header(path: &Path) -> Result<Option<Told>, OpenError> {
    let file = File::open(path).map_err(failed(path))?;
    let mut first = [0; 64];
    match file.read_exact_at(&mut first, HEADER_BYTES as u64) {
        Ok(()) if first.iter().any(|&byte| byte != 0) => {}
        _ => return Ok(None),
    }
    Ok(Told::read(&fs::read(path).map_err(failed(path))?))
}

/// Writes and syncs all that a store has for its files, before anything is served.
pub(super) fn write_out(
    store: &mut Store,
    files: &[Option<File>],
    path: &Path,
) -> Result<(), OpenError> {
    write(store, files, path)?;
    sync(store, files, path)
}

/// Writes all that a store has for its files.
pub(super) fn write(
    store: &mut Store,
    files: &[Option<File>],
    path: &Path,
) -> Result<(), OpenError> {
    let mut appends: Vec<Append> = Vec::new();
    store.take_appends(&mut appends);
    for append in &appends {
        let file = files.get(append.slot as usize).and_then(Option::as_ref);
        let Some(file) = file else {
            return Err(failed(path)(io::Error::other("a segment in use has no file")));
        };
        file.write_all_at(store.append_bytes(append), append.start as u64).map_err(failed(path))?;
        store.mark_written(append);
    }
    Ok(())
}

/// Syncs all that is written.
pub(super) fn sync(
    store: &mut Store,
    files: &[Option<File>],
    path: &Path,
) -> Result<(), OpenError> {
    if let Some(ticket) = store.begin_sync() {
        for &slot in &ticket.slots {
            if let Some(file) = files.get(slot as usize).and_then(Option::as_ref) {
                file.sync_data().map_err(failed(path))?;
            }
        }
        store.finish_sync(&ticket);
    }
    Ok(())
}
