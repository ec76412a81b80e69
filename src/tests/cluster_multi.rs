//! Transactions of clients whose keys other nodes serve.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::bank::{all_accounts, crowd, expect_sum, open_bank};
use super::client::Client;
use super::cluster_harness::Cluster;
use super::harness::wait_for;

fn transparent() -> Cluster {
    Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start()
}

/// Runs lines until none of them says that it is too early: partitions get their leaders.
fn settle(client: &mut Client) {
    wait_for("all partitions to have leaders", || {
        let keys: Vec<String> = (0..64).map(|it| format!("settle:{it}")).collect();
        !client.ask(&format!("EXISTS {}", keys.join(" "))).starts_with('-')
    });
}

#[test]
fn any_node_runs_transactions() {
    let cluster = transparent();
    for node in cluster.numbers() {
        let mut client = cluster.client(node);
        settle(&mut client);
        client.expect(&[
            ("MULTI", "OK"),
            ("MSET a 1 b 2 c 3 d 4", "QUEUED"),
            ("INCR a", "QUEUED"),
            ("PING", "QUEUED"),
            ("RENAME d e", "QUEUED"),
            ("INCR e x", "-ERR wrong number of arguments for 'incr' command"),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
            ("EXISTS a b c d e", "0"),
            ("MULTI", "OK"),
            ("MSET a 1 b 2 c 3 d 4", "QUEUED"),
            ("INCR a", "QUEUED"),
            ("PING", "QUEUED"),
            ("RENAME d e", "QUEUED"),
            ("MGET a b c d e", "QUEUED"),
            ("EXEC", "[OK 2 PONG OK [2 2 3 nil 4]]"),
            ("MSET k ohmytext l mynewtext", "OK"),
            ("LCS k l", "mytext"),
            // All keys of one partition, wherever it is led.
            ("MULTI", "OK"),
            ("SET {one}x 1", "QUEUED"),
            ("INCR {one}x", "QUEUED"),
            ("GET {one}x", "QUEUED"),
            ("EXEC", "[OK 2 2]"),
            ("MULTI", "OK"),
            ("DBSIZE", "QUEUED"),
            ("FLUSHALL", "QUEUED"),
            ("SET z 1", "QUEUED"),
            ("EXEC", "[7 OK OK]"),
            ("DBSIZE", "1"),
            ("FLUSHALL", "OK"),
        ]);
    }
}

#[test]
fn keys_are_watched_where_they_are_led() {
    let mut cluster = transparent();
    settle(&mut cluster.client(1));
    for number in 0..12 {
        let key = format!("w{number}");
        let (mut one, mut other) =
            (cluster.client(1 + number % 3), cluster.client(1 + (number + 1) % 3));
        other.expect(&[(&format!("SET {key} 1"), "OK")]);
        one.expect(&[(&format!("WATCH {key} absent"), "OK"), ("MULTI", "OK")]);
        one.expect(&[(&format!("INCR {key}"), "QUEUED"), ("EXEC", "[2]")]);
        one.expect(&[(&format!("WATCH {key} absent"), "OK"), (&format!("GET {key}"), "2")]);
        other.expect(&[(&format!("SET {key} 7"), "OK")]);
        one.expect(&[("MULTI", "OK"), (&format!("INCR {key}"), "QUEUED"), ("EXEC", "nil")]);
        one.expect(&[(&format!("GET {key}"), "7")]);
    }
    // Another leader does not know what was watched at the one before.
    let mut client = cluster.client(1);
    let keys: Vec<String> = (0..32).map(|it| format!("lead{it}")).collect();
    client.expect(&[(&format!("WATCH {}", keys.join(" ")), "OK")]);
    cluster.kill(2);
    client.expect(&[("MULTI", "OK"), ("SET done 1", "QUEUED")]);
    let answer = client.ask("EXEC");
    let is_refused = answer.starts_with("-TRYAGAIN") || answer.starts_with("-CLUSTERDOWN");
    assert!(answer == "nil" || is_refused, "{answer}");
    wait_for("a leader", || client.ask("EXISTS done") == "0");
}

#[test]
fn clients_that_know_the_cluster_are_sent_on() {
    let cluster = Cluster::plan(3).start();
    let mut client = cluster.client(1);
    wait_for("leaders", || !client.ask("GET a").starts_with("-CLUSTERDOWN"));
    let (mut moved, mut ran) = (0, 0);
    for number in 0..12 {
        let key = format!("k{number}");
        client.expect(&[("MULTI", "OK")]);
        let told = client.ask(&format!("SET {key} 1"));
        if told.starts_with("-MOVED") {
            moved += 1;
            let aborted = "-EXECABORT Transaction discarded because of previous errors.";
            client.expect(&[("EXEC", aborted)]);
            let told = client.ask(&format!("WATCH {key}"));
            assert!(told.starts_with("-MOVED"), "{told}");
            continue;
        }
        ran += 1;
        assert_eq!(told, "QUEUED");
        client.expect(&[("EXEC", "[OK]"), (&format!("WATCH {key}"), "OK"), ("UNWATCH", "OK")]);
    }
    assert!(moved > 0 && ran > 0, "{moved} were sent on, {ran} ran");
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot";
    client.expect(&[("MULTI", "OK"), ("MSET a 1 b 2 c 3", cross), ("DISCARD", "OK")]);
    client.expect(&[("LCS a b", cross)]);
}

#[test]
fn the_sum_holds_whoever_is_killed() {
    let mut cluster = transparent();
    let mut client = cluster.client(1);
    settle(&mut client);
    open_bank(&mut client);
    let nodes: Vec<SocketAddr> = cluster.numbers().map(|node| cluster.resp(node)).collect();
    for (round, victim) in (0..).zip([1, 2, 3]) {
        let crowd = crowd(&nodes, 100 * round);
        crowd.wait(200);
        cluster.kill(victim);
        thread::sleep(Duration::from_millis(1_500));
        crowd.end();
        cluster.start_again(victim);
        let mut seen = String::new();
        wait_for("all accounts", || {
            let Ok(mut client) = Client::try_tcp(nodes[0]) else { return false };
            let Ok(told) = client.try_ask(&format!("MGET {}", all_accounts())) else {
                return false;
            };
            seen = told;
            seen.starts_with('[')
        });
        expect_sum(&seen);
    }
}
