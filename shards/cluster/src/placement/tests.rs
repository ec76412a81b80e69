//! Tests of placement: balance, few moves, and never a vote too few, whatever the nodes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    GROUPS_AT_A_TIME, META, Placement, Replicas, Seen, Step, StepError, dry_run, initial,
    next_meta_step, next_steps, plan, target,
};
use crate::NodeId;
use crate::config::tests::{cluster, node};
use crate::config::{Config, Leaving, Mode, Role};

/// A config of so many nodes, of which some say that they leave.
fn config_of(nodes: u32, replication: u32, leaving: &[u32], racks: u32, voter: bool) -> Config {
    let mut config = cluster(nodes, replication);
    config.partitions = 16;
    for node in &mut config.nodes {
        if leaving.contains(&node.id.0) {
            node.leaving = Some(Leaving::Drain);
        }
        if racks > 0 {
            node.rack = Some(format!("r{}", node.id.0 % racks));
        }
    }
    if voter {
        let mut voter = node(nodes + 1);
        voter.role = Role::Voter;
        config.nodes.push(voter);
    }
    config.mode = Mode::fitting(config.data_nodes().count(), replication).as_str().to_owned();
    config
}

fn is_data(config: &Config, id: NodeId) -> bool {
    config.node(id).is_none_or(|node| node.role == Role::Data)
}

fn loads(placement: &Placement, config: &Config) -> BTreeMap<NodeId, usize> {
    let count = |id: NodeId| {
        placement.partitions().filter(|(_, replicas)| replicas.voters.contains(&id)).count()
    };
    config.data_nodes().map(|node| (node.id, count(node.id))).collect()
}

fn spread(counts: impl Iterator<Item = usize> + Clone) -> usize {
    counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
}

fn check_target(placement: &Placement, config: &Config) {
    for (group, replicas) in placement.partitions() {
        let data: Vec<NodeId> =
            replicas.voters.iter().copied().filter(|id| is_data(config, *id)).collect();
        let distinct: BTreeSet<&NodeId> = replicas.voters.iter().collect();
        assert_eq!(distinct.len(), replicas.voters.len(), "group {group}: {replicas:?}");
        assert_eq!(data.len(), config.replication as usize, "group {group}: {replicas:?}");
        assert!(is_data(config, replicas.voters[0]), "a log alone never leads: {replicas:?}");
        for id in &replicas.voters {
            let node = config.node(*id).expect("a node of the config");
            assert!(node.leaving.is_none(), "group {group}: {replicas:?}");
        }
    }
    let loads = loads(placement, config);
    assert!(spread(loads.values().copied()) <= 1, "{loads:?}");
}

#[test]
fn a_new_cluster_is_balanced_and_so_are_its_leaders() {
    for (nodes, replication, voter) in [
        (1, 1, false),
        (2, 1, false),
        (2, 2, true),
        (3, 3, false),
        (4, 3, false),
        (5, 2, true),
        (7, 3, false),
    ] {
        let config = config_of(nodes, replication, &[], 0, voter);
        let placement = initial(&config);
        check_target(&placement, &config);
        let mut leads = BTreeMap::new();
        for node in config.data_nodes() {
            leads.insert(node.id, 0);
        }
        for (_, replicas) in placement.partitions() {
            *leads.get_mut(&replicas.voters[0]).expect("a data node") += 1;
        }
        assert!(spread(leads.values().copied()) <= 1, "{nodes} nodes: {leads:?}");
        assert_eq!(placement, initial(&config), "the same twice");
        let with_log = placement
            .partitions()
            .all(|(_, group)| group.voters.last() == Some(&NodeId(nodes + 1)));
        assert_eq!(with_log, voter && replication % 2 == 0, "{nodes} nodes");
    }
}

#[test]
fn group_0_has_an_odd_number_of_voters() {
    for (nodes, voter, expected) in [
        (1, false, 1),
        (2, false, 2),
        (2, true, 3),
        (3, false, 3),
        (4, false, 3),
        (4, true, 3),
        (5, false, 5),
        (9, false, 5),
    ] {
        let config = config_of(nodes, 1, &[], 0, voter);
        assert_eq!(initial(&config).groups[0].voters.len(), expected, "{nodes} nodes");
    }
    // Those that are there stay, the others come from other racks.
    let mut config = config_of(4, 3, &[1], 2, false);
    config.nodes[3].rack = Some("far".to_owned());
    let mut before = initial(&config_of(4, 3, &[], 0, false));
    before.groups[0].voters = vec![NodeId(1), NodeId(2), NodeId(3)];
    let after = target(&before, &config);
    assert_eq!(after.groups[0].voters, [NodeId(2), NodeId(3), NodeId(4)]);
}

#[test]
fn copies_stand_in_different_racks() {
    for (nodes, racks, replication) in [(4, 2, 2), (6, 3, 3), (6, 3, 2), (9, 3, 3), (6, 2, 2)] {
        let config = config_of(nodes, replication, &[], racks, false);
        let placement = initial(&config);
        check_target(&placement, &config);
        for (group, replicas) in placement.partitions() {
            let racks: BTreeSet<u32> = replicas.voters.iter().map(|id| id.0 % racks).collect();
            assert_eq!(racks.len(), replication as usize, "group {group}: {replicas:?}");
        }
    }
}

#[test]
fn a_new_node_takes_its_share_and_nothing_else_moves() {
    let before = initial(&config_of(3, 3, &[], 0, false));
    let config = config_of(4, 3, &[], 0, false);
    let plan = plan(&before, &config);
    let learners: Vec<NodeId> = plan
        .steps()
        .filter_map(|step| match step {
            Step::AddLearner { node, group } if group != META => Some(node),
            _ => None,
        })
        .collect();
    // 16 partitions of 3 copies on 4 nodes: 12 each.
    assert_eq!(learners, vec![NodeId(4); 12]);
}

#[test]
fn the_leader_hands_over_before_its_replica_goes() {
    let before = initial(&config_of(3, 3, &[], 0, false));
    let mut with_fourth = config_of(4, 3, &[1], 0, false);
    with_fourth.mode = "duplication".to_owned();
    let plan = plan(&before, &with_fourth);
    for (group, replicas) in before.numbered() {
        let of_group: Vec<Step> = plan.steps().filter(|step| step.group() == group).collect();
        let goes = of_group
            .iter()
            .position(|step| matches!(step, Step::Promote { instead_of: Some(NodeId(1)), .. }));
        let goes = goes.unwrap_or_else(|| panic!("group {group} keeps node 1: {of_group:?}"));
        if replicas.voters[0] == NodeId(1) {
            let hands_over = of_group.iter().position(|step| matches!(step, Step::Transfer { .. }));
            assert!(hands_over.is_some_and(|at| at < goes), "group {group}: {of_group:?}");
        }
    }
    // The only copy: both vote until the lead has gone over.
    let before = initial(&config_of(2, 1, &[], 0, false));
    let plan = super::plan(&before, &config_of(2, 1, &[1], 0, false));
    let moved = before.partitions().find(|(_, group)| group.voters == [NodeId(1)]);
    let (group, _) = moved.expect("half of the partitions are there");
    let steps: Vec<Step> = plan.steps().filter(|step| step.group() == group).collect();
    assert_eq!(
        steps,
        [
            Step::AddLearner { group, node: NodeId(2) },
            Step::Promote { group, node: NodeId(2), instead_of: None },
            Step::Transfer { group, to: NodeId(2) },
            Step::Remove { group, node: NodeId(1) },
        ]
    );
}

#[test]
fn a_group_waits_for_its_leader_and_its_learner() {
    let before = initial(&config_of(3, 3, &[], 0, false));
    let config = config_of(4, 3, &[], 0, false);
    let wanted = target(&before, &config);
    let nobody = BTreeMap::new();
    let none = BTreeSet::new();
    let seen = Seen { leaders: &nobody, caught_up: &none };
    assert_eq!(next_steps(&before, &wanted, &config, seen), []);
    let leaders: BTreeMap<u32, NodeId> =
        before.numbered().map(|(group, replicas)| (group, replicas.voters[0])).collect();
    let seen = Seen { leaders: &leaders, caught_up: &none };
    let mut now = before.clone();
    let first = next_steps(&now, &wanted, &config, seen);
    let learners = first.iter().filter(|step| matches!(step, Step::AddLearner { .. })).count();
    assert_eq!(learners, 2, "one node catches up in two groups at a time: {first:?}");
    for step in first {
        if matches!(step, Step::AddLearner { .. }) {
            now.apply(step).expect("it fits");
        }
    }
    let again = next_steps(&now, &wanted, &config, seen);
    assert!(again.iter().all(|step| matches!(step, Step::Transfer { .. })), "{again:?}");
}

#[test]
fn steps_that_do_not_fit_change_nothing() {
    let mut placement = initial(&config_of(3, 3, &[], 0, false));
    let before = placement.clone();
    let (group, node) = (1, NodeId(9));
    for step in [
        Step::AddLearner { group, node: NodeId(1) },
        Step::Promote { group, node, instead_of: None },
        Step::Promote { group, node: NodeId(1), instead_of: None },
        Step::Remove { group, node },
        Step::Transfer { group, to: node },
    ] {
        assert_eq!(placement.apply(step), Err(StepError::Unfit(step)));
        assert_eq!(placement, before);
    }
    let far = Step::AddLearner { group: 99, node };
    assert_eq!(placement.apply(far), Err(StepError::GroupUnknown(99)));
    let mut alone = initial(&config_of(1, 1, &[], 0, false));
    let last = Step::Remove { group, node: NodeId(1) };
    assert_eq!(alone.apply(last), Err(StepError::Unfit(last)), "the last voter stays");
}

#[test]
fn a_dry_run_tells_bytes_and_time() {
    let before = initial(&config_of(3, 3, &[], 0, false));
    let config = config_of(4, 3, &[], 0, false);
    let plan = plan(&before, &config);
    let told = dry_run(&before, &plan, &config, &[100 << 20; 16], 100 << 20);
    assert_eq!(told.transfers.len(), 12);
    assert_eq!(told.bytes, 1200 << 20);
    // All of it goes to one node, which takes one partition a second.
    assert_eq!(told.seconds, 12);
    assert!(told.transfers.iter().all(|one| one.to == NodeId(4) && one.from != NodeId(4)));
    let there = initial(&config);
    let nothing = dry_run(&there, &super::plan(&there, &config), &config, &[], 0);
    assert_eq!((nothing.bytes, nothing.seconds, nothing.transfers.len()), (0, 0, 0));
}

#[test]
fn the_largest_cluster_is_worked_out() {
    let mut config = config_of(60, 3, &[], 7, false);
    config.partitions = 1024;
    let before = initial(&config);
    check_target(&before, &config);
    for node in &mut config.nodes[..2] {
        node.leaving = Some(Leaving::Drain);
    }
    let way = plan(&before, &config);
    check_target(&way.target, &config);
    assert!(!way.is_empty());
}

/// The copies that no plan could do without: those that partitions miss once the nodes that leave are gone, those that fill up the
/// emptiest nodes, and those that are not there within what balance leaves to each node.
fn copies_needed(before: &Placement, config: &Config) -> usize {
    let copies = config.replication as usize;
    let nodes = config.data_nodes().count();
    let total = config.partitions as usize * copies;
    let (low, high) = (total / nodes, total.div_ceil(nodes));
    let mut kept: BTreeMap<NodeId, usize> = config.data_nodes().map(|node| (node.id, 0)).collect();
    let mut missing = 0;
    for (_, replicas) in before.partitions() {
        let stay: Vec<&NodeId> =
            replicas.voters.iter().filter(|id| kept.contains_key(id)).collect();
        missing += copies.saturating_sub(stay.len());
        for id in stay {
            *kept.get_mut(id).expect("it stays") += 1;
        }
    }
    let deficit: usize = kept.values().map(|load| low.saturating_sub(*load)).sum();
    let usable: usize = kept.values().map(|load| *load.min(&high)).sum();
    missing.max(deficit).max(total.saturating_sub(usable))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_way_keeps_the_votes_and_ends_balanced(
        nodes in 1_u32..8,
        replication in 1_u32..4,
        later_nodes in 1_u32..9,
        later_replication in 1_u32..4,
        leaving in proptest::collection::vec(1_u32..9, 0..3),
        racks in 0_u32..4,
        voter in any::<bool>(),
    ) {
        let replication = replication.min(nodes);
        let first = config_of(nodes, replication, &[], racks, voter);
        let before = initial(&first);
        check_target(&before, &first);
        // Who was there stays in the list until it has given everything up.
        let mut second = config_of(nodes.max(later_nodes), 1, &leaving, racks, false);
        prop_assume!(second.data_nodes().count() > 0);
        second.replication = later_replication.min(u32::try_from(second.data_nodes().count()).unwrap());
        if voter {
            let mut voter = node(nodes + 1);
            voter.id = NodeId(90);
            voter.role = Role::Voter;
            second.nodes.push(voter);
        }
        let mut now = before.clone();
        for replicas in &mut now.groups {
            for id in &mut replicas.voters {
                if voter && *id == NodeId(nodes + 1) {
                    *id = NodeId(90);
                }
            }
        }
        let begun = now.clone();
        let way = plan(&now, &second);
        check_target(&way.target, &second);
        prop_assert_eq!(&way, &plan(&begun, &second), "the same twice");
        let floor = replication.min(second.replication) as usize;
        for round in &way.rounds {
            let groups: BTreeSet<u32> = round.iter().map(|step| step.group()).collect();
            prop_assert_eq!(groups.len(), round.len(), "one step a group");
            for step in round {
                now.apply(*step).expect("it fits");
                for (group, replicas) in now.partitions() {
                    let data = replicas.voters.iter().filter(|id| is_data(&second, **id)).count();
                    prop_assert!(data >= floor, "group {}: {:?} after {:?}", group, replicas, step);
                }
                let open = now.groups.iter().filter(|replicas| !replicas.learners.is_empty());
                prop_assert!(open.count() <= GROUPS_AT_A_TIME + 1);
            }
        }
        now.adopt_order(&way.target);
        prop_assert_eq!(&now, &way.target);
        prop_assert!(plan(&now, &second).is_empty(), "nothing is left to do");
        if racks == 0 {
            let copies = way.steps().filter(|step| match step {
                Step::AddLearner { group, node } => *group != META && is_data(&second, *node),
                _ => false,
            }).count();
            let needed = copies_needed(&begun, &second);
            // The bound does not see that a node with room may hold the very partitions that miss a copy.
            let slack = 2;
            prop_assert!(copies <= needed + slack, "{} copies, {} needed", copies, needed);
        }
    }

    #[test]
    fn a_way_may_be_left_and_taken_up_at_any_step(
        nodes in 3_u32..6,
        cut in 0_usize..60,
        leaver in 1_u32..4,
    ) {
        let before = initial(&config_of(nodes, 2, &[], 0, false));
        let grown = config_of(nodes + 1, 2, &[], 0, false);
        let mut now = before;
        for step in plan(&now, &grown).steps().take(cut) {
            now.apply(step).expect("it fits");
        }
        // Another config comes on the way: learners that nobody wants any more go.
        let other = config_of(nodes + 1, 2, &[leaver], 0, false);
        let way = plan(&now, &other);
        check_target(&way.target, &other);
        for step in way.steps() {
            now.apply(step).expect("it fits");
            prop_assert!(now.partitions().all(|(_, replicas)| replicas.voters.len() >= 2));
        }
        prop_assert_eq!(now.replicas_of(NodeId(leaver)), 0);
    }
}

/// Does the steps of group 0 as its leader does, nodes that stay listening without their vote; gives its members in the end.
fn settle_meta(mut now: Replicas, wanted: &Replicas, config: &Config, may_go: bool) -> Replicas {
    let mut leader = now.voters[0];
    for _ in 0..64 {
        let step = next_meta_step(&now, wanted, leader, config, |_| true, |_| may_go);
        let Some(step) = step else { return now };
        let before = now.clone();
        let mut placement = Placement { groups: vec![now] };
        placement.apply(step).expect("a next step fits");
        now = placement.groups.remove(0);
        if let Step::Transfer { to, .. } = step {
            leader = to;
        }
        let lost = before.voters.iter().find(|node| !now.voters.contains(node));
        if let Some(lost) = lost.filter(|node| config.node(**node).is_some()) {
            now.learners.push(*lost);
        }
        assert!(now.voters.contains(&leader), "{step:?} takes the leader away: {before:?}");
    }
    panic!("the steps of group 0 go in a circle");
}

#[test]
fn every_node_listens_to_group_0_until_it_is_out_and_has_heard_of_it() {
    let mut config = config_of(7, 3, &[], 0, false);
    let wanted = initial(&config).groups[0].clone();
    assert_eq!(wanted.voters.len(), 5);
    let now = settle_meta(wanted.clone(), &wanted, &config, false);
    assert!(now.same_voters(&wanted) && now.learners.len() == 2, "{now:?}");

    // The leader leaves: another one votes in its place, and it goes on listening.
    let first = now.voters[0];
    config.nodes[first.0 as usize - 1].leaving = Some(Leaving::Drain);
    let wanted = target(&Placement { groups: vec![now.clone(); 17] }, &config).groups[0].clone();
    assert!(!wanted.voters.contains(&first));
    let now = settle_meta(now, &wanted, &config, false);
    assert!(now.same_voters(&wanted) && now.learners.contains(&first), "{now:?}");

    // It is out of the config: it goes once it has heard of it.
    config.nodes.retain(|node| node.id != first);
    assert!(settle_meta(now.clone(), &wanted, &config, false).learners.contains(&first));
    let now = settle_meta(now, &wanted, &config, true);
    assert!(now.same_voters(&wanted) && !now.has(first), "{now:?}");
}
