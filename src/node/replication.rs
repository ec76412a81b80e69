//! Owns the replicated side of one core's turn: messages of peers to the engine's groups, theirs to peers, news of leaders.

use std::sync::Arc;

use hyperion_cluster::group::{GroupError, MessageType};
use hyperion_engine::{Leader, SNAPSHOT_PART_BYTES_MAX, SnapshotMail, SnapshotStep};
use hyperion_model::{CoreId, GroupId, PartitionId};
use hyperion_runtime::{ConnectionId, process};
use hyperion_wire::limits::BULK_CHUNK_BYTES;
use hyperion_wire::peer::{
    Body, BodyError, Heartbeat, Heartbeats, Message, RaftMessages, SnapshotAbort, SnapshotAck,
    SnapshotChunk, SnapshotEnd,
};

use super::Io;
use super::core::NodeCore;
use super::members::{ANY_EPOCH, LOOKS_A_TELLING};
use super::messages::Mail;
use super::saying::say;
use crate::peers::{Incoming, RaftMessage, from_wire, to_wire};

const _: () =
    assert!(SNAPSHOT_PART_BYTES_MAX == BULK_CHUNK_BYTES, "a part of a snapshot is a chunk");

impl NodeCore {
    /// Tells the groups the time; what is handled next has come before.
    #[inline]
    pub(crate) fn tell_time(&mut self) {
        if self.engine.is_replicated() {
            self.engine.begin_groups(process::boot_time_ns());
        }
    }

    /// A frame of a peer that is for the node.
    pub(crate) fn take_peer_message(&mut self, io: &mut Io, from: u32, message: Message<'_>) {
        let step = match message {
            Message::SnapshotChunk(it) => Some((
                it.group,
                it.transfer,
                SnapshotStep::Part(it.sequence, it.bytes.into_owned()),
            )),
            Message::SnapshotEnd(it) => Some((it.group, it.transfer, SnapshotStep::End(it.count))),
            Message::SnapshotAck(it) => {
                Some((it.group, it.transfer, SnapshotStep::Ack(it.sequence_next)))
            }
            Message::SnapshotAbort(it) => Some((it.group, it.transfer, SnapshotStep::Abort)),
            Message::RaftMessages(messages) => return self.take_raft_messages(from, messages),
            Message::ConfigPropose(it) => {
                let config = it.config.into_owned();
                if self.index == 0 {
                    self.propose(Some(from), it.request, &config);
                } else {
                    self.links[0].backlog.push_back(Mail::Propose(from, it.request, config));
                }
                return;
            }
            Message::ConfigProposed(it) => {
                return self.judged(it.request, it.status, it.body.into_owned());
            }
            Message::GroupReports(it) => return self.take_reports(ANY_EPOCH, it.reports),
            Message::ReportsAsOf(it) => {
                self.take_epoch(from, it.epoch);
                return self.take_reports(it.epoch, it.reports);
            }
            Message::Heartbeats(it) => {
                self.take_heartbeats(from, &it);
                return self.hear_leaders(from, &it);
            }
            Message::HeartbeatAnswers(it) => return self.take_heartbeat_answers(from, &it),
            Message::Leaving(it) => return self.hear_leave(from, it.valid_ms),
            Message::NodeFacts(it) => return self.take_facts(from, it),
            Message::Fullness(it) => return self.take_fullness(from, it),
            Message::Published(it) => return self.take_published(&it),
            Message::Forwarded(it) => return self.take_forwarded(from, it),
            Message::Replies(it) => return self.take_foreign_replies(io, it),
            Message::ClusterCut(it) => return self.shared.snapshots.hear(from, &it),
            Message::ConfigCurrent(it) => return self.told(io, from, it.config.into_owned()),
            _ => None,
        };
        if let Some((group, transfer, step)) = step {
            self.route_snapshot(SnapshotMail { node: from, group: GroupId(group), transfer, step });
        }
    }

    /// Gives a step of a snapshot to the core that holds the group.
    fn route_snapshot(&mut self, mail: SnapshotMail) {
        let core = self.core_of(mail.group);
        if core == self.index {
            self.take_snapshot_mail(mail);
        } else {
            self.links[usize::from(core)].backlog.push_back(Mail::Snapshot(Box::new(mail)));
        }
    }

    pub(super) fn take_snapshot_mail(&mut self, mail: SnapshotMail) {
        self.bulk.note(&mail);
        self.engine.snapshot_mail(mail);
    }

    fn take_raft_messages(&mut self, from: u32, RaftMessages { messages }: RaftMessages<'_>) {
        {
            let cores = self.config.cores.len();
            let mut for_others: Vec<Vec<(GroupId, Box<RaftMessage>)>> = Vec::new();
            for wire in messages {
                let group = GroupId(wire.group);
                let Some(message) = from_wire(wire).filter(|it| it.from == u64::from(from)) else {
                    continue;
                };
                let core = self.core_of(group);
                if message.get_msg_type() == MessageType::MsgSnapshot {
                    let Some(transfer) = transfer_of(&message) else { continue };
                    let step = SnapshotStep::Begin(Box::new(message));
                    self.route_snapshot(SnapshotMail { node: from, group, transfer, step });
                } else if core == self.index {
                    self.step(group, message);
                } else {
                    for_others.resize_with(cores, Vec::new);
                    for_others[usize::from(core)].push((group, Box::new(message)));
                }
            }
            for (core, messages) in for_others.into_iter().enumerate() {
                if !messages.is_empty() {
                    self.links[core].backlog.push_back(Mail::Raft(messages));
                }
            }
        }
    }

    /// Takes a message of a peer that came to another core, or to this one.
    pub(super) fn step(&mut self, group: GroupId, message: RaftMessage) {
        if message.get_msg_type() == MessageType::MsgAppendResponse
            && let Some(peers) = &mut self.peers
            && let Ok(from) = u32::try_from(message.from)
        {
            peers.answered(from, group.0);
        }
        match self.engine.step(group, message) {
            Ok(()) | Err(GroupError::Overtaken { is_news: false, .. }) => {}
            Err(error @ GroupError::Overtaken { begins_anew: true, .. }) => {
                tracing::warn!(
                    "{error}, which a power cut may have taken from it: all is taken anew"
                );
            }
            Err(error @ GroupError::TakesAnew { .. }) => tracing::warn!("{error}"),
            Err(error @ GroupError::Overtaken { .. }) => tracing::error!(
                "{error}: this replica is not changed any more; remove the node and let it join anew, or look at what it has first"
            ),
            Err(error) => tracing::debug!("a message for {group:?} was dropped: {error}"),
        }
    }

    /// The core that holds a group: the first one the config's.
    pub(super) fn core_of(&self, group: GroupId) -> u16 {
        let partitions = u32::from(self.engine.map().partitions());
        match group.partition() {
            Some(partition) if u32::from(partition.0) < partitions => {
                self.engine.map().owner(partition).0
            }
            _ => 0,
        }
    }

    /// Lets the groups work, and queues what they say to peers.
    pub(super) fn drive_groups(&mut self) {
        if !self.engine.is_replicated() {
            return;
        }
        self.engine.drive_groups();
        let mut outgoing = std::mem::take(&mut self.outgoing);
        self.engine.take_messages(&mut outgoing);
        if let Some(peers) = &mut self.peers {
            outgoing.sort_by_key(|message| message.to);
            for messages in outgoing.chunk_by(|one, other| one.to == other.to) {
                say(peers, messages);
            }
        }
        outgoing.clear();
        self.outgoing = outgoing;
        self.send_beats();
        self.send_snapshots();
    }

    fn send_snapshots(&mut self) {
        let mut mails = Vec::new();
        self.engine.take_snapshots(&mut mails);
        for SnapshotMail { node, group, transfer, step } in mails {
            let (group, mode) = (group.0, self.bulk_mode(node));
            let (Some(peers), bulk) = (&mut self.peers, &mut self.bulk) else { return };
            let write = |written: Result<(), BodyError>| {
                if let Err(error) = written {
                    tracing::error!("a snapshot for node {node} does not fit: {error}");
                }
            };
            match step {
                SnapshotStep::Begin(mut message) => {
                    tracing::info!(
                        "group {group} is sent to node {node} whole: it lags too far behind"
                    );
                    message.mut_snapshot().data = transfer.to_le_bytes().to_vec().into();
                    let messages = vec![to_wire(group, &message)];
                    peers.queue_bulk(node, |out| write(RaftMessages { messages }.encode(out)));
                }
                SnapshotStep::Part(sequence, bytes) => {
                    let place = (node, group, transfer, sequence);
                    let Some(bytes) = bulk.take(mode, place, bytes) else { continue };
                    let part = SnapshotChunk::new(transfer, group, sequence, &bytes);
                    peers.queue_bulk(node, |out| write(part.encode(out)));
                }
                SnapshotStep::End(count) => {
                    tracing::info!("group {group} was sent to node {node} in {count} parts");
                    let end = SnapshotEnd { transfer, group, count };
                    peers.queue_bulk(node, |out| write(end.encode(out)));
                }
                SnapshotStep::Ack(sequence_next) => {
                    let ack = SnapshotAck { transfer, group, sequence_next };
                    peers.queue(node, |out| write(ack.encode(out)));
                }
                SnapshotStep::Abort => {
                    tracing::info!("group {group} is not wanted whole from node {node} any more");
                    let sentence = "the snapshot is not needed any more".into();
                    let abort = SnapshotAbort { transfer, group, sentence };
                    peers.queue(node, |out| write(abort.encode(out)));
                }
            }
        }
    }

    /// What has become of links since the last turn.
    pub(super) fn hear_of_peers(&mut self, io: &mut Io) {
        let Some(peers) = &mut self.peers else { return };
        let (mut lost, mut changed) = (Vec::new(), Vec::new());
        for word in peers.take_words() {
            let (node, is_up) = match word {
                Incoming::Up(node) => (node, true),
                Incoming::Lost(node) => (node, false),
                Incoming::BulkLost(node) => {
                    self.bulk.lost(node);
                    self.engine.bulk_lost(node);
                    continue;
                }
                Incoming::Refused(node, code) => {
                    self.refused_by(node, code);
                    continue;
                }
            };
            changed.push((node, is_up));
            if is_up {
                self.ask_anew(node);
                // Who was away is told all.
                self.members.told_leads.clear();
            } else {
                self.engine.peer_lost(node);
                if self.index == 0 {
                    self.shared.snapshots.lost(node);
                }
                lost.push(node);
                self.forget_teller(node);
                self.forget_clock(node);
            }
            if let Some(view) = &mut self.view {
                let nodes = &mut Arc::make_mut(view).nodes;
                nodes.iter_mut().filter(|it| it.id == node).for_each(|it| it.is_up = is_up);
            }
        }
        for (node, is_up) in changed {
            self.kept_by_node(node, is_up);
        }
        lost.into_iter().for_each(|node| self.forward_lost(io, node));
    }

    /// Somebody else leads a partition of this core: all cores are told.
    pub(super) fn leader_news(&mut self, partition: PartitionId, leader: Leader) {
        self.note_leader(partition, leader);
        if matches!(leader, Leader::Nobody | Leader::Node(_)) {
            self.release_waiting(partition);
        }
        let own = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own {
                link.backlog.push_back(Mail::Leader(partition, leader));
            }
        }
    }

    /// Tells all peers which partitions this core leads: those that have no copy know it by this alone.
    pub(super) fn tell_leaders(&mut self) {
        let mut led = self.engine.led_terms();
        let Some(peers) = &mut self.peers else { return };
        let tells_all = self.members.looks.is_multiple_of(LOOKS_A_TELLING);
        let told = &mut self.members.told_leads;
        led.retain(|&(partition, term)| told.insert(partition, term) != Some(term) || tells_all);
        let heartbeat = |&(partition, term): &(PartitionId, u64)| Heartbeat {
            group: GroupId::of(partition).0,
            term,
            commit: 0,
            stamp_ns: 0,
        };
        let told = Heartbeats { heartbeats: led.iter().map(heartbeat).collect() };
        if told.heartbeats.is_empty() {
            return;
        }
        let nodes = self.view.iter().flat_map(|view| &view.nodes);
        for node in nodes.map(|node| node.id) {
            peers.queue(node, |out| {
                let _ = told.encode(out);
            });
        }
    }

    /// A peer tells what it leads.
    fn hear_leaders(&mut self, from: u32, told: &Heartbeats) {
        for heartbeat in &told.heartbeats {
            let Some(partition) = GroupId(heartbeat.group).partition() else { continue };
            let term = self.foreign_terms.get(&partition).copied().unwrap_or(0);
            if !self.engine.is_elsewhere(partition) || heartbeat.term <= term {
                continue;
            }
            self.foreign_terms.insert(partition, heartbeat.term);
            self.leader_news(partition, Leader::Node(from));
        }
    }

    /// Notes who leads a partition.
    pub(super) fn note_leader(&mut self, partition: PartitionId, leader: Leader) {
        let is_foreign = self.engine.is_elsewhere(partition);
        if is_foreign || self.engine.map().owner(partition) != CoreId(self.index) {
            self.engine.set_leader(partition, leader);
        }
        let Some(view) = &mut self.view else { return };
        let view = Arc::make_mut(view);
        let leader = match leader {
            // Until it is known who follows, clients come here and wait.
            Leader::Changing => return,
            Leader::Nobody => None,
            Leader::Own => Some(view.own),
            Leader::Node(id) => view.nodes.iter().position(|node| node.id == id),
        };
        let place = &mut view.partitions[usize::from(partition.0)].leader;
        self.members.lead_changes += u64::from(leader.is_some() && *place != leader);
        *place = leader;
    }

    /// What this position and later ones hold may never take effect: who waits for it is not answered, and hears so by the end of the
    /// connection.
    pub(super) fn close_from(&mut self, io: &mut Io, position: u64) {
        let waits: Vec<ConnectionId> = self
            .clients
            .iter()
            .filter(|client| client.output.observes_beyond(position))
            .map(|client| client.connection)
            .collect();
        for connection in waits {
            io.close(connection);
        }
        let foreign = self.foreign.links.iter_mut().map(|(_, link)| link);
        self.links.iter_mut().chain(foreign).for_each(|link| link.lose_from(position));
    }
}

/// The transfer that brings the records of a snapshot, as the sender wrote it into the message.
fn transfer_of(message: &RaftMessage) -> Option<u64> {
    let data: &[u8] = &message.get_snapshot().data;
    data.try_into().ok().map(u64::from_le_bytes)
}
