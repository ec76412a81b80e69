//! Owns finding out which of the other nodes are there.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use hyperion_cluster::config::Node;

/// How long a node may take to answer.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// Those that take connections where nodes speak to each other.
pub(super) fn reached<'a>(nodes: impl Iterator<Item = &'a Node>) -> Vec<&'a Node> {
    thread::scope(|scope| {
        let asked: Vec<_> =
            nodes.map(|node| (node, scope.spawn(|| answers(node.peer())))).collect();
        let is_there = |(node, asked): (&'a Node, thread::ScopedJoinHandle<'_, bool>)| {
            asked.join().unwrap_or(false).then_some(node)
        };
        asked.into_iter().filter_map(is_there).collect()
    })
}

fn answers(address: &str) -> bool {
    let address: Option<SocketAddr> = address.parse().ok();
    address.is_some_and(|address| TcpStream::connect_timeout(&address, CONNECT_TIME).is_ok())
}
