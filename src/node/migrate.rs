//! Owns the change of the number of cores: before the cores start, every live key is written anew where it belongs, and every replica of a
//! group with what it has voted, and the entries that did not take effect.
//!
//! The new segments belong to the next generation, which counts from the moment the manifest says so: a crash on the way
//! leaves the old ones in force. It takes the memory of both for a while. Old cores are read side by side, and so are new ones
//! written; what was written is in memory already, so the new cores begin with it and read nothing.

use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hyperion_engine::Engine;
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, GroupId, PartitionId, PartitionMap};
use hyperion_runtime::Keeper;
use hyperion_runtime::arena::{self, ArenaView};
use hyperion_store::{Held, Recovered, RecoveredGroup, Room, Store, StoreError, Value, ValueType};

use super::cut_back::cut_all_back;
use super::listing;
use super::open::{Data, Loaded, Loading, load};
use super::open_error::{OpenError, failed};
use super::segment_files::{segments_in, sync, write};
use super::supply::{core_folder, make_unbacked_segment};

/// Sealed segments of one core that wait for the thread that syncs them.
const SYNCS_WAITING_MAX: usize = 4;

/// Bytes of the records about a group or an entry beside what is in them, at most.
const GROUP_BYTES: usize = 1 << 10;

/// A core's new store on its way.
struct Target<'a> {
    data: &'a Data,
    store: Store,
    files: Vec<Option<File>>,
    core: CoreId,
    next_id: u64,
    /// Takes files whose bytes are all written: their way to the disk begins while the next ones are filled.
    syncs: mpsc::SyncSender<File>,
}

/// What a core's keys are taken from.
pub(super) struct Source {
    pub(super) store: Store,
    pub(super) recovered: Recovered,
    /// Above the numbers of all its files.
    pub(super) next_id: u64,
}

/// A core's store as it was written anew.
pub(super) struct Written {
    store: Store,
    groups: Vec<RecoveredGroup>,
    files: Vec<Option<File>>,
    next_id: u64,
}

impl Written {
    /// For the core to begin with. `memory` is a side thread that has the rest of what will be written next backed.
    pub(super) fn loaded(self, memory: &Keeper) -> Loaded {
        let Self { store, groups, files, next_id } = self;
        let last = files.len().checked_sub(1).and_then(|slot| u32::try_from(slot).ok());
        if let Some(slot) = last {
            let (address, bytes) = (store.memory(slot).as_ptr().addr(), store.segment_bytes());
            // With its hands full it leaves all to the first use.
            let _ = memory.run(Box::new(move || arena::back(address, bytes)));
        }
        let recovered = Recovered { lsn_next: store.lsn_next(), groups, ..Recovered::default() };
        let slots = (0..files.len()).filter_map(|slot| u32::try_from(slot).ok());
        let views = slots.map(|slot| (store.segment_id(slot), ArenaView::of(store.memory(slot))));
        let views = views.collect();
        Loaded { store, recovered, files, views, next_id }
    }

    pub(super) fn release(self) {
        self.store.into_memory().for_each(arena::release);
    }
}

/// Writes all live keys for `cores` cores and makes that the layout that counts. Gives what each core begins with.
pub(super) fn migrate(
    data: &mut Data,
    cores: u16,
    entropy: u64,
) -> Result<Vec<Written>, OpenError> {
    let since = Instant::now();
    let old_cores = data.manifest.cores;
    let old_map = PartitionMap::spread(data.manifest.partitions, old_cores);
    // As many threads as there will be cores look at segments.
    let threads = usize::from(cores.div_ceil(old_cores));
    let read = |core: CoreId| {
        let how = Loading { memory: None, threads, keeps_free: false };
        let loaded = load(data, core, &old_map, entropy ^ u64::from(core.0), how)?;
        let Loaded { store, recovered, next_id, .. } = loaded;
        Ok(Source { store, recovered, next_id })
    };
    let mut sources = side_by_side((0..old_cores).map(CoreId), read)?;
    cut_all_back(data, &mut sources, read)?;
    let generation = data.manifest.generation + 1;
    let read_ms = since.elapsed().as_millis();
    let written = rewrite(data, sources, cores, generation, entropy)?;
    // No core reads its folder now, so what does not count any more goes here.
    for (core, written) in (0..).zip(&written) {
        remove_segments(&core_folder(&data.path, core), |id| written.store.slot_of(id).is_none())?;
    }
    files_are_there(data, cores)?;
    let keys: u64 = written.iter().map(|core| core.store.figures().keys).sum();
    tracing::info!(
        "{keys} keys of {old_cores} cores written anew for {cores} in {} ms, {read_ms} of them to read",
        since.elapsed().as_millis()
    );
    Ok(written)
}

/// Does it for each of `items` on a thread of its own; the first error counts.
fn side_by_side<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> Result<R, OpenError> + Sync,
) -> Result<Vec<R>, OpenError> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<R, OpenError>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// Writes all live keys of `sources` (one a core, in order) as segments of `generation`, of which there are none yet, and makes
/// them those that count.
pub(super) fn rewrite(
    data: &mut Data,
    mut sources: Vec<Source>,
    cores: u16,
    generation: u32,
    entropy: u64,
) -> Result<Vec<Written>, OpenError> {
    let old_cores = data.manifest.cores;
    let lsn_next = sources.iter().map(|source| source.recovered.lsn_next).max().unwrap_or(1);
    let decided: Set<_> =
        sources.iter().flat_map(|source| source.recovered.decided.iter().copied()).collect();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    let first_ids: Vec<u64> = sources.iter().map(|source| source.next_id).collect();
    for source in &mut sources {
        source.store.set_now(now_ms);
        // Resolved in memory alone: the old files stay as they are until they do not count any more.
        source.store.resume(lsn_next);
        resolve(&mut source.store, &source.recovered.unresolved, &decided)?;
    }
    let mut groups = Vec::new();
    let stores: Vec<Store> = sources
        .into_iter()
        .map(|mut source| {
            groups.append(&mut source.recovered.groups);
            source.store
        })
        .collect();
    let map = PartitionMap::spread(data.manifest.partitions, cores);
    let shared: &Data = data;
    let written = side_by_side(0..cores, |core| {
        let entropy = entropy.rotate_left(17) ^ u64::from(core);
        let mut store = Store::new(shared.options(CoreId(core), &map, generation, entropy));
        store.resume(lsn_next);
        store.set_now(now_ms);
        let folder = core_folder(&shared.path, core);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        if core >= old_cores {
            // What lies there does not count: it is of a change that did not come to its end.
            remove_segments(&folder, |_| true)?;
        }
        let next_id = first_ids.get(usize::from(core)).copied().unwrap_or(1);
        if shared.is_log_only {
            store.keep_log_only();
        }
        let is_here = |group: GroupId| match group.partition() {
            Some(partition) => map.owner(partition) == CoreId(core),
            None => core == 0,
        };
        let groups = groups.iter().filter(|it| is_here(it.group)).map(without_past).collect();
        write_core(shared, &stores, groups, store, CoreId(core), next_id)
    })?;
    files_are_there(data, cores)?;
    // It takes a while to give back so much, and nobody waits for it.
    let release = move || stores.into_iter().flat_map(Store::into_memory).for_each(arena::release);
    thread::Builder::new()
        .name("release".to_owned())
        .spawn(release)
        .map(drop)
        .map_err(failed(&data.path))?;
    data.manifest.cores = cores;
    data.manifest.generation = generation;
    data.write_manifest()?;
    for core in cores..old_cores {
        let folder = core_folder(&data.path, core);
        remove_segments(&folder, |_| true)?;
        listing::remove(&folder).map_err(failed(&folder))?;
        // Somebody else's file may be in it; an empty folder costs nothing.
        let _ = fs::remove_dir(&folder);
    }
    Ok(written)
}

/// What was made and removed in the folders of the cores survives a power cut.
fn files_are_there(data: &Data, cores: u16) -> Result<(), OpenError> {
    let folders = (0..cores).map(|core| core_folder(&data.path, core));
    folders.chain([data.path.clone()]).try_for_each(|folder| {
        hyperion_runtime::files::sync_directory(&folder).map_err(failed(&folder))
    })
}

fn remove_segments(folder: &Path, is_old: impl Fn(u64) -> bool) -> Result<(), OpenError> {
    let segments = segments_in(folder)?;
    let mut old = segments.iter().filter(|(id, _)| is_old(*id));
    old.try_for_each(|(_, path)| listing::remove_file(path).map_err(failed(path)))
}

fn resolve(
    store: &mut Store,
    unresolved: &[hyperion_store::Unresolved],
    decided: &Set<hyperion_model::TransactionId>,
) -> Result<(), OpenError> {
    if unresolved.is_empty() {
        return Ok(());
    }
    // The records about it need room; it is memory that no file follows.
    let memory = arena::allocate(store.segment_bytes()).map_err(failed(Path::new("memory")))?;
    store.add_ready(u64::MAX, memory);
    Engine::resolve(store, unresolved, |id| decided.contains(&id))
        .map_err(|error| failed(Path::new("memory"))(std::io::Error::other(error)))
}

/// A group as it is written anew: without the entries that took effect, which the keys hold. Replicas that lack them get the keys.
fn without_past(found: &RecoveredGroup) -> RecoveredGroup {
    let mut group = found.clone();
    let applied = group.applied.0;
    group.entries.retain(|entry| entry.index > applied);
    (group.state.truncated_index, group.state.truncated_term) = group.applied;
    group
}

/// Fills one new core's store with what `sources` have of its partitions, and with its groups; all of it is on the disk at the end.
fn write_core(
    data: &Data,
    sources: &[Store],
    groups: Vec<RecoveredGroup>,
    mut store: Store,
    core: CoreId,
    next_id: u64,
) -> Result<Written, OpenError> {
    store.reserve_for(sources);
    let partitions: Vec<PartitionId> = store.owned_partitions().collect();
    let (syncs, files) = mpsc::sync_channel::<File>(SYNCS_WAITING_MAX);
    thread::scope(|scope| {
        let syncing = scope.spawn(move || files.iter().try_for_each(|file| file.sync_data()));
        let mut target = Target { data, store, files: Vec::new(), core, next_id, syncs };
        for source in sources {
            for &partition in &partitions {
                if source.owned_partitions().any(|owned| owned == partition) {
                    source.each_key(partition, |held| target.take(&held))?;
                }
            }
        }
        groups.iter().try_for_each(|group| target.take_group(group))?;
        let Target { mut store, files, next_id, syncs, .. } = target;
        drop(syncs);
        let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        synced.map_err(failed(&core_folder(&data.path, core.0)))?;
        write(&mut store, &files, &data.path)?;
        sync(&mut store, &files, &data.path)?;
        Ok(Written { store, groups, files, next_id })
    })
}

impl Target<'_> {
    fn take(&mut self, held: &Held<'_>) -> Result<(), OpenError> {
        let Held { key: bytes, value, .. } = *held;
        self.make_room(value.len() + bytes.len() + 256)?;
        loop {
            match self.put(held) {
                // Of a value in chunks each has a head in its record.
                Err(StoreError::NoRoom { .. }) => self.add_segment()?,
                result => return result.map_err(|error| self.refused(error)),
            }
        }
    }

    /// Sets a key to what was held under it. Without room nothing happens.
    fn put(&mut self, held: &Held<'_>) -> Result<(), StoreError> {
        let Held { key: bytes, value, value_type, expiry_ms, attributes, .. } = *held;
        let key = self.store.key(held.database, bytes).with_attributes(attributes);
        match value {
            _ if value_type == ValueType::STRING => {
                let pieces: Vec<&[u8]>;
                let parts = match &value {
                    Value::Whole(whole) => std::slice::from_ref(whole),
                    Value::Pieces(_) => {
                        pieces = value.pieces().collect();
                        &pieces[..]
                    }
                };
                self.store.put(&key, parts, expiry_ms)
            }
            Value::Whole(whole) => self.store.put_packed(&key, value_type, &[whole], expiry_ms),
            Value::Pieces(pieces) => {
                let chunks: Vec<Vec<&[u8]>> =
                    (0..pieces.count()).map(|index| vec![pieces.chunk(index)]).collect();
                self.store.put_object(&key, value_type, &chunks, expiry_ms)
            }
        }
    }

    /// Takes a group over whose keys are there: its state, and the entries that did not take effect.
    fn take_group(&mut self, found: &RecoveredGroup) -> Result<(), OpenError> {
        let group = found.group;
        self.make_room(found.state.voters.len() + GROUP_BYTES)?;
        self.store.set_group_state(group, &found.state).map_err(|error| self.refused(error))?;
        if found.is_installing {
            // It has a part of its keys, which do not count.
            return self.store.install_begin(group).map_err(|error| self.refused(error));
        }
        if found.horizon > 0 {
            let set = self.store.set_horizon(group, found.horizon);
            set.map_err(|error| self.refused(error))?;
        }
        for entry in &found.entries {
            self.make_room(entry.payload.len() + GROUP_BYTES)?;
            self.store
                .append_entry(group, entry.term, entry.index, entry.entry_type, &entry.payload)
                .map_err(|error| self.refused(error))?;
        }
        Ok(())
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), OpenError> {
        while self.store.room(bytes) == Room::Later {
            self.add_segment()?;
        }
        Ok(())
    }

    fn refused(&self, error: StoreError) -> OpenError {
        failed(&self.data.path)(std::io::Error::other(error))
    }

    /// Writes what is there and adds a segment.
    fn add_segment(&mut self) -> Result<(), OpenError> {
        write(&mut self.store, &self.files, &self.data.path)?;
        if let Some(file) = self.files.last().and_then(Option::as_ref) {
            let begun = file.try_clone().map_err(failed(&self.data.path))?;
            // A thread that has ended met an error, which is told when it is joined.
            let _ = self.syncs.send(begun);
        }
        let folder = core_folder(&self.data.path, self.core.0);
        let bytes = self.data.manifest.segment_bytes as usize;
        let (file, memory) = make_unbacked_segment(Some(&folder), self.next_id, bytes, false)
            .map_err(|why| OpenError::Segment(why.advice()))?;
        let slot = self.store.add_ready(self.next_id, memory) as usize;
        self.next_id += 1;
        if self.files.len() <= slot {
            self.files.resize_with(slot + 1, || None);
        }
        self.files[slot] = file;
        Ok(())
    }
}
