//! Reads that ask a majority each time, by a setting that changes while clients read and write.

use serde_json::{Value, json};

use super::cluster_harness::Cluster;
use super::cluster_members::{taken, under_writes};
use super::harness::wait_for;
use super::http_call::{change, get};

fn reads(cluster: &Cluster, how: &str) {
    let answer = change(cluster.http(1), &[("/settings/reads", json!(how))]);
    taken(&answer);
    assert!(answer.json()["changed"].to_string().contains("/settings/reads"), "{answer:?}");
    for node in cluster.numbers() {
        wait_for("the setting", || {
            get(cluster.http(node), "/config").json()["settings"]["reads"] == json!(how)
                || how == "lease"
                    && get(cluster.http(node), "/config").json()["settings"]["reads"] == Value::Null
        });
    }
}

#[test]
fn reads_ask_a_majority_where_the_config_says_so() {
    let mut cluster = Cluster::plan(3).start();
    let written = under_writes(&mut cluster, |cluster| {
        reads(cluster, "quorum");
        reads(cluster, "lease");
        reads(cluster, "quorum");
    });
    let mut routed = cluster.routed();
    routed.expect_all(&written);
    assert_eq!(routed.ask("GET nothing"), "nil");
    // A transaction that reads alone, and a script.
    let slot = hyperion_model::slot_of(b"a1");
    let mut leader = cluster.client(cluster.leader_of(slot));
    leader.expect(&[("MULTI", "OK"), ("GET a1", "QUEUED"), ("EXISTS a1", "QUEUED")]);
    assert!(leader.ask("EXEC").contains("a-"));
    // Where nobody confirms it, nothing is told, and what goes on without is told again.
    let answer = change(cluster.http(1), &[("/settings/reads", json!("maybe"))]);
    assert_eq!(answer.status, 422, "{answer:?}");
    let led = cluster.leader_of(slot);
    cluster.kill(led);
    let mut routed = cluster.routed();
    routed.look_elsewhere();
    routed.expect_all(&written);
}
