//! Tests of the table of a start: each row, and mixes of them.

use super::{Known, Majority, PeerReport, Start, decide};
use crate::NodeId;
use crate::config::tests::{cluster, node, uuid};
use crate::config::{Config, Durability, Leaving, Storage};
use crate::state::{ClusterState, Command, Outcome};

fn formed(config: &Config) -> ClusterState {
    ClusterState::form(&ClusterState::form_command(config)).expect("a form command")
}

fn set(state: &mut ClusterState, config: Config) {
    let command = state.set_command(config, None);
    assert!(matches!(state.apply(&command), Outcome::Set { .. }));
}

fn known<'a>(config: &'a Config, uuid: &'a str) -> Known<'a> {
    Known { config, uuid, has_data: true, has_group0: true }
}

fn report(config: &Config, number: u32, has_data: bool) -> PeerReport {
    PeerReport { uuid: uuid(number), config: config.clone(), has_data }
}

fn not_reached(reports: &[PeerReport]) -> Majority<'_> {
    Majority::NotReached { have: 1, need: 2, voters: 3, reports }
}

/// A cluster of three at epoch 3, with its configs by epoch.
fn three() -> (ClusterState, Vec<Config>) {
    let mut state = formed(&cluster(3, 3));
    let mut configs = vec![state.config().clone()];
    for durability in [Durability::Interval, Durability::Never] {
        let mut next = state.config().next();
        next.settings.durability = durability;
        set(&mut state, next);
        configs.push(state.config().clone());
    }
    (state, configs)
}

#[track_caller]
fn refused(start: Start, text: &str) {
    match start {
        Start::Refuse(sentence) => assert!(sentence.contains(text), "{text}: {sentence}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn conflicts(start: Start, text: &str, pointer: &str) {
    match start {
        Start::Conflict { sentence, differences } => {
            assert!(sentence.contains(text), "{text}: {sentence}");
            let found = differences.iter().find(|one| one.pointer == pointer);
            let found = found.unwrap_or_else(|| panic!("{pointer}: {differences:?}"));
            assert!(found.current.is_some() || found.proposed.is_some());
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_same_file_serves() {
    let (state, configs) = three();
    let own = uuid(2);
    assert_eq!(decide(known(&configs[2], &own), Majority::Reached(&state)), Start::Serve);
    // Where the order of the fields or the spaces differ, the config is the same.
    let text = configs[2].to_text().replace('\n', " ");
    let again = crate::config::parse(text.as_bytes()).expect("a config");
    assert_eq!(decide(known(&again, &own), Majority::Reached(&state)), Start::Serve);
}

#[test]
fn an_older_file_that_was_in_force_is_replaced() {
    let (state, configs) = three();
    for old in &configs[..2] {
        let start = decide(known(old, &uuid(1)), Majority::Reached(&state));
        assert_eq!(start, Start::TakeCluster(Box::new(configs[2].clone())));
    }
}

#[test]
fn files_that_contradict_are_a_conflict_with_both_values() {
    let (state, configs) = three();
    let own = uuid(1);
    let mut same_epoch = configs[2].clone();
    same_epoch.settings.limits.clients = 7;
    let start = decide(known(&same_epoch, &own), Majority::Reached(&state));
    conflicts(start, "is another config", "/settings/limits/clients");
    // A newer one that does not follow.
    let mut newer = configs[2].clone();
    newer.epoch = 9;
    newer.nodes[1].name = "b".to_owned();
    let start = decide(known(&newer, &own), Majority::Reached(&state));
    conflicts(start, "does not follow", "/nodes/1/name");
    let mut no_child = configs[2].next();
    no_child.parent = "0".repeat(64);
    let start = decide(known(&no_child, &own), Majority::Reached(&state));
    conflicts(start, "does not follow", "/parent");
    // An older one that never was.
    let mut older = configs[1].clone();
    older.settings.limits.clients = 7;
    let start = decide(known(&older, &own), Majority::Reached(&state));
    conflicts(start, "never in force", "/settings/limits/clients");
    // A child that says more than what the node itself is.
    let mut child = configs[2].next();
    child.settings.limits.clients = 7;
    let start = decide(known(&child, &own), Majority::Reached(&state));
    conflicts(start, "more than this node's own entry", "/settings/limits/clients");
    let mut child = configs[2].next();
    child.nodes[1].resp = "127.0.0.1:9999".to_owned();
    let start = decide(known(&child, &own), Majority::Reached(&state));
    conflicts(start, "more than this node's own entry", "/nodes/1/resp");
    let mut child = configs[2].next();
    child.nodes[0].leaving = Some(Leaving::Drain);
    let start = decide(known(&child, &own), Majority::Reached(&state));
    conflicts(start, "more than this node's own entry", "/nodes/0/leaving");
}

#[test]
fn a_child_in_which_the_own_entry_alone_is_new_is_announced() {
    let (state, configs) = three();
    let mut moved = configs[2].next();
    moved.nodes[0].resp = "127.0.0.1:9999".to_owned();
    let start = decide(known(&moved, &uuid(1)), Majority::Reached(&state));
    assert_eq!(start, Start::Announce(Box::new(moved)));
    // A new node; in mode duplication the copies rise with the nodes.
    let joins = crate::change::announce(&configs[2], node(4)).expect("it may join");
    assert_eq!(joins.replication, 4);
    let own = uuid(4);
    let new = Known { config: &joins, uuid: &own, has_data: false, has_group0: false };
    let start = decide(new, Majority::Reached(&state));
    assert_eq!(start, Start::Announce(Box::new(joins.clone())));
    // Once committed, the same file serves, though it has no data yet.
    let mut state = state;
    set(&mut state, joins.clone());
    assert_eq!(decide(new, Majority::Reached(&state)), Start::Serve);
}

#[test]
fn strangers_and_removed_nodes_are_refused() {
    let (mut state, configs) = three();
    let mut other = configs[2].clone();
    other.cluster_id = uuid(77);
    refused(decide(known(&other, &uuid(1)), Majority::Reached(&state)), "of cluster");
    refused(decide(known(&configs[2], &uuid(9)), Majority::Reached(&state)), "no node with uuid");
    refused(decide(known(&configs[0], &uuid(9)), Majority::Reached(&state)), "no node with uuid");
    let mut next = state.config().next();
    next.nodes.retain(|node| node.id != NodeId(3));
    next.removed.push(uuid(3));
    next.replication = 2;
    set(&mut state, next.clone());
    let start = decide(known(&configs[2], &uuid(3)), Majority::Reached(&state));
    refused(start, "was removed");
    // Its own file may tell, without anybody else.
    refused(decide(known(&next, &uuid(3)), not_reached(&[])), "was removed");
}

#[test]
fn a_vote_without_its_memory_is_refused() {
    let (mut state, configs) = three();
    let own = uuid(2);
    let wiped = Known { has_data: false, has_group0: false, ..known(&configs[2], &own) };
    refused(decide(wiped, Majority::Reached(&state)), "new uuid");
    // In memory alone, every start is without data.
    let mut config = cluster(3, 3);
    config.settings.storage = Storage::Memory;
    state = formed(&config);
    let wiped = Known { config: &config, ..wiped };
    assert_eq!(decide(wiped, Majority::Reached(&state)), Start::Serve);
}

#[test]
fn the_first_formation_wants_every_node() {
    let config = cluster(3, 3);
    let own = uuid(1);
    let new = Known { config: &config, uuid: &own, has_data: false, has_group0: false };
    let (second, third) = (report(&config, 2, false), report(&config, 3, false));
    let all = [second.clone(), third.clone()];
    assert_eq!(decide(new, not_reached(&all)), Start::FormFirst);
    for (reports, have) in [
        (vec![], 1),
        (vec![second.clone()], 2),
        (vec![second.clone(), second.clone()], 2),
        (vec![second.clone(), report(&config, 8, false)], 2),
    ] {
        match decide(new, not_reached(&reports)) {
            Start::Wait { have: found, need: 3, sentence } => {
                assert_eq!(found, have);
                assert!(sentence.contains("to form the cluster"), "{sentence}");
            }
            other => panic!("{reports:?}: {other:?}"),
        }
    }
    // Another file on one of them.
    let mut edited = config.clone();
    edited.settings.limits.clients = 7;
    let start = decide(new, not_reached(&[second.clone(), report(&edited, 3, false)]));
    conflicts(start, "node \"n3\" is another one", "/settings/limits/clients");
    // Of another cluster.
    let mut other = config.clone();
    other.cluster_id = uuid(77);
    refused(decide(new, not_reached(&[report(&other, 2, false)])), "of cluster");
    // One of them has data: there is, or was, a cluster.
    let start = decide(new, not_reached(&[second, report(&config, 3, true)]));
    assert!(matches!(start, Start::Wait { have: 1, need: 2, .. }), "{start:?}");
    let stranger = uuid(9);
    let stranger = Known { uuid: &stranger, ..new };
    let named = [report(&config, 1, false), all[0].clone(), all[1].clone()];
    refused(decide(stranger, not_reached(&named)), "no node with uuid");
}

#[test]
fn a_node_with_data_never_begins_alone() {
    let config = cluster(3, 3);
    let own = uuid(1);
    let all = [report(&config, 2, false), report(&config, 3, false)];
    for (has_data, has_group0) in [(true, false), (true, true), (false, true)] {
        let known = Known { config: &config, uuid: &own, has_data, has_group0 };
        match decide(known, not_reached(&all)) {
            Start::Wait { sentence, .. } => {
                assert_eq!(sentence, "waiting for majority: have 1 of 3, 2 have to answer");
            }
            other => panic!("{other:?}"),
        }
    }
    // A later file on a node without data: the cluster that made it must be asked.
    let mut later = config.next();
    later.settings.limits.clients = 7;
    let new = Known { config: &later, uuid: &own, has_data: false, has_group0: false };
    let start = decide(new, not_reached(&[report(&config, 2, false)]));
    assert!(matches!(start, Start::Wait { .. }), "{start:?}");
}

#[test]
fn a_single_node_forms_at_once_with_or_without_data() {
    let config = crate::config::tests::config();
    let own = uuid(1);
    for has_data in [false, true] {
        let known = Known { config: &config, uuid: &own, has_data, has_group0: false };
        let alone = Majority::NotReached { have: 1, need: 1, voters: 1, reports: &[] };
        assert_eq!(decide(known, alone), Start::FormFirst);
    }
    let state = formed(&config);
    assert_eq!(decide(known(&config, &own), Majority::Reached(&state)), Start::Serve);
    assert!(matches!(ClusterState::form_command(&config), Command::Form { .. }));
}
