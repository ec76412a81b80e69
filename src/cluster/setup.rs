//! Owns what a config of several nodes comes to here: the peers, the replicas of this node, and what clients are told at first.

use std::fs;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use hyperion_cluster::NodeId;
use hyperion_cluster::config::{Config, CoreChoice, Node, Role};
use hyperion_cluster::placement::{Placement, initial};
use hyperion_cluster::state::ClusterState;
use hyperion_model::PartitionMap;
use hyperion_wire::peer::{Identity, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Secret};

use super::view::{ClusterView, ViewNode, ViewPartition};
use crate::config::Resolved;
use crate::peers::{PeerNode, PeerNodes, PeerSetup};

/// What all cores of a node begin with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// This node's number.
    pub(crate) node: u32,
    pub(crate) address: SocketAddr,
    pub(crate) view: ClusterView,
    peers: PeerSetup,
}

impl Setup {
    /// What a config of several nodes says; `None` for one that is alone. Who is asked first are the nodes of what was last agreed, for
    /// a node that knows of it, and those of the file for one that is new.
    ///
    /// Errors: a sentence, when the secret cannot be had or an identifier is none.
    pub(crate) fn of(
        config: &Resolved,
        agreed: Option<&ClusterState>,
    ) -> Result<Option<Self>, String> {
        if config.is_alone() {
            return Ok(None);
        }
        let own = config.node();
        let whole = &config.config;
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
        let known = agreed.map_or(whole, ClusterState::config);
        let address = parse(own.peer())?;
        let nodes = peers_in(known, &own.uuid)?;
        let peers = PeerSetup { identity, secret: secret(config)?, source: address.ip(), nodes };
        let placement = agreed.map_or_else(|| initial(whole), |state| state.placement().clone());
        // Where the file names this node and what was agreed does not, the file alone can be shown.
        let is_named = known.nodes.iter().any(|node| node.uuid == own.uuid);
        let shown = if is_named { known } else { whole };
        let view = ClusterView::of(shown, &placement, &own.uuid, config.cores.len())?;
        Ok(Some(Self { node: own.id.0, address, view, peers }))
    }

    /// The same for a node that speaks other versions of the protocol than this program does, if there are any.
    pub(crate) fn speaking(mut self, versions: Option<RangeInclusive<u16>>) -> Self {
        if let Some(versions) = versions {
            let identity = &mut self.peers.identity;
            (identity.protocol_min, identity.protocol_max) = versions.into_inner();
        }
        self
    }

    /// What a core needs to reach the others.
    pub(crate) fn peers_of(&self, core: u16) -> PeerSetup {
        let mut setup = self.peers.clone();
        setup.identity.core = core;
        setup
    }
}

/// The other nodes of a config, and who is none any more.
///
/// Errors: a sentence, when an identifier or an address is none.
pub(crate) fn peers_in(config: &Config, own: &str) -> Result<PeerNodes, String> {
    let others = config.nodes.iter().filter(|node| node.uuid != own);
    let nodes = others.map(peer_node).collect::<Result<Vec<_>, String>>()?;
    let removed = config.removed.iter().map(|uuid| uuid_bytes(uuid));
    Ok(PeerNodes { nodes, removed: removed.collect::<Result<_, String>>()? })
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

impl ClusterView {
    /// The nodes of a config and where the replicas are, before anybody leads. `cores` is the number of this node's cores.
    ///
    /// Errors: a sentence, when this node is not in the config or an address is none.
    pub(crate) fn of(
        config: &Config,
        placement: &Placement,
        own: &str,
        cores: usize,
    ) -> Result<Self, String> {
        let nodes = &config.nodes;
        let own = nodes.iter().position(|node| node.uuid == own);
        let own = own.ok_or("the config does not name this node")?;
        let partitions = u16::try_from(config.partitions).expect("a checked config");
        let view_node = |node: &Node| -> Result<ViewNode, String> {
            let resp = parse(&node.resp)?;
            // What a machine's "all" comes to is known there alone: taken to be as here until its links tell.
            let cores = match CoreChoice::parse(&node.cores) {
                Ok(CoreChoice::Listed(cores)) => cores.len(),
                _ => cores,
            };
            let cores = u16::try_from(cores).expect("cores are counted in 16 bits");
            let addresses = match node.resp_cores {
                0 => vec![resp],
                first => (0..cores).map(|core| SocketAddr::new(resp.ip(), first + core)).collect(),
            };
            let map = PartitionMap::spread(partitions, cores);
            let (id, uuid) = (node.id.0, node.uuid.clone());
            let is_log_only = node.role == Role::Voter;
            let secured = node.resp_tls.as_deref().map(parse).transpose()?;
            Ok(ViewNode { id, uuid, addresses, secured, map, is_up: false, is_log_only })
        };
        let view_nodes = nodes.iter().map(view_node).collect::<Result<Vec<_>, String>>()?;
        let index =
            |id: NodeId| nodes.iter().position(|node| node.id == id && node.role == Role::Data);
        let partitions = placement
            .partitions()
            .map(|(_, replicas)| ViewPartition {
                leader: None,
                replicas: replicas.voters.iter().filter_map(|&node| index(node)).collect(),
            })
            .collect();
        Ok(Self { own, nodes: view_nodes, partitions, epoch: config.epoch })
    }

    /// Takes over from an earlier view who leads and who is up.
    pub(crate) fn carry_over(&mut self, earlier: &Self) {
        for node in &mut self.nodes {
            let known = earlier.nodes.iter().find(|known| known.id == node.id);
            node.is_up = known.is_some_and(|known| known.is_up);
        }
        for (now, before) in self.partitions.iter_mut().zip(&earlier.partitions) {
            let leader = before.leader.map(|at| earlier.nodes[at].id);
            now.leader = self.nodes.iter().position(|node| Some(node.id) == leader);
        }
    }
}
