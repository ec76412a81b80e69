//! Owns who may come, leave and be gone: one change of membership at a time, ids and uuids once for ever.

use std::collections::BTreeSet;

use crate::NodeId;
use crate::config::{Config, Leaving, Mode, Node, Problem};

use super::check::Standing;

/// Why a change has to wait for the one before.
const IN_PROGRESS: &str = "another change of the nodes or copies is in progress";

/// Whether a change is refused for now alone: nothing is wrong with it, but what an earlier one moves has not come to its end.
#[must_use]
pub fn is_for_now(problems: &[Problem]) -> bool {
    !problems.is_empty() && problems.iter().all(|problem| problem.problem == IN_PROGRESS)
}

/// Checks the nodes and the list of removed ones against those before.
pub(super) fn check_membership(
    standing: Standing<'_>,
    proposed: &Config,
    moves: &[String],
    problems: &mut Vec<Problem>,
) {
    let current = standing.config;
    let old_of = |node: &Node| current.nodes.iter().find(|old| old.uuid == node.uuid);
    let mut leaves_now = Vec::new();
    for (index, node) in proposed.nodes.iter().enumerate() {
        match old_of(node) {
            None => check_joining(standing, index, node, problems),
            Some(old) if old.leaving == Some(Leaving::Lost) && node.leaving != old.leaving => {
                problems.push(Problem::at(
                    format!("/nodes/{index}/leaving"),
                    format!("{:?} was given up with its data", node.name),
                    "leave the field as it is; the node joins anew with another uuid and an empty folder",
                ));
            }
            Some(old) if old.leaving != node.leaving => {
                if node.leaving == Some(Leaving::Drain) || old.leaving.is_none() {
                    leaves_now.push((index, node));
                }
            }
            Some(_) => {}
        }
    }
    check_gone(standing, proposed, problems);
    if let [_, (index, node), ..] = leaves_now.as_slice() {
        problems.push(Problem::at(
            format!("/nodes/{index}/leaving"),
            format!("{:?} would leave together with another node", node.name),
            "let one node leave at a time; the next one when /status says that it is done",
        ));
    }
    check_one_at_a_time(standing, proposed, moves, problems);
    check_fits(standing, proposed, problems);
}

fn check_joining(standing: Standing<'_>, index: usize, node: &Node, problems: &mut Vec<Problem>) {
    let mut problem = |field: &str, text: String, hint: String| {
        problems.push(Problem::at(format!("/nodes/{index}/{field}"), text, hint));
    };
    let has_id = |old: &Node| old.id == node.id;
    if node.id <= standing.id_last && !standing.config.nodes.iter().any(has_id) {
        let text = format!("id {} was given to a node before", node.id);
        problem("id", text, format!("give {}; ids are never given twice", standing.id_last.0 + 1));
    }
    if node.leaving.is_some() {
        let text = format!("{:?} is new and leaves already", node.name);
        problem("leaving", text, "leave the field out".to_owned());
    }
}

/// Who is no longer there has given everything up and stands in the list.
fn check_gone(standing: Standing<'_>, proposed: &Config, problems: &mut Vec<Problem>) {
    let current = standing.config;
    let removed: BTreeSet<&String> = proposed.removed.iter().collect();
    let mut problem = |pointer: &str, text: String, hint: String| {
        problems.push(Problem::at(pointer, text, hint));
    };
    if let Some(uuid) = current.removed.iter().find(|uuid| !removed.contains(uuid)) {
        let hint = "keep the list as it is; a removed node comes back with a new uuid".to_owned();
        problem("/removed", format!("{uuid} was taken out of the list"), hint);
    }
    let is_there = |uuid: &str| proposed.nodes.iter().any(|node| node.uuid == uuid);
    for node in current.nodes.iter().filter(|node| !is_there(&node.uuid)) {
        let replicas = standing.placement.replicas_of(node.id);
        let hint = format!("POST /nodes/remove {{\"node\": \"{}\"}} moves them first", node.name);
        if node.leaving.is_none() {
            let text = format!("node {:?} is missing and has {replicas} replicas", node.name);
            problem("/nodes", text, hint);
        } else if replicas > 0 {
            let text = format!("node {:?} is missing and has {replicas} replicas yet", node.name);
            problem("/nodes", text, "wait until /status says that it has none".to_owned());
        }
        if !removed.contains(&node.uuid) {
            let text = format!("node {:?} is gone and not in the list", node.name);
            problem("/removed", text, format!("add {:?} to the list", node.uuid));
        }
    }
    let was_known = |uuid: &String| {
        current.removed.contains(uuid) || current.nodes.iter().any(|node| node.uuid == *uuid)
    };
    if let Some(uuid) = proposed.removed.iter().find(|uuid| !was_known(uuid)) {
        let hint = "name removed nodes alone".to_owned();
        problem("/removed", format!("{uuid} was no node of this cluster"), hint);
    }
}

/// While replicas move, nothing else may set replicas moving, but giving up or losing a node.
fn check_one_at_a_time(
    standing: Standing<'_>,
    proposed: &Config,
    moves: &[String],
    problems: &mut Vec<Problem>,
) {
    if moves.is_empty() || is_settled(standing) {
        return;
    }
    let old_of = |node: &Node| standing.config.nodes.iter().find(|old| old.uuid == node.uuid);
    let is_escape = |pointer: &String| {
        let Some(index) =
            pointer.strip_prefix("/nodes/").and_then(|rest| rest.strip_suffix("/leaving"))
        else {
            return false;
        };
        let node = index.parse().ok().and_then(|index: usize| proposed.nodes.get(index));
        node.is_some_and(|node| {
            let lost = node.leaving.is_some_and(Leaving::is_gone);
            let stays =
                node.leaving.is_none() && old_of(node).is_some_and(|old| old.leaving.is_some());
            lost || stays
        })
    };
    // The mode follows the nodes that stay.
    let escapes = moves.iter().any(is_escape);
    let may_follow = |pointer: &String| escapes && pointer == "/mode";
    for pointer in moves.iter().filter(|pointer| !is_escape(pointer) && !may_follow(pointer)) {
        problems.push(Problem::at(pointer.as_str(), IN_PROGRESS, meanwhile(standing)));
    }
}

/// What can be done while replicas move.
fn meanwhile(standing: Standing<'_>) -> String {
    let mut hint = "send it again when /status says that nothing moves".to_owned();
    let leaves = standing.config.nodes.iter().find(|node| node.leaving == Some(Leaving::Drain));
    if let Some(node) = leaves {
        hint += &format!("; {:?} stays when \"leaving\" is taken out of its entry", node.name);
    }
    if standing.config.replication > 1 {
        hint += "; a node that is lost may be given up with \"leaving\": \"dead\"";
    }
    hint
}

/// Whether every replica is where it should be.
fn is_settled(standing: Standing<'_>) -> bool {
    let groups = standing.placement.groups.iter().zip(&standing.target.groups);
    groups.into_iter().all(|(now, wanted)| now.learners.is_empty() && now.same_voters(wanted))
}

/// Whether the nodes that stay have room for the copies, where fewer nodes or more copies are asked for.
fn check_fits(standing: Standing<'_>, proposed: &Config, problems: &mut Vec<Problem>) {
    let current = standing.config;
    let staying: Vec<NodeId> = proposed.data_nodes().map(|node| node.id).collect();
    let is_tighter = proposed.replication > current.replication
        || current.data_nodes().any(|node| !staying.contains(&node.id));
    if !is_tighter || Mode::of(proposed).is_none() {
        return;
    }
    if let Some(text) = standing.usage.shortfall(&staying, proposed.replication) {
        let pointer =
            if proposed.replication > current.replication { "/replication" } else { "/nodes" };
        problems.push(Problem::at(pointer, text, "add a node or memory first, or delete data"));
    }
}
