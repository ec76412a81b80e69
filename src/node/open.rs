//! Owns the data directory at start: lock, manifest, and each core's segments back in memory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hyperion_model::{CoreId, PartitionMap};
use hyperion_runtime::Keeper;
use hyperion_runtime::arena::{self, ArenaView};
use hyperion_runtime::files::{self, FileLock, LockError};
use hyperion_store::manifest::{Manifest, ManifestError};
use hyperion_store::mend::{self, Told};
use hyperion_store::{
    Append, Damage, FORMAT_VERSION, HEADER_BYTES, HeaderState, OTHER_VERSION, Options, Recovered,
    SegmentHeader, Store, Unbacked,
};
use thiserror::Error;

use super::repair;
use super::segments;
use super::supply::{core_folder, segment_path};
use crate::remedy::Remedy;

/// Free segments that a start takes into memory; the files of more are removed.
const FREE_KEPT: usize = 2;

/// Why the data cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// Somebody else uses it.
    #[error("{0}")]
    Locked(LockError),
    /// There is no data to look at.
    #[error("there is no data in {path}: {what}; correct --data")]
    NoData {
        /// The data directory.
        path: PathBuf,
        /// What is not there.
        what: &'static str,
    },
    /// The manifest is not right.
    #[error("{path}: {error}")]
    Manifest {
        /// The data directory.
        path: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
    /// There are segments and no manifest.
    #[error(
        "{path} has segments but no MANIFEST; restore it from a backup, or move the directory away to start empty"
    )]
    NoManifest {
        /// The data directory.
        path: PathBuf,
    },
    /// A setting that is fixed for the life of the data.
    #[error(
        "the data at {path} was made with {what} {made}, the config says {configured}; set it back to {made}"
    )]
    Fixed {
        /// The data directory.
        path: PathBuf,
        /// The setting.
        what: &'static str,
        /// What the data has.
        made: u64,
        /// What the config has.
        configured: u64,
    },
    /// No segment is of the node that MANIFEST names.
    #[error(
        "{folder}: all {segments} segments belong to another node than MANIFEST says, so MANIFEST is what is wrong; restore the MANIFEST \
         that belongs to them; nothing was changed"
    )]
    Foreign {
        /// The core's folder.
        folder: PathBuf,
        /// How many.
        segments: usize,
    },
    /// Bytes that had been durable are not there any more.
    #[error("{}: {damage}", segment_path(folder, damage.segment).display())]
    Damaged {
        /// The core's folder.
        folder: PathBuf,
        /// What and where.
        damage: Damage,
    },
    /// A segment's header is not right.
    #[error(
        "{path}: {what}; {}restore the file from a backup, or start with --repair to save what can be saved",
        concerned(*records)
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// Records in the file, when its batches tell.
        records: Option<u64>,
    },
    /// A segment of another release.
    #[error(
        "{path} has format version {found}, this program knows version {FORMAT_VERSION}; start the release that wrote it, or a \
         later one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What the file says.
        found: u16,
    },
    /// A segment cannot be made: what, where, why, and what to do.
    #[error("{0}, then start again")]
    Segment(String),
    /// A call failed.
    #[error("{path}: {error}; {}, then try again", Remedy::of(error).advice())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Failed { path, source } => Self::Io { path, error: source },
            held @ LockError::Held { .. } => Self::Locked(held),
        }
    }
}

fn concerned(records: Option<u64>) -> String {
    records.map_or_else(String::new, |records| {
        format!("up to {records} records in it are concerned; ")
    })
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    |error| OpenError::Io { path: path.to_path_buf(), error }
}

/// A data directory that is ours.
#[derive(Debug)]
pub(crate) struct Data {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    /// The node keeps logs alone.
    pub(super) is_log_only: bool,
    _lock: FileLock,
}

/// What the config says of the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) cores: u16,
    pub(super) partitions: u16,
    pub(super) segment_bytes: u32,
    /// A damaged manifest is mended, if it can be.
    pub(super) repairs: bool,
}

impl Data {
    /// Locks the directory and reads its manifest, or makes both.
    pub(super) fn open(path: &Path, wanted: Wanted, random: [u64; 3]) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(failed(path))?;
        let lock = files::lock(&path.join("LOCK"))?;
        let manifest_path = path.join("MANIFEST");
        let manifest = match fs::read(&manifest_path) {
            Ok(bytes) => match Manifest::read(&bytes) {
                Err(ManifestError::Damaged(_))
                    if wanted.repairs && mend::manifest(&bytes).is_some() =>
                {
                    repair::mend_manifest(path, &bytes)?
                }
                read => {
                    read.map_err(|error| OpenError::Manifest { path: path.to_path_buf(), error })?
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if has_segments(path) {
                    return Err(OpenError::NoManifest { path: path.to_path_buf() });
                }
                let mut instance = [0; 16];
                instance[..8].copy_from_slice(&random[0].to_le_bytes());
                instance[8..].copy_from_slice(&random[1].to_le_bytes());
                Manifest {
                    instance,
                    cores: wanted.cores,
                    partitions: wanted.partitions,
                    starts: 0,
                    segment_bytes: wanted.segment_bytes,
                    generation: 1,
                    hash_seed: random[2],
                }
            }
            Err(error) => return Err(failed(&manifest_path)(error)),
        };
        for (what, made, configured) in [
            ("partitions", u64::from(manifest.partitions), u64::from(wanted.partitions)),
            ("segment_bytes", u64::from(manifest.segment_bytes), u64::from(wanted.segment_bytes)),
        ] {
            if made != configured {
                return Err(OpenError::Fixed { path: path.to_path_buf(), what, made, configured });
            }
        }
        let mut data = Self { path: path.to_path_buf(), manifest, is_log_only: false, _lock: lock };
        data.manifest.starts = data.manifest.starts.wrapping_add(1);
        data.write_manifest()?;
        Ok(data)
    }

    pub(super) fn write_manifest(&self) -> Result<(), OpenError> {
        let path = self.path.join("MANIFEST");
        files::replace(&path, &self.manifest.write()).map_err(failed(&path))
    }

    /// What a core's store is made with.
    pub(super) fn options(
        &self,
        core: CoreId,
        map: &PartitionMap,
        generation: u32,
        entropy: u64,
    ) -> Options {
        options(&self.manifest, core, map, generation, entropy)
    }
}

/// What a core's store is made with.
pub(super) fn options(
    manifest: &Manifest,
    core: CoreId,
    map: &PartitionMap,
    generation: u32,
    entropy: u64,
) -> Options {
    Options {
        core,
        map: map.clone(),
        instance: manifest.instance,
        generation,
        segment_bytes: manifest.segment_bytes as usize,
        keeps_files: true,
        hash_seed: manifest.hash_seed,
        entropy,
    }
}

pub(super) fn has_segments(path: &Path) -> bool {
    let folders = fs::read_dir(path).into_iter().flatten().flatten();
    folders.into_iter().any(|folder| {
        folder.file_name().to_string_lossy().starts_with("core-")
            && fs::read_dir(folder.path()).is_ok_and(|mut files| files.next().is_some())
    })
}

/// One core's data, back in memory.
pub(super) struct Loaded {
    pub(super) store: Store,
    pub(super) recovered: Recovered,
    /// By slot.
    pub(super) files: Vec<Option<File>>,
    /// The memory of each segment, by id.
    pub(super) views: Vec<(u64, ArenaView)>,
    pub(super) next_id: u64,
}

/// How one core's data is brought back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loading<'a> {
    /// A side thread that has memory backed meanwhile.
    pub(super) memory: Option<&'a Keeper>,
    /// Threads that read and look at segments side by side.
    pub(super) threads: usize,
    /// Some free segments are taken into memory for what will be written.
    pub(super) keeps_free: bool,
}

/// Reads all segments of one core.
pub(super) fn load(
    data: &Data,
    core: CoreId,
    map: &PartitionMap,
    entropy: u64,
    how: Loading<'_>,
) -> Result<Loaded, OpenError> {
    let free_kept = if how.keeps_free { FREE_KEPT } else { 0 };
    let folder = core_folder(&data.path, core.0);
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    files::sync_directory(&data.path).map_err(failed(&data.path))?;
    let generation = data.manifest.generation;
    let mut store = Store::new(data.options(core, map, generation, entropy));
    if data.is_log_only {
        store.keep_log_only();
    }
    let (mut used, mut free, mut next_id) = (Vec::new(), Vec::new(), 1);
    let (mut unused, mut without_header) = (Vec::new(), Vec::new());
    for (id, path) in segments_in(&folder)? {
        next_id = next_id.max(id + 1);
        match read_header(&path, &data.manifest)? {
            Some(header)
                if header.generation == generation && header.state == HeaderState::InUse =>
            {
                used.push((id, path, header));
            }
            Some(header) if header.generation == generation && free.len() < free_kept => {
                free.push((id, path));
            }
            // Left over from a segment that was never finished, from another number of cores, or one too many.
            header => {
                if header.is_none()
                    && let Some(told) = told_without_header(&path)?
                {
                    without_header.push((path.clone(), told));
                }
                unused.push(path);
            }
        }
    }
    let (mut segments, mut views) = (Vec::new(), Vec::new());
    let mut opened: Vec<(u64, File)> = Vec::new();
    for read in segments::read(used, &store, data.manifest.segment_bytes as usize, how.threads)? {
        let segments::Read { header, file, memory, digest } = read;
        views.push((header.id, ArenaView::of(memory)));
        opened.push((header.id, file));
        segments.push((header, memory, digest));
    }
    let adopted = store.adopt_digested(segments);
    // Its pages come while the keys are read; those that a key wants before are made by its first use.
    let blocks: Vec<Unbacked> = std::iter::from_fn(|| store.take_unbacked()).collect();
    blocks.iter().for_each(|block| arena::ask_huge(block.address, block.bytes));
    if let Some(memory) = how.memory {
        let back = move || blocks.iter().for_each(|block| arena::back(block.address, block.bytes));
        // With its hands full it leaves all to the first use.
        let _ = memory.run(Box::new(back));
    }
    let recovered = store
        .replay(adopted)
        .map_err(|damage| OpenError::Damaged { folder: folder.clone(), damage })?;
    let had_been_durable =
        without_header.into_iter().find(|(_, told)| told.base_lsn < recovered.durable_lsn);
    if let Some((path, told)) = had_been_durable {
        let records = Some(told.lsn_end - told.base_lsn);
        return Err(OpenError::Header { path, what: "its header is all zeros", records });
    }
    for path in &unused {
        fs::remove_file(path).map_err(failed(path))?;
    }
    if !unused.is_empty() {
        // A file that came back would stand beside what is written from now on.
        files::sync_directory(&folder).map_err(failed(&folder))?;
    }
    for (id, path) in free {
        let memory =
            arena::allocate(data.manifest.segment_bytes as usize).map_err(failed(&path))?;
        let (address, bytes) = (memory.as_ptr().addr(), memory.len());
        let back = Box::new(move || arena::back(address, bytes));
        // Nobody waits for it: what is written before makes its own pages.
        let is_taken = how.memory.is_some_and(|keeper| keeper.run(back).is_ok());
        if !is_taken {
            arena::populate(memory).map_err(failed(&path))?;
        }
        views.push((id, ArenaView::of(memory)));
        store.add_ready(id, memory);
        opened.push((id, open_segment(&path)?));
    }
    let mut files: Vec<Option<File>> = Vec::new();
    for (id, file) in opened {
        let Some(slot) = store.slot_of(id) else { continue };
        if files.len() <= slot as usize {
            files.resize_with(slot as usize + 1, || None);
        }
        files[slot as usize] = Some(file);
    }
    for &slot in &recovered.dropped {
        let file = files[slot as usize].as_ref();
        if let Some(file) = file {
            file.write_all_at(store.header_bytes(slot), 0)
                .and_then(|()| file.sync_data())
                .map_err(failed(&folder))?;
        }
        store.freed(slot);
    }
    Ok(Loaded { store, recovered, files, views, next_id })
}

/// The segment files of a core, by id.
pub(super) fn segments_in(folder: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let name = entry.map_err(failed(folder))?.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.strip_prefix("segment-")?.strip_suffix(".hyp")?.parse().ok());
        if let Some(id) = id {
            found.push((id, segment_path(folder, id)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn open_segment(path: &Path) -> Result<File, OpenError> {
    File::options().read(true).write(true).open(path).map_err(failed(path))
}

/// The header of a segment; `None` for a file whose making was cut short.
pub(super) fn read_header(
    path: &Path,
    manifest: &Manifest,
) -> Result<Option<SegmentHeader>, OpenError> {
    let file = File::open(path).map_err(failed(path))?;
    let length = file.metadata().map_err(failed(path))?.len();
    let mut bytes = vec![0; HEADER_BYTES];
    if length < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let records = || -> Option<u64> {
        let told = Told::read(&fs::read(path).ok()?)?;
        Some(told.lsn_end - told.base_lsn)
    };
    let wrong = |what| OpenError::Header { path: path.to_path_buf(), what, records: records() };
    file.read_exact_at(&mut bytes, 0).map_err(failed(path))?;
    let header = SegmentHeader::read(&bytes).map_err(|what| {
        match SegmentHeader::version(&bytes).filter(|_| what == OTHER_VERSION) {
            Some(found) => OpenError::Version { path: path.to_path_buf(), found },
            None => wrong(what),
        }
    })?;
    let whole = length == u64::from(manifest.segment_bytes);
    match header {
        None => Ok(None),
        Some(_) if !whole => Err(wrong("the file is cut short")),
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
