//! Owns the virtual world: time, and the order in which things happen.

use super::check::Terms;
use super::clients::Client;
use super::commands::{Command, Told};
use super::core::{Frame, Item, Place};
use super::ledger::Ledger;
use super::losses::Loss;
use super::misfortune::Weather;
use super::node::Node;
use super::settled::Epochs;
use super::words::{hash_in, names_by_partition, spans};
use super::{Lean, MS, Report, Settings, Violation, founding};
use crate::history::Values;
use crate::network::{LinkId, Network};
use crate::node::Memory;
use crate::random::{Random, mix};
use hyperion_cluster::state::ClusterState;
use hyperion_model::{GroupId, PartitionId, PartitionMap};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Events that one run may have.
const EVENTS_MAX: u64 = 5_000_000;

/// What happens at its time.
#[derive(Debug)]
pub(super) enum Event {
    Turn(Place),
    /// The next frame of a connection arrives, if it is still that one.
    Frame(LinkId, u64),
    /// What was under way on a connection that has broken arrives all the same.
    Stale {
        at: Place,
        life: u64,
        from: u32,
        frame: Frame,
    },
    Mail {
        node: usize,
        life: u64,
        from: usize,
        to: usize,
    },
    Request {
        at: Place,
        command: Command,
    },
    Told {
        client: usize,
        attempt: u64,
        told: Told,
    },
    /// A client has waited long enough.
    Impatient {
        client: usize,
        attempt: u64,
    },
    /// A client goes on.
    Act(usize),
    /// A client that has given up has closed its connection.
    Gone {
        at: Place,
        life: u64,
        attempt: u64,
    },
    Synced {
        at: Place,
        life: u64,
    },
    /// A node hears that a connection is gone.
    Noticed(LinkId, u64),
    Dial(LinkId),
    /// A connection that lets nothing through is given up.
    Silent(LinkId, u64),
    Resume(usize),
    Kill(usize),
    Start(usize),
    Heal,
    Misfortune,
    /// A person changes the cluster.
    Operate,
    /// A node that was removed ends.
    Leave {
        node: usize,
        life: u64,
    },
    /// A machine that was lost is found.
    Return(usize),
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) random: Random,
    pub(super) settings: Settings,
    pub(super) memory: Memory,
    pub(super) map: PartitionMap,
    pub(super) now_ns: u64,
    /// When what the turn of now sends leaves.
    pub(super) out_ns: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) network: Network<Frame>,
    pub(super) clients: Vec<Client>,
    pub(super) attempts: u64,
    pub(super) values_made: u64,
    pub(super) values: Values,
    /// By partition, and behind them those of keys that lie in several.
    pub(super) ledgers: Vec<Ledger>,
    /// In the same order, the names of the keys.
    pub(super) names: Vec<Vec<Vec<u8>>>,
    /// The name of each partition's hash, where values are fields.
    pub(super) hashes: Vec<Vec<u8>>,
    pub(super) weather: Weather,
    /// Until when nothing is written, where what was told to be gone is looked for.
    pub(super) quiet_ns: u64,
    /// Clients send of themselves, and things go wrong.
    pub(super) is_busy: bool,
    pub(super) terms: Terms,
    pub(super) epochs: Epochs,
    /// Partitions that are to begin empty.
    pub(super) losses: Vec<Loss>,
    /// What group 0 holds at first, where members change.
    pub(super) formed: Option<Arc<ClusterState>>,
    pub(super) report: Report,
    /// What happened, if that is wanted.
    story: String,
    events: BTreeMap<(u64, u64), Event>,
    event_next: u64,
}

/// Runs one seed, with memory that may have been used before.
///
/// # Errors
/// What promise was broken.
pub fn run(seed: u64, settings: Settings, memory: &mut Memory) -> Result<Report, Violation> {
    let mut world = World::new(seed, settings, std::mem::take(memory));
    let result = world.live().map_err(|violation| world.story.clone() + &violation);
    for node in 0..world.nodes.len() {
        world.stop(node);
    }
    *memory = std::mem::take(&mut world.memory);
    result.map(|()| world.report)
}

impl World {
    fn new(seed: u64, mut settings: Settings, memory: Memory) -> Self {
        if settings.lean == Lean::Spans {
            // Who has no copy is not told here who leads.
            settings.copies = settings.nodes;
        }
        let mut random = Random::new(mix(seed ^ 0x5eed));
        let map = PartitionMap::spread(settings.partitions, settings.cores);
        let now_ns = 1_000 * MS;
        let mut node = |id| Node::new(id, settings.cores, settings.partitions, now_ns, &mut random);
        let mut nodes: Vec<Node> = (1..=u32::from(settings.nodes)).map(&mut node).collect();
        let formed = settings.members.then(|| Arc::new(founding::formed(&settings)));
        for Node { member, .. } in &mut nodes {
            (member.agreed, member.is_founder) = (formed.clone(), true);
        }
        let mut names = names_by_partition(&map, settings.partitions);
        let hashes = (0..settings.partitions).map(|it| hash_in(&map, PartitionId(it))).collect();
        if settings.lean == Lean::Spans {
            names.extend(spans(&map, settings.partitions));
        }
        Self {
            seed,
            weather: Weather::draw(&settings, &mut random),
            quiet_ns: 0,
            clients: (0..4 + random.index(4)).map(|_| Client::new(names.len())).collect(),
            ledgers: names.iter().map(|_| Ledger::default()).collect(),
            random,
            settings,
            memory,
            map,
            now_ns,
            out_ns: now_ns,
            nodes,
            network: Network::default(),
            attempts: 0,
            values_made: 0,
            values: Values::default(),
            names,
            hashes,
            is_busy: true,
            terms: Terms::default(),
            epochs: Epochs::default(),
            losses: Vec::new(),
            formed,
            report: Report::default(),
            story: String::new(),
            events: BTreeMap::new(),
            event_next: 0,
        }
    }

    fn live(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            self.start(node)?;
        }
        for client in 0..self.clients.len() {
            let after_ns = self.random.below(20 * MS);
            self.push(self.now_ns + after_ns, Event::Act(client));
        }
        self.push(self.now_ns + 500 * MS, Event::Misfortune);
        if self.settings.members {
            self.push(self.now_ns + 700 * MS, Event::Operate);
        }
        let end_ns = self.now_ns + self.settings.length_ms * MS;
        self.run_for(end_ns - self.now_ns)?;
        self.heal_all()?;
        self.must_settle()?;
        self.check_healed()?;
        self.check_histories()
    }

    // ---- time

    pub(super) fn push(&mut self, at_ns: u64, event: Event) {
        self.event_next += 1;
        self.events.insert((at_ns.max(self.now_ns), self.event_next), event);
    }

    pub(super) fn run_for(&mut self, for_ns: u64) -> Result<(), Violation> {
        let end_ns = self.now_ns + for_ns;
        while let Some((&(at_ns, number), _)) = self.events.first_key_value() {
            if at_ns > end_ns {
                break;
            }
            if self.event_next > EVENTS_MAX {
                return Err(
                    "the run does not come to an end: something makes work without rest".into()
                );
            }
            let event = self.events.remove(&(at_ns, number)).expect("just looked at");
            (self.now_ns, self.out_ns) = (at_ns, at_ns);
            self.happen(event)?;
        }
        (self.now_ns, self.out_ns) = (end_ns, end_ns);
        Ok(())
    }

    /// Runs until `is_done`, at most so long; gives whether it is.
    pub(super) fn run_until(
        &mut self,
        for_ns: u64,
        mut is_done: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, Violation> {
        let end_ns = self.now_ns + for_ns;
        while self.now_ns < end_ns {
            if is_done(self) {
                return Ok(true);
            }
            self.run_for(10 * MS)?;
        }
        Ok(is_done(self))
    }

    pub(super) fn note(&mut self, words: &[u64]) {
        for word in words {
            self.report.trace = mix(self.report.trace ^ word).wrapping_add(*word);
        }
    }

    /// Writes down what happened, if that is wanted.
    pub(super) fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.settings.tells {
            let line = format!("{:>10.3} ms {}\n", self.now_ns as f64 / MS as f64, what(self));
            self.story.push_str(&line);
        }
    }

    /// The core has something to do.
    pub(super) fn wake(&mut self, at: Place, at_ns: u64) {
        let paused_ns = self.nodes[at.node].paused_ns;
        let Some(core) = self.nodes[at.node].cores.get_mut(at.core) else { return };
        let at_ns = at_ns.max(core.busy_ns).max(paused_ns).max(self.now_ns);
        if core.turn_ns.is_none_or(|planned_ns| at_ns < planned_ns) {
            core.turn_ns = Some(at_ns);
            self.push(at_ns, Event::Turn(at));
        }
    }

    /// Something has come for a core.
    pub(super) fn come(&mut self, at: Place, item: Item) {
        let Some(core) = self.nodes[at.node].cores.get_mut(at.core) else { return };
        core.inbox.push_back(item);
        let after_ns = self.random.below(MS / 10);
        self.wake(at, self.now_ns + after_ns);
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Turn(at) => return self.turn(at),
            Event::Frame(id, number) => self.frame_arrives(id, number),
            Event::Stale { at, life, from, frame } => {
                if self.nodes[at.node].life == life {
                    self.come(at, Item::Frame(from, frame));
                }
            }
            Event::Mail { node, life, from, to } => {
                let node_ = &mut self.nodes[node];
                if node_.life == life && node_.is_up() {
                    let link = from * node_.cores.len() + to;
                    let mail = node_.mail[link].pop_front().expect("an event a mail");
                    self.come(Place { node, core: to }, Item::Mail(from, mail));
                }
            }
            Event::Request { at, command } => self.request_arrives(at, command),
            Event::Told { client, attempt, told } => return self.told(client, attempt, told),
            Event::Impatient { client, attempt } => self.give_up(client, attempt),
            Event::Act(client) => self.act(client),
            Event::Gone { at, life, attempt } => {
                if self.nodes[at.node].life == life {
                    self.come(at, Item::Gone(attempt));
                }
            }
            Event::Synced { at, life } => {
                if self.nodes[at.node].life == life {
                    self.come(at, Item::Synced);
                }
            }
            Event::Noticed(id, number) => self.notice(id, number),
            Event::Dial(id) => self.dial(id),
            Event::Silent(id, number) => self.silent(id, number),
            Event::Resume(node) => self.resume(node),
            Event::Kill(node) => self.crash(node, false),
            Event::Start(node) => return self.start(node),
            Event::Heal => self.heal(),
            Event::Misfortune => self.misfortune(),
            Event::Operate => return self.operate(),
            Event::Leave { node, life } => {
                if self.nodes[node].life == life {
                    self.crash(node, false);
                    self.nodes[node].member.is_gone = true;
                }
            }
            Event::Return(node) => return self.come_back(node),
        }
        Ok(())
    }

    /// Brings mail from one core of a node to another.
    pub(super) fn post(&mut self, from: Place, to: usize, mail: super::core::Mail) {
        let after_ns = 1_000 + self.random.below(MS / 20);
        let node = &mut self.nodes[from.node];
        let link = from.core * node.cores.len() + to;
        node.mail[link].push_back(mail);
        let event = Event::Mail { node: from.node, life: node.life, from: from.core, to };
        self.push(self.out_ns + after_ns, event);
    }

    /// The nodes that hold a copy of a partition, by their ids.
    pub(super) fn voters(&self, partition: PartitionId) -> Vec<u64> {
        if let Some(state) = self.newest() {
            let wanted = state.target().group(GroupId::of(partition).0);
            return wanted.map_or(Vec::new(), |wanted| {
                wanted.voters.iter().map(|node| u64::from(node.0)).collect()
            });
        }
        let (nodes, copies) = (u64::from(self.settings.nodes), u64::from(self.settings.copies));
        (0..copies).map(|copy| (u64::from(partition.0) + copy) % nodes + 1).collect()
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.settings.partitions).map(PartitionId)
    }

    /// The place of the core that holds a partition on a node that has it.
    pub(super) fn core_of(&self, node: usize, partition: PartitionId) -> usize {
        usize::from(self.nodes[node].map.owner(partition).0)
    }

    pub(super) fn no_mail(&self, node: usize) -> Vec<VecDeque<super::core::Mail>> {
        let cores = usize::from(self.nodes[node].core_count);
        (0..cores * cores).map(|_| VecDeque::new()).collect()
    }
}
