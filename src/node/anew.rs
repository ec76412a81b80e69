//! Owns the group of the config in the folder of a node that becomes one of another cluster: all nodes of it begin at the same place, with the
//! same state.

use hyperion_cluster::group::{self, Conf};
use hyperion_cluster::state::ClusterState;
use hyperion_model::GroupId;
use hyperion_store::{GroupState, Store, StoreError};

use super::alone::Stopped;
use super::error::NodeError;

impl Stopped {
    /// Lets group 0 begin with `state` behind the entry of index and term `at`, past all that any of the nodes has of it; what was there is
    /// void. The other groups stay as they are. All of it is on the disk afterwards.
    ///
    /// Errors: the disk does not take it.
    pub(crate) fn begin_anew(
        mut self,
        at: (u64, u64),
        state: &ClusterState,
    ) -> Result<(), NodeError> {
        let members = members(at.0, state);
        let core = self.core_of(GroupId::METADATA);
        self.with_room(core, |store| begin_group(store, at, &members))?;
        self.write_out()
    }
}

/// The members of group 0 and what it holds, as the store keeps them. Nodes that do not vote come in by the leader.
fn members(index: u64, state: &ClusterState) -> Vec<u8> {
    let meta = state.placement().group(GroupId::METADATA.0);
    let voters: Vec<u64> =
        meta.map_or(&[][..], |meta| &meta.voters).iter().map(|id| u64::from(id.0)).collect();
    let conf = Conf { index, ..Conf::of_voters(&voters) };
    let mut bytes = group::GroupState { conf, ..Default::default() }.encode_members();
    bytes.extend(index.to_le_bytes());
    bytes.extend(state.to_bytes());
    bytes
}

fn begin_group(store: &mut Store, at: (u64, u64), members: &[u8]) -> Result<(), StoreError> {
    let group = GroupId::METADATA;
    if store.group_state(group).is_none() {
        store.set_group_state(group, &GroupState::default())?;
    }
    if !store.is_installing(group) {
        store.install_begin(group)?;
    }
    store.set_group_state(group, &GroupState { term: at.1, ..GroupState::default() })?;
    store.install_end(group, at, members)
}
