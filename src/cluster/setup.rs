//! Owns what a node of a cluster begins with: its peers, its replicas, and what clients are told at first.

use std::fs;
use std::net::SocketAddr;

use hyperion_cluster::config::{CoreChoice, Node};
use hyperion_cluster::placement::{Placement, initial};
use hyperion_model::{CoreId, GroupId, PartitionMap};
use hyperion_wire::peer::{Identity, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Secret};

use super::view::{ClusterView, ViewNode, ViewPartition};
use crate::config::Resolved;
use crate::peers::{PeerNode, PeerSetup};

/// What all cores of a node begin with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// This node's number.
    pub(crate) node: u32,
    pub(crate) address: SocketAddr,
    pub(crate) view: ClusterView,
    /// The other nodes' identifiers.
    pub(crate) others: Vec<String>,
    placement: Placement,
    peers: PeerSetup,
}

impl Setup {
    /// What a config of several nodes says; `None` for one that is alone.
    ///
    /// Errors: a sentence, when the secret cannot be had or an identifier is none.
    pub(crate) fn of(config: &Resolved) -> Result<Option<Self>, String> {
        if config.is_alone() {
            return Ok(None);
        }
        let own = config.node();
        let whole = &config.config;
        let placement = initial(whole);
        let cores = u16::try_from(config.cores.len()).expect("cores are counted in 16 bits");
        let identity = Identity {
            protocol_min: PROTOCOL_VERSION_MIN,
            protocol_max: PROTOCOL_VERSION,
            cluster_id: uuid_bytes(&whole.cluster_id)?,
            node: own.id.0,
            uuid: uuid_bytes(&own.uuid)?,
            core: 0,
            cores,
        };
        let others = || whole.nodes.iter().filter(|node| node.id != own.id);
        let nodes = others().map(peer_node).collect::<Result<Vec<_>, String>>()?;
        let peers = PeerSetup { identity, secret: secret(config)?, nodes };
        let partitions = u16::try_from(whole.partitions).expect("a checked config");
        let view = view(config, &placement, partitions)?;
        let address = parse(own.peer())?;
        let others = others().map(|node| node.uuid.clone()).collect();
        Ok(Some(Self { node: own.id.0, address, view, others, placement, peers }))
    }

    /// What a core needs to reach the others.
    pub(crate) fn peers_of(&self, core: u16) -> PeerSetup {
        let mut setup = self.peers.clone();
        setup.identity.core = core;
        setup
    }

    /// The groups that a cluster which is being formed has on a core of this node, with their voters.
    pub(crate) fn groups_of(&self, core: CoreId, map: &PartitionMap) -> Vec<(GroupId, Vec<u64>)> {
        let mut groups = Vec::new();
        for (number, replicas) in self.placement.numbered() {
            let group = GroupId(number);
            let owner = group.partition().map_or(CoreId(0), |partition| map.owner(partition));
            let is_here = replicas.voters.iter().any(|node| node.0 == self.node);
            if owner == core && is_here {
                groups
                    .push((group, replicas.voters.iter().map(|node| u64::from(node.0)).collect()));
            }
        }
        groups
    }
}

fn parse(address: &str) -> Result<SocketAddr, String> {
    address.parse().map_err(|_| format!("{address:?} is no address"))
}

fn peer_node(node: &Node) -> Result<PeerNode, String> {
    Ok(PeerNode { id: node.id.0, uuid: uuid_bytes(&node.uuid)?, address: parse(node.peer())? })
}

fn uuid_bytes(text: &str) -> Result<[u8; 16], String> {
    let digits: String = text.chars().filter(|&letter| letter != '-').collect();
    let number = u128::from_str_radix(&digits, 16).map_err(|_| format!("{text:?} is no uuid"))?;
    Ok(number.to_be_bytes())
}

/// The secret that the nodes share. On loopback, where the rules ask for none, whoever can reach a port can read the config too.
fn secret(config: &Resolved) -> Result<Secret, String> {
    let bytes = match &config.settings().auth.peer_secret_file {
        Some(path) => fs::read(path).map_err(|error| {
            format!(
                "/settings/auth/peer_secret_file {path}: {error}; give the file that all nodes have"
            )
        })?,
        None => config.config.cluster_id.as_bytes().to_vec(),
    };
    Secret::new(&bytes).map_err(|error| error.to_string())
}

fn view(config: &Resolved, placement: &Placement, partitions: u16) -> Result<ClusterView, String> {
    let nodes = &config.config.nodes;
    let own = nodes.iter().position(|node| node.id == config.node().id).expect("it is listed");
    let view_node = |node: &Node| -> Result<ViewNode, String> {
        let resp = parse(&node.resp)?;
        // What a machine's "all" comes to is known there alone: taken to be as here until its links tell.
        let cores = match CoreChoice::parse(&node.cores) {
            Ok(CoreChoice::Listed(cores)) => cores.len(),
            _ => config.cores.len(),
        };
        let cores = u16::try_from(cores).expect("cores are counted in 16 bits");
        let addresses = match node.resp_cores {
            0 => vec![resp],
            first => (0..cores).map(|core| SocketAddr::new(resp.ip(), first + core)).collect(),
        };
        let map = PartitionMap::spread(partitions, cores);
        Ok(ViewNode { id: node.id.0, uuid: node.uuid.clone(), addresses, map, is_up: false })
    };
    let view_nodes = nodes.iter().map(view_node).collect::<Result<Vec<_>, String>>()?;
    let index = |id: u32| nodes.iter().position(|node| node.id.0 == id);
    let partitions = placement
        .partitions()
        .map(|(_, replicas)| ViewPartition {
            leader: None,
            replicas: replicas.voters.iter().filter_map(|node| index(node.0)).collect(),
        })
        .collect();
    Ok(ClusterView { own, nodes: view_nodes, partitions, epoch: config.config.epoch })
}
