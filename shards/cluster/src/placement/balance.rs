//! Owns spreading the copies of all partitions evenly over the nodes with as few moves as possible.

use std::collections::VecDeque;

use crate::NodeId;
use crate::config::Config;

use super::map::Placement;
use super::racks;

/// One copy that goes to another node.
#[derive(Debug, Clone, Copy)]
struct Swap {
    partition: usize,
    from: usize,
    to: usize,
}

/// The sets of nodes that hold each partition, while they are worked out.
#[derive(Debug)]
pub(super) struct Balance {
    /// Shape: `[partitions]`; numbers of places in `nodes`.
    pub(super) sets: Vec<Vec<usize>>,
    /// The nodes that data may be placed on, by rising id.
    nodes: Vec<NodeId>,
    /// Shape: `[nodes]`; nodes without a rack stand each in one of their own.
    pub(super) racks: Vec<usize>,
    /// Shape: `[nodes]`; the number of partitions that each holds.
    loads: Vec<usize>,
    /// Shape: `[partitions]`; what each partition has today.
    today: Vec<Vec<usize>>,
    copies: usize,
}

impl Balance {
    /// Begins with what may stay of a placement.
    pub(super) fn new(current: &Placement, config: &Config) -> Self {
        let nodes: Vec<NodeId> = config.data_nodes().map(|node| node.id).collect();
        let copies = config.replication as usize;
        assert!(copies <= nodes.len(), "{copies} copies on {} nodes", nodes.len());
        let place = |id: &NodeId| nodes.iter().position(|node| node == id);
        // A learner has data already: it counts as a replica that may stay, behind the voters.
        let today: Vec<Vec<usize>> = (0..config.partitions)
            .map(|partition| {
                let replicas = current.group(partition + 1);
                let of = |replicas: &super::map::Replicas| {
                    let all = replicas.voters.iter().chain(&replicas.learners);
                    all.filter_map(place).collect()
                };
                replicas.map(of).unwrap_or_default()
            })
            .collect();
        let mut loads = vec![0; nodes.len()];
        for &node in today.iter().flatten() {
            loads[node] += 1;
        }
        let racks = racks::numbers(config);
        Self { sets: today.clone(), nodes, racks, loads, today, copies }
    }

    /// Brings every partition to its number of copies and all nodes within one of each other.
    pub(super) fn settle(&mut self) {
        self.drop_surplus();
        self.fill();
        self.level();
        racks::spread(self);
    }

    /// The sets, each in the order in which it stood.
    pub(super) fn into_sets(self) -> Vec<Vec<NodeId>> {
        let ids = |set: Vec<usize>| set.into_iter().map(|node| self.nodes[node]).collect();
        self.sets.into_iter().map(ids).collect()
    }

    /// Takes the copies past the number wanted away, from the fullest nodes first.
    fn drop_surplus(&mut self) {
        for partition in 0..self.sets.len() {
            while self.sets[partition].len() > self.copies {
                let set = &self.sets[partition];
                let doubled = |at: usize| {
                    let rack = self.racks[set[at]];
                    set.iter().filter(|node| self.racks[**node] == rack).count() > 1
                };
                let at = (0..set.len())
                    .max_by_key(|&at| (self.loads[set[at]], doubled(at), at))
                    .expect("a set of more than its copies is not empty");
                let node = self.sets[partition].remove(at);
                self.loads[node] -= 1;
            }
        }
    }

    /// Adds the copies that are missing, on the emptiest nodes.
    fn fill(&mut self) {
        for partition in 0..self.sets.len() {
            while self.sets[partition].len() < self.copies {
                let set = &self.sets[partition];
                let node = (0..self.nodes.len())
                    .filter(|node| !set.contains(node))
                    .min_by_key(|&node| {
                        let in_rack =
                            set.iter().any(|other| self.racks[*other] == self.racks[node]);
                        (self.loads[node], in_rack, mix(partition, self.nodes[node]))
                    })
                    .expect("there are as many nodes as copies");
                self.sets[partition].push(node);
                self.loads[node] += 1;
            }
        }
    }

    /// Moves copies from the fullest to the emptiest nodes until all are within one, those that are not there yet first.
    fn level(&mut self) {
        loop {
            let (Some(&most), Some(&least)) = (self.loads.iter().max(), self.loads.iter().min())
            else {
                return;
            };
            if most - least <= 1 {
                return;
            }
            let path = self.free_path(most, least).unwrap_or_else(|| {
                let of = |load: usize| self.loads.iter().position(|other| *other == load);
                let (from, to) = (of(most).expect("a load"), of(least).expect("a load"));
                let partition = self.best(from, to, |_| true);
                let partition = partition.expect("the fuller node has one that the other has not");
                vec![Swap { partition, from, to }]
            });
            for Swap { partition, from, to } in path {
                self.replace(partition, from, to);
            }
        }
    }

    /// A chain of moves from one of the fullest to one of the emptiest nodes that copies nothing more than is to be copied anyway.
    fn free_path(&self, most: usize, least: usize) -> Option<Vec<Swap>> {
        let of = |load: usize| (0..self.loads.len()).filter(move |node| self.loads[*node] == load);
        let mut reached: Vec<Option<Option<Swap>>> = vec![None; self.loads.len()];
        let mut waiting: VecDeque<usize> = of(most).collect();
        for &node in &waiting {
            reached[node] = Some(None);
        }
        while let Some(from) = waiting.pop_front() {
            if self.loads[from] == least {
                let mut path = Vec::new();
                let mut at = from;
                while let Some(swap) = reached[at].flatten() {
                    path.push(swap);
                    at = swap.from;
                }
                return Some(path);
            }
            let open: Vec<usize> =
                (0..self.loads.len()).filter(|node| reached[*node].is_none()).collect();
            for to in open {
                let is_free = |partition: usize| {
                    !self.was_there(partition, from) || self.was_there(partition, to)
                };
                if let Some(partition) = self.best(from, to, is_free) {
                    reached[to] = Some(Some(Swap { partition, from, to }));
                    waiting.push_back(to);
                }
            }
        }
        None
    }

    /// The partition that may go from one node to another, one that loses no rack before others.
    fn best(&self, from: usize, to: usize, may_go: impl Fn(usize) -> bool) -> Option<usize> {
        let fits = |partition: &usize| {
            let set = &self.sets[*partition];
            set.contains(&from) && !set.contains(&to) && may_go(*partition)
        };
        (0..self.sets.len()).filter(fits).min_by_key(|&partition| {
            let set = &self.sets[partition];
            let rack_taken = |node: usize| {
                set.iter().any(|other| *other != from && self.racks[*other] == self.racks[node])
            };
            (rack_taken(to), !rack_taken(from), mix(partition, self.nodes[to]))
        })
    }

    /// Puts one node in the place of another.
    pub(super) fn replace(&mut self, partition: usize, from: usize, to: usize) {
        let set = &mut self.sets[partition];
        let at = set.iter().position(|node| *node == from);
        set[at.expect("the partition is there")] = to;
        self.loads[from] -= 1;
        self.loads[to] += 1;
    }

    /// Whether a partition was on a node before.
    pub(super) fn was_there(&self, partition: usize, node: usize) -> bool {
        self.today[partition].contains(&node)
    }
}

/// Spreads equal choices over the nodes, so that two nodes do not share all their partitions.
fn mix(partition: usize, node: NodeId) -> u64 {
    let mut word = (partition as u64) << 32 | u64::from(node.0);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
