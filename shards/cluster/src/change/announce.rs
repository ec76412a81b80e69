//! Owns how a node says of itself what it is: by a child of the current config in which only its own entry is new.

use crate::config::{Config, Difference, Mode, Node, Problem, between};

/// The child of `current` in which `entry` joins or takes the place of the entry with its uuid.
///
/// In mode `duplication` the number of copies rises with the nodes.
///
/// Errors: what keeps the node from joining; the rules of a change find the rest.
pub fn announce(current: &Config, entry: Node) -> Result<Config, Problem> {
    let mut next = current.next();
    if let Some(old) = next.nodes.iter_mut().find(|node| node.uuid == entry.uuid) {
        *old = entry;
        return Ok(next);
    }
    if current.removed.contains(&entry.uuid) {
        return Err(Problem::at(
            "/nodes",
            format!("the node with uuid {} was removed", entry.uuid),
            "wipe its data and let it join with a new uuid",
        ));
    }
    if Mode::of(current) == Some(Mode::Single) {
        return Err(Problem::at(
            "/mode",
            "mode \"single\" takes no second node",
            "POST a config with both nodes and the mode \"sharding\" or \"duplication\"",
        ));
    }
    let at = next.nodes.partition_point(|node| node.id < entry.id);
    next.nodes.insert(at, entry);
    if Mode::of(current) == Some(Mode::Duplication) {
        next.replication = u32::try_from(next.data_nodes().count()).unwrap_or(u32::MAX);
    }
    Ok(next)
}

/// Whether the proposed config is what [`announce`] makes of the current one for the node with this uuid.
#[must_use]
pub fn announced_by(current: &Config, proposed: &Config, uuid: &str) -> bool {
    let mut problems = Vec::new();
    check_announced(current, proposed, uuid, &between(current, proposed), &mut problems);
    problems.is_empty() && proposed.nodes.iter().any(|node| node.uuid == uuid)
}

/// Refuses whatever a node says of others than itself.
pub(super) fn check_announced(
    current: &Config,
    proposed: &Config,
    uuid: &str,
    differences: &[Difference],
    problems: &mut Vec<Problem>,
) {
    let Some(index) = proposed.nodes.iter().position(|node| node.uuid == uuid) else {
        let text = format!("the node with uuid {uuid} announces a config without itself");
        return problems.push(Problem::at("/nodes", text, "add its entry"));
    };
    let (whole, below) = (format!("/nodes/{index}"), format!("/nodes/{index}/"));
    let joins = !current.nodes.iter().any(|node| node.uuid == uuid);
    let copies = u32::try_from(proposed.data_nodes().count()).unwrap_or(u32::MAX);
    let may_follow = |pointer: &str| {
        let duplicates = Mode::of(current) == Some(Mode::Duplication);
        joins && duplicates && pointer == "/replication" && proposed.replication == copies
    };
    for Difference { pointer, .. } in differences {
        let stands_apart = ["/epoch", "/parent"].contains(&pointer.as_str());
        let is_own = *pointer == whole || pointer.starts_with(&below);
        if !stands_apart && !is_own && !may_follow(pointer) {
            problems.push(Problem::at(
                pointer.as_str(),
                "a node that starts may change its own entry alone",
                "POST /config changes the rest",
            ));
        }
    }
    if proposed.nodes[index].leaving
        != current.nodes.iter().find(|node| node.uuid == uuid).and_then(|node| node.leaving)
    {
        problems.push(Problem::at(
            format!("{below}leaving"),
            "a node that starts cannot say that it leaves",
            "POST /nodes/remove lets it leave",
        ));
    }
}
