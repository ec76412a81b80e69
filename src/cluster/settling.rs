//! Owns what the nodes tell each other before one of them serves, and what comes of it: the table of a start, asked with what a majority
//! of group 0 holds.

use std::collections::BTreeMap;

use hyperion_cluster::config::Config;
use hyperion_cluster::start::{Known, Majority, PeerReport, Start, decide};
use hyperion_cluster::state::ClusterState;
use serde::{Deserialize, Serialize};

use super::formation::{Mark, Members};

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Its folder.
    pub(crate) mark: Mark,
    /// The config in its file, until it belongs to a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Box<Config>>,
    /// What is agreed, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Box<ClusterState>>,
}

/// What the node itself has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// The config in its file.
    pub(crate) config: &'a Config,
    /// Its folder.
    pub(crate) mark: &'a Mark,
    /// What its folder knows to be agreed.
    pub(crate) agreed: Option<&'a ClusterState>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// The cluster was formed with this folder, and the node did not write it down: it is so from now on.
    Founded(&'a Members, &'a ClusterState),
    /// A row of the table; what a majority holds, and with whom the cluster was formed, when it was reached.
    Row(Start, Option<(&'a ClusterState, &'a Members)>),
}

/// Decides, from what the node has and what those that answer say, by uuid.
pub(crate) fn judge<'a>(own: Own<'a>, reports: &'a BTreeMap<String, Report>) -> Verdict<'a> {
    let uuid = own.mark.uuid.as_str();
    if own.mark.members.is_none() {
        let said = reports.values().find_map(|report| {
            let members = report.mark.members.as_ref()?;
            Some((members.get(uuid)?, members, report.state.as_deref()?))
        });
        match said {
            Some((incarnation, members, state)) if *incarnation == own.mark.incarnation => {
                return Verdict::Founded(members, state);
            }
            Some(_) => return Verdict::Row(Start::Refuse(emptied()), None),
            None => {}
        }
    }
    let peers: Vec<PeerReport> = reports.values().filter_map(peer_report).collect();
    let is_formed = own.mark.members.is_some();
    let known = Known { config: own.config, uuid, has_data: is_formed, has_group0: is_formed };
    let formed = reports
        .values()
        .filter_map(|report| Some((report.state.as_deref()?, report.mark.members.as_ref()?)));
    let here = own.agreed.zip(own.mark.members.as_ref());
    let newest = formed.chain(here).max_by_key(|(state, _)| state.config().epoch);
    let Some((state, members)) = newest else {
        let (have, need) = (reports.len() + 1, own.config.nodes.len());
        let majority = Majority::NotReached { have, need, voters: need, reports: &peers };
        return Verdict::Row(decide(known, majority), None);
    };
    let (have, voters) = votes(own, reports, state);
    let need = voters / 2 + 1;
    if have < need {
        let majority = Majority::NotReached { have, need, voters, reports: &peers };
        return Verdict::Row(decide(known, majority), None);
    }
    Verdict::Row(decide(known, Majority::Reached(state)), Some((state, members)))
}

/// How many of group 0's voters answer, this node too when it is one, and how many there are.
fn votes(own: Own<'_>, reports: &BTreeMap<String, Report>, state: &ClusterState) -> (usize, usize) {
    let voters = state.placement().group(0).map_or(&[][..], |meta| &meta.voters);
    let answers = |uuid: &str| {
        let mark = if uuid == own.mark.uuid {
            Some(own.mark)
        } else {
            reports.get(uuid).map(|report| &report.mark)
        };
        mark.is_some_and(|mark| mark.members.is_some())
    };
    let node = |id: &_| state.config().node(*id);
    let have = voters.iter().filter_map(node).filter(|node| answers(&node.uuid)).count();
    (have, voters.len())
}

fn peer_report(report: &Report) -> Option<PeerReport> {
    let config = match (&report.state, &report.config) {
        (Some(state), _) => state.config().clone(),
        (None, Some(config)) => Config::clone(config),
        (None, None) => return None,
    };
    let has_data = report.mark.members.is_some();
    Some(PeerReport { uuid: report.mark.uuid.clone(), config, has_data })
}

fn emptied() -> String {
    "the cluster was formed with another data folder of this node: what it had acknowledged is gone, so it must not vote; bring the folder \
     back, or remove the node and add it anew with another uuid"
        .to_owned()
}
