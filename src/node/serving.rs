//! Owns the step from a settled start to serving, and that the node follows the nodes that are agreed on from then on.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use hyperion_cluster::group::RecoveredGroup;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{Engine, Replica, recovered};
use hyperion_runtime::process;
use hyperion_store::RecoveredGroup as FoundGroup;

use super::Io;
use super::commit::die;
use super::core::{Mail, NodeCore};
use super::settling::{Settling, refuse};
use crate::cluster::{ClusterView, Member, Members, Status, elsewhere, groups_of, peers_in};

/// The groups of a core, before the node is settled.
#[derive(Debug)]
pub(crate) struct Unformed {
    pub(super) node: u32,
    pub(super) seed: u64,
    /// What the log has of them.
    pub(super) found: Vec<FoundGroup>,
}

impl Unformed {
    /// The groups begin: as the log has them, or as they are founded.
    ///
    /// Errors: a sentence.
    fn begin(self, engine: &mut Engine, state: &ClusterState) -> Result<(), String> {
        let Self { node, seed, mut found } = self;
        let map = engine.map().clone();
        let mut replicas = Vec::new();
        for (group, voters) in groups_of(state.placement(), node, engine.core(), &map) {
            let there = found.iter().position(|one| one.group == group);
            let recovered = match there {
                Some(at) => recovered(found.swap_remove(at))
                    .ok_or_else(|| format!("the members of {group:?} are not legible"))?,
                None => RecoveredGroup::founded(&voters, 1),
            };
            replicas.push(Replica { group, recovered });
        }
        engine.set_elsewhere(elsewhere(state.placement(), node));
        let now_ns = process::boot_time_ns();
        engine.replicate(node, seed, replicas, now_ns).map_err(|error| error.to_string())
    }
}

impl NodeCore {
    /// The file is the cluster's: the node serves.
    pub(super) fn settled(
        &mut self,
        io: &mut Io,
        settling: &Settling,
        members: &Members,
        state: &ClusterState,
    ) {
        let Some(member) = self.shared.member.clone() else { return };
        let epoch = state.config().epoch;
        keep(&member, members, state);
        let resolved = Arc::clone(&self.shared.published.get().resolved);
        if !resolved.listens_as(&settling.started_with) {
            start_anew("the config says otherwise where this node listens and runs");
        }
        tracing::info!("settled: the file is the cluster's config of epoch {epoch}");
        for link in self.links.iter_mut().skip(1) {
            link.backlog.push_back(Mail::Settled);
        }
        self.begin_groups(io);
        self.is_unsettled = false;
        member.standing.set(Status::Serves);
    }

    /// A node of the cluster says anew what it is: its votes may be needed for that.
    pub(super) fn begin_to_vote(&mut self, io: &mut Io) {
        if self.unformed.is_none() {
            return;
        }
        for link in self.links.iter_mut().skip(1) {
            link.backlog.push_back(Mail::Votes);
        }
        self.begin_groups(io);
    }

    /// The node belongs to the cluster: the groups of this core begin.
    pub(super) fn begin_groups(&mut self, io: &mut Io) {
        let state = self.shared.member.as_ref().and_then(|member| member.agreed.get());
        let (Some(unformed), Some(state)) = (self.unformed.take(), state) else { return };
        self.follow_nodes(io);
        if let Err(sentence) = unformed.begin(&mut self.engine, &state) {
            die(&sentence);
        }
    }

    /// Takes the nodes that are agreed on: who is dialed, and what clients are told.
    pub(super) fn follow_nodes(&mut self, io: &mut Io) {
        let Some(member) = self.shared.member.clone() else { return };
        let Some(state) = member.agreed.get() else { return };
        match peers_in(state.config(), &member.uuid) {
            Ok(nodes) => self.follow_peers(io, nodes),
            Err(sentence) => {
                tracing::error!("the nodes of the config are not followed: {sentence}");
            }
        }
        let cores = self.config.cores.len();
        // A config without this node is shown by nobody.
        let view = ClusterView::of(state.config(), state.placement(), &member.uuid, cores);
        if let (Ok(mut view), Some(earlier)) = (view, &self.view) {
            view.carry_over(earlier);
            self.view = Some(Arc::new(view));
        }
    }
}

/// Writes down that the node belongs to a cluster, and what is agreed there.
pub(super) fn keep(member: &Member, members: &Members, state: &ClusterState) {
    let mut formation = member.formation();
    let known = member.agreed.get().map_or(0, |known| known.config().epoch);
    let is_formed = formation.is_formed();
    let written = if known < state.config().epoch || !is_formed {
        member.agreed.set(state.clone())
    } else {
        Ok(())
    };
    let written =
        written.and_then(|()| if is_formed { Ok(()) } else { formation.join(members.clone()) });
    if let Err(error) = written {
        die(&format!("keeping what the cluster agreed on failed: {error}"));
    }
}

/// The node cannot go on as it is, and can begin anew, as the same process.
pub(super) fn start_anew(why: &str) -> ! {
    tracing::info!("starting anew: {why}");
    let error = std::env::current_exe().map_or_else(
        |error| error,
        |program| Command::new(program).args(std::env::args_os().skip(1)).exec(),
    );
    refuse(&format!("{why}, and this node cannot start anew: {error}; start it again"))
}
