//! Three nodes with one core each that have copies of all partitions, without disks and without a network.

use super::machine::{ANN, Line, Machine, request_of};
use crate::effect::{Answer, Effect};
use crate::replication::{Outgoing, Replica, Said};
use crate::request::Outcome;
use crate::spanning::SpanMail;
use hyperion_cluster::group::{Beat, Message, RecoveredGroup};
use hyperion_model::{GroupId, PartitionId};

pub(super) const NODES: usize = 3;
pub(super) const PARTITIONS: u16 = 4;
const MS: u64 = 1_000_000;
/// Rounds within which what is asked must be answered.
const ROUNDS_MAX: usize = 2_000;

pub(super) enum Sent {
    Message(GroupId, Message),
    Beat(Said, Beat),
    Span(SpanMail),
}

pub(super) struct Node {
    pub(super) machine: Machine,
    pub(super) ahead_ms: u64,
    pub(super) is_up: bool,
    inbox: Vec<(u32, Sent)>,
    pub(super) answers: Vec<Answer>,
}

/// Nodes with copies of all partitions.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    now_ms: u64,
}

impl Cluster {
    pub(super) fn new() -> Self {
        let node = |id: u32| {
            let mut machine = Machine::in_memory();
            machine.end_turn();
            let replica = |partition| Replica {
                group: GroupId::of(PartitionId(partition)),
                recovered: RecoveredGroup::founded(&[1, 2, 3], 1),
                held: Vec::new(),
            };
            let replicas = (0..PARTITIONS).map(replica).collect();
            machine.engine.begin_turn(1_000_000);
            let begun = machine.engine.replicate(id, u64::from(id), replicas, None, 1_000 * MS);
            begun.expect("new groups are sound");
            Node { machine, ahead_ms: 0, is_up: true, inbox: Vec::new(), answers: Vec::new() }
        };
        Self { nodes: (1..=3).map(node).collect(), now_ms: 1_000_000 }
    }

    /// Ten ms go by.
    pub(super) fn round(&mut self) {
        self.now_ms += 10;
        let mut sent = Vec::new();
        for (node, id) in self.nodes.iter_mut().zip(1..).filter(|(node, _)| node.is_up) {
            let (inbox, engine) = (std::mem::take(&mut node.inbox), &mut node.machine.engine);
            engine.begin_turn(self.now_ms + node.ahead_ms);
            engine.begin_groups(self.now_ms * MS);
            engine.go_on_with_units();
            for (from, sent) in inbox {
                match sent {
                    Sent::Message(group, message) => engine.step(group, message).expect("sound"),
                    Sent::Beat(said, beat) => engine.hear_beat(from, said, &beat),
                    Sent::Span(mail) => engine.span_mail(from, mail),
                }
            }
            engine.tick_groups();
            for _ in 0..3 {
                node.machine.engine.drive_groups();
                node.machine.end_turn();
                node.machine.engine.settle();
            }
            let engine = &mut node.machine.engine;
            let (mut messages, mut beats, mut effects) = (Vec::new(), Vec::new(), Vec::new());
            engine.take_messages(&mut messages);
            engine.take_beats(&mut beats);
            engine.take_effects(&mut effects);
            sent.extend(
                messages.into_iter().map(|Outgoing { to, group, message }| {
                    (id, to, Sent::Message(group, *message))
                }),
            );
            sent.extend(beats.into_iter().map(|(to, said, beat)| (id, to, Sent::Beat(said, beat))));
            for effect in effects {
                match effect {
                    Effect::Span { to, mail } => sent.push((id, to, Sent::Span(*mail))),
                    Effect::Finished { answer, .. } => node.answers.push(answer),
                    _ => {}
                }
            }
        }
        for (from, to, sent) in sent {
            let place = usize::try_from(to - 1).expect("a few nodes");
            self.nodes[place].inbox.push((from, sent));
        }
    }

    /// Runs a command on a node; `None`: it does not lead, or has no answer yet.
    fn try_on(&mut self, node: usize, words: &[&[u8]]) -> Option<(u64, String)> {
        let mut line = Line::default();
        match self.nodes[node].machine.engine.execute(&request_of(ANN, words), &mut line) {
            Outcome::Done { observed } => Some((observed, line.0)),
            _ => None,
        }
    }

    /// Runs a command on a node once; `None`: it does not lead, or has no answer yet.
    pub(super) fn try_on_one(&mut self, node: usize, text: &str) -> Option<(u64, String)> {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        self.try_on(node, &words)
    }

    /// Asks all nodes that are up until the one that leads has answered, and the answer may leave. Gives the node too.
    pub(super) fn ask(&mut self, text: &str) -> (usize, String) {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        for _ in 0..ROUNDS_MAX {
            self.round();
            let up = |&node: &usize| self.nodes[node].is_up;
            for node in (0..NODES).filter(up).collect::<Vec<_>>() {
                let Some((observed, line)) = self.try_on(node, &words) else { continue };
                for _ in 0..ROUNDS_MAX {
                    self.round();
                    if self.nodes[node].machine.engine.released_position() >= observed {
                        return (node, line);
                    }
                }
            }
        }
        panic!("{text} is not answered");
    }
}
