//! Owns a bench for single cases: nodes with one group, messages that pass when the test says so.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::GroupId;

use super::world::MS;
use crate::group::{
    BeatOut, Bounds, Effect, GroupError, Groups, Message, MessageType, RecoveredGroup, Ticket,
};

pub(super) const GROUP: GroupId = GroupId(0);

pub(super) struct Lab {
    pub(super) now_ns: u64,
    pub(super) nodes: BTreeMap<u64, Groups>,
    pub(super) wire: Vec<Message>,
    /// Beats on their way, with who sent them.
    pub(super) beats: Vec<(u64, BeatOut)>,
    /// Beats that were answered.
    pub(super) answered: u64,
    /// Directed pairs that nothing passes between; it is lost.
    pub(super) cut: BTreeSet<(u64, u64)>,
    /// Nodes whose disk does not answer.
    pub(super) stuck: BTreeSet<u64>,
    pub(super) tickets: Vec<(u64, Ticket)>,
    /// All effects but sends, oldest first.
    pub(super) effects: Vec<(u64, Effect)>,
}

impl Lab {
    /// A group of so many voters, nodes 1 and up.
    pub(super) fn new(voters: u64) -> Self {
        let ids: Vec<u64> = (1..=voters).collect();
        let mut lab = Self {
            now_ns: 1_000 * MS,
            nodes: BTreeMap::new(),
            wire: Vec::new(),
            beats: Vec::new(),
            answered: 0,
            cut: BTreeSet::new(),
            stuck: BTreeSet::new(),
            tickets: Vec::new(),
            effects: Vec::new(),
        };
        for id in &ids {
            lab.start(*id, RecoveredGroup::founded(&ids, 1));
        }
        lab
    }

    /// A group of so many voters that is led.
    pub(super) fn led(voters: u64) -> (Self, u64) {
        let mut lab = Self::new(voters);
        lab.pass(900);
        let leader = lab.leader();
        lab.effects.clear();
        (lab, leader)
    }

    pub(super) fn start(&mut self, id: u64, recovered: RecoveredGroup) {
        let mut groups = Groups::new(id, id, Bounds::default());
        groups.add(GROUP, recovered, self.now_ns).expect("it is sound");
        self.nodes.insert(id, groups);
    }

    pub(super) fn node(&mut self, id: u64) -> &mut Groups {
        self.nodes.get_mut(&id).expect("the node is there")
    }

    /// The one that serves: the last that said so.
    pub(super) fn leader(&self) -> u64 {
        let leader = self.leader_or(0);
        assert_ne!(leader, 0, "somebody leads");
        leader
    }

    /// As `leader`, since the effects were cleared.
    pub(super) fn leader_or(&self, none: u64) -> u64 {
        let last =
            self.effects.iter().rev().find_map(|(id, effect)| {
                matches!(effect, Effect::BecameLeader { .. }).then_some(*id)
            });
        last.unwrap_or(none)
    }

    /// A follower of `leader`.
    pub(super) fn follower(&self, leader: u64) -> u64 {
        *self.nodes.keys().find(|id| **id != leader).expect("there are others")
    }

    pub(super) fn ready(&mut self, id: u64) {
        let mut effects = Vec::new();
        let ticket = self.node(id).ready(&mut effects);
        for effect in effects {
            match effect {
                Effect::Send { message, .. } => self.wire.push(*message),
                Effect::Apply { group, up_to } => {
                    self.node(id).applied(group, up_to);
                    self.effects.push((id, effect));
                }
                _ => self.effects.push((id, effect)),
            }
        }
        let Some(ticket) = ticket else { return };
        if self.stuck.contains(&id) {
            self.tickets.push((id, ticket));
        } else {
            self.node(id).persisted(ticket);
            self.ready(id);
        }
    }

    pub(super) fn turn(&mut self, id: u64) {
        let now_ns = self.now_ns;
        let node = self.node(id);
        node.begin(now_ns);
        node.tick();
        let mut beats = Vec::new();
        node.take_beats(&mut beats);
        self.beats.extend(beats.into_iter().map(|beat| (id, beat)));
        self.ready(id);
    }

    /// Delivers the beats that are on their way, and the answers.
    fn deliver_beats(&mut self) {
        let now_ns = self.now_ns;
        for (from, BeatOut { to, beat }) in std::mem::take(&mut self.beats) {
            if self.cut.contains(&(from, to)) || !self.nodes.contains_key(&to) {
                continue;
            }
            self.node(to).begin(now_ns);
            if !self.node(to).hear_beat(from, &beat) || self.cut.contains(&(to, from)) {
                continue;
            }
            self.answered += 1;
            self.node(from).begin(now_ns);
            self.node(from).hear_answer(to, &beat);
        }
    }

    /// Delivers what is on the wire, and what comes of it.
    pub(super) fn deliver(&mut self) {
        self.deliver_beats();
        for _ in 0..64 {
            if self.wire.is_empty() {
                return;
            }
            for message in std::mem::take(&mut self.wire) {
                let (from, to) = (message.from, message.to);
                if self.cut.contains(&(from, to)) || !self.nodes.contains_key(&to) {
                    continue;
                }
                let now_ns = self.now_ns;
                let node = self.node(to);
                node.begin(now_ns);
                match node.step(GROUP, message) {
                    Ok(()) | Err(GroupError::Overtaken { .. } | GroupError::TakesAnew { .. }) => {}
                    Err(error) => panic!("a peer's message is sound: {error}"),
                }
                self.ready(to);
            }
        }
        panic!("the nodes do not come to rest");
    }

    /// Lets time pass, with a turn of each node every 10 ms.
    pub(super) fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now_ns += 10 * MS;
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.turn(id);
            }
            self.deliver();
        }
    }

    /// Cuts a node off, both ways.
    pub(super) fn isolate(&mut self, id: u64) {
        for other in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.cut.insert((id, other));
            self.cut.insert((other, id));
        }
    }

    pub(super) fn propose(&mut self, id: u64) -> u64 {
        let position = self.node(id).propose(GROUP, b"value".to_vec()).expect("it leads");
        position.index
    }

    /// Gives a node the copy that was last asked for it, all in one.
    pub(super) fn install_wanted(&mut self, to: u64) {
        let wanted = self.effects.iter().rev().find_map(|(_, effect)| match effect {
            Effect::SnapshotWanted { to: wants, message, .. } if *wants == to => {
                Some(message.clone())
            }
            _ => None,
        });
        let header = wanted.expect("its log is no help");
        self.node(to).install_begin(GROUP, &header).expect("it has nothing to keep");
        self.ready(to);
        self.node(to).step(GROUP, *header).expect("it is sound");
        self.ready(to);
    }

    /// Whether an effect of a node is there.
    pub(super) fn saw(&self, id: u64, what: impl Fn(&Effect) -> bool) -> bool {
        self.effects.iter().any(|(of, effect)| *of == id && what(effect))
    }

    pub(super) fn sent(&self, from: u64, kind: MessageType) -> bool {
        self.wire.iter().any(|message| message.from == from && message.get_msg_type() == kind)
    }
}
