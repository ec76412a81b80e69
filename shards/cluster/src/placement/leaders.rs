//! Owns spreading the leaders over the nodes: the first of each set leads.

use std::collections::{BTreeMap, VecDeque};

use crate::NodeId;

/// Puts the preferred leader first in each set, so that no node leads two more than another where
/// the sets allow it. Those that lead already stay where they can.
pub(super) fn balance_leaders(sets: &mut [Vec<NodeId>]) {
    let mut leads: BTreeMap<NodeId, usize> = BTreeMap::new();
    for set in sets.iter() {
        for node in set {
            leads.entry(*node).or_insert(0);
        }
        if let Some(leader) = set.first() {
            *leads.entry(*leader).or_insert(0) += 1;
        }
    }
    // Each round shortens the list of the fullest by one.
    loop {
        let mut by_load: Vec<(usize, NodeId)> =
            leads.iter().map(|(node, count)| (*count, *node)).collect();
        by_load.sort_unstable();
        let handed =
            by_load.iter().rev().any(|(count, from)| hand_on(sets, &mut leads, *from, *count));
        if !handed {
            return;
        }
    }
}

/// Hands one lead on, over as many nodes as it takes, to one that has two fewer.
fn hand_on(
    sets: &mut [Vec<NodeId>],
    leads: &mut BTreeMap<NodeId, usize>,
    from: NodeId,
    count: usize,
) -> bool {
    if leads.values().all(|other| other + 1 >= count) {
        return false;
    }
    // By whom and with which set each node is reached.
    let mut reached: BTreeMap<NodeId, Option<(NodeId, usize)>> = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(node) = waiting.pop_front() {
        if leads[&node] + 1 < count {
            let mut to = node;
            while let Some((giver, index)) = reached[&to] {
                let at = sets[index].iter().position(|other| *other == to);
                sets[index].swap(0, at.expect("a lead goes to who has a copy"));
                to = giver;
            }
            *leads.get_mut(&from).expect("it leads") -= 1;
            *leads.get_mut(&node).expect("it has copies") += 1;
            return true;
        }
        for (index, set) in sets.iter().enumerate().filter(|(_, set)| set.first() == Some(&node)) {
            for other in &set[1..] {
                if !reached.contains_key(other) {
                    reached.insert(*other, Some((node, index)));
                    waiting.push_back(*other);
                }
            }
        }
    }
    false
}
