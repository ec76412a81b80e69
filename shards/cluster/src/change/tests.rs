//! Tests of the rules of a change: what is refused, where, with what to do; what is taken does what the table says.

use std::collections::BTreeMap;

use super::table::{Change, Column, FIELDS, change_of};
use super::{
    Author, Effects, Refusal, Removal, announce, check_change, finish_leaving, is_for_now, remove,
};
use crate::NodeId;
use crate::config::tests::{EVICTIONS, cluster, config, node, uuid};
use crate::config::{Config, Durability, Leaving, Problem, Role, Usage};
use crate::placement::{META, Step};
use crate::state::{ClusterState, Command, Outcome};

fn formed(config: &Config) -> ClusterState {
    ClusterState::form(&ClusterState::form_command(config)).expect("a form command")
}

fn check(state: &ClusterState, next: &Config, author: Author<'_>) -> Result<Effects, Refusal> {
    check_change(state.standing(&Usage::default(), &EVICTIONS), next, author)
}

#[track_caller]
fn problems(outcome: Result<Effects, Refusal>) -> Vec<Problem> {
    match outcome {
        Err(Refusal::Invalid(problems)) => {
            for problem in &problems {
                assert!(!problem.problem.is_empty() && !problem.hint.is_empty(), "{problem:?}");
            }
            problems
        }
        other => panic!("{other:?}"),
    }
}

/// The child of the config in force with an edit in it.
fn edited(state: &ClusterState, edit: impl FnOnce(&mut Config)) -> Config {
    let mut next = state.config().next();
    edit(&mut next);
    next
}

#[test]
fn each_refusal_names_its_field() {
    type Edit = fn(&mut Config);
    let rows: [(&str, &str, Edit); 18] = [
        ("/cluster_id", "start a new cluster", |c| c.cluster_id = uuid(50)),
        ("/partitions", "start a new cluster", |c| c.partitions = 32),
        ("/settings/storage", "start a new cluster", |c| {
            c.settings.storage = crate::config::Storage::Memory;
        }),
        ("/nodes/1/uuid", "join anew", |c| c.nodes[1].uuid = uuid(50)),
        ("/nodes/3/id", "join anew", |c| c.nodes[3].id = NodeId(9)),
        ("/nodes/1/resp", "it announces the change", |c| {
            c.nodes[1].resp = "127.0.0.1:1".to_owned();
        }),
        ("/nodes/1/cores", "it announces the change", |c| c.nodes[1].cores = "1".to_owned()),
        ("/nodes/1/role", "join anew", |c| c.nodes[1].role = Role::Voter),
        ("/nodes", "POST /nodes/remove", |c| {
            let gone = c.nodes.remove(1);
            c.removed.push(gone.uuid);
        }),
        ("/removed", "add", |c| {
            c.nodes.remove(1);
        }),
        ("/removed", "keep the list", |c| c.removed.clear()),
        ("/removed", "name removed nodes alone", |c| c.removed.push(uuid(60))),
        ("/nodes/4/uuid", "join with a new uuid", |c| {
            c.nodes.push(node(7));
            c.nodes[4].uuid = uuid(40);
        }),
        ("/nodes/4/id", "ids are never given twice", |c| {
            c.nodes.push(node(5));
        }),
        ("/nodes/4/http", "a port of its own", |c| {
            c.nodes.push(node(7));
            c.nodes[4].http = c.nodes[0].resp.clone();
        }),
        ("/nodes/1/leaving", "one node leave at a time", |c| {
            c.nodes[0].leaving = Some(Leaving::Drain);
            c.nodes[1].leaving = Some(Leaving::Drain);
        }),
        ("/nodes/0/leaving", "recover --unsafe", |c| {
            c.nodes[0].leaving = Some(Leaving::Dead);
            c.nodes[1].leaving = Some(Leaving::Dead);
        }),
        ("/replication", "fewer than its 4 nodes", |c| c.replication = 4),
    ];
    // Four nodes of which a fifth was removed before.
    let mut first = cluster(4, 3);
    first.removed = vec![uuid(40)];
    let mut state = formed(&first);
    let joined = announce(state.config(), node(6)).expect("it joins");
    let command =
        Command::SetConfig { config: Box::new(joined), target: state.target().clone(), note: None };
    assert!(matches!(state.apply(&command), Outcome::Set { .. }));
    let mut gone = state.config().next();
    gone.removed.push(gone.nodes.pop().expect("the sixth").uuid);
    let command =
        Command::SetConfig { config: Box::new(gone), target: state.target().clone(), note: None };
    assert!(matches!(state.apply(&command), Outcome::Set { .. }));
    for (pointer, hint, edit) in rows {
        let found = problems(check(&state, &edited(&state, edit), Author::Person));
        let has = found.iter().any(|one| one.pointer == pointer && one.hint.contains(hint));
        assert!(has, "{pointer}, {hint}: {found:?}");
        // A restart must not be suggested where none helps.
        let text = found.iter().find(|one| one.pointer == pointer).map(|one| one.problem.as_str());
        let is_fixed = ["/cluster_id", "/partitions", "/settings/storage"].contains(&pointer);
        assert_eq!(text == Some("this is fixed from the first start on"), is_fixed, "{text:?}");
    }
}

#[test]
fn what_is_taken_is_sorted_by_what_it_does() {
    let state = formed(&cluster(3, 3));
    let next = edited(&state, |c| {
        c.settings.durability = Durability::Never;
        c.settings.moves.bytes_a_second = Some(crate::config::Size::from_bytes(1 << 20));
        c.nodes[1].name = "second".to_owned();
        c.nodes[1].rack = Some("r2".to_owned());
    });
    let effects = check(&state, &next, Author::Person).expect("all of it may change");
    assert_eq!(effects.changed_live, ["/settings/durability", "/settings/move/bytes_a_second"]);
    assert_eq!(effects.needs_restart, ["/nodes/1/name"]);
    assert_eq!(effects.moves, ["/nodes/1/rack"]);
    assert!(effects.warnings.iter().any(|text| text.contains("rack")), "{:?}", effects.warnings);
    let same = check(&state, state.config(), Author::Person).expect("the very same");
    assert!(same.is_same);
    let mut stale = next;
    stale.epoch = 5;
    assert!(matches!(check(&state, &stale, Author::Person), Err(Refusal::Stale(_))));
    for row in FIELDS {
        assert!(change_of(Column::Cluster, &row.field.replace('*', "7")).is_some());
    }
    assert_eq!(change_of(Column::Cluster, "/nodes/12/rack"), Some(Change::Moves));
    assert_eq!(change_of(Column::Single, "/epoch"), None);
    assert_eq!(change_of(Column::Single, "/settings/auth/users/a~1b"), Some(Change::Live));
    assert_eq!(change_of(Column::Single, "/settings/redis/hz"), Some(Change::Live));
    assert_eq!(change_of(Column::Single, "/settings/redisx"), None);
}

#[test]
fn every_field_has_a_row() {
    let mut full = config();
    full.settings.auth.users.insert("a".to_owned(), "on".to_owned());
    full.settings.functions.insert("lib".to_owned(), "#!lua name=lib".to_owned());
    full.settings.redis.insert("hz".to_owned(), "10".to_owned());
    full.settings.observe.slowlog_slower_than_us = None;
    full.settings.thresholds.list_listpack_size = -1;
    for pointer in crate::config::leaves(&full).into_keys() {
        let is_own = matches!(pointer.as_str(), "/epoch" | "/parent");
        assert!(is_own || change_of(Column::Single, &pointer).is_some(), "{pointer}");
    }
    let text = serde_json::to_string(&full).expect("a config is JSON");
    let read = crate::config::parse(text.as_bytes()).expect("it is a config");
    assert_eq!(read, full);
    assert!(crate::config::try_hash(&full).is_some());
}

#[test]
fn one_node_becomes_a_cluster_and_copies_are_added() {
    let state = formed(&config());
    let grown = edited(&state, |c| {
        c.mode = "sharding".to_owned();
        c.nodes.push(node(2));
        c.nodes.push(node(3));
    });
    let effects = check(&state, &grown, Author::Person).expect("two may join a single node");
    assert_eq!(effects.moves, ["/mode", "/nodes/1", "/nodes/2"]);
    let copied = edited(&state, |c| {
        c.mode = "duplication".to_owned();
        c.replication = 3;
        c.nodes.push(node(2));
        c.nodes.push(node(3));
    });
    check(&state, &copied, Author::Person).expect("and with copies at once");
    let state = formed(&cluster(3, 1));
    let more = edited(&state, |c| {
        c.mode = "duplication".to_owned();
        c.replication = 3;
    });
    assert_eq!(
        check(&state, &more, Author::Person).expect("1 to 3").moves,
        ["/mode", "/replication"]
    );
}

#[test]
fn one_membership_change_at_a_time_and_ways_out_of_it() {
    let mut state = formed(&cluster(4, 3));
    let leaves = edited(&state, |c| {
        c.nodes[3].leaving = Some(Leaving::Drain);
        c.mode = "duplication".to_owned();
    });
    check(&state, &leaves, Author::Person).expect("nothing is in progress");
    let command = state.set_command(leaves, None);
    state.apply(&command);
    assert!(state.moving().count() > 0);
    for edit in [
        (|c: &mut Config| c.nodes.push(node(5))) as fn(&mut Config),
        |c| c.nodes[0].leaving = Some(Leaving::Drain),
        |c| c.nodes[0].rack = Some("r".to_owned()),
    ] {
        let found = problems(check(&state, &edited(&state, edit), Author::Person));
        let in_progress = found.iter().find(|one| one.problem.contains("in progress"));
        let hint = in_progress.map(|one| one.hint.as_str()).expect("it moves");
        assert!(hint.contains("\"n4\" stays when") && hint.contains("\"dead\""), "{hint}");
    }
    let racked = |c: &mut Config| c.nodes[0].rack = Some("r".to_owned());
    let found = problems(check(&state, &edited(&state, racked), Author::Person));
    assert!(is_for_now(&found), "{found:?}");
    let wrong = edited(&state, |c| {
        racked(c);
        c.nodes[1].resp = c.nodes[0].resp.clone();
    });
    assert!(!is_for_now(&problems(check(&state, &wrong, Author::Person))), "it is wrong as well");
    // A setting may change, the node may stay after all, or be lost on its way.
    for edit in [
        (|c: &mut Config| c.settings.durability = Durability::Never) as fn(&mut Config),
        |c| {
            c.nodes[3].leaving = None;
            c.mode = "sharding+duplication".to_owned();
        },
        |c| c.nodes[3].leaving = Some(Leaving::Dead),
    ] {
        check(&state, &edited(&state, edit), Author::Person).expect("a way out");
    }
}

#[test]
fn a_node_speaks_of_itself_alone() {
    let state = formed(&cluster(3, 2));
    let next = announce(state.config(), node(4)).expect("it joins");
    let own = uuid(4);
    let effects = check(&state, &next, Author::Node(&own)).expect("its own entry");
    assert_eq!(effects.moves, ["/nodes/3"]);
    let mut entry = node(2);
    entry.resp = "127.0.0.1:9999".to_owned();
    let next = announce(state.config(), entry).expect("it has moved");
    let effects = check(&state, &next, Author::Node(&uuid(2))).expect("its own address");
    assert_eq!(effects.changed_live, ["/nodes/1/resp"]);
    let found = problems(check(&state, &next, Author::Node(&uuid(3))));
    assert!(found.iter().any(|one| one.hint.contains("POST /config")), "{found:?}");
    let absent = edited(&state, |c| c.settings.durability = Durability::Never);
    let found = problems(check(&state, &absent, Author::Node(&own)));
    assert_eq!(found[0].pointer, "/nodes");
    // Alone or removed, nobody is let in by the back door.
    assert_eq!(announce(&config(), node(2)).expect_err("a single node").pointer, "/mode");
}

#[test]
fn a_removal_is_refused_with_its_reason() {
    let usage = |partition_bytes: u64, nodes: u32| Usage {
        partition_bytes: vec![partition_bytes; 64],
        memory_bytes: (1..=nodes).map(|id| (NodeId(id), 1 << 30)).collect(),
        clock_ahead_ms: BTreeMap::new(),
    };
    let little = Usage::default();
    let much = usage(14 << 20, 5);
    for (nodes, replication, name, dead, usage, expected) in [
        (4, 3, "n9", false, &little, "there is no node"),
        (3, 3, "n1", false, &little, "2 nodes are left for 3 copies"),
        (5, 3, "n1", false, &much, "have room for"),
        (2, 1, "n1", true, &little, "no majority"),
        (1, 1, "n1", false, &little, "the last one with data"),
        // A majority of two is both of them.
        (3, 2, "n2", true, &little, "no majority"),
    ] {
        let mut config = cluster(nodes, replication);
        if (nodes, replication) == (5, 3) {
            config.nodes.pop();
        }
        let state = formed(&config);
        let standing = state.standing(usage, &EVICTIONS);
        let found = remove(
            standing,
            Removal { node: name, leaving: if dead { Leaving::Dead } else { Leaving::Drain } },
        )
        .expect_err(expected);
        assert!(
            found.iter().any(|one| one.problem.contains(expected)),
            "{nodes} nodes, {expected}: {found:?}"
        );
    }
    let state = formed(&cluster(4, 3));
    let standing = state.standing(&little, &EVICTIONS);
    for dead in [false, true] {
        let leaving = if dead { Leaving::Dead } else { Leaving::Drain };
        let next = remove(standing, Removal { node: "n4", leaving }).expect("three of four stay");
        assert_eq!(next.nodes[3].leaving, Some(leaving));
        assert_eq!((next.epoch, next.mode.as_str()), (2, "duplication"));
        assert_eq!(finish_leaving(&next, state.placement()), None, "it has replicas yet");
    }
    let next =
        remove(standing, Removal { node: "n4", leaving: Leaving::Drain }).expect("it may leave");
    let mut state = state.clone();
    let command = state.set_command(next, None);
    state.apply(&command);
    let again = remove(
        state.standing(&little, &EVICTIONS),
        Removal { node: "n4", leaving: Leaving::Drain },
    );
    assert!(again.expect_err("twice")[0].problem.contains("leaves already"));
}

#[test]
fn two_of_three_shards_go_to_one_and_it_is_single_again() {
    let mut state = formed(&cluster(2, 1));
    let usage = Usage::default();
    let next =
        remove(state.standing(&usage, &EVICTIONS), Removal { node: "n1", leaving: Leaving::Drain });
    let next = next.expect("the other takes all");
    assert_eq!(next.mode, "single");
    let command = state.set_command(next, None);
    assert!(matches!(state.apply(&command), Outcome::Set { .. }));
    assert!(state.target().groups.iter().all(|group| group.voters == [NodeId(2)]));
    // Group 0 moves too, the new voter first.
    let leaders = state.placement().numbered().map(|(group, now)| (group, now.voters[0])).collect();
    let caught_up = std::collections::BTreeSet::new();
    let seen = crate::placement::Seen { leaders: &leaders, caught_up: &caught_up };
    let steps = state.next_steps(seen);
    assert!(
        steps.iter().any(|step| matches!(
            step,
            Step::Transfer { group: META, .. } | Step::Remove { group: META, .. }
        )),
        "{steps:?}"
    );
}
