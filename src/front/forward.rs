//! Owns commands that another node serves, for clients that do not know the cluster: on their way, and their answers as they come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyperion_engine::Request;
use hyperion_engine::command::CommandSpec;
use hyperion_model::{DatabaseId, ReplyWriter};
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;
use hyperion_wire::peer::{
    Answer, Body, Forwarded, ForwardedCommand, ForwardedReply, Kind, Replies,
};

use super::client::{Client, Hold};
use super::execute::Progress;
use super::foreign::owned;
use super::limits::{
    ANSWER_WAIT_NS, FORWARDED_BYTES_MAX, FORWARDING_BYTES_MAX, FRAME_BYTES, LEADER_WAIT_NS,
    LONG_FRAME_BYTES,
};
use crate::node::{Io, Mail, NodeCore};

/// Commands of this core's clients that other nodes are to run.
#[derive(Debug, Default)]
pub(crate) struct Forwarding {
    numbers: u32,
    /// By number.
    pending: BTreeMap<u64, Pending>,
    /// Those that are to be sent at the end of the turn, in order.
    unsent: Vec<u64>,
    /// Those that wait for a leader, in order.
    waiting: Vec<u64>,
    /// Bytes of arguments.
    bytes: usize,
}

/// One command. Its arguments are kept, because who was asked may say that it did not run it.
#[derive(Debug)]
struct Pending {
    connection: ConnectionId,
    /// Where its answer is put in order.
    lane: u16,
    spec: &'static CommandSpec,
    database: DatabaseId,
    protocol: Protocol,
    arguments: Vec<Vec<u8>>,
    bytes: usize,
    slot: u16,
    since_ns: u64,
    /// The node that was asked.
    asked: Option<u32>,
    /// The node to ask, by the word of the one that was.
    hint: Option<u32>,
    /// Keys that its client is told as changed behind the answer.
    unheard: Vec<Vec<u8>>,
}

/// A client's lanes for answers of other nodes, in use or not: they come in any order, so each has one of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ForwardLanes([u64; 4]);

impl ForwardLanes {
    fn take(&mut self) -> Option<u16> {
        let word = self.0.iter().position(|word| *word != u64::MAX)?;
        let bit = self.0[word].trailing_ones() as usize;
        self.0[word] |= 1 << bit;
        u16::try_from(word * 64 + bit).ok()
    }

    fn give(&mut self, lane: u16) {
        self.0[usize::from(lane) / 64] &= !(1 << (lane % 64));
    }

    fn in_use(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl NodeCore {
    /// Whether commands of the client are carried to the nodes that serve them. Who asks at a core's own address knows the cluster.
    pub(super) fn forwards_for(&self, client: &Client) -> bool {
        !client.own_core_only && self.config.is_transparent() && self.view.is_some()
    }

    /// The number of the node that leads the slot's partition, as far as known.
    pub(super) fn leader_of(&self, slot: u16) -> Option<u32> {
        let view = self.view.as_ref()?;
        let leader = view.partitions[usize::from(view.partition_of(slot).0)].leader?;
        Some(view.nodes[leader].id)
    }

    /// Carries a command to the node that serves `slot`.
    pub(super) fn forward(
        &mut self,
        io: &Io,
        client: &mut Client,
        request: &Request<'_>,
        slot: u16,
    ) -> Progress {
        let bytes: usize = request.arguments.iter().map(|argument| argument.len()).sum();
        if bytes > FORWARDED_BYTES_MAX {
            let error = format!(
                "ERR a command of {bytes} bytes is too long to be carried between nodes; send it to the node that serves the key"
            );
            self.answer(client, |reply| reply.error(&error));
            return Progress::Ran;
        }
        let is_reached = |node: u32| {
            let view = self.view.iter();
            view.flat_map(|view| &view.nodes).any(|there| there.id == node && there.is_up)
        };
        if !self.leader_of(slot).is_some_and(is_reached) {
            return self.wait_for_leader(io, client, slot);
        }
        client.leaderless_since_ns = None;
        if self.forwarding.bytes + bytes > FORWARDING_BYTES_MAX {
            self.hold_again(client);
            return Progress::Held;
        }
        if client.output.owed() >= client.remote_answers_max() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let Some(lane) = client.forward_lanes.take() else {
            client.hold = Hold::Drain;
            return Progress::Held;
        };
        let lane = self.first_lane() + lane;
        let unheard = self.note_forwarded(client, request.spec, request.arguments);
        client.output.owe(lane, client.is_silent());
        self.counters.forwarded += 1;
        let pending = Pending {
            connection: client.connection,
            lane,
            spec: request.spec,
            database: request.database,
            protocol: client.session.protocol,
            arguments: request.arguments.iter().map(|argument| argument.to_vec()).collect(),
            bytes,
            slot,
            since_ns: io.now_ns(),
            asked: None,
            hint: None,
            unheard,
        };
        let forwarding = &mut self.forwarding;
        let number = number_of(self.index, client.connection, forwarding.fresh());
        forwarding.bytes += bytes;
        forwarding.pending.insert(number, pending);
        forwarding.unsent.push(number);
        if bytes > LONG_FRAME_BYTES && client.hold == Hold::None {
            // It goes in parts, and shorter commands that follow would be there before it.
            client.hold = Hold::Drain;
        }
        Progress::Ran
    }

    /// An election takes less than a second: the client waits for its end rather than being told to try again.
    pub(super) fn wait_for_leader(&mut self, io: &Io, client: &mut Client, slot: u16) -> Progress {
        let since_ns = *client.leaderless_since_ns.get_or_insert(io.now_ns());
        // Nobody tells a node that was removed who leads: it would wait in vain.
        let is_removed = self.shared.is_removed.load(Ordering::Relaxed);
        if io.now_ns() - since_ns < LEADER_WAIT_NS && !is_removed {
            self.hold_again(client);
            return Progress::Held;
        }
        let line = self.moved(slot, client.is_secured);
        self.answer(client, |reply| reply.error(&line));
        Progress::Ran
    }

    /// Lanes below are those of this node's cores.
    fn first_lane(&self) -> u16 {
        u16::try_from(self.links.len()).expect("cores are counted in 16 bits")
    }

    /// Sends what this turn's clients want of other nodes.
    pub(crate) fn send_forwarded(&mut self) {
        let unsent = std::mem::take(&mut self.forwarding.unsent);
        if unsent.is_empty() {
            return;
        }
        let mut by_node: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for number in unsent {
            let Some(pending) = self.forwarding.pending.get(&number) else { continue };
            match pending.hint.or_else(|| self.leader_of(pending.slot)) {
                Some(node) => by_node.entry(node).or_default().push(number),
                None => self.forwarding.waiting.push(number),
            }
        }
        let own = self.view.as_ref().map(|view| view.nodes[view.own].id);
        for (node, numbers) in by_node {
            if Some(node) == own {
                numbers.into_iter().for_each(|number| self.run_pending(node, number));
            } else {
                self.send_to(node, &numbers);
            }
        }
    }

    /// This node has come to lead the partition meanwhile.
    fn run_pending(&mut self, own: u32, number: u64) {
        let Some(pending) = self.forwarding.pending.get_mut(&number) else { return };
        (pending.asked, pending.hint) = (Some(own), None);
        let arguments = pending.arguments.clone();
        let arguments: Vec<Cow<'_, [u8]>> = arguments.into_iter().map(Cow::Owned).collect();
        let command = ForwardedCommand { arguments, ..head_of(number, pending) };
        self.take_forwarded(own, Forwarded { commands: vec![command] });
    }

    fn send_to(&mut self, node: u32, numbers: &[u64]) {
        let Self { forwarding, peers: Some(peers), .. } = self else { return };
        let mut from = 0;
        while from < numbers.len() {
            let mut bytes = 0;
            let fits = |number: &&u64| {
                let fits = bytes < FRAME_BYTES;
                bytes += forwarding.pending.get(number).map_or(0, |pending| pending.bytes);
                fits && bytes <= LONG_FRAME_BYTES
            };
            let count = numbers[from..].iter().take_while(fits).count().max(1);
            let part = &numbers[from..from + count];
            from += count;
            let commands = part
                .iter()
                .filter_map(|number| Some(command_of(*number, forwarding.pending.get(number)?)));
            let frame = Forwarded { commands: commands.collect() };
            let length: usize =
                part.iter().filter_map(|number| Some(forwarding.pending.get(number)?.bytes)).sum();
            let is_taken = if length > LONG_FRAME_BYTES {
                let number = u32::try_from(part[0] & u64::from(u32::MAX)).expect("half of 64 bits");
                peers.queue_long(node, (Kind::Forwarded, number), || {
                    let mut body = Vec::new();
                    frame.encode_body(&mut body).is_ok().then_some(body)
                })
            } else {
                let mut is_written = true;
                peers.queue(node, |out| is_written = frame.encode(out).is_ok()) && is_written
            };
            for number in part {
                let Some(pending) = forwarding.pending.get_mut(number) else { continue };
                pending.hint = None;
                if is_taken {
                    pending.asked = Some(node);
                } else {
                    forwarding.waiting.push(*number);
                }
            }
        }
    }

    /// Answers of another node, for clients of any core.
    pub(crate) fn take_foreign_replies(&mut self, io: &mut Io, replies: Replies<'_>) {
        let mut for_others: BTreeMap<usize, Vec<ForwardedReply<'static>>> = BTreeMap::new();
        for reply in replies.replies {
            let core = core_of(reply.request);
            if core == usize::from(self.index) {
                self.take_answer(io, reply);
            } else if core < self.links.len() {
                for_others.entry(core).or_default().push(owned(reply));
            }
        }
        for (core, replies) in for_others {
            self.links[core].backlog.push_back(Mail::ForeignReplies(replies));
        }
    }

    /// Answers that this node gave itself.
    pub(crate) fn take_own_answers(&mut self, io: &mut Io) {
        let replies = std::mem::take(&mut self.own_answers);
        if !replies.is_empty() {
            self.take_foreign_replies(io, Replies { replies });
        }
    }

    fn take_answer(&mut self, io: &mut Io, reply: ForwardedReply<'_>) {
        let number = reply.request;
        if self.take_placed(io, &reply) || self.take_whole(io, &reply) {
            return;
        }
        // Given up meanwhile, or told twice.
        let Some(pending) = self.forwarding.pending.get(&number) else { return };
        match reply.answer {
            Answer::Done { resp } => {
                self.note_slow_there(io, number);
                self.deliver(io, number, &resp);
            }
            Answer::Refused { sentence } => self.refuse(io, number, &sentence),
            Answer::Lost => {
                let connection = pending.connection;
                self.forget(number);
                io.close(connection);
            }
            Answer::Moved { node, .. } => {
                let own = self.view.as_ref().map_or(0, |view| view.nodes[view.own].id);
                let hint = Some(node).filter(|&node| node != 0 && node != own);
                self.ask_again(io, number, hint);
            }
            // No command that was sent so is answered so.
            Answer::Still { .. } | Answer::Offer { .. } => {}
        }
    }

    /// A command was not run: another node is asked, if nothing behind it can have overtaken it.
    fn ask_again(&mut self, io: &mut Io, number: u64, hint: Option<u32>) {
        let Some(pending) = self.forwarding.pending.get_mut(&number) else { return };
        let Some(client) = self.clients.get(pending.connection) else {
            self.forget(number);
            return;
        };
        if client.forward_lanes.in_use() > 1 && pending.spec.writes() {
            let sentence =
                "TRYAGAIN the partition of this key moves to another node; send it again";
            return self.refuse(io, number, sentence);
        }
        if client.hold == Hold::None {
            client.hold = Hold::Drain;
        }
        (pending.asked, pending.hint) = (None, hint);
        self.forwarding.waiting.push(number);
    }

    /// The link to a node is gone, and what became of what it was asked is not known.
    pub(crate) fn forward_lost(&mut self, io: &mut Io, node: u32) {
        self.whole_lost(io, node);
        self.placed_lost(io, node);
        let asked: Vec<u64> = self.forwarding.asked(node);
        for number in asked {
            let Some(pending) = self.forwarding.pending.get(&number) else { continue };
            if pending.spec.writes() {
                let connection = pending.connection;
                self.forget(number);
                io.close(connection);
            } else {
                self.ask_again(io, number, None);
            }
        }
    }

    /// Asks again for what waits for a leader; gives up what waits too long.
    pub(crate) fn tick_forwarding(&mut self, io: &mut Io) {
        let waiting = std::mem::take(&mut self.forwarding.waiting);
        for number in waiting {
            let Some(pending) = self.forwarding.pending.get(&number) else { continue };
            let is_removed = self.shared.is_removed.load(Ordering::Relaxed);
            if io.now_ns() - pending.since_ns < LEADER_WAIT_NS && !is_removed {
                self.forwarding.unsent.push(number);
            } else {
                let sentence = format!(
                    "CLUSTERDOWN slot {} is served by nobody that this node reaches; try again",
                    pending.slot
                );
                self.refuse(io, number, &sentence);
            }
        }
    }

    /// Gives up what was asked and not answered: nothing can be said of it.
    pub(crate) fn end_late_forwarded(&mut self, io: &mut Io) {
        self.end_late_wholes(io);
        for number in self.forwarding.late(io.now_ns()) {
            if let Some(pending) = self.forget(number) {
                io.close(pending.connection);
            }
        }
    }

    fn refuse(&mut self, io: &mut Io, number: u64, sentence: &str) {
        let mut bytes = Vec::new();
        super::replies::Replies::new(&mut bytes, Protocol::Resp2).error(sentence);
        self.deliver(io, number, &bytes);
    }

    /// Another node has run a command: it is slow or not by what its client saw, with the way there and back.
    fn note_slow_there(&mut self, io: &Io, number: u64) {
        let Some(pending) = self.forwarding.pending.get(&number) else { return };
        let took = Duration::from_nanos(io.now_ns().saturating_sub(pending.since_ns));
        let own = self.view.as_ref().map(|view| view.nodes[view.own].id);
        // What this node has come to lead is noted where it runs.
        if took < self.observer.note_from || pending.asked == own {
            return;
        }
        let (connection, spec, arguments) =
            (pending.connection, pending.spec, pending.arguments.clone());
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        if let Some(slow) = self.slow_command(io.now_unix_ms(), spec, &arguments, took) {
            self.slow_elsewhere(io, connection, slow);
        }
    }

    /// Puts an answer in its place.
    fn deliver(&mut self, io: &mut Io, number: u64, bytes: &[u8]) {
        let released = self.engine.released_position();
        let Some(Pending { connection, lane, unheard, spec, arguments, .. }) = self.forget(number)
        else {
            return;
        };
        if let Some((b'-', line)) = bytes.split_first() {
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            self.counters.failed_with(spec, &arguments, line);
        }
        self.tell_unheard(connection, unheard);
        let Some(client) = self.clients.get(connection) else { return };
        client.output.arrived(lane, bytes, released);
        client.note_remote_answer(bytes.len());
        client.output.merge(released);
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(connection);
        }
        if client.hold == Hold::Drain && client.output.is_in_order() {
            self.unhold(io, connection, Hold::Drain);
        }
    }

    fn forget(&mut self, number: u64) -> Option<Pending> {
        let pending = self.forwarding.pending.remove(&number)?;
        self.forwarding.bytes -= pending.bytes;
        let first = self.first_lane();
        if let Some(client) = self.clients.get(pending.connection) {
            client.forward_lanes.give(pending.lane - first);
        }
        Some(pending)
    }
}

impl Forwarding {
    pub(super) fn fresh(&mut self) -> u32 {
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }

    fn asked(&self, node: u32) -> Vec<u64> {
        let asked = self.pending.iter().filter(|(_, pending)| pending.asked == Some(node));
        asked.map(|(number, _)| *number).collect()
    }

    fn late(&self, now_ns: u64) -> Vec<u64> {
        let is_late = |pending: &Pending| now_ns.saturating_sub(pending.since_ns) > ANSWER_WAIT_NS;
        let late = self.pending.iter().filter(|(_, pending)| is_late(pending));
        late.map(|(number, _)| *number).collect()
    }
}

fn command_of(number: u64, pending: &Pending) -> ForwardedCommand<'_> {
    let arguments = pending.arguments.iter().map(|argument| argument.as_slice().into());
    ForwardedCommand { arguments: arguments.collect(), ..head_of(number, pending) }
}

fn head_of(number: u64, pending: &Pending) -> ForwardedCommand<'static> {
    ForwardedCommand {
        request: number,
        database: pending.database.0,
        protocol: if pending.protocol == Protocol::Resp3 { 3 } else { 2 },
        flags: 0,
        arguments: Vec::new(),
    }
}

/// A command's number in the cluster, from above: 10 bits of the core, 22 of the client's place, 32 that count.
pub(super) fn number_of(core: u16, connection: ConnectionId, count: u32) -> u64 {
    u64::from(core) << 54 | u64::from(connection.index & 0x003f_ffff) << 32 | u64::from(count)
}

fn core_of(number: u64) -> usize {
    (number >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_on_its_way_has_a_lane_of_its_own() {
        let mut lanes = ForwardLanes::default();
        let taken: Vec<u16> = std::iter::from_fn(|| lanes.take()).collect();
        assert_eq!(taken, (0..256).collect::<Vec<u16>>(), "and no more than there are");
        lanes.give(200);
        lanes.give(3);
        assert_eq!(
            (lanes.in_use(), lanes.take(), lanes.take(), lanes.take()),
            (254, Some(3), Some(200), None)
        );
    }

    #[test]
    fn a_number_tells_the_core_and_keeps_clients_apart() {
        let connection = ConnectionId { index: 0x003f_fffe, generation: 9 };
        let number = number_of(1_023, connection, u32::MAX);
        assert_eq!(core_of(number), 1_023);
        assert_ne!(
            number >> 32,
            number_of(1_023, ConnectionId { index: 1, ..connection }, 7) >> 32
        );
    }
}
