//! Owns the way from the wish to stop to the stop, where there are several nodes: leads go over to others, who comes here meanwhile is
//! sent on, and clients are closed when they are owed nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use hyperion_engine::LeaveProgress;
use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{Body, Kind, Leaving as LeavingFrame};

use super::Io;
use super::core::NodeCore;
use super::limits::{CLOSE_NS, HAND_OVER_NS, LEAVING_MS, SEND_ON_NS};
use super::messages::Mail;
use crate::cluster::Status;
use crate::front::client::Hold;

/// How far a core is on its way to the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Leads go over, until all cores are through with that.
    HandsOver { until_ns: u64, is_through: bool },
    /// Others hear of it.
    SendsOn { until_ns: u64 },
    /// Clients go, until all cores are through with that.
    Closes { until_ns: u64, is_through: bool },
}

/// How far all cores of the node are: none ends before the others are ready to, because each has links that the others need.
#[derive(Debug, Default)]
pub(crate) struct Leave {
    handed_over: AtomicUsize,
    closed: AtomicUsize,
    /// Cores that have nothing left to do.
    done: AtomicUsize,
    /// Leads that have gone over, that have not, and that nobody could take.
    handed: AtomicUsize,
    left: AtomicUsize,
    alone: AtomicUsize,
    /// Cores that have no room for another segment.
    pub(super) full: AtomicUsize,
}

impl Leave {
    /// A core has nothing left to do, and says so for the first time.
    pub(super) fn note_done(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether no core has anything left to do.
    pub(super) fn all_done(&self, cores: usize) -> bool {
        self.done.load(Ordering::Acquire) >= cores
    }

    /// A core is through with handing over; gives `true` for the last one.
    fn note(&self, progress: LeaveProgress, cores: usize) -> bool {
        self.handed.fetch_add(progress.handed, Ordering::Relaxed);
        self.left.fetch_add(progress.left, Ordering::Relaxed);
        self.alone.fetch_add(progress.alone, Ordering::Relaxed);
        self.handed_over.fetch_add(1, Ordering::AcqRel) + 1 == cores
    }

    /// What became of the leads, as a sentence.
    fn sentence(&self) -> String {
        let [handed, left, alone] =
            [&self.handed, &self.left, &self.alone].map(|count| count.load(Ordering::Relaxed));
        let mut sentence = format!("stopping: {handed} leads have gone over to other nodes");
        if left > 0 {
            sentence += &format!(", {left} were not taken in time and are elected anew");
        }
        if alone > 0 {
            sentence +=
                &format!(", {alone} can be taken by nobody and wait until this node is back");
        }
        sentence
    }
}

impl NodeCore {
    /// The node is to stop.
    pub(super) fn begin_stop(&mut self, io: &mut Io) {
        if self.leaving.is_some() {
            return;
        }
        if !self.engine.is_replicated() || self.is_unsettled {
            self.stopping = true;
            return;
        }
        self.leaving =
            Some(Leaving::HandsOver { until_ns: io.now_ns() + HAND_OVER_NS, is_through: false });
        self.engine.leave();
        if let (0, Some(member)) = (self.index, self.shared.member()) {
            member.standing.set(Status::Waits("this node is about to stop".to_owned()));
        }
        self.tell_leave();
        self.tick_leaving(io);
    }

    /// Goes on with the stop; to be called every tick of the groups.
    pub(super) fn tick_leaving(&mut self, io: &mut Io) {
        let Some(leaving) = self.leaving else { return };
        let (now_ns, cores) = (io.now_ns(), io.cores());
        self.leaving = Some(match leaving {
            Leaving::HandsOver { until_ns, is_through } => {
                let progress = self.engine.leave_progress().unwrap_or_default();
                let is_done = progress.left == 0 || now_ns >= until_ns;
                let leave = &self.shared.leave;
                if is_done && !is_through && leave.note(progress, cores) {
                    tracing::info!("{}", leave.sentence());
                }
                let is_through = is_through || is_done;
                if leave.handed_over.load(Ordering::Acquire) < cores {
                    Leaving::HandsOver { until_ns, is_through }
                } else {
                    let has_news = leave.handed.load(Ordering::Relaxed) > 0;
                    Leaving::SendsOn { until_ns: now_ns + if has_news { SEND_ON_NS } else { 0 } }
                }
            }
            Leaving::SendsOn { until_ns } if now_ns < until_ns => leaving,
            Leaving::SendsOn { .. } => {
                Leaving::Closes { until_ns: now_ns + CLOSE_NS, is_through: false }
            }
            Leaving::Closes { until_ns, is_through } => {
                self.close_served(io);
                let is_late = now_ns >= until_ns;
                let is_done = self.clients.len() == 0 && self.peers_are_flushed(io) || is_late;
                if is_done && !is_through {
                    self.shared.leave.closed.fetch_add(1, Ordering::AcqRel);
                }
                self.stopping |=
                    is_late || self.shared.leave.closed.load(Ordering::Acquire) >= cores;
                Leaving::Closes { until_ns, is_through: is_through || is_done }
            }
        });
    }

    /// Tells the others that this node is about to stop, or cannot write; the first core does.
    pub(super) fn tell_leave(&mut self) {
        let is_full = self.shared.leave.full.load(Ordering::Acquire) > 0;
        if self.leaving.is_none() && !is_full || self.index > 0 {
            return;
        }
        let nodes = self.view.iter().flat_map(|view| &view.nodes).map(|node| node.id);
        let nodes: Vec<u32> = nodes.collect();
        let Some(peers) = &mut self.peers else { return };
        for node in nodes {
            // Who does not know the word gives leads back, and gets them again.
            peers.queue_from(node, Kind::Leaving.protocol(), |out| {
                let _ = LeavingFrame { valid_ms: LEAVING_MS }.encode(out);
            });
        }
    }

    /// Another node is about to stop.
    pub(super) fn hear_leave(&mut self, from: u32, valid_ms: u32) {
        for core in (0..self.links.len()).filter(|core| *core != usize::from(self.index)) {
            self.links[core].backlog.push_back(Mail::Leaving(from, valid_ms));
        }
        self.note_leave(from, valid_ms);
    }

    pub(super) fn note_leave(&mut self, node: u32, valid_ms: u32) {
        self.engine.node_leaves(node, u64::from(valid_ms) * 1_000_000);
    }

    /// Closes the clients that have sent no half command: when what they are owed has left.
    fn close_served(&mut self, io: &mut Io) {
        let is_served = |client: &crate::front::Client| {
            !client.is_closing
                && client.input.is_empty()
                && client.input_away == 0
                && client.hold == Hold::None
        };
        let served: Vec<ConnectionId> = self
            .clients
            .iter()
            .filter(|client| is_served(client))
            .map(|client| client.connection)
            .collect();
        for connection in served {
            if let Some(client) = self.clients.get(connection) {
                client.is_closing = true;
                if !client.is_dirty {
                    client.is_dirty = true;
                    self.dirty.push(connection);
                }
            }
        }
        io.wake_again();
    }

    fn peers_are_flushed(&self, io: &Io) -> bool {
        self.parked.is_empty() && self.peers.as_ref().is_none_or(|peers| peers.are_flushed(io))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_the_leads_is_told_by_the_last_core() {
        let leave = Leave::default();
        assert!(!leave.note(LeaveProgress { handed: 3, ..LeaveProgress::default() }, 2));
        assert_eq!(leave.sentence(), "stopping: 3 leads have gone over to other nodes");
        assert!(leave.note(LeaveProgress { handed: 1, left: 2, alone: 5 }, 2));
        assert_eq!(
            leave.sentence(),
            "stopping: 4 leads have gone over to other nodes, 2 were not taken in time and are elected anew, 5 can be taken by nobody and \
             wait until this node is back"
        );
    }
}
