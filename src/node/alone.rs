//! Owns the groups of a node that goes on alone: read from its log while it is stopped, and written anew with this node as the only member.

use std::fs;
use std::path::Path;

use hyperion_cluster::group::{self, Conf, EntryType};
use hyperion_cluster::state::{ClusterState, Command};
use hyperion_engine::{Engine, recovered};
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, GroupId, PartitionMap};
use hyperion_store::manifest::Manifest;
use hyperion_store::{GroupState, RecoveredGroup, Store, StoreError};

use super::cut_back::cut_all_back;
use super::error::NodeError;
use super::open::{Data, Loaded, Loading, Wanted, has_segments, load};
use super::open_error::{OpenError, failed};
use super::segment_files::write_out;
use super::start::{random_bytes, unix_ms};
use super::supply::{core_folder, make_segment};

/// What a stopped node has of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// All of it, as of the last entry.
    Whole,
    /// What had come of it when the node stopped: the copy was being made.
    Part,
    /// Nothing.
    None,
}

/// A group, as a stopped node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupFacts {
    pub(crate) group: u32,
    pub(crate) copy: Copy,
    /// The highest term that was seen.
    pub(crate) term: u64,
    /// The last entry's index and term.
    pub(crate) last: (u64, u64),
    /// The highest index that was known to be committed.
    pub(crate) commit: u64,
    /// The node that it voted for in that term; 0: none.
    pub(crate) vote: u64,
}

impl GroupFacts {
    /// Whether this node led the group in the newest term that it knows: then it has all that was acknowledged in it.
    pub(crate) fn was_led_by(&self, node: u32) -> bool {
        self.vote == u64::from(node) && self.last.1 == self.term && self.copy == Copy::Whole
    }
}

/// The data of a stopped node, in memory.
pub(crate) struct Stopped {
    data: Data,
    map: PartitionMap,
    /// By core.
    cores: Vec<Loaded>,
}

impl Stopped {
    /// Locks the folder and reads all of it, as a start does.
    ///
    /// Errors: it is in use, damaged, or holds no data.
    pub(crate) fn open(path: &Path) -> Result<Self, NodeError> {
        Self::open_as(path, false)
    }

    /// The same for a node that keeps logs alone, if it does.
    ///
    /// Errors: as [`Self::open`].
    pub(crate) fn open_as(path: &Path, is_log_only: bool) -> Result<Self, NodeError> {
        let manifest = manifest_of(path)?;
        let mut random = [0; 8];
        random_bytes(&mut random)
            .map_err(|error| NodeError::System { what: "reading random bits", error })?;
        let random = u64::from_le_bytes(random);
        let wanted = Wanted {
            cores: manifest.cores,
            partitions: manifest.partitions,
            segment_bytes: manifest.segment_bytes,
            repairs: false,
        };
        let mut data = Data::open(path, wanted, [0; 3])?;
        data.is_log_only = is_log_only;
        let map = PartitionMap::spread(manifest.partitions, manifest.cores);
        let read = |core: CoreId| {
            let how = Loading { memory: None, threads: 1, keeps_free: false };
            load(&data, core, &map, random ^ u64::from(core.0), how)
        };
        let mut cores =
            (0..manifest.cores).map(|core| read(CoreId(core))).collect::<Result<Vec<_>, _>>()?;
        cut_all_back(&data, &mut cores, read)?;
        let lsn_next = cores.iter().map(|core| core.recovered.lsn_next).max().unwrap_or(1);
        let decided: Set<_> =
            cores.iter().flat_map(|core| core.recovered.decided.iter().copied()).collect();
        for core in &mut cores {
            core.store.set_now(unix_ms());
            core.store.resume(lsn_next);
        }
        let mut stopped = Self { data, map, cores };
        for core in 0..stopped.cores.len() {
            if stopped.cores[core].store.segments_wanted() > 0 {
                stopped.add_segment(core)?;
            }
            let Loaded { store, recovered, .. } = &mut stopped.cores[core];
            Engine::resolve(store, &recovered.unresolved, |id| decided.contains(&id))
                .map_err(|error| NodeError::Segment(error.to_string()))?;
        }
        Ok(stopped)
    }

    /// Partitions of the data.
    pub(crate) fn partitions(&self) -> u16 {
        self.data.manifest.partitions
    }

    /// All groups of the cluster, group 0 first.
    pub(crate) fn facts(&self) -> Vec<GroupFacts> {
        self.groups().map(|group| self.facts_of(group)).collect()
    }

    fn groups(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..=u32::from(self.partitions())).map(GroupId)
    }

    pub(super) fn core_of(&self, group: GroupId) -> usize {
        group.partition().map_or(0, |partition| usize::from(self.map.owner(partition).0))
    }

    fn found(&self, group: GroupId) -> Option<&RecoveredGroup> {
        let core = &self.cores[self.core_of(group)];
        core.recovered.groups.iter().find(|found| found.group == group)
    }

    fn facts_of(&self, group: GroupId) -> GroupFacts {
        let Some(found) = self.found(group) else {
            let (term, last, commit, vote) = (0, (0, 0), 0, 0);
            return GroupFacts { group: group.0, copy: Copy::None, term, last, commit, vote };
        };
        let last = found.entries.last().map_or(found.applied, |entry| (entry.index, entry.term));
        let copy = match (found.is_installing, last) {
            (true, _) => Copy::Part,
            // It was to be made, and nothing has come of it.
            (false, (0, _)) => Copy::None,
            (false, _) => Copy::Whole,
        };
        let GroupState { term, commit, vote, .. } = found.state;
        GroupFacts { group: group.0, copy, term, last, commit: commit.max(found.applied.0), vote }
    }

    /// What group 0 holds with all entries of its log here; `None` when there is nothing of it.
    ///
    /// Errors: it is not legible.
    pub(crate) fn cluster(&self) -> Result<Option<ClusterState>, String> {
        let Some(found) = self.found(GroupId::METADATA) else { return Ok(None) };
        let replica = recovered(found.clone()).ok_or("the members of group 0 are not legible")?;
        let Some((index, state)) = replica.held.split_first_chunk() else { return Ok(None) };
        let index = u64::from_le_bytes(*index);
        let mut state = ClusterState::from_bytes(state).map_err(|error| error.to_string())?;
        let later = replica.recovered.entries.iter().filter(|entry| entry.index > index);
        let is_command = |entry: &&group::Entry| {
            entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty()
        };
        for entry in later.filter(is_command) {
            let command = Command::from_bytes(&entry.data).map_err(|error| error.to_string())?;
            let _ = state.apply(&command);
        }
        Ok(Some(state))
    }

    /// Makes `node` the only member of every group, and `state` what group 0 holds. All entries of the log take effect; groups that are
    /// not here begin without keys. All of it is on the disk afterwards.
    ///
    /// Errors: the disk does not take it; the same call can be made again after another [`Stopped::open`].
    pub(crate) fn rewrite(mut self, node: u32, state: &ClusterState) -> Result<(), NodeError> {
        let groups: Vec<GroupId> = self.groups().collect();
        // Group 0 is the last one: it says that the others are done.
        for group in groups.into_iter().rev() {
            let core = self.core_of(group);
            self.with_room(core, |store| rewrite_one(store, group, node, state))?;
        }
        self.write_out()
    }

    /// Writes what is there, the first core's last.
    ///
    /// Errors: the disk does not take it.
    pub(super) fn write_out(&mut self) -> Result<(), NodeError> {
        for loaded in self.cores.iter_mut().rev() {
            write_out(&mut loaded.store, &loaded.files, &self.data.path)?;
        }
        Ok(())
    }

    /// Does something to a core's store, with as many segments more as it takes.
    pub(super) fn with_room(
        &mut self,
        core: usize,
        mut deed: impl FnMut(&mut Store) -> Result<(), StoreError>,
    ) -> Result<(), NodeError> {
        loop {
            match deed(&mut self.cores[core].store) {
                Ok(()) => return Ok(()),
                Err(StoreError::NoRoom { .. }) => self.add_segment(core)?,
                Err(error) => return Err(NodeError::Segment(error.to_string())),
            }
        }
    }

    /// Writes what is there and adds a segment.
    fn add_segment(&mut self, core: usize) -> Result<(), NodeError> {
        let index = u16::try_from(core).expect("cores are counted in 16 bits");
        let loaded = &mut self.cores[core];
        write_out(&mut loaded.store, &loaded.files, &self.data.path)?;
        let folder = core_folder(&self.data.path, index);
        let bytes = loaded.store.segment_bytes();
        let (file, memory) = make_segment(Some(&folder), loaded.next_id, bytes, false)
            .map_err(|why| NodeError::Segment(why.advice()))?;
        let slot = loaded.store.add_ready(loaded.next_id, memory) as usize;
        loaded.next_id += 1;
        if loaded.files.len() <= slot {
            loaded.files.resize_with(slot + 1, || None);
        }
        loaded.files[slot] = file;
        Ok(())
    }
}

/// Makes `node` the only member of a group. May be called again where it found no room.
fn rewrite_one(
    store: &mut Store,
    group: GroupId,
    node: u32,
    state: &ClusterState,
) -> Result<(), StoreError> {
    let known = store.group_state(group).cloned();
    if known.is_some() && !store.is_installing(group) {
        // What the others may or may not have committed is kept: some of it may have been acknowledged.
        store.apply(group, store.last_index(group))?;
    }
    let (index, term) = store.applied(group);
    let is_empty = known.is_some() && index == 0;
    let known = known.unwrap_or_default();
    let at = (index.max(known.commit).max(1), known.term.max(term).max(1));
    // Members stand behind all changes of members that the log has.
    let conf = Conf { index: at.0, ..Conf::of_voters(&[u64::from(node)]) };
    let mut members = group::GroupState { conf, ..Default::default() }.encode_members();
    if group == GroupId::METADATA {
        members.extend(at.0.to_le_bytes());
        members.extend(state.to_bytes());
    }
    if is_empty {
        // Nothing of it took effect, or a part of its keys has come: what is here is all there is of it from now on.
        if !store.is_installing(group) {
            store.install_begin(group)?;
        }
        store.set_group_state(group, &GroupState { term: at.1, ..known })?;
        return store.install_end(group, at, &members);
    }
    let truncated_term = if index == 0 { at.1 } else { term };
    let wanted = GroupState {
        term: at.1,
        vote: known.vote,
        commit: at.0,
        truncated_index: at.0,
        truncated_term,
        voters: members,
    };
    store.set_group_state(group, &wanted)
}

fn manifest_of(path: &Path) -> Result<Manifest, NodeError> {
    let file = path.join("MANIFEST");
    let bytes = fs::read(&file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if has_segments(path) => {
            OpenError::NoManifest { path: path.to_path_buf() }
        }
        std::io::ErrorKind::NotFound => {
            OpenError::NoData { path: path.to_path_buf(), what: "it has no MANIFEST" }
        }
        _ => failed(&file)(error),
    })?;
    let read = Manifest::read(&bytes);
    Ok(read.map_err(|error| OpenError::Manifest { path: path.to_path_buf(), error })?)
}
