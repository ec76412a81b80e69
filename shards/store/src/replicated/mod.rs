//! Owns what Raft groups need of the log: entries that are written before they take effect, cuts, and the state of each group.
//!
//! An entry is what one command changed. It lies in the log from the moment it is appended, and takes effect when it is applied: on
//! the leader and on followers by the same code. What is not applied yet lies in an overlay, where the leader's commands see it.
//!
//! Three rules make a start give what applying gave. An entry is applied only behind a record that tells so, so nothing that follows
//! from it can outlast it. The cleaner copies no record of a key, or of a partition, that has an unapplied change, so a copy never
//! stands behind a change that it does not hold. And entries of one group stand in the log in their order, but for those that a
//! cut behind them makes void. So each applied entry can take effect where it stands.

mod amend;
mod apply;
mod build;
mod change;
mod clean;
mod command;
mod cut;
mod entry;
mod flush;
mod format;
mod group;
mod install;
mod look;
mod note;
mod overlay;
mod recover;
mod scan;

pub use change::{Change, ChangeKind, decode_changes, encode_changes};
pub(crate) use change::{join_chunks, read_chunks};
pub(crate) use format::read_flush_key;
pub use group::GroupState;
pub use recover::{RecoveredEntry, RecoveredGroup};
pub use scan::PartitionCursor;

use build::Building;
use cut::CutNote;
use group::Group;
use hyperion_model::{DatabaseId, GroupId};
use note::Replay;
use overlay::Overlay;
use std::collections::BTreeMap;

/// What a store knows of the groups whose replicas it holds.
#[derive(Default)]
pub(crate) struct Replicated {
    /// There is a group: the one branch that unreplicated stores take.
    pub(crate) is_used: bool,
    groups: BTreeMap<GroupId, Group>,
    /// Per owned partition, whether it is a group's. Empty while there is no group.
    partitions: Vec<bool>,
    overlay: Overlay,
    /// What entries of partitions hold is kept for others and takes no effect here.
    log_only: bool,
    /// Lookups leave the overlay out.
    reads_applied: bool,
    /// All replicas know amendments.
    may_amend: bool,
    /// There may be amendments in the entries of this store's groups.
    has_amended: bool,
    building: Option<Building>,
    /// A fault that is planted: what has expired is hidden, and no entry deletes it.
    only_hides: bool,
    cuts: Vec<CutNote>,
    /// Expired keys that the sweep met in replicated partitions.
    expired: Vec<(DatabaseId, Vec<u8>)>,
    /// What the walk over the heads found, between it and the end of recovery.
    replay: Option<Replay>,
}

impl Replicated {
    /// Bytes of records that have not taken effect.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.overlay.bytes()
    }

    /// Whether lookups leave out what is not applied.
    pub(crate) fn reads_applied(&self) -> bool {
        self.reads_applied
    }

    /// Bytes beside the log.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.overlay.heap_bytes()
    }

    /// Whether a group has the partition.
    pub(crate) fn has_partition(&self, local: u16) -> bool {
        self.partitions.get(usize::from(local)).copied().unwrap_or(false)
    }
}

/// The partition that a group replicates; none for the group of the config.
fn partition_of(group: GroupId) -> Option<u16> {
    group.0.checked_sub(1).and_then(|partition| u16::try_from(partition).ok())
}
