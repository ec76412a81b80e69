//! Owns the change of the number of cores: before the cores start, every live key is written anew where it belongs.
//!
//! The new segments belong to the next generation, which counts from the moment the manifest says so: a crash on the way
//! leaves the old ones in force. It takes the memory of both for a while.

use std::fs::{self, File};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hyperion_engine::Engine;
use hyperion_model::collections::Set;
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{CoreId, DatabaseId, PartitionMap, slot_of};
use hyperion_store::{Recovered, Room, ScanCursor, Store, Value, ValueType};

use super::open::{Data, Loaded, OpenError, failed, load, segments_in, write_out};
use super::supply::{core_folder, make_segment};

/// Keys that are written before their batch is closed.
const BATCH_KEYS: usize = 1_024;

/// A core's new store on its way.
struct Target {
    store: Store,
    files: Vec<Option<File>>,
    core: CoreId,
    next_id: u64,
}

/// What a core's keys are taken from.
pub(super) struct Source {
    pub(super) store: Store,
    pub(super) recovered: Recovered,
    /// Above the numbers of all its files.
    pub(super) next_id: u64,
}

/// Writes all live keys for `cores` cores and makes that the layout that counts.
pub(super) fn migrate(data: &mut Data, cores: u16, entropy: u64) -> Result<(), OpenError> {
    let old_map = PartitionMap::spread(data.manifest.partitions, data.manifest.cores);
    let mut sources = Vec::new();
    for core in 0..data.manifest.cores {
        let loaded = load(data, CoreId(core), &old_map, entropy ^ u64::from(core), None)?;
        let Loaded { store, recovered, next_id, .. } = loaded;
        sources.push(Source { store, recovered, next_id });
    }
    let generation = data.manifest.generation + 1;
    rewrite(data, sources, cores, generation, entropy)
}

/// Writes all live keys of `sources` (one a core, in order) as segments of `generation`, of which there are none yet, and makes
/// them those that count.
pub(super) fn rewrite(
    data: &mut Data,
    sources: Vec<Source>,
    cores: u16,
    generation: u32,
    entropy: u64,
) -> Result<(), OpenError> {
    let new_map = PartitionMap::spread(data.manifest.partitions, cores);
    let lsn_next = sources.iter().map(|source| source.recovered.lsn_next).max().unwrap_or(1);
    let decided: Set<_> =
        sources.iter().flat_map(|source| source.recovered.decided.iter().copied()).collect();
    let mut targets = Vec::new();
    for core in (0..cores).map(CoreId) {
        let next_id = sources.get(usize::from(core.0)).map_or(1, |source| source.next_id);
        let mut store = Store::new(data.options(
            core,
            &new_map,
            generation,
            entropy.rotate_left(17) ^ u64::from(core.0),
        ));
        store.resume(lsn_next);
        let folder = core_folder(&data.path, core.0);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        if core.0 >= data.manifest.cores {
            // What lies there does not count: it is of a change that did not come to its end.
            remove_segments(&folder)?;
        }
        targets.push(Target { store, files: Vec::new(), core, next_id });
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
    for mut source in sources {
        source.store.set_now(now_ms);
        // Resolved in memory alone: the old files stay as they are until they do not count any more.
        source.store.resume(lsn_next);
        let mut store = resolve(source.store, &source.recovered.unresolved, &decided)?;
        move_keys(data, &mut store, &new_map, &mut targets, now_ms)?;
        store.into_memory().for_each(hyperion_runtime::arena::release);
    }
    for mut target in targets {
        write_out(&mut target.store, &target.files, &data.path)?;
        target.store.into_memory().for_each(hyperion_runtime::arena::release);
    }
    let old_cores = std::mem::replace(&mut data.manifest.cores, cores);
    data.manifest.generation = generation;
    data.write_manifest()?;
    for core in cores..old_cores {
        let folder = core_folder(&data.path, core);
        remove_segments(&folder)?;
        // Somebody else's file may be in it; an empty folder costs nothing.
        let _ = fs::remove_dir(&folder);
    }
    Ok(())
}

fn remove_segments(folder: &Path) -> Result<(), OpenError> {
    segments_in(folder)?
        .iter()
        .try_for_each(|(_, path)| fs::remove_file(path).map_err(failed(path)))
}

fn resolve(
    mut store: Store,
    unresolved: &[hyperion_store::Unresolved],
    decided: &Set<hyperion_model::TransactionId>,
) -> Result<Store, OpenError> {
    if !unresolved.is_empty() {
        // The records about it need room; it is memory that no file follows.
        let bytes = store.segment_bytes();
        let memory =
            hyperion_runtime::arena::allocate(bytes).map_err(failed(Path::new("memory")))?;
        store.add_ready(u64::MAX, memory);
        Engine::resolve(&mut store, unresolved, |id| decided.contains(&id))
            .map_err(|error| failed(Path::new("memory"))(std::io::Error::other(error)))?;
    }
    Ok(store)
}

fn move_keys(
    data: &Data,
    source: &mut Store,
    map: &PartitionMap,
    targets: &mut [Target],
    now_ms: u64,
) -> Result<(), OpenError> {
    let partitions: Vec<_> = source.owned_partitions().collect();
    for database in (0..DATABASES_KEPT).map(DatabaseId) {
        for &partition in &partitions {
            let mut cursor = ScanCursor::at_partition(partition);
            loop {
                let mut keys = Vec::new();
                cursor =
                    source.scan(database, cursor, BATCH_KEYS as u64, |key| keys.push(key.to_vec()));
                for bytes in &keys {
                    let target =
                        &mut targets[usize::from(map.owner(map.partition_of(slot_of(bytes))).0)];
                    move_key(data, source, target, database, bytes, now_ms)?;
                }
                if cursor.0 == 0 || cursor.partition() != partition {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn move_key(
    data: &Data,
    source: &mut Store,
    target: &mut Target,
    database: DatabaseId,
    bytes: &[u8],
    now_ms: u64,
) -> Result<(), OpenError> {
    let key = source.key(database, bytes);
    let Some(found) = source.find(&key) else { return Ok(()) };
    let mut value = Vec::new();
    let whole = source.value(&found);
    whole.copy_range(0, whole.len(), &mut value);
    let expiry_ms = source.expiry_ms(&found);
    target.store.set_now(now_ms);
    while target.store.room(value.len() + bytes.len() + 256) == Room::Later {
        target.add_segment(data)?;
    }
    let key = target.store.key(database, bytes);
    let value_type = source.value_type(&found);
    let result = match source.value(&found) {
        _ if value_type == ValueType::STRING => target.store.put(&key, &[&value], expiry_ms),
        Value::Whole(_) => target.store.put_packed(&key, value_type, &[&value], expiry_ms),
        Value::Pieces(pieces) => {
            let chunks: Vec<Vec<&[u8]>> =
                (0..pieces.count()).map(|index| vec![pieces.chunk(index)]).collect();
            target.store.put_object(&key, value_type, &chunks, expiry_ms)
        }
    };
    result.map_err(|error| failed(&data.path)(std::io::Error::other(error)))?;
    Ok(())
}

impl Target {
    /// Writes what is there and adds a segment.
    fn add_segment(&mut self, data: &Data) -> Result<(), OpenError> {
        write_out(&mut self.store, &self.files, &data.path)?;
        let folder = core_folder(&data.path, self.core.0);
        let bytes = data.manifest.segment_bytes as usize;
        let (file, memory) = make_segment(Some(&folder), self.next_id, bytes, false)
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
