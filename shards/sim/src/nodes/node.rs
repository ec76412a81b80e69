//! Owns one node: its disk, its clock, and its cores while its process lives.

use super::core::{Core, Mail};
use super::member::Member;
use super::misfortune::ROOMY;
use super::{MS, founding};
use crate::disk::{Disk, Lies};
use crate::random::Random;
use hyperion_model::{GroupId, PartitionMap};
use hyperion_store::{RecoveredGroup, Store};
use std::collections::{BTreeMap, VecDeque};

/// How a node's clocks stand to the world's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// World time, ns, at which the machine was switched on.
    pub(super) on_ns: u64,
    /// How much faster it runs, in parts of a million.
    pub(super) fast_ppm: u64,
    /// Unix ms at the begin of the world.
    pub(super) unix_ms: u64,
    /// What it has left out.
    pub(super) stopped_ns: u64,
}

impl Clock {
    /// CLOCK_BOOTTIME, ns.
    pub(super) fn boot_ns(&self, now_ns: u64) -> u64 {
        let on_ns = now_ns - self.on_ns;
        1_000_000_000 + on_ns + on_ns / 1_000_000 * self.fast_ppm - self.stopped_ns
    }

    /// Unix time, ms.
    pub(super) fn unix_ms(&self, now_ns: u64) -> u64 {
        self.unix_ms + now_ns / 1_000_000
    }
}

/// A node.
pub(super) struct Node {
    /// Its number in the config, from 1.
    pub(super) id: u32,
    pub(super) core_count: u16,
    /// Who of its cores owns what.
    pub(super) map: PartitionMap,
    pub(super) member: Member,
    pub(super) disk: Disk,
    pub(super) clock: Clock,
    /// Empty while it is down.
    pub(super) cores: Vec<Core>,
    /// Mail on its way, by sender and receiver.
    pub(super) mail: Vec<VecDeque<Mail>>,
    /// Counts its processes.
    pub(super) life: u64,
    /// It stands still until then.
    pub(super) paused_ns: u64,
    /// Files of a core that its disk has room for.
    pub(super) segments_max: usize,
    /// It lost its power with writes that were not synced, and has not been seen to have caught up.
    pub(super) is_cut: bool,
    /// What its disk had a while ago.
    pub(super) old_disk: Option<Disk>,
    /// What was saved out of its damaged files is that; the next start marks it.
    pub(super) is_set_back: bool,
    /// It was, now or before.
    pub(super) was_set_back: bool,
    /// It has what a repair has saved, and has not been seen to have caught up.
    pub(super) is_repaired: bool,
    /// What starts have found, where a fault is planted that trusts it.
    old: BTreeMap<GroupId, RecoveredGroup>,
}

impl Node {
    /// A machine that is switched on.
    pub(super) fn new(
        id: u32,
        core_count: u16,
        partitions: u16,
        now_ns: u64,
        random: &mut Random,
    ) -> Self {
        Self {
            id,
            core_count,
            map: PartitionMap::spread(partitions, core_count),
            member: Member::of(founding::uuid(id)),
            disk: Disk::new(Lies::None),
            clock: Clock {
                on_ns: now_ns - random.below(900) * MS,
                fast_ppm: random.below(20_000),
                unix_ms: 1_000_000_000 + random.below(5_000),
                stopped_ns: 0,
            },
            cores: Vec::new(),
            mail: Vec::new(),
            life: 0,
            paused_ns: 0,
            segments_max: ROOMY,
            is_cut: false,
            old_disk: None,
            is_set_back: false,
            was_set_back: false,
            is_repaired: false,
            old: BTreeMap::new(),
        }
    }

    /// Adds what an earlier start has found of groups that the log gives up.
    pub(super) fn trust_old(&mut self, store: &Store, found: &mut Vec<RecoveredGroup>) {
        let is_given_up = |group: &GroupId| {
            !found.iter().any(|one| one.group == *group) && store.knows_group(*group)
        };
        let old = self.old.values().filter(|old| is_given_up(&old.group)).cloned();
        let old: Vec<RecoveredGroup> = old.collect();
        self.old.extend(found.iter().map(|one| (one.group, one.clone())));
        found.extend(old);
    }

    /// Whether the ends of its logs may be lost, or more, and are not known to be there again.
    pub(super) fn lacks_its_end(&self) -> bool {
        (self.is_cut || self.is_repaired)
            && (!self.is_up() || self.cores.iter().any(|core| core.engine.is_in_doubt()))
    }

    pub(super) fn is_up(&self) -> bool {
        !self.cores.is_empty()
    }
}
