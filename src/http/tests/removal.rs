//! What is answered where a node cannot leave: for now, or at all.

use std::sync::Arc;

use hyperion_cluster::NodeId;
use hyperion_cluster::config::{Config, Node, Size};
use hyperion_cluster::state::ClusterState;

use crate::cluster::Known;
use crate::http::members::{Stays, removal};

fn node(number: u32) -> Node {
    let mut node = Node::first(&format!("n{number}"), uuid(number));
    let port = 10_000 + number * 20;
    node.id = NodeId(number);
    (node.resp, node.http) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1));
    node.peer = Some(format!("127.0.0.1:{}", port + 2));
    node.resp_cores = 0;
    node
}

fn uuid(number: u32) -> String {
    format!("0000000{number}-bbbb-4ccc-8ddd-eeeeeeeeeeee")
}

/// Three nodes, two copies, and what is known when a fourth has just joined: partitions of 1 MiB, and a rate of one a second.
fn known(joins: bool) -> Known {
    let mut config =
        Config::single("n1", "11111111-2222-4333-8444-555555555555".to_owned(), uuid(1));
    config.nodes = (1..=3).map(node).collect();
    (config.mode, config.replication) = ("sharding+duplication".to_owned(), 2);
    config.settings.moves.bytes_a_second = Some(Size::from_bytes(1 << 20));
    let mut state =
        ClusterState::form(&ClusterState::form_command(&config)).expect("a form command");
    if joins {
        let mut next = state.config().next();
        next.nodes.push(node(4));
        let command = state.set_command(next, None);
        state.apply(&command);
    }
    let partitions = usize::try_from(config.partitions).expect("they are few");
    Known {
        state: Arc::new(state),
        partition_bytes: vec![1 << 20; partitions],
        leaders: vec![None; partitions],
        leader: None,
        groups_moving_max: 0,
    }
}

#[test]
fn while_others_move_it_is_told_how_much_and_when_to_ask_again() {
    let body = br#"{"node": "n1"}"#;
    assert!(removal(body, Some(known(false))).is_ok());
    let Err(Stays { answer, is_for_now }) = removal(body, Some(known(true))) else {
        panic!("another one has just joined");
    };
    let text = String::from_utf8(answer.body).expect("it is JSON");
    let told = text.contains("partitions, ") && text.contains(" s at the rate");
    assert!(is_for_now && answer.status == 503 && told, "{text}");
    let retry = answer.headers.iter().find(|(name, _)| *name == "Retry-After");
    let retry: u64 = retry.and_then(|(_, value)| value.parse().ok()).expect("a number");
    assert!((2..=60).contains(&retry), "{retry}: {text}");
}

#[test]
fn what_is_wrong_is_not_put_off() {
    for body in [&br#"{"node": "n9"}"#[..], br#"{"name": "n1"}"#] {
        let Err(Stays { is_for_now, .. }) = removal(body, Some(known(true))) else {
            panic!("there is no such node");
        };
        assert!(!is_for_now);
    }
    assert!(removal(br#"{"node": "n1"}"#, None).is_err_and(|stays| !stays.is_for_now));
}
