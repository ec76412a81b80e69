//! Owns the reading of one core's segments as they lie on the disk: all of them, whatever is wrong, and without a write.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hyperion_model::{CoreId, PartitionMap};
use hyperion_runtime::arena;
use hyperion_store::manifest::Manifest;
use hyperion_store::mend::{self, Told};
use hyperion_store::{HEADER_BYTES, HeaderState, Recovered, SegmentHeader, Store};

use super::super::listing;
use super::super::open::options;
use super::super::open_error::{OpenError, failed};
use super::super::segment_files::{read_header, segments_in, told_without_header};
use super::super::supply::core_folder;
use super::EIO;

/// What is read at once where a disk does not give a whole file.
const SECTOR_BYTES: usize = 4096;

/// How much of a file with a damaged head was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// The head could be made right.
    Whole,
    /// The head was worked out from the batches: expiry times are off by as much as lies between two segments.
    Roughly,
    /// Nothing.
    Nothing,
}

/// A file whose head, length or sectors are wrong, or a core's folder that is not there.
#[derive(Clone, Debug)]
pub(super) struct BadFile {
    pub(super) path: PathBuf,
    pub(super) id: u64,
    pub(super) what: String,
    pub(super) saved: Saved,
    /// Records in it, when its batches tell.
    pub(super) records: Option<u64>,
    /// The disk did not give all of its bytes.
    pub(super) is_unreadable: bool,
}

/// One core's data, read as far as it goes.
pub(super) struct Offline {
    pub(super) core: u16,
    pub(super) folder: PathBuf,
    pub(super) store: Store,
    pub(super) recovered: Recovered,
    pub(super) bad_files: Vec<BadFile>,
    /// Files that do not count: never used, of another layout, or free.
    pub(super) unused: Vec<PathBuf>,
    pub(super) segments: usize,
    /// The highest layout that a file names.
    pub(super) generation_max: u32,
    pub(super) next_id: u64,
}

impl BadFile {
    fn missing(path: PathBuf) -> Self {
        Self {
            path,
            id: 0,
            what: "the file is missing, and with it what it held".to_owned(),
            saved: Saved::Nothing,
            records: None,
            is_unreadable: false,
        }
    }
}

impl Offline {
    /// Whether something that had been durable is not there.
    pub(super) fn is_damaged(&self) -> bool {
        !self.recovered.holes.is_empty() || !self.bad_files.is_empty()
    }

    /// The bad files that are there.
    pub(super) fn bad_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let files = self.bad_files.iter().map(|file| &file.path);
        files.filter(|path| path.is_file()).cloned()
    }

    /// What stands in the place of files and is none: pipes, folders, links that lead nowhere.
    pub(super) fn odd_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let files = self.bad_files.iter().map(|file| &file.path);
        let odd = files.filter(|path| !path.is_file() && path.symlink_metadata().is_ok());
        odd.filter(|path| **path != self.folder).cloned()
    }

    /// Most records that are lost, as far as anything tells.
    pub(super) fn records_lost_max(&self) -> u64 {
        let files = self.bad_files.iter().filter(|file| file.saved == Saved::Nothing);
        let in_files: u64 = files.filter_map(|file| file.records).sum();
        in_files + self.recovered.holes.iter().map(|hole| hole.records_max).sum::<u64>()
    }
}

/// What a look at the heads found.
#[derive(Default)]
struct Heads {
    used: Vec<(SegmentHeader, PathBuf)>,
    /// Files whose head must be worked out, and what their batches tell.
    headless: Vec<(BadFile, Option<Told>)>,
    bad_files: Vec<BadFile>,
    /// All zeros at the head, but not behind it.
    without_header: Vec<(u64, PathBuf, Told)>,
    unused: Vec<PathBuf>,
    /// Segments of another node.
    foreign: usize,
    generation_max: u32,
    next_id: u64,
}

/// Reads one core. Damage is in what comes back.
///
/// Errors: a newer format, segments of another node alone, a record that another core owns, or a call that failed.
pub(super) fn read(path: &Path, manifest: &Manifest, core: u16) -> Result<Offline, OpenError> {
    let folder = core_folder(path, core);
    let map = PartitionMap::spread(manifest.partitions, manifest.cores);
    let mut heads = Heads { next_id: 1, ..Heads::default() };
    if folder.exists() {
        let found = segments_in(&folder)?;
        let there: Vec<u64> = found.iter().map(|&(id, _)| id).collect();
        let missing = listing::missing(&folder, &there).map_err(failed(&folder))?;
        heads.bad_files.extend(missing.into_iter().map(BadFile::missing));
        for (id, path) in found {
            look(&mut heads, id, path, manifest)?;
        }
    } else {
        heads.bad_files.push(BadFile {
            path: folder.clone(),
            id: 0,
            what: "the folder is missing, and with it all that the core held".to_owned(),
            saved: Saved::Nothing,
            records: None,
            is_unreadable: false,
        });
    }
    if heads.foreign > 0 && heads.used.is_empty() {
        return Err(OpenError::Foreign { folder, segments: heads.foreign });
    }
    work_out_heads(&mut heads);
    let mut segments = Vec::new();
    for (header, path) in &heads.used {
        let memory = arena::allocate(manifest.segment_bytes as usize).map_err(failed(path))?;
        let missing = read_all(path, memory).map_err(failed(path))?;
        if missing > 0 {
            heads.bad_files.push(BadFile {
                path: path.clone(),
                id: header.id,
                what: format!("{missing} bytes of it cannot be read from the disk"),
                saved: Saved::Whole,
                records: None,
                is_unreadable: true,
            });
        }
        segments.push((*header, memory));
    }
    let count = segments.len();
    let mut store =
        Store::new(options(manifest, CoreId(core), &map, manifest.generation, u64::from(core)));
    let recovered = store
        .salvage(segments)
        .map_err(|damage| OpenError::Damaged { folder: folder.clone(), damage })?;
    for (id, path, told) in heads.without_header {
        if told.base_lsn < recovered.durable_lsn {
            heads.bad_files.push(BadFile {
                path,
                id,
                what: "its header is all zeros".to_owned(),
                saved: Saved::Roughly,
                records: Some(told.lsn_end - told.base_lsn),
                is_unreadable: false,
            });
        } else {
            heads.unused.push(path);
        }
    }
    Ok(Offline {
        core,
        folder,
        store,
        recovered,
        bad_files: heads.bad_files,
        unused: heads.unused,
        segments: count,
        generation_max: heads.generation_max,
        next_id: heads.next_id,
    })
}

fn look(heads: &mut Heads, id: u64, path: PathBuf, manifest: &Manifest) -> Result<(), OpenError> {
    heads.next_id = heads.next_id.max(id + 1);
    let (what, records) = match read_header(&path, manifest) {
        Ok(Some(header)) => {
            heads.generation_max = heads.generation_max.max(header.generation);
            if header.generation == manifest.generation && header.state == HeaderState::InUse {
                heads.used.push((SegmentHeader { id, ..header }, path));
            } else {
                heads.unused.push(path);
            }
            return Ok(());
        }
        Ok(None) => {
            match told_without_header(&path)? {
                Some(told) => heads.without_header.push((id, path, told)),
                None => heads.unused.push(path),
            }
            return Ok(());
        }
        Err(OpenError::Header { what, records, .. }) => (what.to_owned(), records),
        // The disk does not give the first bytes.
        Err(OpenError::Io { error, .. }) if error.raw_os_error() == Some(EIO) => {
            (format!("its head cannot be read: {error}"), None)
        }
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; manifest.segment_bytes as usize];
    let missing = read_all(&path, &mut bytes).map_err(failed(&path))?;
    let mut bad = BadFile {
        path: path.clone(),
        id,
        what,
        saved: Saved::Nothing,
        records,
        is_unreadable: missing > 0,
    };
    let right = SegmentHeader::read(&bytes).ok().flatten();
    match right.or_else(|| mend::segment_header(&bytes)) {
        Some(header) if header.instance != manifest.instance => {
            heads.foreign += 1;
            heads.bad_files.push(bad);
        }
        Some(header) => {
            heads.generation_max = heads.generation_max.max(header.generation);
            bad.saved = Saved::Whole;
            heads.bad_files.push(bad);
            if header.generation == manifest.generation && header.state == HeaderState::InUse {
                heads.used.push((SegmentHeader { id, ..header }, path));
            }
        }
        None => heads.headless.push((bad, Told::read(&bytes))),
    }
    Ok(())
}

/// Gives files without a usable head the one that their batches and their neighbours tell of.
fn work_out_heads(heads: &mut Heads) {
    // Whether they had been durable, and are missed, is known when the others were read.
    for (id, path, told) in &heads.without_header {
        if let Some(header) = header_like(&heads.used, *id, told) {
            heads.used.push((header, path.clone()));
        }
    }
    for (mut bad, told) in std::mem::take(&mut heads.headless) {
        let header = told.and_then(|told| header_like(&heads.used, bad.id, &told));
        if let Some(header) = header {
            bad.saved = Saved::Roughly;
            heads.used.push((header, bad.path.clone()));
        }
        heads.bad_files.push(bad);
    }
}

/// A header after that of the neighbour before, or behind.
fn header_like(used: &[(SegmentHeader, PathBuf)], id: u64, told: &Told) -> Option<SegmentHeader> {
    let before = used.iter().filter(|(header, _)| header.base_lsn <= told.base_lsn);
    before
        .max_by_key(|(header, _)| header.base_lsn)
        .or_else(|| used.iter().min_by_key(|(header, _)| header.base_lsn))
        .map(|(like, _)| told.header(id, like))
}

/// Reads a file into `memory`, zeros where the disk or the file's end gives nothing. Gives the bytes that the disk did not give.
fn read_all(path: &Path, memory: &mut [u8]) -> io::Result<u64> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(memory.len() as u64);
    }
    let file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(memory.len());
    let memory = &mut memory[..length];
    if file.read_exact_at(memory, 0).is_ok() {
        return Ok(0);
    }
    let mut missing = 0;
    for (number, sector) in memory.chunks_mut(SECTOR_BYTES).enumerate() {
        if file.read_exact_at(sector, (number * SECTOR_BYTES) as u64).is_err() {
            sector.fill(0);
            missing += sector.len() as u64;
        }
    }
    Ok(missing)
}

const _: () = assert!(HEADER_BYTES.is_multiple_of(SECTOR_BYTES), "a head is whole sectors");
