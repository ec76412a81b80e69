//! Owns what a start makes of the data folder where there are several nodes: whose it is, what it knows, and whether the file can be right.

use std::path::Path;
use std::sync::Arc;

use hyperion_cluster::config::Difference;
use hyperion_cluster::start::{Known, Majority, Start, decide};
use hyperion_cluster::state::ClusterState;

use super::error::NodeError;
use super::start::random_bytes;
use crate::cluster::{Member, agreed_in, mark_in};
use crate::config::Current;
use crate::recover::unfinished_recovery;

/// Opens what the data folder knows of the cluster, and refuses what can never be right.
///
/// Errors: the files cannot be kept, or the node cannot belong to the cluster that its data is of.
pub(super) fn open_member(current: &Current, data: &Path) -> Result<Arc<Member>, NodeError> {
    if let Some(sentence) = unfinished_recovery(data) {
        return Err(NodeError::Cluster(sentence));
    }
    let mut random = [0; 16];
    let keeping = |error| NodeError::System {
        what: "keeping formation.json and cluster.json in the data folder",
        error,
    };
    random_bytes(&mut random).map_err(keeping)?;
    let uuid = &current.resolved.node().uuid;
    let member = Member::open(data, uuid, u128::from_le_bytes(random)).map_err(keeping)?;
    let is_formed = member.formation().is_formed();
    if is_formed && member.agreed.get().is_none() {
        // Written by a version that took the file for what was agreed.
        let formed = ClusterState::form(&ClusterState::form_command(&current.config));
        formed.map_or(Ok(()), |state| member.agreed.set(state)).map_err(keeping)?;
    }
    if let Some(state) = member.agreed.get()
        && let Start::Refuse(sentence) = row(current, is_formed, &state)
    {
        return Err(NodeError::Cluster(sentence));
    }
    Ok(Arc::new(member))
}

fn row(current: &Current, is_formed: bool, state: &ClusterState) -> Start {
    let uuid = &current.resolved.node().uuid;
    let known = Known { config: &current.config, uuid, has_data: is_formed, has_group0: is_formed };
    decide(known, Majority::Reached(state))
}

/// What `--check` finds where there are several nodes: the file beside what the data folder knows to be agreed.
///
/// Errors: the file contradicts it; the differences were printed.
pub(super) fn check_cluster(current: &Current, data: &Path) -> Result<(), NodeError> {
    let reading = |error| NodeError::System { what: "reading cluster.json", error };
    let Some(state) = agreed_in(data).map_err(reading)? else { return Ok(()) };
    let mark = mark_in(data).map_err(reading)?;
    let is_formed = mark.is_some_and(|mark| mark.members.is_some());
    match row(current, is_formed, &state) {
        Start::Conflict { sentence, differences } => {
            for difference in &differences {
                println!("{}", line(difference));
            }
            Err(NodeError::Cluster(sentence))
        }
        Start::Refuse(sentence) => Err(NodeError::Cluster(sentence)),
        _ => Ok(()),
    }
}

fn line(difference: &Difference) -> String {
    let show = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    format!(
        "{}: the cluster says {}, the file says {}",
        difference.pointer,
        show(&difference.current),
        show(&difference.proposed)
    )
}
