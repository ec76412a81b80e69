//! What an operator is told on a bad day, and what helps then.

use serde_json::{Value, json};

use super::cluster_harness::Cluster;
use super::cluster_members::wait_settled;
use super::harness::wait_for;
use super::http_call::{change, get, next_config, post};

fn status(cluster: &Cluster, node: u32) -> Value {
    get(cluster.http(node), "/status").json()["cluster"].clone()
}

/// With one copy a node that is dead can neither give its partitions away nor be given up: the removal would wait for ever.
#[test]
fn the_removal_of_a_node_that_is_dead_is_refused_and_may_be_taken_back() {
    let mut cluster =
        Cluster::plan(3).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    cluster.kill(3);
    let http = cluster.http(1);
    wait_for("a node that is missed", || status(&cluster, 1)["not_reached"] == json!(["n3"]));
    let answer = post(http, "/nodes/remove", r#"{"node": "n3"}"#);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("is not reached and can give nothing away"), "{answer:?}");
    assert_eq!(get(http, "/config").json()["epoch"], 1);
    // By its entry it is the same, and the way out is told there too.
    let drains = [("/nodes/2/leaving", json!("drain"))];
    let next = next_config(http, &drains, "");
    for answer in [post(http, "/config", &next), post(http, "/config?dry_run=1", &next)] {
        assert_eq!(answer.status, 422, "{answer:?}");
        let told = answer.json()["errors"][0].clone();
        assert_eq!(told["pointer"], "/nodes/2/leaving");
        let hint = told["hint"].as_str().expect("a sentence");
        assert!(hint.contains("start it") && hint.contains("\"wait\": true"), "{hint}");
    }
    assert_eq!(get(http, "/config").json()["epoch"], 1);

    // Who wants it begins all the same, and is told what it waits for.
    let answer = post(http, "/nodes/remove", r#"{"node": "n3", "wait": true}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_for("a removal that waits", || status(&cluster, 1)["waits_for"] == json!(["n3"]));
    let told = status(&cluster, 1);
    assert_eq!((&told["seconds_left"], &told["moving"]), (&Value::Null, &json!(true)), "{told}");
    assert_eq!(told["leaving"][0]["reached"], false, "{told}");
    let way_out = told["way_out"].as_str().expect("a sentence");
    assert!(way_out.contains("without \"leaving\"") && way_out.contains("lose_data"), "{way_out}");

    // And as it says, the node stays when the field is taken out.
    let mut next = get(http, "/config?next=1").json();
    next["nodes"][2].as_object_mut().expect("an entry").remove("leaving");
    let answer = post(http, "/config", &next.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    cluster.start_again(3);
    cluster.wait_served();
    wait_settled(&cluster, &[1, 2, 3], 3);
}

/// Two of three are lost: nothing is served, and that is what the node says. To be started anew would not help it.
#[test]
fn a_node_without_a_majority_is_not_ready_and_lives() {
    let mut cluster = Cluster::plan(3).start();
    cluster.wait_health(1, 200, "ok");
    let metrics = get(cluster.http(1), "/metrics").body;
    for line in ["peer_up{node=\"n2\"} 1", "partitions 64", "partitions_without_leader 0"] {
        assert!(metrics.contains(&format!("\nhyperion_{line}\n")), "{line}: {metrics}");
    }
    let changes = |metrics: &str| {
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("hyperion_lead_changes_total "));
        line.and_then(|count| count.parse::<u64>().ok()).expect("they are counted")
    };
    assert!(changes(&metrics) >= 64, "{metrics}");
    cluster.kill(2);
    cluster.kill(3);
    cluster.wait_health(1, 503, "waiting for majority: have 1 of 3, 2 have to answer");
    assert!(cluster.client(1).ask("CLUSTER INFO").contains("cluster_state:fail"));
    assert_eq!(get(cluster.http(1), "/live").status, 200);
    let metrics = get(cluster.http(1), "/metrics").body;
    for line in [
        "peer_up{node=\"n2\"} 0",
        "partitions_led 0",
        "partitions_without_leader 64",
        "config_epoch 1",
    ] {
        assert!(metrics.contains(&format!("\nhyperion_{line}\n")), "{line}: {metrics}");
    }
    cluster.start_again(2);
    cluster.wait_health(1, 200, "ok");
    cluster.wait_health(2, 200, "ok");
}

/// Expiry counts by wall clocks: a node whose clock is wrong is named by the others, where a person looks.
#[test]
fn a_clock_that_is_wrong_is_told() {
    let mut cluster = Cluster::plan(3).start();
    let clocks = |cluster: &Cluster| status(cluster, 1)["clocks_ahead_ms"].clone();
    wait_for("two clocks", || clocks(&cluster).as_object().is_some_and(|all| all.len() == 2));
    let told = clocks(&cluster);
    for node in ["n2", "n3"] {
        assert!(told[node].as_i64().is_some_and(|ms| ms.abs() <= 500), "{told}");
    }
    cluster.kill(2);
    cluster.set_environment(&[("HYPERION_TEST_CLOCK_AHEAD_MS", "4000")]);
    cluster.start_again(2);
    cluster.wait_served();
    let sentence = "the clock of node 2 is ";
    wait_for("a clock that is wrong", || {
        status(&cluster, 1)["warnings"].to_string().contains(sentence)
    });
    let told = clocks(&cluster)["n2"].as_i64().expect("a number");
    assert!((3_500..=4_500).contains(&told), "{told}");
    assert!(cluster.log(3).contains(sentence) || cluster.log(1).contains(sentence));
    let answer = change(cluster.http(1), &[("/settings/sync_interval_ms", json!(21))]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["warnings"].to_string().contains(sentence), "{answer:?}");
    cluster.kill(2);
    cluster.set_environment(&[]);
    cluster.start_again(2);
    wait_for("a clock that was put right", || {
        cluster.log(1).contains("the clock of node 2 agrees with this one's again")
    });
    assert!(!status(&cluster, 1)["warnings"].to_string().contains(sentence));
}

/// Who changes a config hears which nodes go by it, one that leads nothing and answers nobody among them.
#[test]
fn who_has_acknowledged_a_config_is_named() {
    let mut cluster =
        Cluster::plan(3).at("/nodes/2/role", json!("voter")).at("/replication", json!(2)).start();
    let set = |cluster: &Cluster, ms: u32| {
        let answer = change(cluster.http(1), &[("/settings/sync_interval_ms", json!(ms))]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["acked_by"].clone()
    };
    for ms in 21..26 {
        assert_eq!(set(&cluster, ms), json!(["n1", "n2", "n3"]));
    }
    cluster.kill(3);
    wait_for("a node that is missed", || status(&cluster, 1)["not_reached"] == json!(["n3"]));
    assert_eq!(set(&cluster, 26), json!(["n1", "n2"]));
    // One that stands still is not waited for longer than a moment.
    cluster.start_again(3);
    cluster.wait_served();
    assert_eq!(set(&cluster, 27), json!(["n1", "n2", "n3"]));
    cluster.signal(3, "STOP");
    assert_eq!(set(&cluster, 28), json!(["n1", "n2"]));
    cluster.signal(3, "CONT");
    wait_for("its config", || get(cluster.http(3), "/config").json()["epoch"] == json!(9));
    assert_eq!(set(&cluster, 29), json!(["n1", "n2", "n3"]));
}
