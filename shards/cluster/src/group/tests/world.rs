//! Owns the virtual world: time, network, and the order in which things happen.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::GroupId;

use super::checks::Checks;
use super::disk::{Disk, Image};
use super::faults::Faults;
use super::node::{Bulk, Item, Node, Output};
use super::random::{Random, mix};
use crate::group::{BeatOut, Bounds, GroupState, RecoveredGroup, Ticket};

pub(super) const MS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Event {
    Turn(u64),
    Deliver(u64, Item),
    Synced { node: u64, life: u64, ticket: Ticket, length: usize },
    BulkBegin(Bulk),
    BulkEnd(Bulk, u64),
    Resume(u64),
    Heal,
    Start(u64),
    Fast(u64),
}

/// What the world does to its nodes by chance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// Of 1000 messages.
    pub(super) dropped: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    pub(super) sync_ns_max: u64,
    /// Reads of each group at each turn, of 1000.
    pub(super) reads: u64,
    /// Writes at each turn, of 1000.
    pub(super) writes: u64,
}

pub(super) const CALM: Weather =
    Weather { dropped: 0, doubled: 0, late: 0, sync_ns_max: 2 * MS, reads: 0, writes: 0 };

pub(super) struct World {
    pub(super) random: Random,
    pub(super) now_ns: u64,
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) lives: BTreeMap<u64, u64>,
    disks: BTreeMap<u64, Disk>,
    pub(super) paused: BTreeSet<u64>,
    /// Directed pairs that nothing passes between.
    pub(super) blocked: BTreeSet<(u64, u64)>,
    pub(super) groups: Vec<GroupId>,
    pub(super) weather: Weather,
    pub(super) checks: Checks,
    pub(super) trace: u64,
    events: BTreeMap<(u64, u64), Event>,
    event_next: u64,
    /// When each node has its next turn.
    turns: BTreeMap<u64, u64>,
    sync_ends_ns: BTreeMap<u64, u64>,
    written: u64,
    bounds: Bounds,
    pub(super) faults: Faults,
    seed: u64,
}

impl World {
    pub(super) fn new(seed: u64, voters: &[u64], nodes: u64, groups: u32, bounds: Bounds) -> Self {
        let groups: Vec<GroupId> = (0..groups).map(GroupId).collect();
        let mut world = Self {
            random: Random::new(seed),
            now_ns: 1_000 * MS,
            nodes: BTreeMap::new(),
            lives: BTreeMap::new(),
            disks: BTreeMap::new(),
            paused: BTreeSet::new(),
            blocked: BTreeSet::new(),
            groups,
            weather: CALM,
            checks: Checks::default(),
            trace: 0,
            events: BTreeMap::new(),
            event_next: 0,
            turns: BTreeMap::new(),
            sync_ends_ns: BTreeMap::new(),
            written: 0,
            bounds,
            faults: Faults::default(),
            seed,
        };
        for node in 1..=nodes {
            let mut disk = Disk::default();
            for group in &world.groups {
                let founded = voters.contains(&node).then(|| RecoveredGroup::founded(voters, 1));
                disk.found(*group, image_of(founded.unwrap_or_else(RecoveredGroup::joining)));
            }
            world.disks.insert(node, disk);
            world.start(node);
        }
        world
    }

    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
        for node in self.nodes.values_mut() {
            node.groups.set_faults(faults);
        }
    }

    pub(super) fn start(&mut self, id: u64) {
        if self.nodes.contains_key(&id) {
            return;
        }
        let disk = self.disks.remove(&id).expect("a stopped node has a disk");
        let life = self.lives.entry(id).or_default();
        *life += 1;
        let seed = mix(self.seed ^ mix(id));
        let node = Node::start(id, seed, self.bounds, self.faults, disk, self.now_ns);
        self.nodes.insert(id, node);
        self.wake(id, 0);
    }

    /// Kills a node; the others' connections break at once, or not.
    pub(super) fn crash(&mut self, id: u64, noticed: bool) {
        let Some(node) = self.nodes.remove(&id) else { return };
        let mut disk = node.disk;
        disk.crash(&mut self.random);
        self.disks.insert(id, disk);
        self.paused.remove(&id);
        if noticed {
            self.push(MS, Event::Fast(id));
        }
    }

    pub(super) fn pause(&mut self, id: u64, for_ns: u64) {
        if self.nodes.contains_key(&id) && self.paused.insert(id) {
            self.push(for_ns, Event::Resume(id));
        }
    }

    /// Heals the network after a time.
    pub(super) fn heal_after(&mut self, for_ns: u64) {
        self.push(for_ns, Event::Heal);
    }

    pub(super) fn start_after(&mut self, id: u64, for_ns: u64) {
        self.push(for_ns, Event::Start(id));
    }

    pub(super) fn block(&mut self, from: u64, to: u64) {
        self.blocked.insert((from, to));
    }

    pub(super) fn split(&mut self, side: &[u64]) {
        let ids: Vec<u64> = self.lives.keys().copied().collect();
        for one in &ids {
            for other in &ids {
                if side.contains(one) != side.contains(other) {
                    self.block(*one, *other);
                }
            }
        }
    }

    pub(super) fn run(&mut self, for_ns: u64) {
        let end_ns = self.now_ns + for_ns;
        while let Some((&(at_ns, number), _)) = self.events.first_key_value() {
            if at_ns > end_ns {
                break;
            }
            let event = self.events.remove(&(at_ns, number)).expect("just looked at");
            self.now_ns = at_ns;
            self.happen(event);
        }
        self.now_ns = end_ns;
    }

    /// Runs until `done`, at most so long.
    pub(super) fn run_until(&mut self, for_ns: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end_ns = self.now_ns + for_ns;
        while self.now_ns < end_ns {
            if done(self) {
                return true;
            }
            self.run(MS);
        }
        done(self)
    }

    /// The node that serves as leader in the highest term.
    pub(super) fn leader(&self, group: GroupId) -> Option<u64> {
        let serving = self.nodes.values().filter(|node| !self.paused.contains(&node.id));
        let terms = serving.filter_map(|node| Some((*node.serves.get(&group)?, node.id)));
        terms.max().map(|(_, id)| id)
    }

    pub(super) fn write(&mut self, id: u64, group: GroupId) -> bool {
        self.written += 1;
        let mut payload = self.written.to_le_bytes().to_vec();
        payload.resize(8 + usize::try_from(self.random.below(64)).expect("small"), 7);
        let written = self.nodes.get_mut(&id).is_some_and(|node| node.write(group, payload));
        if written {
            self.wake(id, 0);
        }
        written
    }

    pub(super) fn wake(&mut self, id: u64, after_ns: u64) {
        let at_ns = self.now_ns + after_ns;
        if self.turns.get(&id).is_none_or(|planned| at_ns < *planned) {
            self.turns.insert(id, at_ns);
            self.push(after_ns, Event::Turn(id));
        }
    }

    fn push(&mut self, after_ns: u64, event: Event) {
        self.event_next += 1;
        self.events.insert((self.now_ns + after_ns, self.event_next), event);
    }

    fn note(&mut self, words: &[u64]) {
        for word in words {
            self.trace = mix(self.trace ^ word);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn(id) => {
                // An earlier one may have come between.
                if self.turns.get(&id) == Some(&self.now_ns) {
                    self.turns.remove(&id);
                    self.turn(id);
                }
            }
            Event::Deliver(to, item) => {
                if let Some(node) = self.nodes.get_mut(&to) {
                    node.inbox.push_back(item);
                    let after_ns = self.random.below(MS / 2);
                    self.wake(to, after_ns);
                }
            }
            Event::Synced { node: id, life, ticket, length } => {
                if self.lives.get(&id) == Some(&life)
                    && let Some(node) = self.nodes.get_mut(&id)
                {
                    node.disk.synced(length);
                    node.groups.persisted(ticket);
                    self.wake(id, 0);
                }
            }
            Event::BulkBegin(bulk) => self.bulk_begin(bulk),
            Event::BulkEnd(bulk, life) => self.bulk_end(&bulk, life),
            Event::Resume(id) => {
                self.paused.remove(&id);
                self.wake(id, 0);
            }
            Event::Heal => self.blocked.clear(),
            Event::Start(id) => self.start(id),
            Event::Fast(id) => {
                for node in self.nodes.values_mut() {
                    node.groups.peer_lost(id);
                }
            }
        }
    }

    /// One turn, with a part of what has come: what a core does between two looks at the clock.
    fn turn(&mut self, id: u64) {
        if self.paused.contains(&id) {
            return;
        }
        let Some(mut node) = self.nodes.remove(&id) else { return };
        let now_ns = self.now_ns;
        node.groups.begin(now_ns);
        let mut output = Output::default();
        let most = self.random.between(1, 48);
        for _ in 0..most {
            let (group, message) = match node.inbox.pop_front() {
                None => break,
                Some(Item::Message(group, message)) => (group, message),
                Some(Item::Beat(from, beat)) => {
                    self.note(&[now_ns, id, from, beat.term, beat.commit, beat.stamp_ns]);
                    if node.groups.hear_beat(from, &beat) {
                        output.answers.push(BeatOut { to: from, beat });
                    }
                    continue;
                }
                Some(Item::Answer(from, beat)) => {
                    node.groups.hear_answer(from, &beat);
                    self.checks.beats += 1;
                    self.read(&mut node, beat.group);
                    continue;
                }
            };
            let kind = message.get_msg_type() as u64;
            self.note(&[now_ns, id, kind, message.from, message.term, message.index]);
            if let Err(error) = node.groups.step(group, message) {
                self.checks.wrong(format!("node {id} refuses a message: {error}"));
            }
            self.read(&mut node, group);
        }
        node.groups.tick();
        node.groups.take_beats(&mut output.beats);
        for group in self.groups.clone() {
            self.read(&mut node, group);
            if self.random.chance(self.weather.writes) {
                let count = self.random.between(1, 6);
                for _ in 0..count {
                    self.written += 1;
                    let mut payload = self.written.to_le_bytes().to_vec();
                    payload.resize(8 + usize::try_from(self.random.below(64)).expect("small"), 7);
                    node.write(group, payload);
                }
            }
        }
        node.ready(&mut self.checks, &mut output);
        let busy = !node.inbox.is_empty() || node.groups.is_dirty();
        self.nodes.insert(id, node);
        self.carry(id, output);
        let after_ns = if busy { self.random.between(MS / 20, MS) } else { 10 * MS };
        self.wake(id, after_ns);
    }

    fn read(&mut self, node: &mut Node, group: GroupId) {
        if self.random.chance(self.weather.reads)
            && !node.read_by_lease(group, self.now_ns, &mut self.checks)
            && self.random.chance(300)
        {
            node.read_by_index(group, &self.checks);
        }
    }

    fn carry(&mut self, id: u64, output: Output) {
        for (group, message) in output.messages {
            self.send(id, message.to, &Item::Message(group, message));
        }
        for BeatOut { to, beat } in output.beats {
            self.send(id, to, &Item::Beat(id, beat));
        }
        for BeatOut { to, beat } in output.answers {
            self.send(id, to, &Item::Answer(id, beat));
        }
        for bulk in output.bulks {
            let after_ns = self.random.between(MS, 20 * MS);
            self.push(after_ns, Event::BulkBegin(bulk));
        }
        for (ticket, length) in output.syncs {
            let took_ns = self.random.between(MS / 10, self.weather.sync_ns_max.max(MS));
            let ends = self.sync_ends_ns.entry(id).or_default();
            *ends = (*ends).max(self.now_ns + took_ns);
            let after_ns = *ends - self.now_ns;
            let life = self.lives[&id];
            self.push(after_ns, Event::Synced { node: id, life, ticket, length });
        }
    }

    fn send(&mut self, from: u64, to: u64, item: &Item) {
        let Weather { dropped, doubled, late, .. } = self.weather;
        if self.blocked.contains(&(from, to)) || self.random.chance(dropped) {
            return;
        }
        let copies = if self.random.chance(doubled) { 2 } else { 1 };
        for _ in 0..copies {
            let end_ns = if self.random.chance(late) { 700 * MS } else { 2 * MS };
            let after_ns = self.random.between(MS / 5, end_ns);
            self.push(after_ns, Event::Deliver(to, item.clone()));
        }
    }

    fn bulk_begin(&mut self, bulk: Bulk) {
        let passes =
            !self.blocked.contains(&(bulk.from, bulk.to)) && !self.paused.contains(&bulk.to);
        let life = self.lives.get(&bulk.to).copied().unwrap_or(0);
        let now_ns = self.now_ns;
        let taken = passes
            && self.nodes.get_mut(&bulk.to).is_some_and(|node| {
                node.groups.begin(now_ns);
                node.groups.install_begin(bulk.group, &bulk.message).is_ok()
            });
        if !taken {
            return self.bulk_done(&bulk);
        }
        // The store learns that it is installing before it drops anything.
        self.turn(bulk.to);
        let after_ns = self.random.between(MS, 120 * MS);
        self.push(after_ns, Event::BulkEnd(bulk, life));
    }

    fn bulk_end(&mut self, bulk: &Bulk, life: u64) {
        let whole = self.lives.get(&bulk.to) == Some(&life)
            && !self.blocked.contains(&(bulk.from, bulk.to))
            && !self.random.chance(100);
        let node = self.nodes.get_mut(&bulk.to).filter(|_| whole);
        if let Some(node) = node {
            node.incoming.insert(bulk.group, bulk.records.clone());
            node.inbox.push_back(Item::Message(bulk.group, bulk.message.clone()));
            self.wake(bulk.to, 0);
        }
        self.bulk_done(bulk);
    }

    fn bulk_done(&mut self, bulk: &Bulk) {
        if let Some(node) = self.nodes.get_mut(&bulk.from) {
            node.groups.snapshot_done(bulk.group, bulk.to);
            self.wake(bulk.from, 0);
        }
    }
}

fn image_of(recovered: RecoveredGroup) -> Image {
    let state = GroupState {
        term: recovered.term,
        vote: recovered.vote,
        commit: recovered.commit,
        truncated: recovered.truncated,
        conf: recovered.conf,
        installing: recovered.installing,
        floor: recovered.floor,
        repaired: recovered.repaired,
    };
    Image { applied: recovered.applied, state, ..Image::default() }
}
