//! Owns the rules of one change: all that is wrong with it at once, or what it does.

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::config::{Config, Difference, Problem, Usage, between, check_step, lints, problems};
use crate::placement::Placement;

use super::announce::check_announced;
use super::compare::{Compared, Stale, compare};
use super::membership::check_membership;
use super::quorum::check_quorum;
use super::table::{Column, Sorted, sort};

/// What a change is held against: what group 0 holds, and what is known of the nodes.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The config in force.
    pub config: &'a Config,
    /// Its hash.
    pub hash: &'a str,
    /// Where the replicas are.
    pub placement: &'a Placement,
    /// Where they are moving to.
    pub target: &'a Placement,
    /// The highest id that a node has had.
    pub id_last: NodeId,
    /// What the nodes hold and may hold.
    pub usage: &'a Usage,
    /// The names of the eviction policies that this build has.
    pub evictions: &'a [&'a str],
}

/// Who wants a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author<'a> {
    /// A person, by POST /config or by a command that stands for it.
    Person,
    /// A node that says of itself what it is, by its uuid.
    Node(&'a str),
    /// A person, to a node that is alone and becomes one of several: by which address those reach it may be said now.
    Alone,
}

/// What an accepted change does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Pointers of what is in force at once; empty in all when the very same config came again.
    pub changed_live: Vec<String>,
    /// Pointers of what is in force from the next start on.
    pub needs_restart: Vec<String>,
    /// Pointers of what moves data or votes.
    pub moves: Vec<String>,
    /// What is allowed and unwise.
    pub warnings: Vec<String>,
    /// The very same config came again.
    pub is_same: bool,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It was made from another config.
    Stale(Stale),
    /// It is wrong; all that was found.
    Invalid(Vec<Problem>),
}

/// Checks a change by all rules.
///
/// Errors: [`Refusal`].
pub fn check_change(
    standing: Standing<'_>,
    proposed: &Config,
    author: Author<'_>,
) -> Result<Effects, Refusal> {
    match compare(standing.config, standing.hash, proposed) {
        Compared::Same => return Ok(Effects { is_same: true, ..Effects::default() }),
        Compared::Stale(stale) => return Err(Refusal::Stale(stale)),
        Compared::Child => {}
    }
    let mut found = problems(proposed, standing.evictions);
    let announcer = match author {
        Author::Node(uuid) => proposed.nodes.iter().position(|node| node.uuid == uuid),
        Author::Person | Author::Alone => None,
    };
    found.extend(check_step(standing.config, proposed));
    let column = column(standing.config, proposed);
    let differences = between(standing.config, proposed);
    let sorted = if author == Author::Alone {
        sort_grown(standing.config, proposed, differences.clone())
    } else {
        sort(column, announcer, &differences)
    };
    let Sorted { live, needs_restart, moves, refused } = sorted;
    found.extend(refused);
    if let Author::Node(uuid) = author {
        check_announced(standing.config, proposed, uuid, &differences, &mut found);
    }
    check_membership(standing, proposed, &moves, &mut found);
    check_quorum(standing.config, standing.placement, proposed, &mut found);
    if !found.is_empty() {
        return Err(Refusal::Invalid(found));
    }
    let warnings = lints(proposed, standing.usage);
    Ok(Effects { changed_live: live, needs_restart, moves, warnings, is_same: false })
}

/// What a change does by which a node that is alone becomes one of several: of its own entry it is what it is for a node that is alone,
/// but for the address by which the others reach it, which nobody has used yet.
fn sort_grown(current: &Config, proposed: &Config, differences: Vec<Difference>) -> Sorted {
    let own = proposed
        .nodes
        .iter()
        .position(|node| current.nodes.iter().any(|other| other.uuid == node.uuid));
    let own = own.map_or_else(String::new, |index| format!("/nodes/{index}/"));
    let is_own = |it: &mut Difference| !own.is_empty() && it.pointer.starts_with(&own);
    let mut others = differences;
    let mut of_own: Vec<Difference> = others.extract_if(.., is_own).collect();
    let mut sorted = sort(Column::Cluster, None, &others);
    let peer = format!("{own}peer");
    sorted.live.extend(of_own.extract_if(.., |it| it.pointer == peer).map(|it| it.pointer));
    let of_own = sort(Column::Single, None, &of_own);
    sorted.live.extend(of_own.live);
    sorted.needs_restart.extend(of_own.needs_restart);
    sorted.refused.extend(of_own.refused);
    sorted
}

/// A cluster is what has several nodes before or after.
fn column(current: &Config, proposed: &Config) -> Column {
    if current.is_alone() && proposed.is_alone() { Column::Single } else { Column::Cluster }
}
