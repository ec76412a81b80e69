//! Owns what a person is told before a node goes on alone: what it has of each group, and what may be lost.

use std::fmt::Write;

use hyperion_cluster::config::Node;
use hyperion_cluster::state::ClusterState;

use crate::node::{Copy, GroupFacts};

/// What is about to be done, and what of each group is here.
pub(super) fn report(known: &ClusterState, own: &Node, facts: &[GroupFacts]) -> String {
    let config = known.config();
    let lost: Vec<&str> =
        config.nodes.iter().filter(|it| it.id != own.id).map(|it| it.name.as_str()).collect();
    let mut said = format!(
        "Unsafe recovery of node {:?}, cluster {}, epoch {}\n\n\
         {:>5}  {:>9}  {:>6}  {:>12}  {:>12}  what is known\n",
        own.name,
        config.cluster_id,
        config.epoch,
        "group",
        "partition",
        "term",
        "last index",
        "committed"
    );
    for one in facts {
        let partition =
            one.group.checked_sub(1).map_or_else(|| "config".to_owned(), |it| it.to_string());
        let _ = writeln!(
            said,
            "{:>5}  {partition:>9}  {:>6}  {:>12}  {:>12}  {}",
            one.group,
            one.term,
            one.last.0,
            one.commit,
            standing(one, own)
        );
    }
    let tail: u64 = facts.iter().map(|one| one.last.0.saturating_sub(one.commit)).sum();
    let _ = write!(
        said,
        "\n{}\n\
         This will be done:\n\
         - all groups have this node as their only member; {tail} entries that are not known to be committed take effect\n\
         - the config of epoch {} has this node alone, and the history says that it was an unsafe recovery\n\
         - {} are removed for ever: whoever of them comes back is refused, and joins with a new uuid and an empty folder\n\
         This may be lost:\n\
         - what was acknowledged in groups that this node followed, after its last word from their leaders\n\
         - all keys of the {} partitions of which this node has no copy, and some of the {} of which it has a part\n",
        counted(facts, own),
        config.epoch + 1,
        lost.join(", "),
        missing(facts, Copy::None),
        missing(facts, Copy::Part),
    );
    said
}

/// For the history.
pub(super) fn note(known: &ClusterState, own: &Node, facts: &[GroupFacts]) -> String {
    let lost: Vec<&str> = known
        .config()
        .nodes
        .iter()
        .filter(|it| it.id != own.id)
        .map(|it| it.name.as_str())
        .collect();
    format!(
        "unsafe recovery: node {} goes on alone, {} were given up; acknowledged writes may be lost. {}",
        own.name,
        lost.join(", "),
        counted(facts, own)
    )
}

fn standing(one: &GroupFacts, own: &Node) -> &'static str {
    match one.copy {
        Copy::None => "no copy here: its keys are lost",
        Copy::Part => "a part of a copy, which was being made",
        Copy::Whole if one.was_led_by(own.id.0) => "led here, up to date as far as is known",
        Copy::Whole => "followed; what came after the last index is not here",
    }
}

fn counted(facts: &[GroupFacts], own: &Node) -> String {
    let led = facts.iter().filter(|one| one.was_led_by(own.id.0)).count();
    let whole = facts.iter().filter(|one| one.copy == Copy::Whole).count();
    format!(
        "Of {} groups this node led {led} and followed {}; of {} it has a part, of {} nothing.",
        facts.len(),
        whole - led,
        missing(facts, Copy::Part),
        missing(facts, Copy::None)
    )
}

fn missing(facts: &[GroupFacts], copy: Copy) -> usize {
    facts.iter().filter(|one| one.copy == copy).count()
}
