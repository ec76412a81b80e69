//! Owns the way from a start to serving where there are several nodes: the row of the table that holds, and doing what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyperion_cluster::change::{Author, Refusal, check_change};
use hyperion_cluster::config::{Config, Usage, between};
use hyperion_cluster::start::Start;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;

use super::Io;
use super::commit::die;
use super::core::NodeCore;
use super::proposing::ANNOUNCED;
use super::serving::{keep, start_anew};
use crate::cluster::{Conflict, Member, Members, Own, Report, Status, Take, Verdict, judge};
use crate::config::{ConfigError, Resolved};
use crate::resolve::UNDONE;

/// Looks, of a tenth of a second each, between two proposals of the same config.
const LOOKS_A_PROPOSAL: u32 = 10;
/// Looks until the cluster's config is taken again that could not be taken.
pub(super) const LOOKS_A_TAKE: u32 = 50;

/// A start that is under way; the first core's.
#[derive(Debug)]
pub(super) struct Settling {
    /// What the config came to when the cores were made.
    pub(super) started_with: Arc<Resolved>,
    /// What those say that answer, by uuid.
    pub(super) reports: BTreeMap<String, Report>,
    /// Whose report it is, by number.
    pub(super) tellers: BTreeMap<u32, String>,
    /// Who says that this node is of another cluster.
    pub(super) foreign: BTreeSet<u32>,
    /// Who says that this node was removed.
    pub(super) removed: BTreeSet<u32>,
    /// The config that a person wants to be the cluster's next one.
    mine: Option<Config>,
    /// Why what a person has decided cannot be done.
    undone: Option<String>,
    /// Looks until something is proposed or taken again.
    looks_left: u32,
}

impl Settling {
    pub(super) fn new(started_with: Arc<Resolved>) -> Self {
        Self {
            started_with,
            reports: BTreeMap::new(),
            tellers: BTreeMap::new(),
            foreign: BTreeSet::new(),
            removed: BTreeSet::new(),
            mine: None,
            undone: None,
            looks_left: 0,
        }
    }

    /// A tenth of a second has passed.
    pub(super) fn count_look(&mut self) {
        self.looks_left = self.looks_left.saturating_sub(1);
    }

    /// Gives `true` at once and then every so many looks.
    fn is_time(&mut self, looks: u32) -> bool {
        let is_time = self.looks_left == 0;
        if is_time {
            self.looks_left = looks;
        }
        is_time
    }
}

/// The cluster that the node belongs to from now on: with whom that was formed, and what is agreed.
type Settled = (Members, ClusterState);

impl NodeCore {
    /// Looks at what is known; the first core does, whenever it hears something and every tenth of a second, until the node serves.
    pub(super) fn settle(&mut self, io: &mut Io) {
        let Some(mut settling) = self.settling.take() else { return };
        let reports = std::mem::take(&mut settling.reports);
        let settled = self.weigh(io, &mut settling, &reports);
        settling.reports = reports;
        match settled {
            Some((members, state)) => self.settled(io, &settling, &members, &state),
            None => self.settling = Some(settling),
        }
    }

    fn weigh(
        &mut self,
        io: &mut Io,
        settling: &mut Settling,
        reports: &BTreeMap<String, Report>,
    ) -> Option<Settled> {
        let member = Arc::clone(self.shared.member()?);
        let current = self.shared.published.get();
        let agreed = member.agreed.get();
        let mark = member.formation().mark().clone();
        let is_formed = mark.members.is_some();
        if let Some(sentence) = self.is_refused(settling, is_formed) {
            refuse(&sentence);
        }
        let own = Own { config: &current.config, mark: &mark, agreed: agreed.as_deref() };
        let (start, reached) = match judge(own, reports) {
            Verdict::Row(start, reached) => (start, reached),
            Verdict::Founded(members, state) => {
                // The file is looked at next, with what this node knows now.
                keep(&member, members, state);
                return None;
            }
        };
        let state = reached.map(|(state, _)| state);
        if self.is_mine_in_force(settling, state) {
            self.take_theirs(settling, state?);
            return None;
        }
        match start {
            Start::Serve => {
                return reached.map(|(state, members)| (members.clone(), state.clone()));
            }
            Start::FormFirst => return form(&current.config, own, reports),
            Start::TakeCluster(_) => self.take_theirs(settling, state?),
            Start::Announce(child) => {
                if self.announce(settling, &member, state?, &child) && is_formed {
                    self.begin_to_vote(io);
                }
            }
            Start::Conflict { sentence, differences } => {
                let conflict = Conflict { sentence, differences, may_resolve: state.is_some() };
                self.in_conflict(settling, &member, state, &current.config, conflict);
            }
            Start::Refuse(sentence) => refuse(&sentence),
            Start::Wait { sentence, .. } => wait(&member, &sentence),
        }
        None
    }

    /// Why this node cannot belong to the cluster, as those say that it has reached.
    fn is_refused(&self, settling: &Settling, is_formed: bool) -> Option<String> {
        let peers = self.peers.as_ref()?.nodes().count();
        let own = &self.shared.published.get().config;
        if !is_formed && settling.foreign.len() * 2 > peers {
            return Some(format!(
                "the config is of cluster {} and the nodes that it names are of another one; correct the addresses, or wipe the data and join with a new uuid",
                own.cluster_id
            ));
        }
        // One is enough: it is of this cluster and was told so by it. After a lost majority one node is all that can say it.
        (!settling.removed.is_empty()).then(|| {
            format!(
                "this node (uuid {}) was removed from the cluster; wipe its data and let it join with a new uuid",
                settling.started_with.node().uuid
            )
        })
    }

    /// Whether the config that a person of this node has proposed is the cluster's now.
    fn is_mine_in_force(&self, settling: &mut Settling, state: Option<&ClusterState>) -> bool {
        let (Some(mine), Some(state)) = (&settling.mine, state) else { return false };
        if state.config() == mine {
            return self.shared.published.get().hash != state.hash();
        }
        if state.config().epoch >= mine.epoch {
            tracing::warn!(
                "another config was first; look at GET /config/conflict and decide again"
            );
            settling.mine = None;
        }
        false
    }

    /// The cluster's config takes the place of the file, which is kept as `.bak`.
    fn take_theirs(&mut self, settling: &mut Settling, state: &ClusterState) {
        if let Some(member) = self.shared.member() {
            let epoch = state.config().epoch;
            wait(
                member,
                &format!(
                    "taking the cluster's config of epoch {epoch}; the log tells why if it stays so"
                ),
            );
        }
        if let (true, Some(jobs)) = (settling.is_time(LOOKS_A_TAKE), &self.shared.jobs)
            && jobs.learn(Arc::new(state.clone()), true).is_err()
        {
            settling.looks_left = 0;
        }
    }

    /// The file says anew what this node is: it is proposed, if the rules let it; `false`: they do not.
    fn announce(
        &mut self,
        settling: &mut Settling,
        member: &Member,
        state: &ClusterState,
        child: &Config,
    ) -> bool {
        if let Err(sentence) = check(state, child, Author::Node(&member.uuid)) {
            // While replicas move, no other node may come.
            if state.moving().next().is_some() {
                wait(member, &format!("waiting to announce this node: {sentence}"));
                return false;
            }
            let differences = between(state.config(), child);
            let conflict = Conflict { sentence, differences, may_resolve: true };
            let current = self.shared.published.get();
            self.in_conflict(settling, member, Some(state), &current.config, conflict);
            return false;
        }
        wait(member, &format!("announcing this node by the config of epoch {}", child.epoch));
        self.propose_to_all(settling, child);
        true
    }

    fn propose_to_all(&mut self, settling: &mut Settling, config: &Config) {
        if settling.is_time(LOOKS_A_PROPOSAL) {
            let text = config.to_text();
            self.tell_all_to_propose(text.as_bytes());
            // It may be this node that leads the group by now.
            self.propose(None, ANNOUNCED, text.as_bytes());
        }
    }

    /// The file contradicts the cluster: a person decides.
    fn in_conflict(
        &mut self,
        settling: &mut Settling,
        member: &Member,
        state: Option<&ClusterState>,
        own: &Config,
        mut conflict: Conflict,
    ) {
        if self.unformed.is_none() {
            // It votes already, and what it announced was overtaken: a node in conflict serves nothing and does not vote.
            start_anew("the config that this node announced was overtaken by another one");
        }
        let wish = member.standing.take_wish();
        if let Some(why) = &settling.undone {
            conflict.sentence = format!("{UNDONE}: {why}; {}", conflict.sentence);
        }
        if member.standing.set(Status::Conflict(conflict.clone())) {
            tracing::error!("conflict: {}; only HTTP is served", conflict.sentence);
        }
        let Some(state) = state else { return };
        let known = member.agreed.get().map_or(0, |known| known.config().epoch);
        if known < state.config().epoch
            && let Err(error) = member.agreed.set(state.clone())
        {
            die(&format!("keeping cluster.json failed: {error}"));
        }
        match wish {
            Some(Take::Cluster) => {
                tracing::info!("a person takes the cluster's config in the place of the file");
                (settling.mine, settling.undone, settling.looks_left) = (None, None, 0);
                if state.config().nodes.iter().any(|node| node.uuid == member.uuid) {
                    return self.take_theirs(settling, state);
                }
                settling.undone = Some(
                    "the cluster's config does not name this node; put its entry into what GET /config?next=1 of another one answers and start it with that"
                        .to_owned(),
                );
            }
            Some(Take::Mine) => {
                let next = state.config().next();
                let child = Config { epoch: next.epoch, parent: next.parent, ..own.clone() };
                match check(state, &child, Author::Person) {
                    Ok(()) => {
                        tracing::info!("a person proposes this node's file to the cluster");
                        (settling.mine, settling.looks_left) = (Some(child), 0);
                        settling.undone = None;
                    }
                    Err(sentence) => settling.undone = Some(sentence),
                }
            }
            None => {}
        }
        if let Some(mine) = settling.mine.clone() {
            self.propose_to_all(settling, &mine);
        }
    }
}

/// The cluster is formed, by this node as by all others, of what all of them have.
fn form(config: &Config, own: Own<'_>, reports: &BTreeMap<String, Report>) -> Option<Settled> {
    let marks = reports.values().map(|report| &report.mark).chain([own.mark]);
    let members = marks.map(|mark| (mark.uuid.clone(), mark.incarnation.clone())).collect();
    let state = ClusterState::form(&ClusterState::form_command(config))?;
    tracing::info!("the cluster is formed");
    Some((members, state))
}

/// Whether the rules of a change let a config be the next one.
///
/// Errors: all that is wrong, in one sentence.
fn check(state: &ClusterState, child: &Config, author: Author<'_>) -> Result<(), String> {
    let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
    let usage = Usage::default();
    match check_change(state.standing(&usage, &evictions), child, author) {
        Ok(_) => Ok(()),
        Err(Refusal::Stale(stale)) => {
            Err(format!("it was made from another config than that of epoch {}", stale.epoch))
        }
        Err(Refusal::Invalid(problems)) => {
            let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(sentences.join(" | "))
        }
    }
}

fn wait(member: &Member, sentence: &str) {
    if member.standing.set(Status::Waits(sentence.to_owned())) {
        tracing::info!("{sentence}");
    }
}

/// This node cannot belong to the cluster as it is.
pub(super) fn refuse(sentence: &str) -> ! {
    tracing::error!("{sentence}");
    crate::log::flush();
    std::process::exit(i32::from(ConfigError::EXIT_CODE));
}
