//! SORT by keys and with values that lie on several cores or nodes: alone, in a transaction and in a script.

use serde_json::json;

use super::client::{Client, show};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup};

const SCRIPT: &str =
    "return redis.call('SORT', KEYS[1], 'BY', 'weight:*', 'GET', '#', 'GET', 'object:*->name')";

fn check(client: &mut Client) {
    client.expect(&[("DEL list out none weight:3", "0")]);
    for number in 1..=9 {
        client.ask(&format!("RPUSH list {number}"));
        client.ask(&format!("SET weight:{number} {}", 10 - number));
        client.ask(&format!("HSET object:{number} name n{number}"));
    }
    let sorted = "[9 n9 8 n8 7 n7 6 n6 5 n5 4 n4 3 n3 2 n2 1 n1]";
    client.expect(&[
        ("SORT list BY weight:*", "[9 8 7 6 5 4 3 2 1]"),
        ("SORT_RO list BY weight:* LIMIT 1 2", "[8 7]"),
        ("SORT list BY weight:* GET # GET object:*->name", sorted),
        ("SORT list BY nosort GET weight:* LIMIT 0 3", "[9 8 7]"),
        ("SORT list GET none:* LIMIT 0 2", "[nil nil]"),
        ("SORT list BY weight:* DESC STORE out", "9"),
        ("LRANGE out 0 -1", "[1 2 3 4 5 6 7 8 9]"),
        ("SORT none BY weight:*", "[]"),
        (
            "SORT weight:1 BY weight:*",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("SORT list BY weight:* LIMIT 1", "-ERR syntax error"),
        ("MULTI", "OK"),
        ("SET weight:5 100", "QUEUED"),
        ("SORT list BY weight:* LIMIT 7 2", "QUEUED"),
        ("EXEC", "[OK [1 5]]"),
        ("SET weight:5 5", "OK"),
    ]);
    let words: [&[u8]; 4] = [b"EVAL", SCRIPT.as_bytes(), b"1", b"list"];
    assert_eq!(show(&client.call(&words)), sorted);
    client.expect(&[
        ("SET weight:3 x", "OK"),
        ("SORT list BY weight:*", "-ERR One or more scores can't be converted into double"),
        ("SORT list BY weight:* ALPHA LIMIT 8 1", "[3]"),
        ("DEL list out", "2"),
    ]);
}

fn check_node(node: &Node) {
    // On two cores clients of both.
    for mut client in [node.client(), node.client(), node.client()] {
        check(&mut client);
        client.expect(&[("FLUSHALL", "OK")]);
    }
}

#[test]
fn sort_meets_keys_of_other_cores() {
    check_node(&Setup::new().start());
    if let Some(setup) = Setup::two_cores() {
        check_node(&setup.start());
    }
}

#[test]
fn sort_meets_keys_of_other_nodes() {
    let plan = Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" }));
    let cluster = plan.start();
    for node in cluster.numbers() {
        check(&mut cluster.client(node));
        cluster.client(node).expect(&[("FLUSHALL", "OK")]);
    }
}
