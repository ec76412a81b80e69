//! What is answered where a node cannot leave: for now, or at all.

use std::sync::Arc;

use hyperion_cluster::NodeId;
use hyperion_cluster::config::{Config, Leaving, Node, Size};
use hyperion_cluster::state::ClusterState;

use crate::cluster::{Known, NodeFigures, Seen};
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

/// Three nodes, two copies, and what is known when a fourth has just joined.
fn known(joins: bool) -> Known {
    let mut known = formed(3, 2);
    if joins {
        change(&mut known, |next| next.nodes.push(node(4)));
    }
    known
}

/// The next config comes into force.
fn change(known: &mut Known, edit: impl FnOnce(&mut Config)) {
    let mut state = known.state.as_ref().clone();
    let mut next = state.config().next();
    edit(&mut next);
    let command = state.set_command(next, None);
    state.apply(&command);
    known.state = Arc::new(state);
}

/// So many nodes and copies: partitions of 1 MiB, and a rate of one a second. All are reached.
fn formed(nodes: u32, copies: u32) -> Known {
    let mut config =
        Config::single("n1", "11111111-2222-4333-8444-555555555555".to_owned(), uuid(1));
    config.nodes = (1..=nodes).map(node).collect();
    let mode = if copies == 1 { "sharding" } else { "sharding+duplication" };
    (config.mode, config.replication) = (mode.to_owned(), copies);
    config.settings.moves.bytes_a_second = Some(Size::from_bytes(1 << 20));
    let state = ClusterState::form(&ClusterState::form_command(&config)).expect("a form command");
    let partitions = usize::try_from(config.partitions).expect("they are few");
    Known {
        state: Arc::new(state),
        partition_bytes: vec![1 << 20; partitions],
        leaders: vec![None; partitions],
        leader: None,
        seen: Seen { own: 1, reached: (1..=5).collect(), ..Seen::default() },
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

fn text(stays: Stays) -> String {
    String::from_utf8(stays.answer.body).expect("it is JSON")
}

#[test]
fn a_node_that_is_not_reached_cannot_give_away_what_it_has() {
    let (drain, wait) = (br#"{"node": "n3"}"#, br#"{"node": "n3", "wait": true}"#);
    let dead = br#"{"node": "n3", "dead": true}"#;
    for (copies, may_be_dead) in [(1, false), (3, true)] {
        let mut known = formed(4, copies);
        assert!(removal(drain, Some(known.clone())).is_ok());
        known.seen.reached.remove(&3);
        let Err(stays) = removal(drain, Some(known.clone())) else { panic!("it is away") };
        assert!((stays.answer.status, stays.is_for_now) == (422, false));
        let told = text(stays);
        assert!(told.contains("\\\"n3\\\" is not reached") && told.contains("start it"), "{told}");
        assert_eq!(told.contains("would be refused"), !may_be_dead, "{told}");
        assert!(told.contains("\\\"dead\\\": true"), "{told}");
        assert!(removal(wait, Some(known.clone())).is_ok());
        assert_eq!(removal(dead, Some(known.clone())).is_ok(), may_be_dead);
        assert_eq!(told.contains("lose_data"), !may_be_dead, "{told}");

        // What it alone has is given up by one more word; where nothing is lost, nothing else is done than without.
        let lose = br#"{"node": "n3", "dead": true, "lose_data": true}"#;
        let given_up = removal(lose, Some(known.clone())).ok().expect("it is away");
        let leaving = if may_be_dead { Leaving::Dead } else { Leaving::Lost };
        assert_eq!(given_up.nodes[2].leaving, Some(leaving));
        known.seen.reached.insert(3);
        assert_eq!(removal(lose, Some(known)).is_ok(), may_be_dead, "it is there");
    }
}

#[test]
fn a_node_that_dies_while_it_leaves_is_named_with_what_can_be_done() {
    for (copies, dead_helps) in [(1, false), (3, true)] {
        let mut known = formed(5, copies);
        change(&mut known, |next| next.nodes[2].leaving = Some(Leaving::Drain));
        let progress = known.progress();
        assert!(progress["seconds_left"].as_u64().is_some(), "{progress}");
        assert!(progress["way_out"].is_null() && progress["leaving"][0]["reached"] == true);
        known.seen.reached.remove(&3);
        let progress = known.progress();
        assert_eq!(progress["leaving"][0]["reached"], false, "{progress}");
        // Three copies: the others have a majority and go on without it.
        assert_eq!(progress["way_out"].is_null(), copies == 3, "{progress}");
        if copies == 3 {
            // One more is away, and nothing goes on.
            known.seen.reached.remove(&2);
        }
        let progress = known.progress();
        assert!(progress["seconds_left"].is_null(), "{progress}");
        let Err(stays) = removal(br#"{"node": "n1"}"#, Some(known)) else { panic!("n3 leaves") };
        assert!(stays.is_for_now);
        let told = text(stays);
        assert!(told.contains("n3 is not reached"), "{told}");
        assert!(told.contains("without \\\"leaving\\\" in the entry"), "{told}");
        assert_eq!(told.contains("lose_data"), !dead_helps, "{told}");
    }
}

#[test]
fn a_node_that_serves_nothing_for_lack_of_a_majority_says_so() {
    let mut known = formed(3, 3);
    assert_eq!(known.without_majority(), None);
    known.seen.leaderless = known.leaders.len();
    // An election: it is over in a moment.
    assert_eq!(known.without_majority(), None);
    known.seen.reached = [1].into();
    let told = "waiting for majority: have 1 of 3, 2 have to answer";
    assert_eq!(known.without_majority().as_deref(), Some(told));
    // With one copy it serves its share all the same.
    known.seen.leaderless -= 1;
    assert_eq!(known.without_majority(), None);
}

/// Memory is by default what each machine has, which the config does not say.
#[test]
fn what_does_not_fit_the_memory_that_nodes_tell_of_is_refused_and_warned_of() {
    let mut known = formed(4, 3);
    let bytes: u64 = known.partition_bytes.iter().sum();
    let figures = |memory_bytes| NodeFigures { memory_bytes, clock_ahead_ms: None };
    let small = figures(bytes);
    known.seen.nodes = (1..=4).map(|id| (id, small)).collect();
    let warns = |known: &Known| {
        let found = known.warnings(known.state.config());
        found.iter().any(|sentence| sentence.contains("the data would not fit"))
    };
    assert!(warns(&known), "three copies on three nodes leave no room");
    let Err(stays) = removal(br#"{"node": "n1"}"#, Some(known.clone())) else {
        panic!("it is full")
    };
    let told = text(stays);
    assert!(told.contains("have room for"), "{told}");
    // The least of those that stay counts, and what is not known is not guessed.
    for nodes in [(1..=4).map(|id| (id, figures(2 * bytes))).collect(), [(1, small)].into()] {
        known.seen.nodes = nodes;
        assert!(!warns(&known) && removal(br#"{"node": "n1"}"#, Some(known.clone())).is_ok());
    }
}
