//! Owns what a cluster is founded with: the config of its first nodes.

use super::Settings;
use hyperion_cluster::NodeId;
use hyperion_cluster::config::{Config, Mode, Node, problems};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;

/// The identifier of the node of a number.
pub(super) fn uuid(id: u32) -> String {
    format!("{id:08x}-bbbb-4ccc-8ddd-eeeeeeeeeeee")
}

/// The entry of a node in the config.
pub(super) fn entry(id: u32, cores: u16) -> Node {
    let port = |offset: u32| 20_000 + 20 * id + offset;
    let address = |offset| format!("127.0.0.1:{}", port(offset));
    Node {
        id: NodeId(id),
        resp: address(0),
        http: address(1),
        peer: Some(address(2)),
        cores: (0..cores).map(|core| core.to_string()).collect::<Vec<_>>().join(","),
        resp_cores: u16::try_from(port(10)).expect("nodes are few"),
        ..Node::first(&format!("n{id}"), uuid(id))
    }
}

/// What group 0 holds at first.
pub(super) fn formed(settings: &Settings) -> ClusterState {
    let mut config = Config::single("n1", uuid(0), uuid(1));
    config.nodes = (1..=u32::from(settings.nodes)).map(|id| entry(id, settings.cores)).collect();
    config.partitions = u32::from(settings.partitions);
    config.replication = u32::from(settings.copies);
    let mode = Mode::fitting(config.nodes.len(), config.replication);
    mode.as_str().clone_into(&mut config.mode);
    let found = problems(&config, &evictions());
    assert!(found.is_empty(), "the first config is wrong: {found:?}");
    ClusterState::form(&ClusterState::form_command(&config)).expect("it has a hash")
}

/// The names of all policies.
pub(super) fn evictions() -> Vec<&'static str> {
    Eviction::ALL.iter().map(|it| it.name()).collect()
}
