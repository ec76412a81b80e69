//! Owns how nodes start from their disks, and how they end.

use super::commands::Told;
use super::core::{Core, Place};
use super::node::Node;
use super::world::{Event, World};
use super::{Lean, MS, Violation, Wrong};
use crate::direct::CommitWay;
use crate::disk::{Disk, Lies};
use crate::node::{Opened, SEGMENT_BYTES};
use crate::random::mix;
use hyperion_cluster::group::timing::QUIET_NS;
use hyperion_cluster::group::{Bounds, Conf, Planted, REPAIRED_TERMS, RecoveredGroup};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{Durability, Engine, Eviction, Replica, Settings, recovered};
use hyperion_model::GroupId;
use hyperion_model::collections::Set;
use hyperion_store::RecoveredGroup as Found;

/// What is kept for followers that lag, where runs lean to snapshots.
const FEW: Bounds = Bounds {
    tail_entries: 96,
    tail_bytes: 256 << 10,
    core_bytes: 64 << 10,
    uncommitted_bytes: 64 << 10,
};
const MANY: Bounds = Bounds {
    tail_entries: 4_096,
    tail_bytes: 1 << 20,
    core_bytes: 4 << 20,
    uncommitted_bytes: 256 << 10,
};

impl World {
    /// Starts a node that is down.
    pub(super) fn start(&mut self, node: usize) -> Result<(), Violation> {
        if self.nodes[node].is_up() || !self.may_start(node) {
            return Ok(());
        }
        let id = self.nodes[node].id;
        self.open(node).map_err(|violation| format!("node {id} does not start: {violation}"))?;
        self.note(&[self.now_ns, u64::from(id), self.nodes[node].life]);
        self.say(|_| format!("node {id} starts"));
        for core in 0..usize::from(self.nodes[node].core_count) {
            let after_ns = self.random.below(MS);
            self.wake(Place { node, core }, self.now_ns + after_ns);
        }
        self.dial_all(node);
        Ok(())
    }

    fn open(&mut self, at: usize) -> Result<(), Violation> {
        let Self { nodes, memory, random, now_ns, .. } = self;
        let node = &mut nodes[at];
        let (cores, map) = (node.core_count, &node.map.clone());
        node.life += 1;
        node.member.begin();
        if self.settings.wrong == Wrong::EmptiedDisk && node.life > 1 && random.chance(300) {
            node.disk = Disk::new(Lies::None);
            node.member.agreed = self.formed.clone().filter(|_| node.member.is_founder);
        }
        node.disk.sync_all();
        let unix_ms = node.clock.unix_ms(*now_ns);
        let mut opened = Vec::new();
        for core in 0..cores {
            let one = Opened::read(core, map, &node.disk, memory, random.number());
            opened.push(one.map_err(|damage| format!("core {core}: {damage}"))?);
        }
        opened.iter_mut().for_each(|core| core.write_dropped(&mut node.disk));
        let lsn = opened.iter().map(|core| core.recovered.lsn_next).max().unwrap_or(1);
        let decided: Set<_> =
            opened.iter().flat_map(|core| core.recovered.decided.iter().copied()).collect();
        let is_marked = node.is_set_back && self.settings.wrong != Wrong::TrustsRepaired;
        node.is_set_back = false;
        for core in &mut opened {
            core.resume(lsn, unix_ms, &mut node.disk, memory);
            core.resolve(&decided, &mut node.disk, memory).map_err(|error| error.to_string())?;
            if is_marked {
                core.mark_repaired(&mut node.disk, memory).map_err(|error| error.to_string())?;
            }
            core.write_out(&mut node.disk, usize::MAX);
            core.sync(&mut node.disk);
        }
        let settings = Settings {
            durability: self.settings.durability,
            reads: self.settings.reads,
            memory_bytes_max: u64::MAX,
            tight_bytes: None,
            eviction: Eviction::None,
            value_bytes_max: 100_000,
            thresholds: hyperion_engine::Thresholds::default(),
        };
        let commits = [CommitWay::Synced, CommitWay::Mixed, CommitWay::Direct, CommitWay::Direct];
        let commits = commits[usize::try_from(mix(self.seed) % 4).expect("below 4")];
        let start = u16::try_from(node.life).expect("a node starts a few times");
        let mut made = Vec::new();
        for mut core in opened {
            let mut found = std::mem::take(&mut core.recovered.groups);
            if self.settings.wrong == Wrong::TrustsOldData {
                nodes[at].trust_old(&core.store, &mut found);
            }
            let (engine, files) =
                core.serve(map, settings.clone(), start, random.number(), commits);
            made.push((Core::new(engine, files, self.settings.partitions), found));
        }
        for (core, (mut made, found)) in made.into_iter().enumerate() {
            made.engine.begin_turn(unix_ms);
            if self.settings.wrong == Wrong::OnlyHides {
                made.engine.store_mut().only_hide_expired();
            }
            if self.settings.members {
                self.begin_members(at, core, &mut made.engine, found)?;
            } else {
                self.begin_groups(at, core, &mut made.engine, found)?;
            }
            // Now and then one does not know that all know amendments and tell when they leave.
            let (id, life) = (u64::from(self.nodes[at].id), self.nodes[at].life);
            let are_all_new = !mix(self.seed ^ id << 32 ^ life).is_multiple_of(5);
            made.engine.set_amending(are_all_new);
            made.engine.set_all_tell_leave(are_all_new);
            self.nodes[at].cores.push(made);
        }
        self.nodes[at].mail = self.no_mail(at);
        self.nodes[at].paused_ns = 0;
        let cores = &self.nodes[at].cores;
        self.nodes[at].is_repaired |= cores.iter().any(|it| it.engine.repaired_replicas() > 0);
        Ok(())
    }

    /// The partitions of a core are groups: as its log has them, or as they are founded.
    fn begin_groups(
        &self,
        at: usize,
        core: usize,
        engine: &mut Engine,
        mut found: Vec<Found>,
    ) -> Result<(), Violation> {
        let node = &self.nodes[at];
        let forgets = self.settings.wrong == Wrong::ForgetsVotes;
        let may_be_cut = node.is_cut && self.settings.wrong != Wrong::TrustsCutLogs;
        let mut replicas = Vec::new();
        for partition in self.partitions().filter(|&partition| self.core_of(at, partition) == core)
        {
            let (group, voters) = (GroupId::of(partition), self.voters(partition));
            if !voters.contains(&u64::from(node.id)) {
                continue;
            }
            let there = found.iter().position(|one| one.group == group);
            let mut replica = match there {
                Some(there) => recovered(found.swap_remove(there))
                    .ok_or_else(|| format!("the members of {group:?} are not legible"))?,
                None if node.was_set_back && self.settings.wrong != Wrong::TrustsRepaired => {
                    let recovered = RecoveredGroup {
                        term: REPAIRED_TERMS,
                        conf: Conf::of_voters(&voters),
                        repaired: true,
                        ..RecoveredGroup::default()
                    };
                    Replica { group, recovered, held: Vec::new() }
                }
                None => {
                    let recovered = RecoveredGroup::founded(&voters, 1);
                    Replica { group, recovered, held: Vec::new() }
                }
            };
            replica.recovered.may_be_cut = may_be_cut;
            if forgets {
                replica.recovered.vote = 0;
            }
            replicas.push(replica);
        }
        if let Some(stranger) = found.first() {
            return Err(format!("its log has {:?}, which it never held", stranger.group));
        }
        let now_ns = node.clock.boot_ns(self.now_ns);
        let now_ns = if forgets { now_ns.saturating_sub(QUIET_NS) } else { now_ns };
        let (bounds, seed) = (self.bounds(), self.groups_seed(node));
        engine
            .replicate_within(node.id, seed, replicas, None, now_ns, bounds)
            .map_err(|error| error.to_string())
    }

    /// Whether a machine is there and its process has something to do in the cluster.
    fn may_start(&mut self, node: usize) -> bool {
        let member = &mut self.nodes[node].member;
        member.is_gone |= member.agreed.as_ref().is_some_and(|agreed| !member.is_named_by(agreed));
        !member.is_gone && !member.is_lost
    }

    /// The groups of a core begin, as on a real node, if that belongs to the cluster.
    pub(super) fn begin_members(
        &self,
        at: usize,
        core: usize,
        engine: &mut Engine,
        found: Vec<Found>,
    ) -> Result<(), Violation> {
        engine.await_groups();
        let node = &self.nodes[at];
        let Some(agreed) = &node.member.agreed else {
            return if found.is_empty() {
                Ok(())
            } else {
                Err(format!("core {core} has groups before the node belongs to a cluster"))
            };
        };
        let is_first = agreed.history().entries().len() == 1;
        let founding = Some(agreed.as_ref()).filter(|_| node.member.is_founder && is_first);
        // What a node does that founds what it should join.
        let founds = self.settings.wrong == Wrong::FoundsReplicas;
        let wanted = ClusterState::form(&ClusterState::form_command(agreed.config()));
        let founding = if founds { wanted.as_ref() } else { founding };
        let replicas = engine.replicas_at_start(node.id, found, founding)?;
        engine
            .replicate_within(
                node.id,
                self.groups_seed(node),
                replicas,
                founding,
                node.clock.boot_ns(self.now_ns),
                self.bounds(),
            )
            .map_err(|error| error.to_string())?;
        engine.plant(Planted {
            joint_in_one_step: self.settings.wrong == Wrong::JointInOneStep,
            learners_caught_up: self.settings.wrong == Wrong::PromotesEarly,
        });
        Ok(())
    }

    fn bounds(&self) -> Bounds {
        let keeps_little = match self.settings.lean {
            Lean::Snapshots => true,
            Lean::Spans => self.seed.is_multiple_of(2),
            _ => false,
        };
        if keeps_little { FEW } else { MANY }
    }

    fn groups_seed(&self, node: &Node) -> u64 {
        mix(self.seed ^ mix(u64::from(node.id)) ^ node.life << 32)
    }

    /// The process of a node ends, and the disk keeps what it keeps; with `loses_power` that is less, and nobody is told.
    pub(super) fn crash(&mut self, node: usize, loses_power: bool) {
        if !self.nodes[node].is_up() {
            return;
        }
        let id = self.nodes[node].id;
        self.note(&[self.now_ns, u64::from(id), u64::from(loses_power), 77]);
        self.say(|_| format!("node {id} ends, power cut: {loses_power}"));
        let lacks = self.nodes[node].lacks_its_end();
        let is_cut = lacks && self.nodes[node].is_cut;
        self.nodes[node].is_cut = is_cut || loses_power && !self.is_durable();
        self.nodes[node].is_repaired &= lacks;
        if loses_power {
            self.report.power_cuts += 1;
        } else {
            self.report.kills += 1;
        }
        let Self { nodes, random, .. } = self;
        let Node { cores, disk, .. } = &mut nodes[node];
        for Core { engine, files, .. } in cores {
            files.tear_direct(engine, disk, random);
        }
        self.stop(node);
        if loses_power {
            self.nodes[node].disk.cut_power(&mut self.random);
            self.nodes[node].clock.on_ns = self.now_ns;
            self.nodes[node].clock.stopped_ns = 0;
        }
        self.break_all(node, loses_power);
        for client in 0..self.clients.len() {
            let Some(attempt) = self.clients[client].waits_for(node) else { continue };
            if !loses_power {
                let after_ns = self.random.below(5 * MS);
                let event = Event::Told { client, attempt, told: Told::Closed };
                self.push(self.now_ns + after_ns, event);
            }
        }
    }

    /// Ends a node's process, if there is one.
    pub(super) fn stop(&mut self, node: usize) {
        self.note_members(node);
        let cores = std::mem::take(&mut self.nodes[node].cores);
        self.nodes[node].mail.clear();
        self.nodes[node].life += u64::from(!cores.is_empty());
        for core in cores {
            self.report.cleaned += core.engine.store().cleaner_figures().segments;
            self.memory.take_back(core.engine.into_store());
        }
    }

    /// What a core holds at most, for a disk that is full now.
    pub(super) fn fill_disk(&mut self, node: usize) {
        let disk = &self.nodes[node].disk;
        let most = (0..self.nodes[node].core_count).map(|core| disk.files(core).count()).max();
        self.nodes[node].segments_max = most.unwrap_or(1);
    }

    /// Bytes of a core's files, as its disk has room for them.
    pub(super) fn room_bytes(&self, node: usize) -> u64 {
        self.nodes[node].segments_max.saturating_mul(SEGMENT_BYTES) as u64
    }

    pub(super) fn is_durable(&self) -> bool {
        self.settings.durability == Durability::Always
    }
}
