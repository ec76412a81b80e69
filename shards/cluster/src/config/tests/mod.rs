//! Lists the tests of the config, and makes what they share.

mod cluster;
mod difference;
mod lints;
mod rules;
mod values;

use serde_json::Value;

use super::{Checked, Config, Local, Machine, Node, Problem, check};
use crate::NodeId;

pub(crate) const UUID: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const EVICTIONS: [&str; 3] = ["noeviction", "allkeys-lru", "volatile-ttl"];

/// Two cores and 8 GiB.
pub(crate) fn machine() -> Machine {
    Machine { cores_allowed: vec![0, 1], memory_bytes: 8 << 30 }
}

/// The first config of a node named `a`.
pub(crate) fn config() -> Config {
    let mut config = Config::single("a", UUID.to_owned(), uuid(1));
    config.fit_segments(&machine());
    config
}

/// The identifier of a node of the tests.
pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A node of the tests, all on one machine.
pub(crate) fn node(number: u32) -> Node {
    let port = 10_000 + number * 20;
    Node {
        id: NodeId(number),
        resp: format!("127.0.0.1:{port}"),
        http: format!("127.0.0.1:{}", port + 1),
        peer: Some(format!("127.0.0.1:{}", port + 2)),
        cores: "0".to_owned(),
        resp_cores: u16::try_from(port + 3).expect("few nodes"),
        ..Node::first(&format!("n{number}"), uuid(number))
    }
}

/// A config of so many nodes and copies, in the mode that fits them.
pub(crate) fn cluster(nodes: u32, replication: u32) -> Config {
    let mut config = config();
    config.nodes = (1..=nodes).map(node).collect();
    config.replication = replication;
    config.mode = super::Mode::fitting(config.nodes.len(), replication).as_str().to_owned();
    config
}

pub(crate) fn resolve(config: &Config, machine: &Machine) -> Result<Checked, Vec<Problem>> {
    check(config, Local { uuid: None, machine, evictions: &EVICTIONS })
}

pub(crate) fn validate(config: &Config, machine: &Machine) -> Vec<Problem> {
    resolve(config, machine).err().unwrap_or_default()
}

/// The document with the value at a pointer set; the last step may be new.
pub(crate) fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("the parent is there");
    match parent {
        Value::Object(fields) => {
            fields.insert(key.to_owned(), value);
        }
        Value::Array(items) => items.push(value),
        other => panic!("{other} has no fields"),
    }
    document
}
