//! Owns what becomes of partitions that lose their majority with a node which is given up with its data.
//!
//! Such a partition goes on at one node, as its only member: at the one that has the last copy, be it one that was being made; where there is
//! none, it begins empty. Nothing of this happens unless a person has said `"leaving": "lost"` of the node.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::config::{Config, Leaving, Role};
use crate::placement::Placement;

/// A partition that goes on at one node, because all others that were asked for its decisions are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anew {
    /// Who goes on.
    pub node: NodeId,
    /// The epoch of the config that says so.
    pub epoch: u64,
}

/// Entries that no group reaches by itself.
const ENTRIES_AN_EPOCH_BITS: u32 = 40;

impl Anew {
    /// Index and term with which a partition begins that has no copy left: past all that any node may have of the partition before.
    #[must_use]
    pub fn begins_at(self) -> u64 {
        self.epoch << ENTRIES_AN_EPOCH_BITS
    }
}

/// What a partition without a majority is left with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The one copy that this node has.
    Copy(NodeId),
    /// What this node has of a copy that was being made; nothing, where that was just begun.
    Part(NodeId),
    /// Nothing; this node begins it.
    Nothing(NodeId),
    /// Several copies, of which none may go on alone.
    Several,
}

impl Left {
    /// Who goes on.
    pub(crate) fn node(self) -> Option<NodeId> {
        match self {
            Self::Copy(node) | Self::Part(node) | Self::Nothing(node) => Some(node),
            Self::Several => None,
        }
    }
}

/// The partitions of which `config` gives up what they would need for a majority, by their groups' numbers.
pub(crate) fn left_of(
    placement: &Placement,
    target: &Placement,
    config: &Config,
) -> Vec<(u32, Left)> {
    let gone = |node: &NodeId| {
        config.node(*node).is_some_and(|it| it.leaving.is_some_and(Leaving::is_gone))
    };
    let has_data = |node: &&NodeId| config.node(**node).is_some_and(|it| it.role == Role::Data);
    let mut found = Vec::new();
    for ((group, now), wanted) in placement.numbered().zip(&target.groups).skip(1) {
        let there: Vec<NodeId> = now.voters.iter().filter(|node| !gone(node)).copied().collect();
        if there.len() * 2 > now.voters.len() || there.len() == now.voters.len() {
            continue;
        }
        let copies: Vec<&NodeId> = there.iter().filter(has_data).collect();
        let part = now.learners.iter().filter(has_data).find(|node| !gone(node));
        let left = match (copies.as_slice(), part, wanted.voters.first()) {
            ([one], _, _) => Left::Copy(**one),
            ([], Some(part), _) => Left::Part(*part),
            ([], None, Some(first)) => Left::Nothing(*first),
            _ => Left::Several,
        };
        found.push((group, left));
    }
    found
}

/// For the history: what is lost with the nodes that `config` gives up; nothing where nothing is.
pub(crate) fn note(placement: &Placement, target: &Placement, config: &Config) -> Option<String> {
    let left = left_of(placement, target, config);
    if left.is_empty() {
        return None;
    }
    let lost = Some(Leaving::Lost);
    let names: Vec<&str> = config
        .nodes
        .iter()
        .filter(|node| node.leaving == lost)
        .map(|it| it.name.as_str())
        .collect();
    let of = |is_it: fn(&Left) -> bool| {
        let groups = left.iter().filter(|(_, left)| is_it(left));
        numbers(&groups.map(|(group, _)| group - 1).collect())
    };
    let parts = [
        ("begin empty, their keys are lost: partitions", of(|it| matches!(it, Left::Nothing(_)))),
        (
            "go on with what had been copied of them: partitions",
            of(|it| matches!(it, Left::Part(_))),
        ),
        ("go on with the one copy that is left: partitions", of(|it| matches!(it, Left::Copy(_)))),
    ];
    let told = parts.iter().filter(|(_, numbers)| !numbers.is_empty());
    let told: Vec<String> = told.map(|(what, numbers)| format!("{what} {numbers}")).collect();
    Some(format!("{} given up with all data; {}", names.join(", "), told.join("; ")))
}

/// Numbers in words that are short where they follow each other.
fn numbers(all: &BTreeSet<u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in all {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let word = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Anew, numbers};
    use crate::NodeId;
    use crate::change::{Author, Refusal, Removal, check_change, remove};
    use crate::config::tests::{EVICTIONS, cluster};
    use crate::config::{Config, Leaving, Problem, Usage};
    use crate::placement::{META, Replicas};
    use crate::state::{ClusterState, Command, Outcome};

    fn formed(nodes: u32, copies: u32) -> ClusterState {
        let config = cluster(nodes, copies);
        ClusterState::form(&ClusterState::form_command(&config)).expect("a form command")
    }

    fn lose(state: &ClusterState, node: &str) -> Result<Config, Vec<Problem>> {
        let removal = Removal { node, leaving: Leaving::Lost };
        remove(state.standing(&Usage::default(), &EVICTIONS), removal)
    }

    fn give_up(state: &mut ClusterState, node: &str) -> String {
        let next = lose(state, node).expect("a person says so");
        let loss = state.loss_of(&next).expect("something is lost");
        let command = state.set_command(next, None);
        assert!(matches!(state.apply(&command), Outcome::Set { .. }));
        let note = state.history().entries().last().and_then(|entry| entry.note.clone());
        assert_eq!(note.as_ref(), Some(&loss));
        loss
    }

    #[test]
    fn partitions_without_a_copy_begin_empty_at_who_is_to_have_them() {
        let mut state = formed(3, 1);
        let gone: Vec<u32> = state
            .placement()
            .partitions()
            .filter_map(|(group, now)| (now.voters == [NodeId(3)]).then_some(group))
            .collect();
        let loss = give_up(&mut state, "n3");
        assert!(loss.contains("begin empty") && !loss.contains("left"), "{loss}");
        assert_eq!(state.anew().keys().copied().collect::<Vec<_>>(), gone);
        for group in &gone {
            let now = state.placement().group(*group).expect("it is there");
            assert_eq!(now, state.target().group(*group).expect("it is there"));
            assert_eq!(state.anew()[group], Anew { node: now.voters[0], epoch: 2 });
        }
        assert_eq!(state.finish_command(|_| true), None, "they have not begun yet");
        // Who begins one of them is lost as well.
        let bytes = ClusterState::from_bytes(&state.to_bytes()).expect("its own bytes");
        assert_eq!(bytes, state);
        let groups = state
            .anew()
            .keys()
            .map(|group| (*group, state.placement().group(*group).expect("it is there").clone()));
        let found = Command::Found { groups: groups.collect() };
        assert_eq!(state.apply(&found), Outcome::Stepped);
        assert!(state.anew().is_empty());
    }

    #[test]
    fn the_copy_that_is_left_goes_on_even_a_part_of_one() {
        let mut state = formed(3, 2);
        let alone = Replicas { voters: vec![NodeId(3)], learners: vec![NodeId(1)] };
        let found = Command::Found { groups: vec![(5, alone)] };
        assert_eq!(state.apply(&found), Outcome::Stepped);
        let loss = give_up(&mut state, "n3");
        assert!(
            loss.contains("one copy that is left") && loss.contains("copied of them: partitions 4"),
            "{loss}"
        );
        assert!(!loss.contains("empty"), "{loss}");
        assert_eq!(state.placement().group(5).map(|it| &it.voters), Some(&vec![NodeId(1)]));
        assert!(state.placement().partitions().all(|(_, now)| !now.voters.contains(&NodeId(3))));
        let meta = state.placement().group(META).expect("it is there");
        assert!(meta.voters.contains(&NodeId(3)), "group 0 has a majority and goes its way");
    }

    #[test]
    fn what_cannot_be_given_up_is_told() {
        let refused = |state: &ClusterState, node: &str, problem: &str, hint: &str| {
            let found = lose(state, node).expect_err(problem);
            let is_it = |it: &Problem| it.problem.contains(problem) && it.hint.contains(hint);
            assert!(found.iter().any(is_it), "{found:?}");
        };
        // Of four copies two are left, and which has all is not known.
        let mut state = formed(6, 4);
        assert!(state.loss_of(&lose(&state, "n6").expect("three of four are left")).is_none());
        give_up_quietly(&mut state, "n6");
        refused(&state, "n5", "several copies", "recover --unsafe");
        // Group 0 itself.
        refused(&formed(2, 1), "n2", "group 0", "recover --unsafe");
        let mut state = formed(3, 1);
        give_up(&mut state, "n3");
        let mut next = state.config().next();
        next.nodes[2].leaving = None;
        let standing_usage = Usage::default();
        let checked =
            check_change(state.standing(&standing_usage, &EVICTIONS), &next, Author::Person);
        let Err(Refusal::Invalid(found)) = checked else { panic!("{checked:?}") };
        assert!(found.iter().any(|it| it.problem.contains("given up with its data")), "{found:?}");
    }

    fn give_up_quietly(state: &mut ClusterState, node: &str) {
        let command = state.set_command(lose(state, node).expect("it may go"), None);
        assert!(matches!(state.apply(&command), Outcome::Set { .. }));
        assert!(state.anew().is_empty());
    }

    #[test]
    fn numbers_in_a_row_are_told_shortly() {
        assert_eq!(numbers(&[0, 1, 2, 5, 7, 8].into()), "0-2, 5, 7-8");
        assert_eq!(numbers(&[].into()), "");
    }
}
