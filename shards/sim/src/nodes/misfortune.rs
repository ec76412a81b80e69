//! Owns what goes wrong by chance: crashes, pauses, parted networks, connections that break, disks that fill up.

use super::world::{Event, World};
use super::{Lean, MS, Settings};
use crate::network::{LinkId, Pace, Standing};
use crate::node::Faults;
use crate::random::{Random, mix};
use hyperion_engine::{Durability, Leader};
use hyperion_model::{GroupId, PartitionId};

/// Files of a core that a disk has room for which is not full.
pub(super) const ROOMY: usize = 64;

/// What a run's machines and its network are like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) pace: Pace,
    /// Parts of 1000 of frames that come twice.
    pub(super) doubled_parts: u64,
    /// Parts of 1000 of turns that take long.
    pub(super) stall_parts: u64,
    /// Longest sync.
    pub(super) sync_ns: u64,
    /// A client's rest between two commands, about.
    pub(super) rest_ns: u64,
    /// Parts of 1000 of commands that only make the logs grow.
    pub(super) filler_parts: u64,
    /// Longest value, in bytes.
    pub(super) bytes: usize,
    /// Between two misfortunes, at most.
    pub(super) peace_ns: u64,
    pub(super) faults: Faults,
}

impl Weather {
    pub(super) fn calm() -> Self {
        Self {
            pace: Pace { least_ns: MS / 20, most_ns: MS, late_ns: MS, late_parts: 0 },
            doubled_parts: 0,
            stall_parts: 0,
            sync_ns: 2 * MS,
            rest_ns: 15 * MS,
            filler_parts: 0,
            bytes: 600,
            peace_ns: 400 * MS,
            faults: Faults::default(),
        }
    }

    pub(super) fn draw(settings: &Settings, random: &mut Random) -> Self {
        let calm = Self::calm();
        if settings.lean == Lean::Calm {
            return calm;
        }
        let is_slow = settings.lean == Lean::Elections;
        let pace = Pace {
            late_ns: [20 * MS, 400 * MS, 700 * MS][random.index(3)],
            late_parts: if is_slow { 60 } else { [0, 2, 10][random.index(3)] },
            ..calm.pace
        };
        let is_synced = settings.durability == Durability::Always;
        Self {
            pace,
            doubled_parts: [0, 0, 20][random.index(3)],
            stall_parts: [0, 0, 1][random.index(3)],
            sync_ns: [2 * MS, 10 * MS, 60 * MS][random.index(3)],
            rest_ns: if settings.lean == Lean::Snapshots || settings.lean == Lean::Spans {
                MS
            } else {
                [3 * MS, 10 * MS, 20 * MS][random.index(3)]
            },
            filler_parts: if settings.lean == Lean::Snapshots { 900 } else { 50 },
            bytes: if settings.lean == Lean::FullDisks {
                6_000
            } else {
                [60, 600, 3_000, 20_000][random.index(4)]
            },
            peace_ns: if settings.lean == Lean::Leaders {
                1_500 * MS
            } else {
                [300 * MS, 1_000 * MS, 2_000 * MS][random.index(3)]
            },
            faults: Faults {
                write_parts: u64::from(random.chance(150)),
                sync_parts: u64::from(is_synced && random.chance(150)),
                fills_up: true,
            },
        }
    }
}

impl World {
    pub(super) fn faults(&self) -> Faults {
        self.weather.faults
    }

    /// Something goes wrong, and the next thing is planned.
    pub(super) fn misfortune(&mut self) {
        if !self.is_busy || self.settings.lean == Lean::Calm {
            return;
        }
        let after_ns = 10 * MS + self.random.below(self.weather.peace_ns);
        self.push(self.now_ns + after_ns, Event::Misfortune);
        let node = self.victim();
        let what = self.random.below(100);
        self.note(&[self.now_ns, what, node as u64]);
        if self.damages() && self.is_by_seed(3) {
            self.nodes[node].old_disk = Some(self.nodes[node].disk.copied());
        }
        if self.settings.lean == Lean::Leaders {
            let for_ns = 350 * MS + self.random.below(600 * MS);
            return match what {
                0..50 => self.pause(node, for_ns),
                50..75 => self.block_one_way(node),
                75..97 => self.split(node),
                _ => self.fell(node, false),
            };
        }
        if self.settings.lean == Lean::FullDisks && self.random.chance(400) {
            let is_full = self.nodes[node].segments_max < ROOMY;
            if is_full {
                self.nodes[node].segments_max = ROOMY;
            } else {
                self.fill_disk(node);
            }
            return;
        }
        match what {
            0..16 => self.fell(node, false),
            16..24 => self.fell(node, self.may_lose_power(node)),
            24..44 => {
                let for_ns = self.random.below(if self.settings.lean == Lean::Snapshots {
                    2_500 * MS
                } else {
                    1_300 * MS
                });
                self.pause(node, for_ns);
            }
            44..58 => self.split(node),
            58..72 => self.block_one_way(node),
            72..90 => self.break_some(node),
            _ => self.pause(node, 20 * MS),
        }
    }

    /// A node, more often one that leads.
    fn victim(&mut self) -> usize {
        let any = self.random.index(self.nodes.len());
        let is_aimed = self.settings.lean == Lean::Leaders;
        let partition = if is_aimed {
            self.hot()
        } else {
            self.random.index(usize::from(self.settings.partitions))
        };
        let leads = |node: &super::node::Node| {
            node.cores.first().is_some_and(|core| core.leaders[partition] == Leader::Own)
        };
        let leader = self.nodes.iter().position(leads);
        if self.settings.members && self.random.chance(400) {
            return self.mover().unwrap_or(any);
        }
        let is_leader = is_aimed || self.random.chance(500);
        leader.filter(|_| is_leader).unwrap_or(any)
    }

    /// Members of a group that this core leads have just changed: the leader and those that are new may be cut off from the others, before
    /// they hear of it, or the leader ends.
    pub(super) fn disturb_moves(&mut self, at: super::core::Place) {
        let mut changed = None;
        let node = &mut self.nodes[at.node];
        let id = node.id;
        let core = &mut node.cores[at.core];
        for (place, leader) in core.leaders.iter().enumerate() {
            let partition = PartitionId(u16::try_from(place).expect("partitions are few"));
            let group = GroupId::of(partition);
            let Some(conf) = core.engine.members(group) else { continue };
            let known = core.seen.get(&group);
            if known.is_some_and(|known| known.index == conf.index) {
                continue;
            }
            if let Some(known) = known.filter(|_| *leader == Leader::Own) {
                let new = conf.voters.iter().filter(|node| !known.is_voter(**node)).copied();
                changed = Some(new.collect::<Vec<u64>>());
            }
            core.seen.insert(group, conf.clone());
        }
        let Some(new) = changed else { return };
        if !self.is_busy || !self.random.chance(400) {
            return;
        }
        if self.random.chance(300) {
            let after_ns = self.random.below(3 * MS);
            self.push(self.out_ns + after_ns, Event::Kill(at.node));
            let after_ns = 4 * MS + self.random.below(800 * MS);
            self.push(self.out_ns + after_ns, Event::Start(at.node));
            return;
        }
        let is_inside = |one: u32| one == id || new.contains(&u64::from(one));
        let ids: Vec<u32> = self.nodes.iter().map(|node| node.id).collect();
        for &one in &ids {
            for &other in &ids {
                if is_inside(one) != is_inside(other) {
                    self.network.block(one, other);
                }
            }
        }
        self.heal_later();
    }

    /// A node that something depends on while replicas move: who leads group 0, or one from which or to which something moves.
    fn mover(&mut self) -> Option<usize> {
        let state = self.newest()?;
        let mut movers: Vec<usize> = Vec::new();
        for group in state.moving() {
            let now = state.placement().group(group).into_iter();
            let wanted = state.target().group(group).into_iter();
            let nodes = now.chain(wanted).flat_map(|it| it.voters.iter().chain(&it.learners));
            movers.extend(nodes.map(|node| super::peers::place_of(node.0)));
        }
        let leads = |node: &super::node::Node| {
            node.cores.first().is_some_and(|core| core.engine.leads_cluster())
        };
        movers.extend(self.nodes.iter().position(leads));
        (!movers.is_empty()).then(|| movers[self.random.index(movers.len())])
    }

    /// A node's process ends, or its power does, and it comes back after a while.
    pub(super) fn fell(&mut self, node: usize, loses_power: bool) {
        self.crash(node, loses_power);
        self.damage(node);
        let longest = if self.settings.lean == Lean::Snapshots { 2_500 * MS } else { 1_200 * MS };
        let most = if self.random.chance(500) { 10 * MS } else { longest };
        let after_ns = MS + self.random.below(most);
        self.push(self.now_ns + after_ns, Event::Start(node));
    }

    fn damages(&self) -> bool {
        self.settings.damages && !self.settings.members
    }

    /// One in `of` moments, without a draw that other runs would notice.
    fn is_by_seed(&self, of: u64) -> bool {
        mix(self.seed ^ mix(self.now_ns)).is_multiple_of(of)
    }

    /// The files of a node that is down turn out to be damaged, unless those of another were and that one has not caught up. What can be saved
    /// is what was there a while ago: older values, a shorter log, an earlier vote.
    fn damage(&mut self, at: usize) {
        let mut others = self.nodes.iter().enumerate().filter(|&(other, _)| other != at);
        if !self.damages() || others.any(|(_, it)| it.lacks_its_end()) || !self.is_by_seed(2) {
            return;
        }
        let node = &mut self.nodes[at];
        let Some(old) = node.old_disk.take().filter(|_| !node.is_up() && !node.is_cut) else {
            return;
        };
        node.disk = old;
        (node.is_set_back, node.was_set_back, node.is_repaired) = (true, true, true);
        self.report.repairs += 1;
        self.say(|_| format!("node {} is damaged and repaired", at + 1));
    }

    /// With commits that are synced later, what most nodes have written outlives one that loses power, and the next when that one has caught up.
    fn may_lose_power(&self, node: usize) -> bool {
        let mut others = self.nodes.iter().enumerate().filter(|&(other, _)| other != node);
        self.is_durable() || !self.settings.members && !others.any(|(_, it)| it.lacks_its_end())
    }

    pub(super) fn pause(&mut self, node: usize, for_ns: u64) {
        let until_ns = self.now_ns + for_ns;
        let node_ = &mut self.nodes[node];
        if !node_.is_up() || node_.paused_ns > self.now_ns {
            return;
        }
        self.report.pauses += 1;
        self.say(|_| format!("node {} stands still for {} ms", node + 1, for_ns / MS));
        let node_ = &mut self.nodes[node];
        node_.paused_ns = until_ns;
        if self.settings.wrong == super::Wrong::ClockStopsInPauses {
            node_.clock.stopped_ns += for_ns;
        }
        let id = node_.id;
        self.push(until_ns, Event::Resume(node));
        self.await_silence(|link: &LinkId| link.to == id);
    }

    pub(super) fn resume(&mut self, node: usize) {
        if self.nodes[node].paused_ns > self.now_ns {
            return;
        }
        for core in 0..self.nodes[node].cores.len() {
            self.wake(super::core::Place { node, core }, self.now_ns);
        }
    }

    /// A node, or two of five, is cut off from the others.
    fn split(&mut self, node: usize) {
        let other = self.random.index(self.nodes.len());
        let takes_two = self.nodes.len() > 3 && self.random.chance(500);
        let is_cut_off = |id: u32| {
            let place = super::peers::place_of(id);
            place == node || takes_two && place == other
        };
        let ids: Vec<u32> = self.nodes.iter().map(|node| node.id).collect();
        for &one in &ids {
            for &other in &ids {
                if is_cut_off(one) != is_cut_off(other) {
                    self.network.block(one, other);
                }
            }
        }
        self.heal_later();
    }

    /// What one node sends to another, or to all, does not arrive.
    fn block_one_way(&mut self, node: usize) {
        let other = self.random.index(self.nodes.len());
        let (is_all, is_inward) = (self.random.chance(400), self.random.chance(500));
        for at in 0..self.nodes.len() {
            if at != node && (is_all || at == other) {
                let (from, to) = if is_inward { (at, node) } else { (node, at) };
                let (from, to) = (self.nodes[from].id, self.nodes[to].id);
                self.network.block(from, to);
            }
        }
        self.heal_later();
    }

    fn heal_later(&mut self) {
        self.say(|world| format!("nothing passes in {:?}", world.network.blocked()));
        self.report.splits += 1;
        let most = if self.random.chance(500) { 600 * MS } else { 2_800 * MS };
        let for_ns = 30 * MS + self.random.below(most);
        self.push(self.now_ns + for_ns, Event::Heal);
        self.await_silence(|_| true);
    }

    /// Connections of a node break.
    fn break_some(&mut self, node: usize) {
        let id = self.nodes[node].id;
        for link in self.network.names(|link| link.from == id || link.to == id) {
            let is_up = matches!(self.network.link(link).standing(), Standing::Up(_));
            if is_up && self.random.chance(400) {
                self.report.broken += 1;
                let after_ns = self.random.below(30 * MS);
                self.break_link(link, self.now_ns + after_ns);
            }
        }
    }
}
