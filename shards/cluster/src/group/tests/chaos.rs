//! Owns what goes wrong by chance, and the end: all heals, and all agree.

use hyperion_model::GroupId;

use super::faults::Faults;
use super::random::mix;
use super::world::{CALM, MS, Weather, World};
use crate::group::{Bounds, Change};

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) violations: Vec<String>,
    pub(super) trace: u64,
    pub(super) lease_reads: u64,
    pub(super) index_reads: u64,
    pub(super) writes: u64,
    pub(super) beats: u64,
    pub(super) snapshots: u64,
    pub(super) changes: u64,
}

/// One run of a seed.
pub(super) fn run(seed: u64, faults: Faults) -> Outcome {
    let nodes = 3 + seed % 3;
    let voters: Vec<u64> = (1..=if seed.is_multiple_of(4) { nodes } else { 3 }).collect();
    let bounds = Bounds {
        tail_entries: 48,
        tail_bytes: 1 << 20,
        core_bytes: if seed.is_multiple_of(5) { 24 << 10 } else { 1 << 30 },
        uncommitted_bytes: 16 << 10,
    };
    let mut world = World::new(mix(seed), &voters, nodes, 2, bounds);
    world.set_faults(faults);
    world.weather = weather(&mut world);
    let end_ns = world.now_ns + 8_000 * MS;
    while world.now_ns < end_ns {
        let pause_ns = world.random.between(30 * MS, 350 * MS);
        world.run(pause_ns);
        misfortune(&mut world);
    }
    settle(&mut world);
    let checks = &mut world.checks;
    Outcome {
        violations: std::mem::take(&mut checks.violations),
        trace: world.trace,
        lease_reads: checks.lease_reads,
        index_reads: checks.index_reads,
        writes: checks.writes,
        beats: checks.beats,
        snapshots: checks.snapshots,
        changes: checks.changes,
    }
}

fn weather(world: &mut World) -> Weather {
    let random = &mut world.random;
    Weather {
        dropped: random.pick(&[0, 5, 50]),
        doubled: random.pick(&[0, 10, 50]),
        late: random.pick(&[0, 5, 40]),
        sync_ns_max: random.pick(&[2 * MS, 20 * MS, 120 * MS]),
        reads: 300,
        writes: random.pick(&[50, 200]),
    }
}

fn misfortune(world: &mut World) {
    let ids: Vec<u64> = world.lives.keys().copied().collect();
    let id = world.random.pick(&ids);
    let group = {
        let groups = world.groups.clone();
        world.random.pick(&groups)
    };
    // Leaders deserve it more often.
    let id = if world.random.chance(500) { world.leader(group).unwrap_or(id) } else { id };
    match world.random.below(10) {
        0 => {
            let noticed = world.random.chance(500);
            world.crash(id, noticed);
            let for_ns = world.random.between(5 * MS, 1_200 * MS);
            world.start_after(id, for_ns);
        }
        1 | 2 => {
            let for_ns = world.random.between(20 * MS, 1_500 * MS);
            world.pause(id, for_ns);
        }
        3 => {
            let other = world.random.pick(&ids);
            let side: Vec<u64> =
                ids.iter().copied().filter(|one| *one == id || *one == other).collect();
            world.split(&side);
            let for_ns = world.random.between(50 * MS, 1_500 * MS);
            world.heal_after(for_ns);
        }
        4 | 5 => {
            // One way only.
            let other = world.random.pick(&ids);
            world.block(id, other);
            let for_ns = world.random.between(50 * MS, 1_500 * MS);
            world.heal_after(for_ns);
        }
        6 => {
            let to = world.random.pick(&ids);
            if let Some(node) = world.nodes.get_mut(&id) {
                let _ = node.groups.transfer_leader(group, to);
            }
            world.wake(id, 0);
        }
        7 => change_members(world, group),
        8 => {
            // A follower stops hearing the leader and campaigns; just then the leader is cut off from all.
            let other = world.random.pick(&ids);
            world.block(id, other);
            // Nothing is written meanwhile: its log would be no reason to refuse it.
            let writes = std::mem::take(&mut world.weather.writes);
            let for_ns = world.random.between(250 * MS, 420 * MS);
            world.run(for_ns);
            world.split(&[id]);
            world.weather.writes = 500;
            world.run(200 * MS);
            world.weather.writes = writes;
            world.heal_after(MS);
        }
        _ => {
            // A false alarm.
            let lost = world.random.pick(&ids);
            if let Some(node) = world.nodes.get_mut(&id) {
                node.groups.peer_lost(lost);
            }
        }
    }
}

fn change_members(world: &mut World, group: GroupId) {
    let Some(leader) = world.leader(group) else { return };
    let ids: Vec<u64> = world.lives.keys().copied().collect();
    let mut changes = Vec::new();
    let count = world.random.between(1, 3);
    let conf = world.nodes[&leader].groups.conf(group).expect("the group is here").clone();
    let mut voters = conf.voters.len();
    for _ in 0..count {
        let id = world.random.pick(&ids);
        let change = if !conf.is_member(id) {
            Change::Learner(id)
        } else if conf.learners.contains(&id) {
            if !world.nodes[&leader].groups.is_caught_up(group, id) {
                continue;
            }
            voters += 1;
            Change::Voter(id)
        } else {
            if voters <= 2 {
                continue;
            }
            voters -= 1;
            if world.random.chance(300) { Change::Learner(id) } else { Change::Remove(id) }
        };
        let named = |one: &Change| matches!(*one, Change::Voter(of) | Change::Learner(of) | Change::Remove(of) if of == id);
        if !changes.iter().any(named) {
            changes.push(change);
        }
    }
    if let Some(node) = world.nodes.get_mut(&leader) {
        let _ = node.groups.propose_conf_change(group, &changes);
    }
    world.wake(leader, 0);
}

/// Everything heals: within a time there is a leader, it takes a write, and all members have applied it.
fn settle(world: &mut World) {
    world.blocked.clear();
    world.weather = Weather { reads: 300, ..CALM };
    let ids: Vec<u64> = world.lives.keys().copied().collect();
    for id in &ids {
        world.start(*id);
        if world.paused.remove(id) {
            world.wake(*id, 0);
        }
    }
    // Late messages and heals of the past come to their end.
    world.run(1_500 * MS);
    world.blocked.clear();
    for group in world.groups.clone() {
        let led = world.run_until(8_000 * MS, |world| world.leader(group).is_some());
        let leader = world.leader(group).filter(|_| led);
        let Some(leader) = leader else {
            let state: Vec<_> = world.nodes.values().map(|node| node.groups.tell(group)).collect();
            world.checks.wrong(format!("{group:?}: nobody leads after all has healed: {state:#?}"));
            continue;
        };
        if !world.write(leader, group) {
            world
                .checks
                .wrong(format!("{group:?}: the leader takes no write after all has healed"));
        }
        let agreed = world.run_until(8_000 * MS, |world| converged(world, group));
        if !agreed {
            let state: Vec<_> = world.nodes.values().map(|node| node.groups.tell(group)).collect();
            world.checks.wrong(format!("{group:?}: no agreement after all has healed: {state:#?}"));
        }
    }
}

fn converged(world: &World, group: GroupId) -> bool {
    let Some(leader) = world.leader(group) else { return false };
    let node = &world.nodes[&leader];
    let conf = node.groups.conf(group).expect("the group is here");
    let image = &node.images[&group];
    let members = world.nodes.values().filter(|node| conf.is_member(node.id));
    !conf.is_joint()
        && image.applied == image.last()
        && image.applied >= world.checks.acknowledged(group)
        && members.into_iter().all(|node| {
            node.images[&group].applied == image.applied
                && node.images[&group].records == image.records
        })
}
