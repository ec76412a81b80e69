//! Owns the replicated partitions of one core: Raft's groups over the store, and what each waits for.
//!
//! A command on the leader runs at once, and what it changes is an entry of its partition's group: in the log before it takes effect,
//! seen by later commands of the leader. Its answer, and the answer of every read that saw it, waits until a majority has the entry.

mod carry;
mod command;
mod convert;
mod copies;
mod snapshot;

use crate::effect::Effect;
use crate::engine::Engine;
use crate::serving::{Leader, Serving};
use hyperion_cluster::group::{self, Bounds, EntryType, GroupError, Groups, Message, Refusal};
use hyperion_model::{GroupId, PartitionId};
use hyperion_store::StoreError;
use snapshot::{Receiving, Sending};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(crate) use command::Around;
pub use convert::recovered;
pub use copies::Marks;
pub use snapshot::{SnapshotMail, SnapshotStep};

/// A message for another node.
#[derive(Debug)]
pub struct Outgoing {
    /// Its number in the config.
    pub to: u32,
    /// The group.
    pub group: GroupId,
    /// What it says.
    pub message: Box<Message>,
}

/// Work that Raft asked for, in order.
enum Work {
    Effect(group::Effect),
    /// All before it was carried out: this is to be told when it is as durable as it must be.
    Ticket(group::Ticket),
}

/// What was asked to be stored, and how far the log must be for it.
struct Stored {
    ticket: group::Ticket,
    position: u64,
    /// A term or a vote is among it: only stable storage will do.
    must_sync: bool,
}

/// The groups of one core.
pub(crate) struct Replication {
    node: u32,
    groups: Groups,
    work: VecDeque<Work>,
    /// Of the effects since the last ticket.
    must_sync: bool,
    stored: VecDeque<Stored>,
    outgoing: Vec<Outgoing>,
    /// Groups that this core leads and that have entries without effect yet.
    pending: BTreeSet<GroupId>,
    /// The log's position before the oldest of those entries.
    held: Option<u64>,
    now_ns: u64,
    spare: Vec<group::Effect>,
    sending: Vec<Sending>,
    receiving: Vec<Receiving>,
    transfers: u64,
    /// Steps of snapshots for other nodes.
    snapshots: Vec<SnapshotMail>,
    /// Entries of the config's group that have no effect yet, by index.
    config_log: BTreeMap<u64, Vec<u8>>,
    /// The config in force, for replicas that lag too far behind.
    config: Vec<u8>,
}

/// Why groups do not begin.
#[derive(Debug, thiserror::Error)]
pub enum ReplicateError {
    /// What was recovered contradicts itself.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The log has no room.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A group as this core begins with it.
#[derive(Debug)]
pub struct Replica {
    /// Which one.
    pub group: GroupId,
    /// What is known of it.
    pub recovered: group::RecoveredGroup,
}

impl Engine {
    /// From now on the partitions are Raft groups. `replicas` are those of this core; `seed` differs from node to node.
    ///
    /// # Errors
    /// When what was recovered contradicts itself, or there is no room to tell of a group for the first time.
    pub fn replicate(
        &mut self,
        node: u32,
        seed: u64,
        replicas: Vec<Replica>,
        now_ns: u64,
    ) -> Result<(), ReplicateError> {
        self.replicate_within(node, seed, replicas, now_ns, Bounds::default())
    }

    /// As [`Engine::replicate`], with bounds for what is kept for followers.
    ///
    /// # Errors
    /// The same.
    pub fn replicate_within(
        &mut self,
        node: u32,
        seed: u64,
        replicas: Vec<Replica>,
        now_ns: u64,
        bounds: Bounds,
    ) -> Result<(), ReplicateError> {
        let mut groups = Groups::new(u64::from(node), seed, bounds);
        let mut serving = Serving::new(self.map.partitions());
        groups.begin(now_ns);
        let mut config_log = BTreeMap::new();
        for Replica { group, recovered } in replicas {
            if group == GroupId::METADATA {
                // Those that had taken effect may not have reached the file: the node knows what it has.
                let entries = recovered.entries.iter().filter(|it| !it.data.is_empty());
                for entry in entries.filter(|it| it.get_entry_type() == EntryType::EntryNormal) {
                    if entry.index <= recovered.applied {
                        self.effects.push(Effect::Config { config: entry.data.to_vec() });
                    } else {
                        config_log.insert(entry.index, entry.data.to_vec());
                    }
                }
            }
            if let Some(partition) = group.partition() {
                serving.set_copy(partition, !recovered.installing);
            }
            if self.store.group_state(group).is_none() {
                self.store.set_group_state(group, &convert::first_state(&recovered))?;
            }
            groups.add(group, recovered, now_ns)?;
        }
        self.serving = Some(serving);
        self.replication = Some(Box::new(Replication {
            node,
            groups,
            work: VecDeque::new(),
            must_sync: false,
            stored: VecDeque::new(),
            outgoing: Vec::new(),
            pending: BTreeSet::new(),
            held: None,
            now_ns,
            spare: Vec::new(),
            sending: Vec::new(),
            receiving: Vec::new(),
            transfers: 0,
            snapshots: Vec::new(),
            config_log,
            config: Vec::new(),
        }));
        Ok(())
    }

    /// The partitions will be groups, and until then nobody serves them.
    pub fn await_groups(&mut self) {
        self.serving = Some(Serving::new(self.map.partitions()));
    }

    /// Whether partitions are Raft groups.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.replication.is_some()
    }

    /// Tells the time: CLOCK_BOOTTIME in ns, read after all that is handled next had come. Leases are checked by it.
    pub fn begin_groups(&mut self, now_ns: u64) {
        if let Some(replication) = &mut self.replication {
            replication.now_ns = now_ns.max(replication.now_ns);
            replication.groups.begin(replication.now_ns);
        }
    }

    /// Proposes a config to the group of all nodes; [`Effect::Config`] tells when they have agreed.
    ///
    /// # Errors
    /// When this node does not lead that group: who does, as far as known.
    pub fn propose_config(&mut self, config: &[u8]) -> Result<(), Option<u32>> {
        let group = GroupId::METADATA;
        let Some(replication) = &mut self.replication else { return Err(None) };
        let position =
            replication.groups.next_position(group).map_err(|refusal| match refusal {
                Refusal::NotLeader { leader } => leader.and_then(|node| u32::try_from(node).ok()),
                _ => None,
            })?;
        let (index, term) = (position.index, position.term);
        self.store.append_entry(group, term, index, 0, config).map_err(|_| None)?;
        replication.groups.propose(group, config.to_vec()).map_err(|_| None)?;
        replication.config_log.insert(index, config.to_vec());
        Ok(())
    }

    /// The config in force, as replicas get it that lag too far behind.
    pub fn set_config(&mut self, config: &[u8]) {
        if let Some(replication) = &mut self.replication {
            replication.config = config.to_vec();
        }
    }

    /// Takes a message of a peer.
    ///
    /// # Errors
    /// When the group is not on this core, or no correct peer sends such a message.
    pub fn step(&mut self, group: GroupId, message: Message) -> Result<(), GroupError> {
        match &mut self.replication {
            Some(replication) => replication.groups.step(group, message),
            None => Err(GroupError::Unknown(group)),
        }
    }

    /// To be called often, at least every 10 ms.
    pub fn tick_groups(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.groups.tick();
            replication.give_up_snapshots(None);
        }
    }

    /// The connection to a node is dead: what it led is elected anew as soon as that is safe.
    pub fn peer_lost(&mut self, node: u32) {
        if let Some(replication) = &mut self.replication {
            replication.groups.peer_lost(u64::from(node));
            replication.give_up_snapshots(Some(node));
        }
    }

    /// What was on its way to a node in bulk is lost: it begins anew.
    pub fn bulk_lost(&mut self, node: u32) {
        if let Some(replication) = &mut self.replication {
            replication.give_up_snapshots(Some(node));
        }
    }

    /// Moves the messages for other nodes into `out`.
    pub fn take_messages(&mut self, out: &mut Vec<Outgoing>) {
        if let Some(replication) = &mut self.replication {
            out.append(&mut replication.outgoing);
        }
    }

    /// The partitions that this core leads, with their terms.
    #[must_use]
    pub fn led_terms(&self) -> Vec<(PartitionId, u64)> {
        let (Some(replication), Some(serving)) = (&self.replication, &self.serving) else {
            return Vec::new();
        };
        self.map
            .owned_by(self.core)
            .filter(|&partition| serving.leader(partition) == Leader::Own)
            .filter_map(|partition| {
                let position = replication.groups.next_position(GroupId::of(partition)).ok()?;
                Some((partition, position.term))
            })
            .collect()
    }

    /// Whether no core of this node has a copy of a partition.
    #[must_use]
    pub fn is_elsewhere(&self, partition: PartitionId) -> bool {
        self.replication.is_some() && self.elsewhere.contains(&partition)
    }

    /// This node has no copy of these partitions: who leads them is told by others.
    pub fn set_elsewhere(&mut self, partitions: BTreeSet<PartitionId>) {
        let own = partitions.iter().filter(|partition| self.map.owner(**partition) == self.core);
        own.for_each(|partition| self.store.set_told(*partition, false));
        self.elsewhere = partitions;
    }

    /// Another core of this node tells who leads one of its partitions.
    pub fn set_leader(&mut self, partition: PartitionId, leader: Leader) {
        if let Some(serving) = &mut self.serving {
            serving.set_leader(partition, leader);
        }
    }

    /// The leader of a group that this core holds has changed, as far as commands are concerned.
    fn leader_changed(&mut self, group: GroupId, leader: Leader) {
        let Some(partition) = group.partition() else { return };
        let Some(serving) = &mut self.serving else { return };
        if serving.set_leader(partition, leader) {
            self.store.set_told(partition, serving.tells(partition));
            self.effects.push(Effect::Leader { partition, leader });
        }
    }

    /// The position up to which answers may leave where partitions are replicated.
    pub(crate) fn committed_position(&self) -> Option<u64> {
        let replication = self.replication.as_ref()?;
        Some(replication.held.unwrap_or_else(|| self.store.appended_position()))
    }

    /// Whether a term or a vote waits for a sync.
    pub(crate) fn group_wants_sync(&self) -> bool {
        let wants = |stored: &Stored| stored.must_sync;
        self.replication.as_ref().is_some_and(|replication| replication.stored.iter().any(wants))
    }
}
