//! Tests of what group 0 holds: the same commands give the same state, of two children one is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClusterState, Command, EpochEntry, HISTORY_MAX, History, Outcome};
use crate::NodeId;
use crate::change::{Author, Refusal, Removal, announce, check_change, remove};
use crate::config::tests::{EVICTIONS, cluster, node, uuid};
use crate::config::{Config, Durability, Leaving, Mode, Usage};
use crate::placement::{Replicas, Seen, Step};

fn formed(config: &Config) -> ClusterState {
    ClusterState::form(&ClusterState::form_command(config)).expect("a form command")
}

/// Does all steps there are, as if every learner caught up at once; returns the commands.
fn settle(state: &mut ClusterState) -> Vec<Command> {
    let mut leaders: BTreeMap<u32, NodeId> = BTreeMap::new();
    for (group, replicas) in state.placement().numbered() {
        leaders.insert(group, replicas.voters[0]);
    }
    let mut commands = Vec::new();
    loop {
        let caught_up: BTreeSet<(u32, NodeId)> = state
            .placement()
            .numbered()
            .flat_map(|(group, replicas)| replicas.learners.iter().map(move |node| (group, *node)))
            .collect();
        let steps = state.next_steps(Seen { leaders: &leaders, caught_up: &caught_up });
        if steps.is_empty() {
            return commands;
        }
        for step in steps {
            if let Step::Transfer { group, to } = step {
                leaders.insert(group, to);
            }
            let command = Command::Stepped { step };
            assert_eq!(state.apply(&command), Outcome::Stepped, "{step:?}");
            commands.push(command);
        }
    }
}

#[test]
fn of_two_children_one_is_taken() {
    let mut state = formed(&cluster(3, 3));
    let (mut first, mut second) = (state.config().next(), state.config().next());
    first.settings.durability = Durability::Interval;
    second.settings.durability = Durability::Never;
    let first = state.set_command(first, None);
    let second = state.set_command(second, None);
    let Outcome::Set { epoch: 2, hash } = state.apply(&first) else { panic!("the first is taken") };
    assert_eq!(hash, state.hash());
    match state.apply(&second) {
        Outcome::Stale(stale) => {
            assert_eq!((stale.epoch, &stale.hash), (2, &hash));
            assert_eq!(stale.diff[0].pointer, "/settings/durability");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(state.apply(&first), Outcome::Same);
    assert_eq!(state.history().entries().len(), 2);
    assert!(state.history().knows(2, &hash) && !state.history().knows(1, &hash));
}

#[test]
fn four_nodes_and_back_to_three_with_every_epoch_in_the_history() {
    let mut config = cluster(3, 3);
    config.partitions = 16;
    let mut state = formed(&config);
    let usage = Usage::default();
    let mut log = vec![ClusterState::form_command(&config)];
    let mut does = |state: &mut ClusterState, command: Command| {
        assert!(matches!(state.apply(&command), Outcome::Set { .. }), "{command:?}");
        log.push(command);
        log.extend(settle(state));
    };
    // A person lets the fourth in and keeps three copies.
    let mut next = state.config().next();
    next.nodes.push(node(4));
    next.mode = Mode::ShardingDuplication.as_str().to_owned();
    let effects = check_change(state.standing(&usage, &EVICTIONS), &next, Author::Person);
    assert_eq!(effects.expect("it may").moves, ["/mode", "/nodes/3"]);
    let command = state.set_command(next, None);
    does(&mut state, command);
    assert_eq!(
        state.placement().partitions().filter(|(_, group)| group.has(NodeId(4))).count(),
        12
    );
    // The first one leaves.
    let next =
        remove(state.standing(&usage, &EVICTIONS), Removal { node: "n1", leaving: Leaving::Drain });
    let next = next.expect("it may leave");
    assert_eq!(next.mode, "duplication");
    let command = state.set_command(next, None);
    assert!(state.finish_command(|_| true).is_none());
    does(&mut state, command);
    assert_eq!(state.placement().replicas_of(NodeId(1)), 0);
    // The map is right, and one leader may not have heard of the removal yet.
    for silent in 0..=state.config().partitions {
        assert!(state.finish_command(|group| group != silent).is_none(), "group {silent}");
    }
    let command = state.finish_command(|_| true).expect("it has nothing left");
    does(&mut state, command);
    assert_eq!(state.moving().count(), 0);
    assert_eq!(state.config().removed, [uuid(1)]);
    let epochs: Vec<u64> = state.history().entries().iter().map(|entry| entry.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4]);
    for pair in state.history().entries().windows(2) {
        assert_eq!(pair[1].parent, pair[0].hash);
    }
    assert_eq!(state.id_last(), NodeId(4));
    let back = announce(state.config(), node(1)).expect_err("it was removed");
    assert!(back.problem.contains("was removed"), "{back}");
    // Another node may have the same commands as bytes, and the state as a snapshot on the way.
    let read = |command: &Command| Command::from_bytes(&command.to_bytes()).expect("its own bytes");
    let mut other = ClusterState::form(&read(&log[0])).expect("the first one forms");
    for command in &log[1..] {
        other.apply(&read(command));
        other = ClusterState::from_bytes(&other.to_bytes()).expect("its own bytes");
    }
    assert_eq!(other, state);
}

#[test]
fn a_setting_leaves_what_is_on_its_way_alone() {
    let mut state = formed(&cluster(3, 3));
    let next = announce(state.config(), node(4)).expect("it may join");
    let command = state.set_command(next, None);
    state.apply(&command);
    let target = state.target().clone();
    assert_eq!(state.moving().count(), 64, "group 0 keeps its three");
    let mut next = state.config().next();
    next.settings.durability = Durability::Never;
    let command = state.set_command(next, Some("by hand".to_owned()));
    assert!(matches!(state.apply(&command), Outcome::Set { epoch: 3, .. }));
    assert_eq!(state.target(), &target);
    assert_eq!(state.history().entry(3).expect("known").note.as_deref(), Some("by hand"));
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut state = formed(&cluster(3, 3));
    let before = state.clone();
    let far = Step::Remove { group: 999, node: NodeId(1) };
    let mut another = cluster(3, 3);
    another.settings.durability = Durability::Never;
    let mut huge = state.config().next();
    huge.settings.memory_bytes_max = Some(crate::config::Size::from_bytes(u64::MAX));
    let huge =
        Command::SetConfig { config: Box::new(huge), target: state.target().clone(), note: None };
    let mut short = state.target().clone();
    short.groups.pop();
    let mut next = state.config().next();
    next.settings.durability = Durability::Never;
    let short = Command::SetConfig { config: Box::new(next), target: short, note: None };
    for command in [
        Command::Stepped { step: far },
        Command::Found { groups: vec![(999, Replicas::default())] },
        ClusterState::form_command(&another),
        ClusterState::form_command(before.config()),
        huge,
        short,
    ] {
        let outcome = state.apply(&command);
        assert!(
            matches!(outcome, Outcome::Unfit(_) | Outcome::Same | Outcome::Stale(_)),
            "{command:?}: {outcome:?}"
        );
        assert_eq!(state, before);
    }
    let found = Replicas { voters: vec![NodeId(2)], learners: vec![NodeId(3)] };
    let command = Command::Found { groups: vec![(1, found.clone())] };
    assert_eq!(Command::from_bytes(&command.to_bytes()), Ok(command.clone()));
    assert_eq!(state.apply(&command), Outcome::Stepped);
    assert_eq!(state.placement().group(1), Some(&found));
    assert!(ClusterState::form(&command).is_none());
    assert!(
        Command::from_bytes(b"{}").expect_err("no command").to_string().contains("newer version")
    );
}

#[test]
fn the_history_forgets_the_oldest() {
    let mut history = History::default();
    for epoch in 1..=HISTORY_MAX as u64 + 5 {
        let hash = format!("{epoch}");
        history.push(EpochEntry { epoch, hash, parent: String::new(), note: None });
    }
    assert_eq!(history.entries().len(), HISTORY_MAX);
    assert!(history.knows(6, "6") && !history.knows(5, "5") && !history.knows(6, "7"));
}

#[test]
fn a_node_that_was_alone_has_all_and_what_is_to_be_elsewhere_moves() {
    let mut alone = cluster(1, 1);
    (alone.mode, alone.epoch) = (Mode::Single.as_str().to_owned(), 3);
    let mut proposed = alone.next();
    (proposed.mode, proposed.replication) = (Mode::Duplication.as_str().to_owned(), 3);
    proposed.nodes.extend([node(2), node(3)]);
    proposed.nodes[0].peer = Some("127.0.0.1:7999".to_owned());
    assert!(ClusterState::grows(&alone, &proposed) && !ClusterState::grows(&alone, &alone.next()));
    let (mut state, effects) =
        ClusterState::grown(&alone, &proposed, &EVICTIONS).expect("it may become a cluster");
    assert!(effects.changed_live.contains(&"/nodes/0/peer".to_owned()), "{effects:?}");
    assert_eq!((state.config().epoch, state.history().entries().len()), (4, 2));
    for (group, replicas) in state.placement().numbered() {
        assert_eq!(
            (&replicas.voters[..], replicas.learners.len()),
            (&[NodeId(1)][..], 0),
            "{group}"
        );
    }
    assert_eq!(state.moving().count(), 65);
    settle(&mut state);
    assert_eq!(state.moving().count(), 0);

    // What is not the cluster's is as for a node that is alone.
    proposed.nodes[0].resp = "127.0.0.1:7998".to_owned();
    proposed.nodes[0].name = "other".to_owned();
    let refused = ClusterState::grown(&alone, &proposed, &EVICTIONS).expect_err("it listens there");
    let Refusal::Invalid(problems) = refused else { panic!("{refused:?}") };
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].pointer, "/nodes/0/resp");
    assert!(problems[0].hint.starts_with("stop the node, edit"), "{problems:?}");
}
