//! Copies and nodes that change while clients write: nothing is lost, and clients are only sent on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::show;
use super::cluster_harness::{Cluster, Routed, runs};
use super::harness::{cpus, wait_for, wait_while_it_goes_on};
use super::http_call::{Answer, change, get, next_config, post};

pub(super) type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Writes until it is told to stop. Each write is answered by OK, at the first try: being sent on is all that may happen.
fn write_calmly(routed: &mut Routed, prefix: &str, stop: &AtomicBool, count: &AtomicU64) -> Keys {
    let mut written = Keys::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) =
            (format!("{prefix}{}", number % 500), format!("{prefix}-{number}").into_bytes());
        let reply = routed.try_call(&[b"SET", key.as_bytes(), &value]);
        let reply = reply.unwrap_or_else(|error| panic!("SET {key}: {error}"));
        assert_eq!(show(&reply), "OK", "SET {key}");
        written.insert(key.clone(), Some(value.clone()));
        let reply = routed.try_call(&[b"GET", key.as_bytes()]);
        assert_eq!(reply.expect("it is answered"), Reply::Bulk(value), "GET {key}");
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// Writes so many keys; gives what they are.
fn write_keys(routed: &mut Routed, count: u32) -> Keys {
    let keys = (0..count).map(|number| {
        let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
        routed.set(&key, &value);
        (key, Some(value))
    });
    keys.collect()
}

/// Does something while two clients write; gives what they wrote.
pub(super) fn under_writes(cluster: &mut Cluster, deed: impl FnOnce(&mut Cluster)) -> Keys {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = ["a", "b"]
            .map(|prefix| {
                let mut routed = cluster.routed();
                let (stop, count) = (&stop, &count);
                scope.spawn(move || write_calmly(&mut routed, prefix, stop, count))
            })
            .into();
        wait_for("some writes", || count.load(Ordering::Relaxed) > 50);
        let deed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| deed(cluster)));
        let before = count.load(Ordering::Relaxed);
        if deed.is_ok() {
            wait_for("writes behind it", || {
                count.load(Ordering::Relaxed) > before + 50
                    || writers.iter().any(std::thread::ScopedJoinHandle::is_finished)
            });
        }
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = deed {
            std::panic::resume_unwind(panic);
        }
        let mut written = Keys::new();
        for writer in writers {
            written.extend(writer.join().expect("it is only sent on"));
        }
        written
    })
}

fn cluster_status(cluster: &Cluster, node: u32) -> Value {
    get(cluster.http(node), "/status").json()["cluster"].clone()
}

/// Waits until all of these nodes say that the config of an epoch is in force and nothing moves.
pub(super) fn wait_settled(cluster: &Cluster, nodes: &[u32], epoch: u64) {
    for &node in nodes {
        let mut last = Value::Null;
        let what = format!("epoch {epoch} on node {node}, and nothing that moves");
        wait_while_it_goes_on(&what, || {
            let status = cluster_status(cluster, node);
            if status != last {
                println!("node {node}: {status}");
                last = status.clone();
            }
            let is_settled = status["epoch"] == json!(epoch)
                && status["moving"] == json!(false)
                && status["leads_to_move"] == json!(0);
            let goes_on = ["groups", "groups_to_do", "leads_to_move"].map(|it| status[it].clone());
            (!is_settled).then_some(goes_on)
        });
    }
}

pub(super) fn taken(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["epoch"].as_u64().expect("an epoch")
}

fn sharding(count: u32) -> Cluster {
    Cluster::plan(count).at("/mode", json!("sharding")).at("/replication", json!(1))
}

/// How many runs of slots each of these nodes leads.
fn led(cluster: &Cluster, nodes: &[u32]) -> Vec<u32> {
    let runs = runs(&mut cluster.client(nodes[0]));
    let slots = |node: u32| {
        let port = cluster.resp(node).port();
        let own = runs.iter().filter(|run| run.nodes[0].port == port);
        own.map(|run| u32::from(run.last - run.first) + 1).sum()
    };
    nodes.iter().map(|&node| slots(node)).collect()
}

#[test]
fn one_copy_becomes_three_and_one_again_under_writes() {
    let mut cluster = sharding(3).start();
    let mut before = Keys::new();
    let mut routed = cluster.routed();
    for number in 0..2_000 {
        let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
        routed.set(&key, &value);
        before.insert(key, Some(value));
    }
    let mut written = under_writes(&mut cluster, |cluster| {
        let changes = [("/mode", json!("duplication")), ("/replication", json!(3))];
        let epoch = taken(&change(cluster.http(2), &changes));
        wait_settled(cluster, &[1, 2, 3], epoch);
    });
    written.extend(before);
    routed.expect_all(&written);
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
    let shares = led(&cluster, &[1, 2, 3]);
    assert!(shares.iter().all(|slots| (4_096..=7_168).contains(slots)), "{shares:?}");

    // Each has all: any one may go.
    cluster.kill(1);
    routed.expect_all(&written);
    cluster.start_again(1);
    cluster.wait_served();

    let later = under_writes(&mut cluster, |cluster| {
        let changes = [("/mode", json!("sharding")), ("/replication", json!(1))];
        let epoch = taken(&change(cluster.http(3), &changes));
        wait_settled(cluster, &[1, 2, 3], epoch);
    });
    written.extend(later);
    routed.expect_all(&written);
    wait_for("copies that are given up", || {
        cluster.numbers().map(|node| keys_of(&cluster, node)).sum::<u64>() == written.len() as u64
    });
    // A restart brings none back, and all that is there.
    cluster.numbers().for_each(|node| cluster.kill(node));
    cluster.numbers().for_each(|node| cluster.launch(node));
    cluster.wait_served();
    cluster.routed().expect_all(&written);
    wait_settled(&cluster, &[1, 2, 3], 3);
}

fn keys_of(cluster: &Cluster, node: u32) -> u64 {
    get(cluster.http(node), "/status").json()["keys"].as_u64().unwrap_or(0)
}

/// Waits until these nodes hold so many copies of so many keys, and none holds much more than its share.
fn wait_shares(cluster: &Cluster, nodes: &[u32], copies: u64, keys: usize) {
    let all = copies * keys as u64;
    let each = all / nodes.len() as u64;
    let mut shares = Vec::new();
    wait_for("copies that are where they should be, and nowhere else", || {
        shares = nodes.iter().map(|&node| keys_of(cluster, node)).collect();
        shares.iter().sum::<u64>() == all
    });
    let is_fair = |share: &u64| (each * 3 / 4..=each * 5 / 4).contains(share);
    assert!(shares.iter().all(is_fair), "{shares:?} of {all}");
}

#[test]
fn a_fourth_node_is_given_its_share_and_the_first_one_leaves_under_writes() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let mut written = write_keys(&mut routed, 2_000);
    let entry = cluster.add_entry();
    written.extend(under_writes(&mut cluster, |cluster| {
        let mut next = get(cluster.http(1), "/config?next=1").json();
        next["mode"] = json!("sharding+duplication");
        next["nodes"].as_array_mut().expect("a list").push(entry);
        assert_eq!(taken(&post(cluster.http(2), "/config", &next.to_string())), 2);
        cluster.write_config(4, &next);
        cluster.start_only(&[4]);
        wait_settled(cluster, &[1, 2, 3, 4], 2);
    }));
    routed.expect_all(&written);
    wait_shares(&cluster, &[1, 2, 3, 4], 3, written.len());
    let slots = led(&cluster, &[1, 2, 3, 4]);
    assert!(slots.iter().all(|slots| (3_072..=5_120).contains(slots)), "{slots:?}");

    // Its copies count: each partition has two more without this node.
    cluster.kill(2);
    routed.expect_all(&written);
    cluster.start_again(2);
    cluster.wait_served();
    wait_settled(&cluster, &[1, 2, 3, 4], 2);

    written.extend(under_writes(&mut cluster, |cluster| {
        let answer = post(cluster.http(4), "/nodes/remove", r#"{"node": "n1"}"#);
        assert_eq!(taken(&answer), 3);
        wait_settled(cluster, &[2, 3, 4], 4);
    }));
    routed.expect_all(&written);
    for node in [2, 3, 4] {
        cluster.wait_copies(node, &written);
    }
    let (code, log) = cluster.wait_end(1);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("was removed"), "{log}");

    // All begin anew: nobody founds anything by the first config, and who was removed stays out.
    [2, 3, 4].into_iter().for_each(|node| cluster.kill(node));
    [2, 3, 4].into_iter().for_each(|node| cluster.start_again(node));
    cluster.wait_served();
    cluster.routed().expect_all(&written);
    wait_settled(&cluster, &[2, 3, 4], 4);
    wait_shares(&cluster, &[2, 3, 4], 3, written.len());
    cluster.launch(1);
    let (code, log) = cluster.wait_end(1);
    assert_eq!(code, 78, "{log}");
}

/// A fourth node says of itself by its config what it is, and starts.
fn announce_fourth(cluster: &mut Cluster) {
    let entry = cluster.add_entry();
    let mut next = get(cluster.http(1), "/config?next=1").json();
    next["nodes"].as_array_mut().expect("a list").push(entry);
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
}

#[test]
fn a_node_that_announces_itself_is_given_copies() {
    let mut cluster = Cluster::plan(3)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(2))
        .start();
    let mut routed = cluster.routed();
    let written = write_keys(&mut routed, 2_000);
    announce_fourth(&mut cluster);
    wait_settled(&cluster, &[1, 2, 3, 4], 2);
    routed.expect_all(&written);
    wait_shares(&cluster, &[1, 2, 3, 4], 2, written.len());
}

#[test]
fn a_node_of_four_is_removed_under_writes() {
    let mut cluster = Cluster::plan(4)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(3))
        .start();
    let written = under_writes(&mut cluster, |cluster| {
        // The node is told itself.
        let answer = post(cluster.http(2), "/nodes/remove", r#"{"node": "n2"}"#);
        assert_eq!(taken(&answer), 2);
        wait_settled(cluster, &[1, 3, 4], 3);
    });
    let config = get(cluster.http(1), "/config").json();
    assert_eq!(config["nodes"].as_array().map(Vec::len), Some(3), "{config}");
    assert_eq!(config["mode"], "duplication");
    assert_eq!(config["removed"][0], "00000002-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    // It sends clients to the others for a while, and ends by itself.
    let said = cluster.client(2).ask("GET a1");
    assert!(said.starts_with("-MOVED "), "{said}");
    wait_for("who balances load to be told", || {
        let health = get(cluster.http(2), "/health");
        health.status == 503 && health.body.contains("was removed from the cluster")
    });
    assert_eq!(get(cluster.http(2), "/live").status, 200, "it ends by itself");
    let mut routed = cluster.routed();
    routed.expect_all(&written);
    for node in [1, 3, 4] {
        cluster.wait_copies(node, &written);
    }
    assert!(led(&cluster, &[1, 3, 4]).iter().all(|slots| *slots > 0));
    let (code, log) = cluster.wait_end(2);
    assert_eq!(code, 0, "{log}");
    let told = log.split_once("this node was removed from the cluster: clients").expect(&log).1;
    let noise = told.matches("is reached at").count() + told.matches("it is tried again").count();
    assert!(noise <= 6, "each of three is missed once: {log}");

    // Without a majority of copies no more may leave.
    let answer = post(cluster.http(1), "/nodes/remove", r#"{"node": "n3"}"#);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("add a node first"), "{answer:?}");
}

#[test]
fn a_node_that_is_dead_is_made_anew_from_the_others() {
    let mut cluster = Cluster::plan(4)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(3))
        .start();
    let mut routed = cluster.routed();
    let written = write_keys(&mut routed, 500);
    cluster.kill(4);
    let body = r#"{"node": "n4", "dead": true}"#;
    let mut answer = post(cluster.http(1), "/nodes/remove", body);
    // The one that is lost may have led group 0.
    wait_for("a majority for the removal", || {
        if answer.status != 200 {
            assert!([503, 409].contains(&answer.status), "{answer:?}");
            answer = post(cluster.http(1), "/nodes/remove", body);
        }
        answer.status == 200
    });
    wait_settled(&cluster, &[1, 2, 3], 3);
    routed.expect_all(&written);
    for node in [1, 2, 3] {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn a_move_that_a_kill_interrupts_goes_on() {
    let cores = cpus().iter().take(2).map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut cluster = sharding(3).at("/settings/durability", json!("always"));
    for index in 0..3 {
        cluster = cluster.at(&format!("/nodes/{index}/cores"), json!(cores));
    }
    let mut cluster = cluster.start();
    let mut routed = cluster.routed();
    let mut written = Keys::new();
    for number in 0..2_000 {
        let (key, value) = (format!("k{number}"), vec![b'x'; 1_000 + number]);
        routed.set(&key, &value);
        written.insert(key, Some(value));
    }
    let changes = [("/mode", json!("duplication")), ("/replication", json!(3))];
    assert_eq!(taken(&change(cluster.http(1), &changes)), 2);
    for victim in [2, 3, 1] {
        wait_for("a group that has moved, and one that has not", || {
            let status = cluster_status(&cluster, victim);
            let count = |field: &str| status[field].as_u64().unwrap_or(0);
            status["epoch"] == json!(2) && (count("groups_done") > 0 || count("groups_to_do") < 64)
        });
        cluster.kill(victim);
        cluster.start_again(victim);
    }
    wait_settled(&cluster, &[1, 2, 3], 2);
    routed.expect_all(&written);
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn changes_are_judged_by_the_rules_of_the_cluster() {
    let cluster = sharding(3).start();
    let http = cluster.http(1);
    // What would move is told and not done.
    let body =
        next_config(http, &[("/mode", json!("duplication")), ("/replication", json!(3))], "");
    let answer = post(http, "/config?dry_run=1", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["transfers"].as_array().map(Vec::len), Some(128), "{answer:?}");
    assert_eq!(get(http, "/config").json()["epoch"], json!(1));
    for (changes, pointer) in [
        (vec![("/replication", json!(4))], "/replication"),
        (vec![("/partitions", json!(128))], "/partitions"),
        (vec![("/nodes/0/resp", json!("127.0.0.1:1"))], "/nodes/0/resp"),
    ] {
        let answer = change(http, &changes);
        assert_eq!((answer.status, answer.pointer().as_str()), (422, pointer), "{answer:?}");
        let answer = post(http, "/config?dry_run=1", &next_config(http, &changes, ""));
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    for (body, status) in [
        (r#"{"node": "nobody"}"#, 422),
        (r#"{"name": "n1"}"#, 400),
        ("", 400),
        (r#"{"node": "n1", "dead": true}"#, 422),
    ] {
        let answer = post(http, "/nodes/remove", body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    // Of two children one is taken, wherever they are posted.
    let one = next_config(http, &[("/settings/sync_interval_ms", json!(21))], "");
    let other = next_config(cluster.http(2), &[("/settings/sync_interval_ms", json!(22))], "");
    let (one, other) = std::thread::scope(|scope| {
        let (first, second) = (cluster.http(1), cluster.http(3));
        let one = scope.spawn(move || post(first, "/config", &one).status);
        let other = scope.spawn(move || post(second, "/config", &other).status);
        (one.join().expect("it is answered"), other.join().expect("it is answered"))
    });
    let mut both = [one, other];
    both.sort_unstable();
    assert_eq!(both, [200, 409]);
}

#[test]
fn a_node_that_is_removed_while_another_joins_leaves_when_that_one_has_its_share() {
    let mut cluster = Cluster::plan(3)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(2))
        .start();
    let mut routed = cluster.routed();
    let written = write_keys(&mut routed, 2_000);
    announce_fourth(&mut cluster);
    wait_for("a node that is given its share", || {
        let status = cluster_status(&cluster, 2);
        status["epoch"] == json!(2) && status["moving"] == json!(true)
    });
    let body = r#"{"node": "n1"}"#;
    let mut answer = post(cluster.http(2), "/nodes/remove", body);
    wait_for("its turn", || {
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.body.contains("send it again when /status says"), "{answer:?}");
            answer = post(cluster.http(2), "/nodes/remove", body);
        }
        answer.status == 200
    });
    assert_eq!(taken(&answer), 3);
    wait_settled(&cluster, &[2, 3, 4], 4);
    routed.expect_all(&written);
    wait_shares(&cluster, &[2, 3, 4], 2, written.len());
}
