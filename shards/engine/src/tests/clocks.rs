//! Tests of nodes whose clocks are apart: what has expired for one client is gone for all, whoever leads next.

use super::machine::{ANN, Line, Machine};
use crate::command::find;
use crate::effect::{Answer, Effect, Ticket};
use crate::replication::{Outgoing, Replica, Said};
use crate::request::{Outcome, Request};
use crate::spanning::SpanMail;
use crate::work::{Queued, Unit};
use hyperion_cluster::group::{Beat, Message, RecoveredGroup};
use hyperion_model::{DatabaseId, GroupId, PartitionId, slot_of};

const NODES: usize = 3;
const PARTITIONS: u16 = 4;
const MS: u64 = 1_000_000;
const AHEAD_MS: u64 = 5_000;
/// Rounds within which what is asked must be answered.
const ROUNDS_MAX: usize = 2_000;

enum Sent {
    Message(GroupId, Message),
    Beat(Said, Beat),
    Span(SpanMail),
}

struct Node {
    machine: Machine,
    ahead_ms: u64,
    is_up: bool,
    inbox: Vec<(u32, Sent)>,
    answers: Vec<Answer>,
}

/// Nodes with copies of all partitions.
struct Cluster {
    nodes: Vec<Node>,
    now_ms: u64,
}

impl Cluster {
    fn new() -> Self {
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
    fn round(&mut self) {
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
        let request = Request {
            spec: find(words[0]).expect("it is in the table"),
            database: DatabaseId(0),
            arguments: words,
            own_core_only: false,
            client: ANN,
            slot: None,
            from_replica: false,
            blocking: crate::command::Blocking::Never,
        };
        let mut line = Line::default();
        match self.nodes[node].machine.engine.execute(&request, &mut line) {
            Outcome::Done { observed } => Some((observed, line.0)),
            _ => None,
        }
    }

    /// Asks all nodes that are up until the one that leads has answered, and the answer may leave. Gives the node too.
    fn ask(&mut self, text: &str) -> (usize, String) {
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

/// Commands that meet `a`, a field of the hash `{t}h` that has expired; what they answer tells so.
const READS: &[&str] = &[
    "hget {t}h a",
    "hmget {t}h a b",
    "hlen {t}h",
    "hexists {t}h a",
    "hstrlen {t}h a",
    "hgetall {t}h",
    "hkeys {t}h",
    "hvals {t}h",
    "hrandfield {t}h 5",
    "hscan {t}h 0",
    "httl {t}h FIELDS 1 a",
    "dump {t}h",
    "sort {t}l by nosort get {t}*->a",
    "hgetex {t}h FIELDS 1 a",
];

/// A field expires, is told to be gone by a leader whose clock is ahead, and stays so with the next leader.
#[test]
fn a_field_that_was_gone_stays_gone_with_the_next_leader() {
    for read in READS {
        let mut cluster = Cluster::new();
        cluster.ask("hset {t}h a 1 b 2");
        cluster.ask("rpush {t}l h");
        let (first, line) = cluster.ask("hpexpire {t}h 1000 FIELDS 1 a");
        assert_eq!(cluster.ask("hget {t}h a").1, "$1", "{read}: {line}");
        cluster.nodes[first].ahead_ms = AHEAD_MS;
        assert_eq!(cluster.ask(read).0, first, "{read}: who leads has changed");
        cluster.nodes[first].is_up = false;
        let (next, line) = cluster.ask("hget {t}h a");
        assert_ne!(next, first);
        assert_eq!(line, "$-1", "{read} had told that the field is gone");
    }
}

#[test]
fn a_key_that_was_gone_stays_gone_with_the_next_leader() {
    for read in ["get k", "exists k", "ttl k", "type k", "set k 2 XX", "strlen k"] {
        let mut cluster = Cluster::new();
        let (first, _) = cluster.ask("set k 1 PX 1000");
        cluster.nodes[first].ahead_ms = AHEAD_MS;
        assert_eq!(cluster.ask(read).0, first, "{read}: who leads has changed");
        cluster.nodes[first].is_up = false;
        let (next, line) = cluster.ask("get k");
        assert_ne!(next, first);
        assert_eq!(line, "$-1", "{read} had told that the key is gone");
    }
}

/// Commands over several partitions are answered as of what who leads each found there, not by the clock of who asks.
#[test]
fn who_asks_several_leaders_does_not_go_by_its_own_clock() {
    let mut cluster = Cluster::new();
    let partition =
        |key: &str| cluster.nodes[0].machine.engine.map().partition_of(slot_of(key.as_bytes()));
    let names = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    let apart = names.into_iter().find(|name| partition(name) != partition("h")).expect("some do");
    cluster.ask("hset h a 1 b 2");
    cluster.ask("hpexpire h 1000 FIELDS 1 a");
    let (leader, _) = cluster.ask(&format!("set {apart} 1 PX 1000"));
    let asker = (0..NODES).find(|&node| node != leader).expect("there are three");
    cluster.nodes[asker].ahead_ms = AHEAD_MS;
    let queued = |text: &str| {
        let arguments: Vec<Vec<u8>> =
            text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Queued {
            spec: find(&arguments[0]).expect("it is there"),
            database: DatabaseId(0),
            arguments,
        }
    };
    let commands = vec![queued("hget h a"), queued("hlen h"), queued(&format!("get {apart}"))];
    let unit = Unit { commands, ..Unit::default() };
    // Whoever leads the hash does so by its own clock.
    let leads_hash = cluster.ask("hget h a").0 == asker;
    cluster.nodes[asker].machine.engine.begin_unit(Ticket(1), unit);
    for _ in 0..100 {
        cluster.round();
    }
    let answer = cluster.nodes[asker].answers.pop().expect("it is answered");
    let Answer::Unit { replies: Some(replies), .. } = answer else { panic!("{answer:?}") };
    let lines: Vec<String> = replies
        .iter()
        .map(|reply| {
            let mut line = Line::default();
            reply.write(&mut line);
            line.0
        })
        .collect();
    let hash = if leads_hash { ["$-1", ":1"] } else { ["$1", ":2"] };
    assert_eq!(lines, [hash[0], hash[1], "$1"]);
}
