//! Owns what a client may know of the cluster: nodes, their cores' addresses, and who leads which partition.

use std::net::SocketAddr;

use hyperion_cluster::NodeId;
use hyperion_cluster::state::ClusterState;
use hyperion_model::limits::SLOTS;
use hyperion_model::{CoreId, PartitionId, PartitionMap};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ViewNode {
    /// Its number in the config.
    pub(crate) id: u32,
    /// Its identifier: 36 characters.
    pub(crate) uuid: String,
    /// The address of each core, or one for the whole node.
    pub(crate) addresses: Vec<SocketAddr>,
    /// For clients that speak TLS, all cores together.
    pub(crate) secured: Option<SocketAddr>,
    /// Which core holds which partition there.
    pub(crate) map: PartitionMap,
    /// Whether it is heard of.
    pub(crate) is_up: bool,
    /// Whether it keeps logs alone: clients have no use for it.
    pub(crate) is_log_only: bool,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ViewPartition {
    /// Who serves it: an index into the nodes.
    pub(crate) leader: Option<usize>,
    /// Who keeps a copy, the leader too: indices into the nodes.
    pub(crate) replicas: Vec<usize>,
}

/// The cluster, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterView {
    /// This node: an index into the nodes.
    pub(crate) own: usize,
    /// In the order of the config.
    pub(crate) nodes: Vec<ViewNode>,
    /// All partitions, in the order of their slots: a power of two of them.
    pub(crate) partitions: Vec<ViewPartition>,
    /// The config's epoch.
    pub(crate) epoch: u64,
}

/// One address that serves slots: what Redis Cluster calls a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) node: usize,
    pub(crate) core: u16,
}

impl ClusterView {
    /// The first and the last slot of a partition.
    pub(crate) fn slots_of(&self, partition: usize) -> (u16, u16) {
        let each = SLOTS / u16::try_from(self.partitions.len()).expect("at most 1024 partitions");
        let first = each * u16::try_from(partition).expect("at most 1024 partitions");
        (first, first + (each - 1))
    }

    /// Follows what the cluster holds: where copies are, and the epoch.
    pub(crate) fn follow(&mut self, state: &ClusterState) {
        let nodes = &self.nodes;
        let index =
            |id: &NodeId| nodes.iter().position(|node| node.id == id.0 && !node.is_log_only);
        for (partition, (_, replicas)) in
            self.partitions.iter_mut().zip(state.placement().partitions())
        {
            partition.replicas = replicas.voters.iter().filter_map(index).collect();
        }
        self.epoch = state.config().epoch;
    }

    /// The partition that holds a slot.
    pub(crate) fn partition_of(&self, slot: u16) -> PartitionId {
        self.nodes[self.own].map.partition_of(slot)
    }

    /// Where `node` serves a partition.
    pub(crate) fn endpoint(&self, node: usize, partition: usize) -> Endpoint {
        let there = &self.nodes[node];
        let partition = PartitionId(u16::try_from(partition).expect("at most 1024 partitions"));
        let CoreId(core) = there.map.owner(partition);
        Endpoint { node, core: if there.addresses.len() > 1 { core } else { 0 } }
    }

    pub(crate) fn address(&self, endpoint: Endpoint) -> SocketAddr {
        let addresses = &self.nodes[endpoint.node].addresses;
        addresses[usize::from(endpoint.core) % addresses.len()]
    }

    /// Its name of 40 hexadecimal digits: the node's identifier and the core.
    pub(crate) fn name(&self, endpoint: Endpoint) -> String {
        let digits = self.nodes[endpoint.node].uuid.chars().filter(char::is_ascii_hexdigit);
        let uuid: String = digits.take(32).collect();
        format!("{uuid:0<32}{:08x}", endpoint.core)
    }

    /// Every address there is, but those of other nodes that keep logs alone.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        let shown = self.nodes.iter().enumerate();
        let shown = shown.filter(|(node, there)| *node == self.own || !there.is_log_only);
        shown.flat_map(|(node, there)| {
            let cores = u16::try_from(there.addresses.len()).expect("cores are counted in 16 bits");
            (0..cores).map(move |core| Endpoint { node, core })
        })
    }

    /// Runs of slots with the same leader, and that leader's address: first slot, last slot, a partition of the run.
    pub(crate) fn runs(&self) -> Vec<(u16, u16, usize)> {
        let mut runs: Vec<(u16, u16, usize)> = Vec::new();
        for (at, partition) in self.partitions.iter().enumerate() {
            let Some(leader) = partition.leader else { continue };
            let (first, last) = self.slots_of(at);
            let follows = runs.last().is_some_and(|&(_, end, before)| {
                let same_leader = self.partitions[before].leader == Some(leader);
                same_leader
                    && end + 1 == first
                    && self.endpoint(leader, before) == self.endpoint(leader, at)
                    && self.partitions[before].replicas == partition.replicas
            });
            match runs.last_mut() {
                Some(run) if follows => run.1 = last,
                _ => runs.push((first, last, at)),
            }
        }
        runs
    }

    /// Other nodes that are up and have copies of what this one leads.
    pub(crate) fn copies_elsewhere(&self) -> Vec<usize> {
        let led = self.partitions.iter().filter(|it| it.leader == Some(self.own));
        let mut nodes: Vec<usize> = led.flat_map(|it| &it.replicas).copied().collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|&node| node != self.own && self.nodes[node].is_up);
        nodes
    }

    /// The view of a client that speaks TLS: it is told where nodes do, as far as they do.
    pub(crate) fn of_secured(&self) -> Self {
        let mut view = self.clone();
        for node in &mut view.nodes {
            if let Some(address) = node.secured {
                node.addresses = vec![address];
            }
        }
        view
    }

    /// The line that sends a client to who serves `slot`, or says that nobody does; `is_secured`: the client speaks TLS.
    pub(crate) fn moved(&self, slot: u16, is_secured: bool) -> String {
        let partition = usize::from(self.partition_of(slot).0);
        match self.partitions[partition].leader {
            Some(leader) if leader != self.own => {
                let plain = self.address(self.endpoint(leader, partition));
                let secured = self.nodes[leader].secured.filter(|_| is_secured);
                let address = secured.unwrap_or(plain);
                format!("MOVED {slot} {}:{}", address.ip(), address.port())
            }
            Some(_) => format!("TRYAGAIN slot {slot} is about to be served here; send it again"),
            None => format!(
                "CLUSTERDOWN slot {slot} has no leader that this node hears: a majority of its replicas must be up, and be reached from here; try again"
            ),
        }
    }
}
