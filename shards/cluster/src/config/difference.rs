//! Owns the difference between two configs, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Config, Node};
use super::problem::push_step;

/// One field in which two configs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// JSON pointer to the field.
    pub pointer: String,
    /// What the current config says; absent when it has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Value>,
    /// What the proposed config says; absent when it has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Value>,
}

/// Every field in which the two differ, by pointer.
///
/// Nodes are compared with themselves: by uuid, then by id, wherever they stand in their lists. A
/// node that only one of the two has is one difference, with its whole entry and the place in the
/// list that holds it.
#[must_use]
pub fn between(current: &Config, proposed: &Config) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(outside_nodes(current), outside_nodes(proposed), &mut differences);
    let mut left: Vec<usize> = (0..current.nodes.len()).collect();
    for (index, node) in proposed.nodes.iter().enumerate() {
        let same_uuid = |old: &usize| current.nodes[*old].uuid == node.uuid;
        let same_id = |old: &usize| {
            let old = &current.nodes[*old];
            old.id == node.id && proposed.nodes.iter().all(|other| other.uuid != old.uuid)
        };
        let partner = left.iter().position(same_uuid).or_else(|| left.iter().position(same_id));
        match partner.map(|at| left.remove(at)) {
            Some(old) => {
                let old = node_leaves(index, &current.nodes[old]);
                compare(old, node_leaves(index, node), &mut differences);
            }
            None => differences.push(Difference {
                pointer: format!("/nodes/{index}"),
                current: None,
                proposed: Some(as_json(node)),
            }),
        }
    }
    differences.extend(left.into_iter().map(|index| Difference {
        pointer: format!("/nodes/{index}"),
        current: Some(as_json(&current.nodes[index])),
        proposed: None,
    }));
    differences.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    differences
}

fn compare(
    mut current: BTreeMap<String, Value>,
    proposed: BTreeMap<String, Value>,
    differences: &mut Vec<Difference>,
) {
    for (pointer, value) in proposed {
        match current.remove(&pointer) {
            Some(old) if old == value => {}
            old => differences.push(Difference { pointer, current: old, proposed: Some(value) }),
        }
    }
    let gone = current.into_iter();
    differences.extend(gone.map(|(pointer, value)| Difference {
        pointer,
        current: Some(value),
        proposed: None,
    }));
}

/// Every value that holds no others, by its pointer; an empty object and the list of removed nodes
/// count as one.
#[must_use]
pub fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut found = outside_nodes(config);
    for (index, node) in config.nodes.iter().enumerate() {
        found.append(&mut node_leaves(index, node));
    }
    found
}

fn outside_nodes(config: &Config) -> BTreeMap<String, Value> {
    let mut value = as_json(config);
    value.as_object_mut().expect("a config is an object").remove("nodes");
    let mut found = BTreeMap::new();
    collect(&value, &mut String::new(), &mut found);
    found
}

fn node_leaves(index: usize, node: &Node) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(&as_json(node), &mut format!("/nodes/{index}"), &mut found);
    found
}

fn as_json(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("a config has text keys alone")
}

fn collect(value: &Value, pointer: &mut String, found: &mut BTreeMap<String, Value>) {
    let length = pointer.len();
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                push_step(pointer, key);
                collect(field, pointer, found);
                pointer.truncate(length);
            }
        }
        leaf => {
            found.insert(pointer.clone(), leaf.clone());
        }
    }
}
