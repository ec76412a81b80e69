//! Owns standing the copies of a partition in different racks, without upsetting the balance.

use std::collections::BTreeMap;

use crate::config::Config;

use super::balance::Balance;

/// Pairs of partitions that are looked at, at most: an unlucky layout is left as it is, and a lint says so.
const EXCHANGES_MAX: usize = 1 << 20;

/// A number for the rack of each node that data may be placed on; a node without one has its own.
pub(super) fn numbers(config: &Config) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = 0;
    config
        .data_nodes()
        .map(|node| {
            let number = match &node.rack {
                Some(rack) => *known.entry(rack.as_str()).or_insert(count),
                None => count,
            };
            count += 1;
            number
        })
        .collect()
}

/// Exchanges copies between two partitions where that takes a doubled rack away and makes no other.
pub(super) fn spread(balance: &mut Balance) {
    let racks: std::collections::BTreeSet<usize> = balance.racks.iter().copied().collect();
    if racks.len() == balance.racks.len() || racks.len() < 2 {
        return;
    }
    let mut looks = EXCHANGES_MAX;
    // One exchange may make room for another, in a partition that was passed.
    while (0..balance.sets.len()).any(|partition| exchange(balance, partition, &mut looks)) {}
}

/// Takes one doubled rack of the partition away; `false` when there is none, or nobody to exchange with.
fn exchange(balance: &mut Balance, partition: usize, looks: &mut usize) -> bool {
    // One that is not there yet costs nothing to exchange.
    let mut nodes = balance.sets[partition].clone();
    nodes.sort_by_key(|&node| balance.was_there(partition, node));
    nodes.retain(|node| taken(balance, partition, *node, *node));
    for node in nodes {
        if let Some((other, there)) = partner(balance, partition, node, looks) {
            balance.replace(partition, node, there);
            balance.replace(other, there, node);
            return true;
        }
    }
    false
}

/// Whether the partition, without `gone`, has a copy in the rack of `node`.
fn taken(balance: &Balance, partition: usize, gone: usize, node: usize) -> bool {
    let set = &balance.sets[partition];
    set.iter().any(|other| *other != gone && balance.racks[*other] == balance.racks[node])
}

/// A copy of another partition that can change places with `node`.
fn partner(
    balance: &Balance,
    partition: usize,
    node: usize,
    looks: &mut usize,
) -> Option<(usize, usize)> {
    for other in (0..balance.sets.len()).filter(|other| *other != partition) {
        if *looks == 0 {
            return None;
        }
        if balance.sets[other].contains(&node) {
            continue;
        }
        *looks -= 1;
        let fits = |there: &&usize| {
            !balance.sets[partition].contains(there)
                && !taken(balance, partition, node, **there)
                && (!taken(balance, other, **there, node)
                    || taken(balance, other, **there, **there))
        };
        if let Some(there) = balance.sets[other].iter().find(fits) {
            return Some((other, *there));
        }
    }
    None
}
