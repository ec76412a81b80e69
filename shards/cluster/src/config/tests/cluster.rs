//! Tests of the rules of several nodes: each names its field, all come at once.

use serde_json::{Value, json};

use super::{EVICTIONS, UUID, cluster, config, machine, node, uuid, with};
use crate::NodeId;
use crate::config::{
    Config, Leaving, Local, Mode, Role, Unidentified, check, hash, identify, parse, problems,
};

fn value(nodes: u32, replication: u32) -> Value {
    serde_json::to_value(cluster(nodes, replication)).expect("a config")
}

fn pointers(document: &Value) -> Vec<String> {
    let config = parse(document.to_string().as_bytes()).expect("the shape is right");
    let found = problems(&config, &EVICTIONS);
    for problem in &found {
        assert!(!problem.problem.is_empty() && !problem.hint.is_empty(), "{problem:?}");
    }
    found.into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn the_hash_of_a_single_node_is_that_of_the_version_before() {
    // What the version that knew neither peers nor moves wrote, and its hash by another program (RFC 8785, SHA-256).
    let text = "{\"cluster_id\":\"11111111-2222-4333-8444-555555555555\",\"epoch\":1,\"parent\":\"\",\
        \"mode\":\"single\",\"partitions\":64,\"replication\":1,\"nodes\":[{\"id\":1,\"name\":\"a\",\
        \"uuid\":\"11111111-2222-4333-8444-555555555555\",\"resp\":\"127.0.0.1:7379\",\
        \"http\":\"127.0.0.1:7380\",\"cores\":\"all\",\"resp_cores\":7400}],\"removed\":[],\
        \"settings\":{\"storage\":\"disk\",\"durability\":\"always\",\"sync_interval_ms\":100,\
        \"segment_bytes\":\"64MiB\",\"eviction\":\"none\",\"auth\":{},\"limits\":{\"clients\":10000,\
        \"idle_timeout_s\":0,\"output_bytes\":\"256MiB\",\"value_bytes\":\"512MiB\",\
        \"write_timeout_s\":60},\"log_level\":\"info\",\"snapshot\":{\"keep\":7}}}";
    let config = parse(text.as_bytes()).expect("a config of today");
    let written: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(serde_json::to_value(&config).expect("a config"), written, "nothing new is written");
    assert_eq!(hash(&config), "fc5bc0b37912ad7bcb69f650f253b437b1c72891fa2dab7b5aaac1797fde1c69");
    assert_eq!(config.nodes[0].peer(), "127.0.0.1:7381");
}

#[test]
fn every_mode_has_its_numbers() {
    for (mode, nodes, replication, expected) in [
        ("single", 1, 1, &[][..]),
        ("single", 2, 1, &["/nodes"]),
        ("single", 1, 2, &["/replication"]),
        ("sharding", 2, 1, &[]),
        ("sharding", 1, 1, &["/mode"]),
        ("sharding", 3, 2, &["/replication"]),
        ("duplication", 2, 2, &[]),
        ("duplication", 3, 3, &[]),
        ("duplication", 3, 2, &["/replication"]),
        ("duplication", 10, 10, &["/replication"]),
        ("sharding+duplication", 3, 2, &[]),
        ("sharding+duplication", 4, 3, &[]),
        ("sharding+duplication", 3, 3, &["/replication"]),
        ("sharding+duplication", 3, 1, &["/replication"]),
        ("sharding+duplication", 2, 2, &["/mode", "/replication"]),
        ("replicated", 2, 2, &["/mode"]),
    ] {
        let mut config = cluster(nodes, replication);
        config.mode = mode.to_owned();
        let found = problems(&config, &EVICTIONS);
        let found: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(found, expected, "{mode}, {nodes} nodes, {replication} copies");
    }
    for (nodes, replication, mode) in [
        (1, 1, Mode::Single),
        (2, 1, Mode::Sharding),
        (2, 2, Mode::Duplication),
        (3, 2, Mode::ShardingDuplication),
    ] {
        assert_eq!(Mode::fitting(nodes, replication), mode);
    }
}

#[test]
fn each_rule_of_several_nodes_names_its_field() {
    let same_port = value(3, 3)["nodes"][0]["resp"].clone();
    let voters = with(value(3, 3), "/nodes/-", json!(null));
    let voters = with(voters, "/nodes", {
        let mut config = cluster(4, 2);
        config.nodes[2].role = Role::Voter;
        config.nodes[3].role = Role::Voter;
        serde_json::to_value(config.nodes).expect("nodes")
    });
    for (document, pointer) in [
        (with(value(3, 3), "/nodes/1/id", json!(1)), "/nodes/1/id"),
        (with(value(3, 3), "/nodes/1/id", json!(0)), "/nodes/1/id"),
        (with(value(3, 3), "/nodes/1/id", json!(7)), "/nodes/2/id"),
        (with(value(3, 3), "/nodes/2/name", json!("n1")), "/nodes/2/name"),
        (with(value(3, 3), "/nodes/2/uuid", json!(uuid(1))), "/nodes/2/uuid"),
        (with(value(3, 3), "/removed", json!([uuid(2)])), "/nodes/1/uuid"),
        (with(value(3, 3), "/removed", json!(["x"])), "/removed"),
        (with(value(3, 3), "/removed", json!([UUID, UUID])), "/removed"),
        (with(value(3, 3), "/nodes/1/http", same_port.clone()), "/nodes/1/http"),
        (with(value(3, 3), "/nodes/2/peer", same_port), "/nodes/2/peer"),
        (with(value(3, 3), "/nodes/2/peer", json!("x")), "/nodes/2/peer"),
        (with(value(3, 3), "/nodes/2/peer", json!("10.0.0.1:7381")), "/nodes/2/peer"),
        (with(value(3, 3), "/nodes/0/resp", json!("0.0.0.0:7379")), "/nodes/0/resp"),
        (
            with(value(3, 3), "/settings/auth/peer_secret_file", json!("")),
            "/settings/auth/peer_secret_file",
        ),
        (
            with(value(3, 3), "/settings/move", json!({"bytes_a_second": 1})),
            "/settings/move/bytes_a_second",
        ),
        (with(value(3, 3), "/partitions", json!(63)), "/partitions"),
        (voters, "/nodes"),
    ] {
        let found = pointers(&document);
        assert!(found.iter().any(|found| found == pointer), "{pointer}: {found:?}");
    }
}

#[test]
fn runs_of_core_ports_that_meet_are_one_problem() {
    let mut config = cluster(2, 2);
    config.partitions = 64;
    config.nodes[0].cores = "0-3".to_owned();
    config.nodes[1].cores = "4-7".to_owned();
    config.nodes[0].resp_cores = 7400;
    config.nodes[1].resp_cores = 7402;
    let found = problems(&config, &EVICTIONS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].pointer, "/nodes/1/resp_cores");
    config.nodes[1].resp_cores = 7404;
    assert_eq!(problems(&config, &EVICTIONS), []);
}

#[test]
fn one_port_on_two_machines_is_no_clash() {
    let mut config = cluster(2, 2);
    config.settings.auth.password_hash = Some(crate::config::PasswordHash::of(b"x").to_text());
    config.settings.auth.peer_secret_file = Some("/etc/hyperion/secret".to_owned());
    for (index, node) in config.nodes.iter_mut().enumerate() {
        let host = format!("10.0.0.{}", index + 1);
        node.resp = format!("{host}:7379");
        node.http = "0.0.0.0:7380".to_owned();
        node.peer = Some(format!("{host}:7381"));
        node.resp_cores = 7400;
    }
    assert_eq!(problems(&config, &EVICTIONS), []);
    // One that only itself can reach, beside others that are elsewhere.
    config.nodes[1].peer = Some("127.0.0.1:7381".to_owned());
    let found = problems(&config, &EVICTIONS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].problem.contains("cannot be reached"), "{found:?}");
}

#[test]
fn all_problems_of_a_cluster_come_at_once_in_the_order_of_the_document() {
    let mut config = cluster(3, 5);
    config.nodes[1].name = "n1".to_owned();
    config.nodes[2].peer = Some("nowhere".to_owned());
    config.settings.eviction = "lru".to_owned();
    let found = problems(&config, &EVICTIONS);
    let found: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(found, ["/replication", "/nodes/2/peer", "/nodes/1/name", "/settings/eviction"]);
}

#[test]
fn only_the_own_cores_are_held_against_the_machine() {
    let mut config = cluster(3, 3);
    config.nodes[2].cores = "0-63".to_owned();
    config.nodes[2].resp_cores = 20_000;
    let (machine, evictions) = (machine(), &EVICTIONS[..]);
    let of = |uuid: &str| check(&config, Local { uuid: Some(uuid), machine: &machine, evictions });
    let own = of(&uuid(2)).expect("right for the second");
    assert_eq!((own.node_index, own.cores.as_slice()), (1, &[0][..]));
    let found = of(&uuid(3)).expect_err("64 cores on a machine of two");
    assert_eq!(found[0].pointer, "/nodes/2/cores");
    let found = of(&uuid(9)).expect_err("no such node");
    assert_eq!(found[0].pointer, "/nodes");
}

#[test]
fn what_is_left_of_a_cluster_is_a_single_node_with_its_own_number() {
    let mut config = config();
    config.epoch = 9;
    config.nodes = vec![node(3)];
    config.removed = vec![uuid(1), uuid(2)];
    assert_eq!(problems(&config, &EVICTIONS), []);
    config.nodes.push(node(4));
    config.nodes[1].leaving = Some(Leaving::Drain);
    assert_eq!(problems(&config, &EVICTIONS), [], "the other one is on its way out");
}

#[test]
fn a_node_is_found_by_its_data_then_by_its_name() {
    let mut cluster = cluster(3, 3);
    cluster.removed = vec![uuid(9)];
    let config: &Config = &cluster;
    for (data, name, expected) in [
        (Some(uuid(2)), None, Ok(2)),
        (Some(uuid(2)), Some("n2"), Ok(2)),
        (None, Some("n3"), Ok(3)),
        (Some(uuid(2)), Some("n3"), Err("--node or --data")),
        (Some(uuid(7)), None, Err("not in the config")),
        (Some(uuid(9)), None, Err("was removed")),
        (None, Some("b"), Err("\"n1\", \"n2\", \"n3\"")),
        (None, None, Err("say with --node")),
    ] {
        let found = identify(config, data.as_deref(), name);
        match expected {
            Ok(id) => assert_eq!(found.map(|node| node.id), Ok(NodeId(id)), "{data:?} {name:?}"),
            Err(text) => {
                let sentence = found.expect_err(text).to_string();
                assert!(sentence.contains(text), "{sentence}");
            }
        }
    }
    let single = super::config();
    assert_eq!(identify(&single, None, None).map(|node| node.id), Ok(NodeId(1)));
    assert_eq!(
        identify(&single, None, Some("b")),
        Err(Unidentified::NameUnknown { wanted: "b".to_owned(), found: "\"a\"".to_owned() })
    );
}
