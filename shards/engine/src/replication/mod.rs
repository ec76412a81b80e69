//! Owns the replicated partitions of one core: Raft's groups over the store, and what each waits for.
//!
//! A command on the leader runs at once, and what it changes is an entry of its partition's group: in the log before it takes effect,
//! seen by later commands of the leader. Its answer, and the answer of every read that saw it, waits until a majority has the entry.

mod beats;
mod begin;
mod carry;
mod command;
mod confirm;
mod convert;
mod copies;
mod evicting;
mod handover;
mod hosting;
mod leave;
mod log_only;
mod lost;
mod meta;
mod propose;
mod reconcile;
mod report;
mod snapshot;

use crate::effect::Effect;
use crate::engine::Engine;
use crate::serving::{Leader, Serving};
use crate::settings::Reads;
use confirm::Confirming;
use evicting::Evicting;
use handover::Handovers;
use hyperion_cluster::group::{self, Beat, Bounds, GroupError, Groups, Message, MessageType};
use hyperion_cluster::state::ClusterState;
use hyperion_model::{GroupId, PartitionId};
use hyperion_store::StoreError;
use leave::Leave;
use meta::Meta;
use snapshot::{Receiving, Sending};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use beats::Said;
pub use begin::groups_of;
pub(crate) use command::Around;
pub use convert::{mark_repaired, recovered};
pub use copies::Marks;
pub use leave::LeaveProgress;
pub use propose::{ANNOUNCED, Proposed};
pub use report::{GroupReport, ReportMark};
pub use snapshot::{SNAPSHOT_PART_BYTES_MAX, SnapshotMail, SnapshotStep};

/// What snapshots may send in a second, unless the config says.
const SEND_BYTES_A_SECOND: u64 = 128 << 20;

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
    beats: Vec<(u32, Said, Beat)>,
    evicting: Evicting,
    /// Ticks since all that was asked for was carried out, where logs are kept alone.
    stuck_ticks: u32,
    /// Groups that this core leads and that have entries without effect yet.
    pending: BTreeSet<GroupId>,
    /// The log's position before the oldest of those entries.
    held: Option<u64>,
    /// Each read asks a majority; those that do.
    asks: bool,
    confirming: Confirming,
    now_ns: u64,
    spare: Vec<group::Effect>,
    sending: Vec<Sending>,
    receiving: Vec<Receiving>,
    transfers: u64,
    /// Steps of snapshots for other nodes.
    snapshots: Vec<SnapshotMail>,
    /// The groups that are here.
    hosted: BTreeSet<GroupId>,
    /// What group 0 holds, on the core that holds it, and whether the store has not been given it yet.
    meta: Meta,
    meta_is_due: bool,
    /// What group 0 holds, as this core knows it.
    known: Option<Arc<ClusterState>>,
    /// Looks at where the groups are to be that are passed over: all was as it should be.
    settled_calls: u32,
    /// Where groups are, as their leaders say.
    reports: BTreeMap<GroupId, GroupReport>,
    /// How often they have changed.
    report_changes: u64,
    /// What group 0 held and what was said when its map was found to be right: nothing is to be told until one of them changes.
    tended: Option<(u64, u64)>,
    /// The leads that go over to other nodes.
    handovers: Handovers,
    /// This node is about to stop.
    leave: Option<Leave>,
    /// Since when members of group 0 are no nodes of the config any more.
    gone_since_ns: BTreeMap<u64, u64>,
    /// What snapshots may send in a second, and what of it is left.
    send_bytes_a_second: u64,
    send_bytes: u64,
    refilled_ns: u64,
}

impl Replication {
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// This node's number in the config.
    pub(crate) fn node(&self) -> u32 {
        self.node
    }
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
    /// What group 0 held is not legible.
    #[error(transparent)]
    Cluster(#[from] hyperion_cluster::state::CommandError),
}

/// A group as this core begins with it.
#[derive(Debug)]
pub struct Replica {
    /// Which one.
    pub group: GroupId,
    /// What is known of it.
    pub recovered: group::RecoveredGroup,
    /// Of group 0: the state that was kept with it, as it was kept.
    pub held: Vec<u8>,
}

impl Engine {
    /// From now on the partitions are Raft groups. `replicas` are those of this core; `seed` differs from node to node; `founding` is what
    /// group 0 holds at first, where the log does not have it.
    ///
    /// # Errors
    /// When what was recovered contradicts itself, or there is no room to tell of a group for the first time.
    pub fn replicate(
        &mut self,
        node: u32,
        seed: u64,
        replicas: Vec<Replica>,
        founding: Option<&ClusterState>,
        now_ns: u64,
    ) -> Result<(), ReplicateError> {
        self.replicate_within(node, seed, replicas, founding, now_ns, Bounds::default())
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
        founding: Option<&ClusterState>,
        now_ns: u64,
        bounds: Bounds,
    ) -> Result<(), ReplicateError> {
        let mut groups = Groups::new(u64::from(node), seed, self.log_only_bounds(bounds));
        groups.begin(now_ns);
        if self.store.is_log_only() {
            groups.be_last();
        }
        // What other cores have told meanwhile is not told again.
        if self.serving.is_none() {
            self.await_groups();
        }
        self.replication = Some(Box::new(Replication {
            node,
            groups,
            work: VecDeque::new(),
            must_sync: false,
            stored: VecDeque::new(),
            outgoing: Vec::new(),
            beats: Vec::new(),
            evicting: Evicting::default(),
            stuck_ticks: 0,
            pending: BTreeSet::new(),
            held: None,
            asks: self.settings.reads == Reads::Quorum,
            confirming: Confirming::default(),
            now_ns,
            spare: Vec::new(),
            sending: Vec::new(),
            receiving: Vec::new(),
            transfers: 0,
            snapshots: Vec::new(),
            hosted: BTreeSet::new(),
            meta: Meta::default(),
            meta_is_due: false,
            known: None,
            settled_calls: 0,
            reports: BTreeMap::new(),
            report_changes: 0,
            tended: None,
            handovers: Handovers::default(),
            leave: None,
            gone_since_ns: BTreeMap::new(),
            send_bytes_a_second: SEND_BYTES_A_SECOND,
            send_bytes: SEND_BYTES_A_SECOND,
            refilled_ns: now_ns,
        }));
        for Replica { group, recovered, held } in replicas {
            if group == GroupId::METADATA {
                let meta = &mut self.replication.as_mut().expect("just made").meta;
                meta.take_bytes(&held)?;
                if let (None, Some(state)) = (&meta.state, founding) {
                    meta.set(state.clone(), recovered.truncated.index);
                }
                meta.note(None, &recovered.entries);
            }
            self.host(group, recovered)?;
        }
        if self.replication.as_ref().is_some_and(|it| it.meta.state.is_some()) {
            self.tell_cluster();
        }
        Ok(())
    }

    /// From now on the groups of this core do this wrong; for simulations alone.
    #[doc(hidden)]
    pub fn plant(&mut self, planted: group::Planted) {
        if let Some(replication) = &mut self.replication {
            replication.groups.plant(planted);
        }
    }

    /// Whether all nodes know entries that amend values in chunks; at first they are taken not to, and such values are written whole.
    pub fn set_amending(&mut self, do_all_know: bool) {
        self.store.set_amending(do_all_know);
    }

    /// Whether nothing of what was begun waits: for locks, for other cores, for the log.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.is_settled() && self.locks.is_empty() && self.own_mail.is_empty()
    }

    /// Whether this node leads all partitions: those of this core, or of all.
    #[must_use]
    pub fn leads(&self, of_all_cores: bool) -> bool {
        let Some(serving) = &self.serving else { return false };
        let mut partitions = (0..self.map.partitions()).map(PartitionId);
        partitions.all(|partition| {
            let is_asked = of_all_cores || self.map.owner(partition) == self.core;
            !is_asked || serving.leader(partition) == Leader::Own
        })
    }

    /// The partitions will be groups, and until then nobody serves them. Where they were served before, nothing that was begun may wait
    /// ([`Engine::is_quiet`]).
    pub fn await_groups(&mut self) {
        self.end_staging();
        self.serving = Some(Serving::new(self.map.partitions()));
        self.elsewhere = (0..self.map.partitions()).map(PartitionId).collect();
        let own: Vec<PartitionId> = self.map.owned_by(self.core).collect();
        own.into_iter().for_each(|partition| self.store.set_told(partition, false));
    }

    /// Whether partitions are Raft groups.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.replication.is_some()
    }

    /// Whether a replica's log may lack the end of what it has acknowledged: it has not caught up since a power cut.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.replication.as_ref().is_some_and(|it| it.groups.are_in_doubt())
    }

    /// Replicas that a repair saved out of damaged files and that have not caught up with the others.
    #[must_use]
    pub fn repaired_replicas(&self) -> usize {
        self.replication.as_ref().map_or(0, |it| it.groups.repaired())
    }

    /// Groups that this node came to lead, since the last call, with what a repair had saved: all other replicas were repaired too.
    pub fn take_led_repaired(&mut self) -> Vec<GroupId> {
        self.replication.as_mut().map(|it| it.groups.take_led_repaired()).unwrap_or_default()
    }

    /// Tells the time: CLOCK_BOOTTIME in ns, read after all that is handled next had come. Leases are checked by it.
    pub fn begin_groups(&mut self, now_ns: u64) {
        if let Some(replication) = &mut self.replication {
            replication.now_ns = now_ns.max(replication.now_ns);
            replication.groups.begin(replication.now_ns);
        }
    }

    /// Takes a message of a peer.
    ///
    /// # Errors
    /// When the group is not on this core, or no correct peer sends such a message.
    pub fn step(&mut self, group: GroupId, message: Message) -> Result<(), GroupError> {
        match &mut self.replication {
            Some(replication) => {
                if message.get_msg_type() == MessageType::MsgTimeoutNow
                    && replication.hosted.contains(&group)
                {
                    replication.note_given(group, message.from);
                }
                let stepped = replication.groups.step(group, message);
                match &stepped {
                    Err(GroupError::Overtaken { begins_anew: true, .. }) => {
                        replication.forget_log(group);
                    }
                    Err(GroupError::TakesAnew { .. }) => {
                        replication.forget_log(group);
                        if group == GroupId::METADATA {
                            replication.meta.give_up();
                        }
                    }
                    _ => {}
                }
                stepped
            }
            None => Err(GroupError::Unknown(group)),
        }
    }

    /// To be called often, at least every 10 ms.
    pub fn tick_groups(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.groups.tick();
            replication.gather_beats();
            replication.give_up_snapshots(None);
            self.tick_handovers();
            self.tick_leave();
            self.tick_changing();
            self.tick_log_only();
            self.tick_spans();
        }
    }

    /// The connection to a node is dead: what it led is elected anew as soon as that is safe.
    pub fn peer_lost(&mut self, node: u32) {
        if let Some(replication) = &mut self.replication {
            replication.groups.peer_lost(u64::from(node));
            replication.handovers.forget_node(u64::from(node));
            replication.give_up_snapshots(Some(node));
            self.spans_lost(node);
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
        if leader == Leader::Changing {
            let now_ns = self.replication.as_ref().map_or(0, |it| it.now_ns);
            serving.set_changing(partition, now_ns);
        }
        if serving.set_leader(partition, leader) {
            self.store.set_told(partition, serving.tells(partition));
            self.all_changed();
            self.span_lead(partition, leader == Leader::Own);
            self.effects.push(Effect::Leader { partition, leader });
        }
    }

    /// The position up to which answers may leave where partitions are replicated.
    pub(crate) fn committed_position(&self) -> Option<u64> {
        let replication = self.replication.as_ref()?;
        let held = replication.held.unwrap_or_else(|| self.store.appended_position());
        Some(replication.confirming.held().map_or(held, |unconfirmed| unconfirmed.min(held)))
    }

    /// Whether something that this core leads was written and has not taken effect.
    pub(crate) fn has_uncommitted(&self) -> bool {
        let held = self.replication.as_ref().and_then(|replication| replication.held);
        held.is_some_and(|held| held < self.store.appended_position())
    }

    /// Whether a term or a vote waits for a sync.
    pub(crate) fn group_wants_sync(&self) -> bool {
        let wants = |stored: &Stored| stored.must_sync;
        self.replication.as_ref().is_some_and(|replication| replication.stored.iter().any(wants))
    }
}
