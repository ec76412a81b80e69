//! Tests of the warnings: each is said where it holds, and nowhere else.

use std::collections::BTreeMap;

use super::{cluster, config};
use crate::NodeId;
use crate::config::{Config, Role, Usage, lints};

fn with_racks(nodes: u32, replication: u32, racks: &[&str]) -> Config {
    let mut config = cluster(nodes, replication);
    for (node, rack) in config.nodes.iter_mut().zip(racks) {
        node.rack = Some((*rack).to_owned()).filter(|rack| !rack.is_empty());
    }
    config
}

fn with_voter(data: u32, replication: u32) -> Config {
    let mut config = cluster(data + 1, replication);
    config.nodes.last_mut().expect("there are nodes").role = Role::Voter;
    config.mode = crate::config::Mode::fitting(data as usize, replication).as_str().to_owned();
    config
}

#[test]
fn each_warning_is_said_where_it_holds() {
    let mut greedy = cluster(3, 3);
    greedy.nodes[1].cores = "all".to_owned();
    for (config, expected) in [
        (config(), None),
        (cluster(3, 3), None),
        (cluster(3, 1), Some("one copy")),
        (cluster(2, 2), Some("\"role\": \"voter\"")),
        (with_voter(2, 2), None),
        (cluster(4, 4), Some("no more nodes than 3")),
        (with_voter(3, 3), Some("cannot tie")),
        (with_racks(3, 3, &["r", "r", "r"]), Some("all nodes stand in rack \"r\"")),
        (with_racks(3, 3, &["r", "s", ""]), Some("say no rack")),
        (with_racks(4, 3, &["r", "r", "s", "s"]), Some("third rack")),
        (with_racks(5, 3, &["r", "r", "r", "s", "t"]), Some("one rack holds 3 of 5")),
        (with_racks(3, 3, &["r", "s", "t"]), None),
        (greedy, Some("takes all cores")),
    ] {
        let found = lints(&config, &Usage::default());
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{}", config.to_text()),
            Some(text) => {
                assert!(found.iter().any(|sentence| sentence.contains(text)), "{text}: {found:?}");
            }
        }
    }
}

#[test]
fn memory_that_would_not_fit_after_a_loss_is_told_before_it() {
    let config = cluster(4, 3);
    let memory_bytes: BTreeMap<NodeId, u64> = (1..=4).map(|id| (NodeId(id), 1 << 30)).collect();
    let usage = |partition: u64| Usage {
        partition_bytes: vec![partition; 64],
        memory_bytes: memory_bytes.clone(),
        clock_ahead_ms: BTreeMap::new(),
    };
    assert_eq!(lints(&config, &usage(13 << 20)), Vec::<String>::new());
    let found = lints(&config, &usage(14 << 20));
    assert!(found.len() == 1 && found[0].contains("would not fit"), "{found:?}");
    let mut unknown = usage(14 << 20);
    unknown.memory_bytes.remove(&NodeId(2));
    assert!(lints(&config, &unknown).len() <= 1, "what is not known is not guessed");
}

#[test]
fn clocks_that_are_apart_are_told() {
    let usage = Usage {
        clock_ahead_ms: BTreeMap::from([(NodeId(2), -700), (NodeId(3), 20)]),
        ..Usage::default()
    };
    let found = lints(&cluster(3, 3), &usage);
    assert!(found.len() == 1 && found[0].contains("node 2 is -700 ms"), "{found:?}");
}
