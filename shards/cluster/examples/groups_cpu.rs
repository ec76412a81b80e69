//! What the groups cost in CPU: per entry under load, and per tick when idle. Three nodes in one thread, messages passed
//! by value, disks that answer at once: only the driver and raft are measured, no frames and no store.
//!
//! `cargo run --release -p hyperion-cluster --example groups_cpu`
#![expect(clippy::disallowed_methods, reason = "it measures the time that passes")]

use std::time::{Duration, Instant};

use hyperion_cluster::group::{Beat, BeatOut, Bounds, Effect, Groups, Message, RecoveredGroup};
use hyperion_model::GroupId;

const MS: u64 = 1_000_000;
const VOTERS: [u64; 3] = [1, 2, 3];

struct Node {
    groups: Groups,
    inbox: Vec<(GroupId, Message)>,
    /// Beats and answers, with who sent them.
    beats: Vec<(u64, Beat)>,
    answers: Vec<(u64, Beat)>,
    effects: Vec<Effect>,
    spent: Duration,
    committed: u64,
    messages: u64,
    leads: Vec<GroupId>,
}

struct Trio {
    nodes: Vec<Node>,
    now_ns: u64,
}

impl Trio {
    fn new(groups: u32) -> Self {
        let nodes = VOTERS.map(|id| {
            let mut node = Groups::new(id, id, Bounds::default());
            for group in 0..groups {
                let founded = RecoveredGroup::founded(&VOTERS, 1);
                node.add(GroupId(group), founded, MS).expect("a new group is sound");
            }
            Node {
                groups: node,
                inbox: Vec::new(),
                beats: Vec::new(),
                answers: Vec::new(),
                effects: Vec::new(),
                spent: Duration::ZERO,
                committed: 0,
                messages: 0,
                leads: Vec::new(),
            }
        });
        let mut trio = Self { nodes: nodes.into(), now_ns: MS };
        for _ in 0..200 {
            trio.now_ns += 10 * MS;
            trio.round(0, 0);
        }
        let led: usize = trio.nodes.iter().map(|node| node.leads.len()).sum();
        assert_eq!(led, groups as usize, "all groups are led");
        trio
    }

    /// One turn of each node; those that lead propose so many entries a group.
    fn round(&mut self, entries: usize, bytes: usize) -> usize {
        let mut sent = Sent::default();
        let (mut beaten, mut answered) = (Vec::new(), Vec::new());
        for (node, id) in self.nodes.iter_mut().zip(VOTERS) {
            let payloads = vec![vec![7_u8; bytes]; entries * node.leads.len()];
            let begun = Instant::now();
            turn(node, self.now_ns, payloads, entries, &mut sent);
            node.spent += begun.elapsed();
            for (to, beat) in sent.answers.drain(..) {
                answered.push((to, id, beat));
            }
            for BeatOut { to, beat } in sent.beats.drain(..) {
                beaten.push((to, id, beat));
            }
        }
        let count = sent.messages.len();
        let place = |to: u64| usize::try_from(to - 1).expect("three nodes");
        for (to, group, message) in sent.messages {
            self.nodes[place(to)].inbox.push((group, message));
        }
        for (to, from, beat) in beaten {
            self.nodes[place(to)].beats.push((from, beat));
        }
        for (to, from, beat) in answered {
            self.nodes[place(to)].answers.push((from, beat));
        }
        count
    }

    fn reset(&mut self) {
        for node in &mut self.nodes {
            (node.spent, node.committed, node.messages) = (Duration::ZERO, 0, 0);
        }
    }
}

/// What a turn sends out.
#[derive(Default)]
struct Sent {
    messages: Vec<(u64, GroupId, Message)>,
    beats: Vec<BeatOut>,
    answers: Vec<(u64, Beat)>,
}

fn turn(node: &mut Node, now_ns: u64, payloads: Vec<Vec<u8>>, entries: usize, sent: &mut Sent) {
    node.groups.begin(now_ns);
    for (group, message) in node.inbox.drain(..) {
        node.groups.step(group, message).expect("a peer's message is sound");
    }
    for (from, beat) in node.beats.drain(..) {
        if node.groups.hear_beat(from, &beat) {
            sent.answers.push((from, beat));
        }
    }
    for (from, answer) in node.answers.drain(..) {
        node.groups.hear_answer(from, &answer);
    }
    node.groups.tick();
    node.groups.take_beats(&mut sent.beats);
    let mut payloads = payloads.into_iter();
    for group in &node.leads {
        for payload in payloads.by_ref().take(entries) {
            node.groups.propose(*group, payload).expect("it leads");
        }
    }
    for _ in 0..2 {
        let ticket = node.groups.ready(&mut node.effects);
        for effect in node.effects.drain(..) {
            match effect {
                Effect::Send { group, to, message } => {
                    node.messages += 1;
                    sent.messages.push((to, group, *message));
                }
                Effect::Apply { group, up_to } => {
                    node.groups.applied(group, up_to);
                    node.committed += 1;
                }
                Effect::BecameLeader { group, .. } => node.leads.push(group),
                Effect::LostLeader { group, .. } => node.leads.retain(|led| *led != group),
                _ => {}
            }
        }
        let Some(ticket) = ticket else { break };
        node.groups.persisted(ticket);
    }
}

/// `outstanding` entries over all groups, each round's committed before the next one's are proposed.
fn load(groups: u32, outstanding: usize, rounds: usize) {
    let mut trio = Trio::new(groups);
    let entries = outstanding / groups as usize;
    trio.reset();
    for _ in 0..rounds {
        trio.now_ns += MS;
        trio.round(entries, 128);
        // Until the last acknowledgement and the last commit index are there.
        while trio.round(0, 0) > 0 {}
    }
    let count = (rounds * entries * groups as usize) as f64;
    let total: f64 = trio.nodes.iter().map(|node| node.spent.as_secs_f64()).sum();
    let messages: u64 = trio.nodes.iter().map(|node| node.messages).sum();
    println!(
        "{groups:>5} groups, {outstanding:>4} outstanding: {:.2} us of CPU an entry on three nodes together, {:.3} messages an entry",
        total * 1e6 / count,
        messages as f64 / count
    );
    if groups == 1 {
        for node in &trio.nodes {
            let role = if node.leads.is_empty() { "follower" } else { "leader" };
            println!("        {role}: {:.2} us an entry", node.spent.as_secs_f64() * 1e6 / count);
        }
    }
}

fn idle(groups: u32) {
    let mut trio = Trio::new(groups);
    trio.reset();
    let ticks = 1_000;
    for _ in 0..ticks {
        trio.now_ns += 10 * MS;
        trio.round(0, 0);
    }
    let spent: f64 = trio.nodes.iter().map(|node| node.spent.as_secs_f64()).sum::<f64>() / 3.0;
    let messages: u64 = trio.nodes.iter().map(|node| node.messages).sum::<u64>() / 3;
    let tick_us = spent * 1e6 / f64::from(ticks);
    println!(
        "{groups:>5} idle groups: {tick_us:.0} us a tick and node, {:.2} % of a core; {messages} messages; {} KiB resident in all",
        tick_us / 10_000.0 * 100.0,
        resident_kib()
    );
}

fn resident_kib() -> u64 {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn main() {
    load(1, 1, 20_000);
    load(1, 64, 5_000);
    load(64, 64, 500);
    load(64, 512, 500);
    idle(64);
    idle(1_024);
}
