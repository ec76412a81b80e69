//! Owns how many other nodes have what this one has written so far: what WAIT asks.

use crate::engine::Engine;
use hyperion_model::GroupId;

/// Where the groups that a core led at one moment stood: the last entry of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(GroupId, u64)>);

impl Engine {
    /// The last entries of all groups that this core leads.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let led = |partition| {
            let group = GroupId::of(partition);
            let groups = &self.replication.as_ref()?.groups;
            groups.last_led(group).map(|index| (group, index))
        };
        Marks(self.store.owned_partitions().filter_map(led).collect())
    }

    /// Other nodes that have all entries up to the marks, at least: the fewest of any group. `None` when no group is marked. A group that
    /// another node leads by now counts as one that nobody has.
    #[must_use]
    pub fn copies(&self, marks: &Marks) -> Option<u32> {
        let replication = self.replication.as_ref()?;
        let (groups, log) = (&replication.groups, replication.log_node());
        let copies =
            |(group, index): &(GroupId, u64)| groups.copies_of(*group, *index, log).unwrap_or(0);
        marks.0.iter().map(copies).min()
    }
}
