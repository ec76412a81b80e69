//! Owns the config in which a node begins to leave.

use crate::config::{Config, Leaving, Mode, Problem};

use super::check::{Author, Refusal, Standing, check_change};

/// What `POST /nodes/remove` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal<'a> {
    /// The name of the node.
    pub node: &'a str,
    /// How it leaves.
    pub leaving: Leaving,
}

/// The child of the current config in which a node leaves; [`super::finish_leaving`] makes the one in which it is gone.
///
/// Where the mode no longer fits the nodes that stay, it becomes the one that does; the number of copies stays.
///
/// Errors: every reason why it may not leave.
pub fn remove(standing: Standing<'_>, removal: Removal<'_>) -> Result<Config, Vec<Problem>> {
    let current = standing.config;
    let Removal { node: name, leaving } = removal;
    let one = |problem: Problem| vec![problem];
    let Some(index) = current.nodes.iter().position(|node| node.name == name) else {
        let names: Vec<&str> = current.nodes.iter().map(|node| node.name.as_str()).collect();
        let text = format!("there is no node {name:?}");
        return Err(one(Problem::at("/node", text, format!("give one of {}", names.join(", ")))));
    };
    if current.nodes[index].leaving == Some(leaving) {
        let text = format!("node {name:?} leaves already");
        return Err(one(Problem::at("/node", text, "/status says how far it is")));
    }
    let mut next = current.next();
    next.nodes[index].leaving = Some(leaving);
    let staying = next.data_nodes().count();
    if staying == 0 {
        let text = format!("node {name:?} is the last one with data");
        return Err(one(Problem::at("/node", text, "stop it instead; its data stays where it is")));
    }
    if (staying as u64) < u64::from(current.replication) {
        let text =
            format!("without {name:?} {staying} nodes are left for {} copies", current.replication);
        let hint = format!(
            "add a node first, or POST a config with replication {staying} in which the node is \"leaving\": {:?}",
            leaving.as_str()
        );
        return Err(one(Problem::at("/node", text, hint)));
    }
    let fitting = Mode::fitting(staying, current.replication);
    if Mode::of(current) != Some(Mode::Single) {
        next.mode = fitting.as_str().to_owned();
    }
    match check_change(standing, &next, Author::Person) {
        Ok(_) => Ok(next),
        Err(Refusal::Invalid(problems)) => Err(problems),
        Err(Refusal::Stale(_)) => unreachable!("it was made from the current config"),
    }
}
