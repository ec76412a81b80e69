//! Owns the data directory at start: lock, manifest, and each core's segments back in memory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hyperion_model::{CoreId, PartitionMap};
use hyperion_runtime::Keeper;
use hyperion_runtime::arena::{self, ArenaView};
use hyperion_runtime::files::{self, FileLock};
use hyperion_store::manifest::{Manifest, ManifestError};
use hyperion_store::mend;
use hyperion_store::{HeaderState, Options, Recovered, Store, Unbacked};

use super::listing;
use super::open_error::{OpenError, failed};
use super::repair;
use super::segment_files::{
    open_segment, read_header, remove_unfinished, segments_in, told_without_header,
};
use super::segments;
use super::supply::core_folder;
use super::taken::lock_when_left;

/// Free segments that a start takes into memory; the files of more are removed.
const FREE_KEPT: usize = 2;

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
        let lock = lock_when_left(&path.join("LOCK"))?;
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
                make_folders(path, wanted.cores)?;
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

/// Makes the folders of the cores: they are on the disk before MANIFEST counts them, so that one that is missing is missed.
fn make_folders(path: &Path, cores: u16) -> Result<(), OpenError> {
    for folder in (0..cores).map(|core| core_folder(path, core)) {
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
    }
    files::sync_directory(path).map_err(failed(path))
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
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { folder, core: core.0 });
    }
    let generation = data.manifest.generation;
    let mut store = Store::new(data.options(core, map, generation, entropy));
    if data.is_log_only {
        store.keep_log_only();
    }
    let (mut used, mut free, mut next_id) = (Vec::new(), Vec::new(), 1);
    let (mut unused, mut without_header) = (Vec::new(), Vec::new());
    let found = segments_in(&folder)?;
    let mut there: Vec<u64> = found.iter().map(|&(id, _)| id).collect();
    if let Some(path) =
        listing::missing(&folder, &there).map_err(failed(&folder))?.into_iter().next()
    {
        return Err(OpenError::Missing { path });
    }
    for (id, path) in found {
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
            // Never used, left over from another number of cores, or one too many.
            header => {
                if header.is_none()
                    && let Some(told) = told_without_header(&path)?
                {
                    without_header.push((path.clone(), told));
                }
                unused.push((id, path));
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
    for (_, path) in &unused {
        listing::remove_file(path).map_err(failed(path))?;
    }
    there.retain(|id| unused.iter().all(|(other, _)| other != id));
    if let Err(error) = listing::bring_up_to_date(&folder, &there) {
        // What is on it is there all the same: it names too few.
        tracing::warn!("the list of files in {} cannot be written: {error}", folder.display());
    }
    if remove_unfinished(&folder)? || !unused.is_empty() {
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
