//! Owns the commands of other cores' clients: runs them here in order, and sends their answers back.

use std::collections::{BTreeSet, VecDeque};

use hyperion_engine::command::{Blocking, CommandError, Flags};
use hyperion_engine::{Key, Outcome, Request};
use hyperion_model::ReplyWriter;
use hyperion_model::limits::WAITING_COMMANDS_MAX;
use hyperion_runtime::ConnectionId;

use super::batch::{CommandBatch, CommandHead, Parcel, ReplyBatch, ReplyHead};

use super::blocked::{BlockedAt, Tried};
use super::client::Hold;
use super::execute::client_word;
use super::limits::{ARGUMENTS_INLINE, LINES_AHEAD, LONG_ANSWER_BYTES, PREFETCH_KEYS_MIN};
use super::replies::Replies;
use super::streams::Stream;
use crate::node::{Io, Mail, NodeCore};

/// A command of another core's client that could not run yet.
#[derive(Debug)]
pub(crate) struct Parked {
    from: u16,
    head: CommandHead,
    arguments: Vec<Vec<u8>>,
}

/// Commands that wait, and whose they are: a later command of the same client waits behind.
#[derive(Debug, Default)]
pub(crate) struct ParkedCommands {
    pub(super) commands: VecDeque<Parked>,
    origins: BTreeSet<(u16, ConnectionId)>,
    /// Other cores' clients that have not taken a long answer of this core: their next commands wait.
    pub(super) takers: BTreeSet<(u16, ConnectionId)>,
}

impl ParkedCommands {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

impl NodeCore {
    /// A parcel of another core came: runs its commands, hands its answers out, and keeps it for the way back.
    pub(crate) fn unpack(&mut self, io: &mut Io, from: u16, parcel: Box<Parcel>) {
        self.run_batch(from, &parcel.commands);
        self.take_replies(io, from, &parcel.replies);
        self.spare_parcels.keep(parcel);
    }

    fn run_batch(&mut self, from: u16, batch: &CommandBatch) {
        let mut rest = batch.bytes.as_slice();
        let mut lengths = batch.lengths.as_slice();
        let mut many: Vec<&[u8]> = Vec::new();
        let mut ahead = batch.ahead();
        for (number, head) in batch.heads.iter().enumerate() {
            if number.is_multiple_of(LINES_AHEAD) && self.keys > PREFETCH_KEYS_MIN {
                let mut keys: [Option<Key<'_>>; LINES_AHEAD] = [None; LINES_AHEAD];
                for (place, (head, key)) in keys.iter_mut().zip(ahead.by_ref()) {
                    if let Some(slot) = head.slot {
                        *place = self.engine.prefetch_bucket(head.database, key, slot);
                    }
                }
                keys.iter().flatten().for_each(|key| self.engine.prefetch_record(key));
            }
            let own = lengths
                .split_off(..head.arguments as usize)
                .expect("a batch holds what its heads name");
            let mut few: [&[u8]; ARGUMENTS_INLINE] = [&[]; ARGUMENTS_INLINE];
            let arguments = if own.len() < ARGUMENTS_INLINE {
                &mut few[..=own.len()]
            } else {
                many.clear();
                many.resize(own.len() + 1, &[]);
                many.as_mut_slice()
            };
            arguments[0] = head.spec.name.as_bytes();
            for (argument, &length) in arguments[1..].iter_mut().zip(own) {
                *argument =
                    rest.split_off(..length as usize).expect("a batch holds what it counts");
            }
            self.run_or_park(from, *head, arguments);
        }
    }

    /// Runs a command of another core's or node's client, or keeps it until it can run.
    pub(super) fn run_or_park(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) {
        let waits = !self.parked.is_empty()
            && self.parked.origins.contains(&self.origin(from, head.connection))
            || self.answers_are_untaken(from, head.connection);
        let tried = if waits { Tried::Waits } else { self.run_for(from, head, arguments) };
        match tried {
            Tried::Ran => self.ran_for(from, &head),
            Tried::Waits => self.park(from, head, arguments),
            Tried::Blocks(wait) => self.block_for(from, head, arguments, wait),
        }
    }

    /// Whose a command is: those of one client keep their order. Another node's numbers its commands, behind the client.
    fn origin(&self, from: u16, connection: ConnectionId) -> (u16, ConnectionId) {
        if usize::from(from) < self.links.len() {
            return (from, connection);
        }
        (from, ConnectionId { generation: 0, ..connection })
    }

    fn ran_for(&mut self, from: u16, head: &CommandHead) {
        self.settle_part(from, head);
        self.serve_blocked();
    }

    /// Where answers to another core, or to another node, are put.
    pub(super) fn replies_to(&mut self, from: u16) -> &mut Parcel {
        match usize::from(from).checked_sub(self.links.len()) {
            None => &mut self.links[usize::from(from)].open,
            Some(place) => &mut self.foreign.link(place).open,
        }
    }

    /// Runs one command of another core's or node's client.
    pub(super) fn run_for(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) -> Tried {
        if self.growing.is_some() {
            return Tried::Waits;
        }
        let CommandHead { spec, database, slot, .. } = head;
        let request = Request {
            spec,
            database,
            arguments,
            own_core_only: false,
            slot,
            from_replica: head.from_replica,
            client: (from, client_word(head.connection)),
            blocking: if head.is_part { Blocking::Part } else { Blocking::May },
        };
        let cores = self.links.len();
        let is_foreign = usize::from(from) >= cores;
        self.commands_run += 1;
        let timed = self.time_command(spec, arguments.len());
        if head.no_touch {
            self.engine.store_mut().set_quiet(true);
        }
        let link = match usize::from(from).checked_sub(cores) {
            None => &mut self.links[usize::from(from)],
            Some(place) => self.foreign.link(place),
        };
        let replies = &mut link.open.replies;
        let before = replies.bytes.len();
        let mut writer = if head.is_silent || is_foreign {
            Replies::new(&mut replies.bytes, head.protocol)
        } else {
            Replies::streaming(&mut replies.bytes, head.protocol)
        };
        let outcome = self.engine.execute(&request, &mut writer);
        let later = writer.later;
        if head.no_touch {
            self.engine.store_mut().set_quiet(false);
        }
        match outcome {
            Outcome::Done { observed } => {
                let length = replies.bytes.len() - before;
                // The node that was asked counts the errors of its clients, as it counts their commands.
                if !is_foreign && replies.bytes.get(before) == Some(&b'-') {
                    self.counters.failed_with(spec, arguments, &replies.bytes[before + 1..]);
                }
                if let Some(later) = later {
                    replies.later.push((replies.heads.len(), later));
                }
                replies.heads.push(ReplyHead { connection: head.connection, length });
                replies.observed = replies.observed.max(observed);
                if length > LONG_ANSWER_BYTES && !is_foreign {
                    self.parked.takers.insert((from, head.connection));
                }
                if head.tracks {
                    self.note_read(from, head.connection, spec, arguments);
                }
                if let Some(since) = timed
                    && let Some(took) = self.took(spec, arguments, since)
                {
                    self.note_slow_for(from, head, arguments, took);
                }
                Tried::Ran
            }
            _ if later.is_some() => {
                // It was answered, and is not to be.
                replies.bytes.truncate(before);
                later
                    .into_iter()
                    .for_each(|later| self.engine.store_mut().unpin_value(later.handle));
                Tried::Waits
            }
            Outcome::Elsewhere { slot } if is_foreign => {
                replies.bytes.truncate(before);
                replies.elsewhere.push((replies.heads.len(), slot));
                replies.heads.push(ReplyHead { connection: head.connection, length: 0 });
                Tried::Ran
            }
            Outcome::Elsewhere { slot } => {
                replies.bytes.truncate(before);
                let line = self.moved(slot, false);
                let replies = &mut self.links[usize::from(from)].open.replies;
                Replies::new(&mut replies.bytes, head.protocol).error(&line);
                let length = replies.bytes.len() - before;
                replies.heads.push(ReplyHead { connection: head.connection, length });
                Tried::Ran
            }
            Outcome::Blocks(wait) => {
                replies.bytes.truncate(before);
                Tried::Blocks(wait)
            }
            Outcome::Front => {
                replies.bytes.truncate(before);
                let error = CommandError::AtFront.to_string();
                Replies::new(&mut replies.bytes, head.protocol).error(&error);
                let length = replies.bytes.len() - before;
                replies.heads.push(ReplyHead { connection: head.connection, length });
                Tried::Ran
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished | Outcome::Sliced => {
                self.is_unfinished |= outcome == Outcome::Unfinished;
                replies.bytes.truncate(before);
                Tried::Waits
            }
        }
    }

    fn park(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) {
        // An error would overtake the answers of what the same client has waiting here, of which there is no more than may be owed to it.
        let waits_already = self.parked.origins.contains(&self.origin(from, head.connection));
        if self.parked.commands.len() >= WAITING_COMMANDS_MAX && !waits_already {
            let replies = &mut self.replies_to(from).replies;
            let before = replies.bytes.len();
            Replies::new(&mut replies.bytes, head.protocol).error(
                "ERR too many commands wait for locked keys or for room in the log; try again",
            );
            let length = replies.bytes.len() - before;
            replies.heads.push(ReplyHead { connection: head.connection, length });
            return;
        }
        let arguments = arguments.iter().map(|argument| argument.to_vec()).collect();
        self.park_owned(from, head, arguments);
    }

    fn park_owned(&mut self, from: u16, head: CommandHead, arguments: Vec<Vec<u8>>) {
        self.parked.origins.insert(self.origin(from, head.connection));
        self.parked.commands.push_back(Parked { from, head, arguments });
    }

    /// The client of a parked command that may wait has gone: the command is not run any more.
    pub(super) fn forget_parked(&mut self, from: u16, connection: ConnectionId) {
        let is_it = |parked: &Parked| {
            (parked.from, parked.head.connection) == (from, connection)
                && parked.head.spec.flags.has(Flags::BLOCKING)
        };
        self.parked.commands.retain(|parked| !is_it(parked));
    }

    /// Something changed: tries again what waits, other cores' clients and our own.
    pub(crate) fn retry_held(&mut self, io: &mut Io) {
        let commands = std::mem::take(&mut self.parked.commands);
        self.parked.origins.clear();
        for Parked { from, head, arguments } in commands {
            let slices: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let waits = self.parked.origins.contains(&self.origin(from, head.connection))
                || self.answers_are_untaken(from, head.connection);
            let tried = if waits { Tried::Waits } else { self.run_for(from, head, &slices) };
            match tried {
                Tried::Ran => self.ran_for(from, &head),
                Tried::Waits => self.park_owned(from, head, arguments),
                Tried::Blocks(wait) => self.block_for(from, head, &slices, wait),
            }
        }
        self.retried.append(&mut self.held);
        self.go_on_retrying(io);
    }

    /// Lets our own clients try that something changed for. A crowd that waited for room has more to run than one turn: the rest
    /// goes on in the next, and who is held again is not asked a second time.
    pub(crate) fn go_on_retrying(&mut self, io: &mut Io) {
        let crowd = std::mem::take(&mut self.retried);
        for (number, &connection) in crowd.iter().enumerate() {
            if number > 0 && io.is_part_over() {
                self.retried.extend_from_slice(&crowd[number..]);
                return;
            }
            self.unhold(io, connection, Hold::Again);
            self.retry_scattered(connection);
        }
    }

    /// Lets a client go on that was held for `reason`.
    pub(crate) fn unhold(&mut self, io: &mut Io, connection: ConnectionId, reason: Hold) {
        let Some(mut client) = self.clients.take(connection) else { return };
        if client.hold == reason {
            client.hold = Hold::None;
            self.run_kept(io, &mut client);
            self.dirty(&mut client);
        }
        self.clients.put_back(client);
    }

    /// Answers for our clients came from another core: those for one client lie side by side.
    fn take_replies(&mut self, io: &mut Io, from: u16, batch: &ReplyBatch) {
        if batch.is_lost {
            for &(_, later) in &batch.later {
                self.end_stream(Stream::new(from, later));
            }
            let backlog = &mut self.links[usize::from(from)].backlog;
            for head in &batch.heads {
                if head.length > LONG_ANSWER_BYTES {
                    backlog.push_back(Mail::Taken(head.connection));
                }
                io.close(head.connection);
            }
            return;
        }
        let (mut number, mut rest) = (0, batch.bytes.as_slice());
        let released = self.engine.released_position();
        let mut later = batch.later.iter().peekable();
        let mut still = batch.still.iter().peekable();
        for heads in batch.heads.chunk_by(|one, next| one.connection == next.connection) {
            let connection = heads[0].connection;
            let mut client = self.clients.get(connection);
            let mut gone: Vec<Stream> = Vec::new();
            // It is the last of a client's, which sends nothing while it waits.
            let mut waits_on = None;
            for head in heads {
                let bytes =
                    rest.split_off(..head.length).expect("a batch holds what its heads name");
                let stream = later.next_if(|(of, _)| *of == number);
                let stream = stream.map(|&(_, later)| Stream::new(from, later));
                waits_on = still.next_if(|(of, _)| *of == number).map(|(_, wait)| *wait);
                number += 1;
                if waits_on.is_some() {
                    continue;
                }
                let is_long = head.length > LONG_ANSWER_BYTES;
                let Some(client) = &mut client else {
                    gone.extend(stream);
                    if is_long {
                        self.links[usize::from(from)].backlog.push_back(Mail::Taken(connection));
                    }
                    continue;
                };
                if is_long {
                    client.untaken.push(from);
                }
                // What it observed of the other core's log was released before it was sent.
                match stream {
                    Some(stream) => {
                        client.output.lane_buffer(from).extend_from_slice(bytes);
                        client.output.paid_in_parts(from, head.length, 0, stream);
                    }
                    None => client.output.arrived(from, bytes, released),
                }
                client.note_remote_answer(head.length);
            }
            if let Some(wait) = waits_on {
                self.scattered_still(connection, wait);
            } else if let Some(client) = client {
                client.output.merge(released);
                if !client.is_dirty {
                    client.is_dirty = true;
                    self.dirty.push(connection);
                }
                let hold = client.hold;
                if matches!(hold, Hold::Drain | Hold::Blocked) && client.output.is_in_order() {
                    let is_scattered = client.blocked.take() == Some(BlockedAt::Scattered);
                    if is_scattered && let Some(client) = self.clients.take(connection) {
                        self.end_scattered(&client, Some(from));
                        self.clients.put_back(client);
                    }
                    self.unhold(io, connection, hold);
                }
            }
            gone.into_iter().for_each(|stream| self.end_stream(stream));
        }
        if !batch.invalid.is_empty() {
            self.take_invalid(io, &batch.invalid);
        }
    }
}
