//! Tests of the difference: nodes are compared with themselves.

use serde_json::json;

use super::{cluster, node, uuid};
use crate::config::{Role, between};

#[test]
fn a_node_that_goes_or_comes_is_one_difference() {
    let current = cluster(3, 3);
    let mut proposed = current.clone();
    proposed.nodes.remove(0);
    proposed.nodes.push(node(4));
    proposed.nodes[0].rack = Some("r1".to_owned());
    let found = between(&current, &proposed);
    let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/nodes/0", "/nodes/0/rack", "/nodes/2"]);
    assert_eq!(found[0].current.as_ref().expect("it was there")["name"], json!("n1"));
    assert_eq!(found[0].proposed, None);
    assert_eq!(found[1].proposed, Some(json!("r1")));
    assert_eq!(found[2].current, None);
    assert_eq!(found[2].proposed.as_ref().expect("it is new")["name"], json!("n4"));
}

#[test]
fn a_field_of_a_node_is_shown_with_both_values() {
    let current = cluster(2, 2);
    let mut proposed = current.clone();
    proposed.nodes[1].uuid = uuid(9);
    proposed.nodes[0].role = Role::Voter;
    proposed.removed = vec![uuid(8)];
    let found = between(&current, &proposed);
    let shown: Vec<_> = found
        .iter()
        .map(|one| (one.pointer.as_str(), one.current.clone(), one.proposed.clone()))
        .collect();
    assert_eq!(
        shown,
        [
            ("/nodes/0/role", None, Some(json!("voter"))),
            ("/nodes/1/uuid", Some(json!(uuid(2))), Some(json!(uuid(9)))),
            ("/removed", Some(json!([])), Some(json!([uuid(8)]))),
        ]
    );
    assert_eq!(between(&current, &current), []);
}
