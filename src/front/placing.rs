//! Owns commands that wait at other places, as their client sees them: where they go, what is done next, their answer, and what ends them.

use hyperion_engine::command::{
    CommandSpec, is_move, part_words, source_words, time_to_wait, waited_keys,
};
use hyperion_engine::{Answer as Collected, Request};
use hyperion_model::{ReplyWriter, slot_of};
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;
use hyperion_wire::peer::ForwardedCommand;

use super::batch::CommandHead;
use super::blocked::{BlockedAt, Ending, TOO_MANY, write_ending};
use super::client::{Client, Hold};
use super::execute::{CROSS_SLOT, Progress};
use super::finished::write_answer;
use super::foreign::{END, KEEP, PART};
use super::forward::number_of;
use super::limits::{BLOCKED_MAX, LEADER_WAIT_NS, PLACED_BYTES_MAX};
use super::placed::{Collects, Next, Place, Placed, Stance};
use super::replies::Replies;
use crate::node::NodeCore;

impl NodeCore {
    /// The number of this node in the config; 0 where it is alone.
    pub(super) fn own_node(&self) -> u32 {
        self.view.as_ref().map_or(0, |view| view.nodes[view.own].id)
    }

    /// Whether a node is this one, or was before it became one of several.
    pub(super) fn is_own_node(&self, node: u32) -> bool {
        node == 0 || node == self.own_node()
    }

    /// Who leads the slot's partition and is reached.
    fn reached_leader(&self, slot: u16) -> Option<u32> {
        let Some(view) = &self.view else { return Some(0) };
        let leader = view.partitions[usize::from(view.partition_of(slot).0)].leader?;
        let is_reached = leader == view.own || view.nodes[leader].is_up;
        is_reached.then(|| view.nodes[leader].id)
    }

    /// Begins a command that waits, for keys wherever they are. It has changed nothing so far.
    pub(super) fn begin_placed(&mut self, client: &mut Client, request: &Request<'_>) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let Request { spec, arguments, .. } = *request;
        let places = self.places_of(spec, arguments);
        if places.is_none() && self.view.is_some() && !self.may_span(client) {
            self.answer(client, |reply| reply.error(CROSS_SLOT));
            return Progress::Ran;
        }
        let (places, collects) = places.unwrap_or_else(|| self.places_apart(spec, arguments));
        let bytes: usize = arguments.iter().map(|word| word.len()).sum();
        if bytes > PLACED_BYTES_MAX {
            let line = format!(
                "ERR a command of {bytes} bytes may not wait for keys of several cores or nodes; {PLACED_BYTES_MAX} is the most"
            );
            self.answer(client, |reply| reply.error(&line));
            return Progress::Ran;
        }
        if self.placed.places + places.len() > BLOCKED_MAX {
            self.answer(client, |reply| reply.error(TOO_MANY));
            return Progress::Ran;
        }
        let timeout_ms = time_to_wait(spec, arguments).filter(|&timeout_ms| timeout_ms > 0);
        let now_ms = self.engine.store().now_ms();
        let until_ms = timeout_ms.map(|timeout_ms| now_ms.saturating_add(timeout_ms));
        let head = CommandHead { is_part: true, ..CommandHead::of(client, request) };
        let arguments = arguments.iter().map(|word| word.to_vec()).collect();
        client.hold = Hold::Blocked;
        client.blocked = Some(BlockedAt::Placed);
        self.counters.forwarded += 1;
        self.placed.add(Placed::new(head, arguments, places, collects, until_ms));
        self.go_on_placed(client);
        if matches!(client.hold, Hold::Answer(_)) {
            // As for a command that waits: what is behind it may want an answer.
            client.session.reply_mode = client.session.reply_mode.next();
        }
        Progress::Ran
    }

    /// The one place of a command, if all its keys lie in one partition.
    fn places_of(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> Option<(Vec<Place>, Collects)> {
        let map = self.engine.map();
        let keys = hyperion_engine::command::keys_of(spec, arguments);
        let mut slots = keys.map(|at| slot_of(arguments[at]));
        let slot = slots.next()?;
        let partition = map.partition_of(slot);
        let is_one = slots.all(|other| map.partition_of(other) == partition);
        let words = arguments.iter().map(|word| word.to_vec()).collect();
        is_one.then(|| (vec![Place::new(slot, words)], Collects::Never))
    }

    /// The places of a command whose keys lie in several partitions, in the order of its keys.
    fn places_apart(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> (Vec<Place>, Collects) {
        if is_move(spec) {
            let source = arguments[1];
            return (vec![Place::new(slot_of(source), source_words(source))], Collects::Always);
        }
        let map = self.engine.map();
        let partition_at = |at: usize| map.partition_of(slot_of(arguments[at]));
        let mut seen = Vec::new();
        let mut places = Vec::new();
        for at in waited_keys(spec, arguments) {
            let partition = partition_at(at);
            if !seen.contains(&partition) {
                seen.push(partition);
                let words = part_words(spec, arguments, |key| partition_at(key) == partition);
                places.push(Place::new(slot_of(arguments[at]), words));
            }
        }
        let is_read = spec.name.starts_with("xread");
        // Where only what is to come is asked for there is nothing at first.
        let is_new = |word: &&[u8]| **word == b"$"[..];
        let ids = arguments.len() - waited_keys(spec, arguments).count();
        let is_first = is_read && !arguments[ids..].iter().all(is_new);
        (places, if is_first { Collects::First } else { Collects::Never })
    }

    /// Does what is to be done next for the command of a client.
    pub(super) fn go_on_placed(&mut self, client: &mut Client) {
        let connection = client.connection;
        let now_ms = self.engine.store().now_ms();
        loop {
            let Some(placed) = self.placed.commands.get_mut(&connection) else { return };
            if !placed.is_running()
                && let Some(ending) = placed.ending
            {
                // "Nothing was there" is not known of a partition that nobody could ask.
                let is_unseen = ending == Ending::Timeout && placed.is_late(now_ms, UNSEEN_MS);
                if let Some(slot) = placed.nowhere().filter(|_| is_unseen) {
                    return self.give_placed_up(client, slot);
                }
                return self.finish_placed(client, None, |out, protocol| {
                    write_ending(ending, &mut Replies::new(out, protocol));
                });
            }
            match placed.next() {
                None => return,
                Some(Next::Collect) => return self.collect_placed(client),
                Some(Next::Ask(at)) => self.ask_place(connection, at),
            }
        }
    }

    fn collect_placed(&mut self, client: &mut Client) {
        let Some(placed) = self.placed.commands.get_mut(&client.connection) else { return };
        placed.is_collecting = true;
        let CommandHead { spec, database, .. } = placed.head;
        let arguments = placed.arguments.clone();
        let ticket = self.fresh_ticket(client);
        if self.engine.is_replicated() {
            self.engine.begin_spanning(ticket, spec, database, arguments);
        } else {
            self.engine.begin_spread(ticket, spec, database, arguments);
        }
    }

    /// A command ran on copies of its keys: it is answered, or waits.
    pub(super) fn placed_collected(&mut self, mut client: Box<Client>, answer: Collected) {
        let connection = client.connection;
        let is_nothing = matches!(&answer, Collected::Recorded(told) if told.is_nothing());
        let random = self.draw();
        let now_ms = self.engine.store().now_ms();
        if let Some(placed) = self.placed.commands.get_mut(&connection) {
            placed.is_collecting = false;
            client.hold = Hold::Blocked;
            if is_too_early(&answer) && !placed.is_late(now_ms, LEADER_WAIT_MS) {
                placed.leaderless_since_ms.get_or_insert(now_ms);
                placed.collects_later = true;
                self.placed.astray.insert(connection);
                if placed.ending.is_some() {
                    self.go_on_placed(&mut client);
                }
            } else if is_nothing {
                self.go_on_placed(&mut client);
            } else {
                self.finish_placed(&mut client, None, |out, protocol| {
                    write_answer(answer, random, &mut Replies::new(out, protocol));
                });
            }
        }
        self.clients.put_back(client);
    }

    /// Sends the command to one of its places, with the next turn's end.
    fn ask_place(&mut self, connection: ConnectionId, at: usize) {
        let now_ms = self.engine.store().now_ms();
        let Some(placed) = self.placed.commands.get(&connection) else { return };
        let place = &placed.places[at];
        let (node, number) = match place.at {
            Some(known) => known,
            None => {
                let Some(node) = self.reached_leader(place.slot) else {
                    return self.placed.stray(connection, at, now_ms);
                };
                (node, number_of(self.index, connection, self.forwarding.fresh()))
            }
        };
        let Some(placed) = self.placed.commands.get_mut(&connection) else { return };
        let CommandHead { database, protocol, .. } = placed.head;
        let flags = if placed.collects == Collects::Always { KEEP } else { PART };
        let place = &mut placed.places[at];
        place.at = Some((node, number));
        place.stand(Stance::Asked, now_ms);
        let command = ForwardedCommand {
            request: number,
            database: database.0,
            protocol: if protocol == Protocol::Resp3 { 3 } else { 2 },
            flags,
            arguments: place.words.iter().map(|word| word.clone().into()).collect(),
        };
        self.placed.numbers.insert(number, (connection, at));
        self.placed.unsent.push((node, command));
    }

    /// The command has its answer, from its place `answered` or otherwise: nobody keeps it any more.
    pub(super) fn finish_placed(
        &mut self,
        client: &mut Client,
        answered: Option<usize>,
        write: impl FnOnce(&mut Vec<u8>, Protocol),
    ) {
        let Some(head) = self.drop_placed(client.connection, answered) else { return };
        if !head.is_silent {
            let buffer = client.output.buffer();
            let before = buffer.len();
            write(buffer, head.protocol);
            if buffer.get(before) == Some(&b'-') {
                self.counters.failed_with(head.spec, &[], &buffer[before + 1..]);
            }
            client.output.mark(0, self.engine.released_position());
        }
        self.unblock(client);
    }

    /// Forgets a command, and has those that keep it forget it.
    pub(super) fn drop_placed(
        &mut self,
        connection: ConnectionId,
        answered: Option<usize>,
    ) -> Option<CommandHead> {
        let placed = self.placed.remove(connection)?;
        for (at, place) in placed.places.iter().enumerate() {
            if let Some((node, number)) = place.at.filter(|_| answered != Some(at)) {
                self.end_place(node, number, place.slot);
            }
        }
        Some(placed.head)
    }

    pub(super) fn end_place(&mut self, node: u32, number: u64, slot: u16) {
        let command = ForwardedCommand {
            request: number,
            database: 0,
            protocol: 2,
            flags: END,
            arguments: vec![slot.to_le_bytes().to_vec().into()],
        };
        self.placed.unsent.push((node, command));
    }

    /// Its time is up, or somebody ends it.
    pub(super) fn end_placed_wait(&mut self, client: &mut Client, ending: Ending) {
        if ending == Ending::Gone {
            self.drop_placed(client.connection, None);
            return;
        }
        if let Some(placed) = self.placed.commands.get_mut(&client.connection) {
            placed.ending = Some(ending);
        }
        self.go_on_placed(client);
    }

    /// Ends the wait of a client whose time is up.
    pub(super) fn end_late_placed(&mut self, end: (u64, ConnectionId)) {
        self.placed.ends.remove(&end);
        self.with_placed(end.1, |core, client| core.end_placed_wait(client, Ending::Timeout));
    }

    /// Nobody serves one of its places.
    pub(super) fn give_placed_up(&mut self, client: &mut Client, slot: u16) {
        let line = format!(
            "CLUSTERDOWN slot {slot} is served by nobody that this node reaches; try again"
        );
        self.finish_placed(client, None, |out, protocol| Replies::new(out, protocol).error(&line));
    }

    pub(super) fn with_placed(
        &mut self,
        connection: ConnectionId,
        run: impl FnOnce(&mut Self, &mut Client),
    ) {
        let Some(mut client) = self.clients.take(connection) else { return };
        if client.blocked == Some(BlockedAt::Placed) {
            run(self, &mut client);
        }
        self.clients.put_back(client);
    }
}

/// Whether nothing happened because a partition has no leader at the moment.
fn is_too_early(answer: &Collected) -> bool {
    let Collected::Error(line) = answer else { return false };
    line.starts_with("TRYAGAIN") || line.starts_with("CLUSTERDOWN")
}

/// For so long, ms, no leader was found of a place of a command whose time is up.
const UNSEEN_MS: u64 = 250;
/// How long a command waits for a leader, in ms.
pub(super) const LEADER_WAIT_MS: u64 = LEADER_WAIT_NS / 1_000_000;
