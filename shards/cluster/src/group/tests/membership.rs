//! Changes of members and snapshots in a calm world.

use hyperion_model::GroupId;

use super::lab::Lab;
use super::world::{MS, World};
use crate::group::{Bounds, Change, Effect, RecoveredGroup, Refusal};

const GROUP: GroupId = GroupId(0);

fn small() -> Bounds {
    Bounds { tail_entries: 64, ..Bounds::default() }
}

fn led(voters: &[u64], nodes: u64) -> (World, u64) {
    let mut world = World::new(3, voters, nodes, 1, small());
    assert!(world.run_until(2_000 * MS, |world| world.leader(GROUP).is_some()));
    let leader = world.leader(GROUP).expect("just seen");
    (world, leader)
}

fn write(world: &mut World, count: u64) {
    for _ in 0..count {
        let leader = world.leader(GROUP).expect("somebody leads");
        assert!(world.write(leader, GROUP));
        world.run(MS);
    }
    world.run(100 * MS);
}

fn change(world: &mut World, changes: &[Change]) {
    let leader = world.leader(GROUP).expect("somebody leads");
    let node = world.nodes.get_mut(&leader).expect("it is up");
    node.groups.propose_conf_change(GROUP, changes).expect("it is taken");
    world.wake(leader, 0);
    world.run(300 * MS);
}

#[test]
fn a_learner_gets_a_snapshot_is_promoted_and_takes_a_place() {
    let (mut world, leader) = led(&[1, 2, 3], 4);
    write(&mut world, 200);
    change(&mut world, &[Change::Learner(4)]);
    assert!(
        world.run_until(2_000 * MS, |world| { world.nodes[&leader].groups.is_caught_up(GROUP, 4) })
    );
    assert_eq!(world.checks.snapshots, 1, "the log's beginning is not kept");
    let leaves = (1..=3).find(|id| *id != leader).expect("there are followers");
    change(&mut world, &[Change::Voter(4), Change::Remove(leaves)]);
    let conf = world.nodes[&leader].groups.conf(GROUP).expect("it is there").clone();
    assert!(!conf.is_joint() && conf.is_voter(4) && !conf.is_member(leaves), "{conf:?}");
    write(&mut world, 10);
    assert_eq!(world.nodes[&4].applied(GROUP), world.nodes[&leader].applied(GROUP));
    assert_eq!(world.checks.violations, Vec::<String>::new());
}

#[test]
fn a_leader_that_removes_itself_steps_down() {
    let (mut world, leader) = led(&[1, 2, 3], 3);
    change(&mut world, &[Change::Remove(leader)]);
    assert!(world.run_until(2_000 * MS, |world| {
        world.leader(GROUP).is_some_and(|other| other != leader)
    }));
    assert!(world.nodes[&leader].groups.next_position(GROUP).is_err());
    write(&mut world, 5);
    assert_eq!(world.checks.violations, Vec::<String>::new());
}

#[test]
fn a_follower_that_lags_past_the_bound_gets_a_snapshot() {
    let (mut world, leader) = led(&[1, 2, 3], 3);
    let lags = (1..=3).find(|id| *id != leader).expect("there are followers");
    for (count, expected) in [(40, 0), (300, 1)] {
        world.split(&[lags]);
        write(&mut world, count);
        let (entries, _) = world.nodes[&leader].groups.tail_size(GROUP);
        assert!(entries <= 64, "{entries} entries are kept");
        world.blocked.clear();
        world.run(2_000 * MS);
        assert_eq!(world.nodes[&lags].applied(GROUP), world.nodes[&leader].applied(GROUP));
        assert_eq!(world.checks.snapshots, expected, "after {count} writes");
    }
}

#[test]
fn what_all_members_have_is_forgotten_by_all() {
    let (mut world, _) = led(&[1, 2, 3], 3);
    write(&mut world, 300);
    world.run(1_000 * MS);
    write(&mut world, 1);
    world.run(1_000 * MS);
    for node in world.nodes.values() {
        let (entries, _) = node.groups.tail_size(GROUP);
        assert!(entries <= 64, "node {} keeps {entries}", node.id);
        let truncated = node.groups.state(GROUP).expect("it is there").truncated;
        assert!(truncated.index > 200, "node {}: {truncated:?}", node.id);
    }
}

#[test]
fn refused_changes_say_why() {
    let (mut world, leader) = led(&[1, 2, 3], 3);
    let node = world.nodes.get_mut(&leader).expect("it is up");
    for changes in [&[][..], &[Change::Remove(1), Change::Remove(2), Change::Remove(3)]] {
        let refusal = node.groups.propose_conf_change(GROUP, changes);
        assert!(matches!(refusal, Err(Refusal::Invalid(_))), "{changes:?}: {refusal:?}");
    }
    node.groups.propose_conf_change(GROUP, &[Change::Learner(9)]).expect("it is taken");
    let refusal = node.groups.propose_conf_change(GROUP, &[Change::Learner(8)]);
    assert_eq!(refusal, Err(Refusal::ChangePending));
}

#[test]
fn proposals_past_the_bound_are_refused_and_taken_again() {
    let bounds = Bounds { uncommitted_bytes: 1_000, ..Bounds::default() };
    let mut world = World::new(3, &[1, 2, 3], 3, 1, bounds);
    assert!(world.run_until(2_000 * MS, |world| world.leader(GROUP).is_some()));
    let leader = world.leader(GROUP).expect("just seen");
    let mut taken = 0;
    while world.write(leader, GROUP) {
        taken += 1;
        assert!(taken < 10, "1,000 bytes are a few entries");
    }
    let node = &world.nodes[&leader];
    assert!(matches!(node.groups.next_position(GROUP), Err(Refusal::Full { .. })));
    world.run(100 * MS);
    assert!(world.write(leader, GROUP));
}

#[test]
fn after_a_kill_somebody_leads_within_a_second() {
    let mut slowest_ns = 0;
    for seed in 0..50 {
        let mut world = World::new(seed, &[1, 2, 3], 3, 4, Bounds::default());
        let all = |world: &World| (0..4).all(|group| world.leader(GroupId(group)).is_some());
        assert!(world.run_until(3_000 * MS, all));
        let leader = world.leader(GROUP).expect("just seen");
        world.crash(leader, true);
        let begun_ns = world.now_ns;
        assert!(world.run_until(3_000 * MS, all), "seed {seed}");
        slowest_ns = slowest_ns.max(world.now_ns - begun_ns);
    }
    println!("slowest of 50 kills: {} ms", slowest_ns / MS);
    assert!(slowest_ns < 1_000 * MS, "{} ms", slowest_ns / MS);
}

/// Raft goes on probing a learner whose answer to a snapshot came before the word that the snapshot had ended, and where nothing is
/// written it does so for ever: moves stood still.
#[test]
fn a_learner_of_an_idle_group_is_caught_up_whichever_word_comes_first() {
    let (mut lab, leader) = Lab::led(1);
    lab.start(2, RecoveredGroup::joining());
    lab.node(leader).propose_conf_change(GROUP, &[Change::Learner(2)]).expect("it is taken");
    lab.pass(200);
    let wanted = lab.effects.iter().find_map(|(id, effect)| match effect {
        Effect::SnapshotWanted { to: 2, message, .. } if *id == leader => Some(message.clone()),
        _ => None,
    });
    let header = wanted.expect("who has nothing gets all");
    assert!(!lab.node(leader).is_caught_up(GROUP, 2));
    lab.node(2).install_begin(GROUP, &header).expect("it needs it");
    lab.ready(2);
    lab.node(2).step(GROUP, *header).expect("it is sound");
    lab.ready(2);
    lab.deliver();
    lab.node(leader).snapshot_done(GROUP, 2);
    lab.pass(300);
    assert!(lab.node(leader).is_caught_up(GROUP, 2) && lab.node(leader).may_lead(GROUP, 2));
    lab.node(leader).propose_conf_change(GROUP, &[Change::Voter(2)]).expect("it is taken");
    lab.pass(200);
    assert!(lab.node(leader).conf(GROUP).expect("it is there").is_voter(2));
}

#[test]
fn a_leader_that_steps_down_is_followed_in_another_term() {
    let (mut lab, leader) = Lab::led(3);
    let term = lab.node(leader).term(GROUP);
    assert!(lab.node(leader).serves(GROUP));
    let follower = lab.follower(leader);
    lab.isolate(follower);
    lab.pass(1_000);
    assert!(!lab.node(leader).has_all(GROUP, follower), "it is silent");
    lab.node(leader).step_down(GROUP);
    lab.ready(leader);
    assert!(!lab.node(leader).serves(GROUP));
    assert!(lab.saw(leader, |effect| matches!(effect, Effect::LostLeader { .. })));
    lab.effects.clear();
    lab.pass(2_000);
    let next = lab.leader();
    assert!(lab.node(next).term(GROUP) > term && lab.node(next).serves(GROUP));
}
