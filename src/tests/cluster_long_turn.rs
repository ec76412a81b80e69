//! A leader whose core was busy for longer than its lease: what other cores have sent it meanwhile is not answered by the time at which
//! that began.

use std::collections::BTreeMap;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use hyperion_model::{PartitionMap, slot_of};
use serde_json::json;

use super::client::{Client, command, pipeline};
use super::cluster_harness::{Cluster, runs};
use super::harness::{PATIENCE, address, free_ports, two_cpus};

const PARTITIONS: u16 = 64;
/// Bytes of two strings whose longest common subsequence keeps a core busy for a good part of a second.
const BUSY_BYTES: usize = 6_000;

/// Which port serves a slot, as a node says.
fn served_by(asked: &mut Client, slot: u16) -> Option<u16> {
    let runs = runs(asked);
    let run = runs.iter().find(|run| (run.first..=run.last).contains(&slot))?;
    Some(run.nodes[0].port)
}

/// For each partition that the core behind `port` leads a tag whose keys lie there.
fn tags_of(asked: &mut Client, port: u16) -> Vec<String> {
    let map = PartitionMap::spread(PARTITIONS, 1);
    let mut tags = BTreeMap::new();
    for tag in (0..600).map(|number| format!("t{number}")) {
        let slot = slot_of(tag.as_bytes());
        if !tags.contains_key(&map.partition_of(slot)) && served_by(asked, slot) == Some(port) {
            tags.insert(map.partition_of(slot), tag);
        }
    }
    tags.into_values().collect()
}

fn key(tag: &str, name: &str) -> String {
    format!("{{{tag}}}{name}")
}

/// Lets the core behind `port` be busy in one turn with `times` commands, and others be elected and take writes meanwhile. Gives for each key what a
/// transaction read that another core had passed on; `None` where the turn was over before the writes were.
fn read_after_long_turn(cluster: &Cluster, port: u16, times: usize) -> Option<Vec<String>> {
    cluster.wait_served();
    cluster.wait_led();
    let mut elsewhere = cluster.client(2);
    let tags = tags_of(&mut elsewhere, port);
    assert!(tags.len() > 4, "{tags:?}");
    let mut busy = Client::tcp(address(port));
    for (name, byte) in [("long", b'l'), ("other", b'o')] {
        busy.set(&key(&tags[0], name), &vec![byte; BUSY_BYTES]);
    }
    // Twice, because every other one comes to the first core.
    let mut asking = Vec::new();
    for tag in tags.iter().chain(&tags) {
        let (mut client, asked) = (cluster.client(1), key(tag, "asked"));
        client.set(&asked, b"old");
        client.expect(&[("MULTI", "OK"), (&format!("GET {asked}"), "QUEUED")]);
        asking.push((client, asked));
    }

    let line = format!("LCS {} {} LEN", key(&tags[0], "long"), key(&tags[0], "other"));
    let lines = pipeline([vec!["MULTI"], vec![&line; times], vec!["EXEC"]].concat());
    let turn = spawn(move || {
        busy.send(&lines);
        (0..times + 2).map(|_| busy.shown()).last()
    });
    // The first core does not know yet that others are to lead.
    sleep(Duration::from_millis(100));
    asking.iter_mut().for_each(|(client, _)| client.send(&command(&[b"EXEC"])));
    let begin = Instant::now();
    for tag in &tags {
        while served_by(&mut elsewhere, slot_of(tag.as_bytes())) == Some(port)
            && !turn.is_finished()
        {
            assert!(begin.elapsed() < PATIENCE, "nobody else leads");
            sleep(Duration::from_millis(5));
        }
    }
    let mut routed = cluster.routed();
    routed.look_elsewhere();
    tags.iter().for_each(|tag| routed.set(&key(tag, "asked"), b"new"));
    let is_shown = !turn.is_finished();
    let told = turn.join().expect("it is answered");
    assert_eq!(told, Some(format!("[{}]", vec!["0"; times].join(" "))));
    let told = asking.iter_mut().map(|(client, _)| client.shown()).collect();
    is_shown.then_some(told)
}

#[test]
fn no_lease_outlives_a_long_turn_for_what_comes_from_another_core() {
    let Some(both) = two_cpus() else { return };
    let port = free_ports()[0];
    let cluster = Cluster::plan(3)
        .at("/nodes/0/cores", json!(both))
        .at("/nodes/0/resp_cores", json!(port))
        .start();
    let mut tries = [4, 16, 64].into_iter();
    let told = tries.find_map(|times| read_after_long_turn(&cluster, port + 1, times));
    let told = told.expect("an election is shorter than that");
    assert!(!told.iter().any(|told| told == "[old]"), "{told:?}");
}
