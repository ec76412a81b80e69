//! Raft's groups on one or several nodes: entries from the proposal to where they are applied. Messages pass by value, disks
//! answer at once: only the driver and raft are in it, no frames and no store.

use hyperion_cluster::group::{Beat, BeatOut, Bounds, Effect, Groups, Message, RecoveredGroup};
use hyperion_model::GroupId;

use crate::TURN;

const MS: u64 = 1_000_000;
const GROUP: GroupId = GroupId(0);
/// Bytes of an entry.
const ENTRY_BYTES: usize = 128;
/// Turns in which some node is elected.
const TURNS_MAX: usize = 1_000;

struct Node {
    groups: Groups,
    inbox: Vec<Message>,
    /// Beats and answers, with who sent them.
    beats: Vec<(u64, Beat)>,
    answers: Vec<(u64, Beat)>,
    effects: Vec<Effect>,
    leads: bool,
    applied: u64,
}

/// What a turn sends out, with who sent it and to whom.
#[derive(Default)]
struct Sent {
    messages: Vec<(u64, Message)>,
    beats: Vec<(u64, u64, Beat)>,
    answers: Vec<(u64, u64, Beat)>,
}

/// Nodes with one group that is led.
pub struct Members {
    nodes: Vec<Node>,
    now_ns: u64,
}

impl Members {
    /// So many nodes, all of them voters.
    ///
    /// # Panics
    /// When no node is elected.
    #[must_use]
    pub fn new(count: u64) -> Self {
        let voters: Vec<u64> = (1..=count).collect();
        let nodes = voters.iter().map(|&id| {
            let mut groups = Groups::new(id, id, Bounds::default());
            let founded = RecoveredGroup::founded(&voters, 1);
            groups.add(GROUP, founded, MS).expect("a new group is sound");
            Node {
                groups,
                inbox: Vec::new(),
                beats: Vec::new(),
                answers: Vec::new(),
                effects: Vec::new(),
                leads: false,
                applied: 0,
            }
        });
        let mut members = Self { nodes: nodes.collect(), now_ns: MS };
        for _ in 0..TURNS_MAX {
            members.now_ns += 10 * MS;
            members.round(0);
            if members.nodes.iter().any(|node| node.leads) {
                // What the new leader has to say is heard before anything is proposed.
                while members.round(0) > 0 {}
                return members;
            }
        }
        panic!("nobody leads");
    }

    /// Entries that the leader has applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.nodes.iter().filter(|node| node.leads).map(|node| node.applied).sum()
    }

    /// Proposes [`TURN`] entries in one turn and goes on until all nodes have applied them.
    pub fn propose(&mut self) -> u64 {
        self.now_ns += MS;
        self.round(TURN);
        while self.round(0) > 0 {}
        self.applied()
    }

    /// One turn of each node; gives how many messages are on their way.
    fn round(&mut self, entries: usize) -> usize {
        let mut sent = Sent::default();
        for (node, id) in self.nodes.iter_mut().zip(1..) {
            node.turn(id, self.now_ns, entries, &mut sent);
        }
        let count = sent.messages.len();
        let place = |to: u64| usize::try_from(to - 1).expect("a few nodes");
        for (to, message) in sent.messages {
            self.nodes[place(to)].inbox.push(message);
        }
        for (to, from, beat) in sent.beats {
            self.nodes[place(to)].beats.push((from, beat));
        }
        for (to, from, beat) in sent.answers {
            self.nodes[place(to)].answers.push((from, beat));
        }
        count
    }
}

impl Node {
    fn turn(&mut self, id: u64, now_ns: u64, entries: usize, sent: &mut Sent) {
        self.groups.begin(now_ns);
        for message in self.inbox.drain(..) {
            self.groups.step(GROUP, message).expect("a peer's message is sound");
        }
        for (from, beat) in self.beats.drain(..) {
            if self.groups.hear_beat(from, &beat) {
                sent.answers.push((from, id, beat));
            }
        }
        for (from, answer) in self.answers.drain(..) {
            self.groups.hear_answer(from, &answer);
        }
        self.groups.tick();
        let mut beats = Vec::new();
        self.groups.take_beats(&mut beats);
        sent.beats.extend(beats.into_iter().map(|BeatOut { to, beat }| (to, id, beat)));
        if self.leads {
            for _ in 0..entries {
                self.groups.propose(GROUP, vec![7; ENTRY_BYTES]).expect("it leads");
            }
        }
        while let Some(ticket) = self.ready(sent) {
            self.groups.persisted(ticket);
        }
    }

    /// Carries out what raft asks for; gives what is to be told when it is stored.
    fn ready(&mut self, sent: &mut Sent) -> Option<hyperion_cluster::group::Ticket> {
        let ticket = self.groups.ready(&mut self.effects);
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Send { to, message, .. } => sent.messages.push((to, *message)),
                Effect::Apply { group, up_to } => {
                    self.groups.applied(group, up_to);
                    self.applied = up_to;
                }
                Effect::BecameLeader { .. } => self.leads = true,
                Effect::LostLeader { .. } => self.leads = false,
                _ => {}
            }
        }
        ticket
    }
}
