//! Owns the step from a settled start to serving, and that the node follows the nodes that are agreed on from then on.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use hyperion_cluster::state::ClusterState;
use hyperion_engine::Engine;
use hyperion_runtime::process;
use hyperion_store::RecoveredGroup as FoundGroup;

use super::Io;
use super::commit::die;
use super::core::NodeCore;
use super::messages::Mail;
use super::settling::{Settling, refuse};
use crate::cluster::{ClusterView, Member, Members, Status, peers_in};

/// The groups of a core, before the node is settled.
#[derive(Debug)]
pub(crate) struct Unformed {
    pub(super) node: u32,
    pub(super) seed: u64,
    /// The log may lack its end, as after a power cut.
    pub(super) may_be_cut: bool,
    /// What the log has of them.
    pub(super) found: Vec<FoundGroup>,
}

impl Unformed {
    /// The groups begin as the log has them; `founding` is what the cluster was formed with, where those are founded that it does not have.
    ///
    /// Errors: a sentence.
    fn begin(self, engine: &mut Engine, founding: Option<&ClusterState>) -> Result<(), String> {
        let Self { node, seed, may_be_cut, found } = self;
        let mut replicas = engine.replicas_at_start(node, found, founding)?;
        replicas.iter_mut().for_each(|replica| replica.recovered.may_be_cut = may_be_cut);
        let now_ns = process::boot_time_ns();
        engine.replicate(node, seed, replicas, founding, now_ns).map_err(|error| error.to_string())
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
        let Some(member) = self.shared.member().cloned() else { return };
        let epoch = state.config().epoch;
        keep(&member, members, state);
        let resolved = Arc::clone(&self.shared.published.get().resolved);
        if !resolved.listens_as(&settling.started_with) {
            start_anew("the config says otherwise where this node listens and runs");
        }
        tracing::info!("settled: the file is the cluster's config of epoch {epoch}");
        if let Some(note) = state.history().entries().last().and_then(|entry| entry.note.as_ref()) {
            tracing::warn!("the config of epoch {epoch}: {note}");
        }
        let founding = member.founding();
        for link in self.links.iter_mut().skip(1) {
            link.backlog.push_back(Mail::Settled(founding.clone()));
        }
        self.begin_groups(io, founding.as_deref());
        self.is_unsettled = false;
        member.standing.set(Status::Serves);
    }

    /// A node of the cluster says anew what it is: its votes may be needed for that.
    pub(super) fn begin_to_vote(&mut self, io: &mut Io) {
        if self.unformed.is_none() {
            return;
        }
        let founding = self.shared.member().and_then(|member| member.founding());
        for link in self.links.iter_mut().skip(1) {
            link.backlog.push_back(Mail::Votes(founding.clone()));
        }
        self.begin_groups(io, founding.as_deref());
    }

    /// The node belongs to the cluster: the groups of this core begin.
    pub(super) fn begin_groups(&mut self, io: &mut Io, founding: Option<&ClusterState>) {
        let Some(unformed) = self.unformed.take() else { return };
        self.follow_nodes(io);
        if let Err(sentence) = unformed.begin(&mut self.engine, founding) {
            die(&sentence);
        }
    }

    /// The newest that this core knows of the cluster: what group 0 holds, or what was agreed, which a start may have from others.
    pub(super) fn newest(&self) -> Option<Arc<ClusterState>> {
        let agreed = self.shared.member()?.agreed.get();
        let held = self.members.state.clone();
        let epoch = |state: &Arc<ClusterState>| state.config().epoch;
        let is_held = held.as_ref().map(epoch) >= agreed.as_ref().map(epoch);
        if is_held { held } else { agreed }
    }

    /// Follows what another node told since: group 0 is not heard where who holds it is not known.
    pub(super) fn follow_told(&mut self, io: &mut Io) {
        let agreed = self.shared.member().and_then(|member| member.agreed.get());
        if agreed.is_some_and(|agreed| agreed.config().epoch > self.members.followed) {
            self.follow_nodes(io);
        }
    }

    /// Takes the nodes that are agreed on: who is dialed, and what clients are told.
    pub(super) fn follow_nodes(&mut self, io: &mut Io) {
        let Some(member) = self.shared.member().cloned() else { return };
        let Some(state) = self.newest() else { return };
        self.members.followed = state.config().epoch;
        match peers_in(state.config(), &member.uuid) {
            Ok(nodes) => self.follow_peers(io, nodes),
            Err(sentence) => {
                tracing::error!("the nodes of the config are not followed: {sentence}");
            }
        }
        let cores = self.config.cores.len();
        let Some(earlier) = &mut self.view else { return };
        match ClusterView::of(state.config(), state.placement(), &member.uuid, cores) {
            Ok(mut view) => {
                view.carry_over(earlier);
                *earlier = Arc::new(view);
            }
            // A config without this node is shown by nobody: what it showed goes on.
            Err(_) => Arc::make_mut(earlier).follow(&state),
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
    crate::log::flush();
    let error = std::env::current_exe().map_or_else(
        |error| error,
        |program| Command::new(program).args(std::env::args_os().skip(1)).exec(),
    );
    refuse(&format!("{why}, and this node cannot start anew: {error}; start it again"))
}
