//! Owns the commands of other cores' clients: runs them here in order, and sends their answers back.

use std::collections::{BTreeSet, VecDeque};

use hyperion_engine::{Key, Outcome, Request};
use hyperion_model::ReplyWriter;
use hyperion_model::limits::WAITING_COMMANDS_MAX;
use hyperion_runtime::ConnectionId;

use super::batch::{CommandBatch, CommandHead, Parcel, ReplyBatch, ReplyHead};

use super::client::Hold;
use super::execute::client_word;
use super::limits::{ARGUMENTS_INLINE, LINES_AHEAD, PREFETCH_KEYS_MIN};
use super::replies::Replies;
use super::streams::Stream;
use crate::node::{Io, NodeCore};

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
    commands: VecDeque<Parked>,
    origins: BTreeSet<(u16, ConnectionId)>,
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
            let waits =
                !self.parked.is_empty() && self.parked.origins.contains(&(from, head.connection));
            if waits || !self.run_for(from, *head, arguments) {
                self.park(from, *head, arguments);
            }
        }
    }

    /// Runs one command of another core's client; `false`: it must wait.
    fn run_for(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) -> bool {
        let CommandHead { spec, database, slot, .. } = head;
        let request = Request {
            spec,
            database,
            arguments,
            own_core_only: false,
            slot,
            client: (from, client_word(head.connection)),
        };
        let replies = &mut self.links[usize::from(from)].open.replies;
        let before = replies.bytes.len();
        let mut writer = if head.is_silent {
            Replies::new(&mut replies.bytes, head.protocol)
        } else {
            Replies::streaming(&mut replies.bytes, head.protocol)
        };
        let outcome = self.engine.execute(&request, &mut writer);
        let later = writer.later;
        match outcome {
            Outcome::Done { observed } => {
                let length = replies.bytes.len() - before;
                if let Some((bytes, handle)) = later {
                    replies.later.push((replies.heads.len(), bytes, handle));
                    self.engine.store_mut().pin_value(handle);
                }
                replies.heads.push(ReplyHead { connection: head.connection, length });
                replies.observed = replies.observed.max(observed);
                true
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished => {
                self.is_unfinished |= outcome == Outcome::Unfinished;
                replies.bytes.truncate(before);
                false
            }
        }
    }

    fn park(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) {
        if self.parked.commands.len() >= WAITING_COMMANDS_MAX {
            let replies = &mut self.links[usize::from(from)].open.replies;
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
        self.parked.origins.insert((from, head.connection));
        self.parked.commands.push_back(Parked { from, head, arguments });
    }

    /// Something changed: tries again what waits, other cores' clients and our own.
    pub(crate) fn retry_held(&mut self, io: &mut Io) {
        let commands = std::mem::take(&mut self.parked);
        for Parked { from, head, arguments } in commands.commands {
            let slices: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let waits = self.parked.origins.contains(&(from, head.connection));
            let runs = !waits && self.run_for(from, head, &slices);
            if !runs {
                self.park_owned(from, head, arguments);
            }
        }
        for connection in std::mem::take(&mut self.held) {
            self.unhold(io, connection, Hold::Again);
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

    /// Answers for our clients came from another core.
    fn take_replies(&mut self, io: &mut Io, from: u16, batch: &ReplyBatch) {
        let mut at = 0;
        let released = self.engine.released_position();
        let mut later = batch.later.iter().peekable();
        for (number, head) in batch.heads.iter().enumerate() {
            let bytes = &batch.bytes[at..at + head.length];
            at += head.length;
            let stream = later.next_if(|(of, ..)| *of == number);
            let stream = stream.map(|&(_, bytes_left, handle)| Stream {
                core: from,
                handle,
                chunk: 0,
                bytes_left,
                is_asked: false,
            });
            let Some(client) = self.clients.get(head.connection) else {
                stream.into_iter().for_each(|stream| self.end_stream(stream));
                continue;
            };
            client.output.lane_buffer(from).extend_from_slice(bytes);
            // What it observed of the other core's log was released before it was sent.
            match stream {
                Some(stream) => client.output.paid_in_parts(from, head.length, 0, stream),
                None => client.output.paid(from, head.length, 0),
            }
            client.note_remote_answer(head.length);
            if !client.is_dirty {
                client.is_dirty = true;
                self.dirty.push(head.connection);
            }
        }
        for head in &batch.heads {
            let Some(client) = self.clients.get(head.connection) else { continue };
            if client.output.is_in_order() {
                continue;
            }
            client.output.merge(released);
            if client.hold == Hold::Drain && client.output.is_in_order() {
                self.unhold(io, head.connection, Hold::Drain);
            }
        }
    }
}
