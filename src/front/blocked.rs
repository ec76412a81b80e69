//! Owns commands that wait for what others write: on the core that has their keys, whosever clients' they are. The engine keeps the order;
//! here are the commands themselves, and how long they wait.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_engine::command::{Blocking, CommandError, CommandSpec, Wait, waited_keys};
use hyperion_engine::{Outcome, Request, Waiter};
use hyperion_model::{DatabaseId, ReplyWriter, slot_of};
use hyperion_runtime::ConnectionId;

use super::batch::{CommandHead, ReplyHead};
use super::client::Client;
use super::execute::client_word;
use super::limits::BLOCKED_MAX;
use super::replies::Replies;
use crate::node::{Io, Mail, NodeCore};

/// What a client is told that CLIENT UNBLOCK ends the wait of.
const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
pub(super) const TOO_MANY: &str =
    "ERR too many clients wait for keys of this core; try again later";

/// Where a client's command waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockedAt {
    /// On its own core.
    Here(Waiter),
    /// On that core of the node, which answers when it has waited long enough.
    There(u16),
    /// On several cores.
    Scattered,
    /// At the leaders of partitions.
    Placed,
}

/// How a wait ends without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As when its time is up.
    Timeout,
    /// With an error.
    Error,
    /// The client has gone, and is told nothing.
    Gone,
}

/// A command that waits.
#[derive(Debug)]
pub(super) struct BlockedCommand {
    /// The core or node of its client.
    from: u16,
    pub(super) head: CommandHead,
    arguments: Vec<Vec<u8>>,
    /// When it has waited long enough, Unix ms.
    until_ms: Option<u64>,
}

/// The commands that wait on this core.
#[derive(Debug, Default)]
pub(crate) struct BlockedCommands {
    commands: BTreeMap<Waiter, BlockedCommand>,
    /// Whose they are: one a client.
    origins: BTreeMap<(u16, ConnectionId), Waiter>,
    ends: BTreeSet<(u64, Waiter)>,
    /// How many are parts of commands that wait at several places.
    parts: usize,
    /// How many each core and node has.
    counts: BTreeMap<u16, usize>,
}

impl BlockedCommands {
    fn add(&mut self, waiter: Waiter, command: BlockedCommand) {
        self.ends.extend(command.until_ms.map(|until_ms| (until_ms, waiter)));
        self.origins.insert((command.from, command.head.connection), waiter);
        self.parts += usize::from(command.head.is_part);
        *self.counts.entry(command.from).or_default() += 1;
        self.commands.insert(waiter, command);
    }

    pub(super) fn remove(&mut self, waiter: Waiter) -> Option<BlockedCommand> {
        let command = self.commands.remove(&waiter)?;
        self.origins.remove(&(command.from, command.head.connection));
        self.parts -= usize::from(command.head.is_part);
        if let Some(count) = self.counts.get_mut(&command.from) {
            *count -= 1;
        }
        if let Some(until_ms) = command.until_ms {
            self.ends.remove(&(until_ms, waiter));
        }
        Some(command)
    }

    pub(super) fn waiter_of(&self, from: u16, connection: ConnectionId) -> Option<Waiter> {
        self.origins.get(&(from, connection)).copied()
    }

    pub(super) fn count_of(&self, from: u16) -> usize {
        self.counts.get(&from).copied().unwrap_or(0)
    }

    pub(super) fn all_of(&self, from: u16) -> Vec<Waiter> {
        let commands = self.commands.iter().filter(|(_, command)| command.from == from);
        commands.map(|(waiter, _)| *waiter).collect()
    }

    /// Those that wait for keys of such slots.
    pub(super) fn all_about(&self, is_meant: impl Fn(u16) -> bool) -> Vec<Waiter> {
        let about = |command: &BlockedCommand| command.slot().is_some_and(&is_meant);
        let commands = self.commands.iter().filter(|(_, command)| about(command));
        commands.map(|(waiter, _)| *waiter).collect()
    }

    pub(super) fn head_of(&self, waiter: Waiter) -> Option<(u16, CommandHead)> {
        self.commands.get(&waiter).map(|command| (command.from, command.head))
    }

    pub(super) fn words_of(&self, waiter: Waiter) -> &[Vec<u8>] {
        self.commands.get(&waiter).map_or(&[], |command| &command.arguments)
    }

    /// The slot of the first key that one waits for.
    pub(super) fn slot_of(&self, waiter: Waiter) -> Option<u16> {
        self.commands.get(&waiter).and_then(BlockedCommand::slot)
    }

    /// One waits until then.
    pub(super) fn set_end(&mut self, waiter: Waiter, until_ms: u64) {
        let Some(command) = self.commands.get_mut(&waiter) else { return };
        if let Some(before_ms) = command.until_ms.replace(until_ms) {
            self.ends.remove(&(before_ms, waiter));
        }
        self.ends.insert((until_ms, waiter));
    }
}

impl BlockedCommand {
    fn slot(&self) -> Option<u16> {
        let words: Vec<&[u8]> = self.arguments.iter().map(Vec::as_slice).collect();
        waited_keys(self.head.spec, &words).next().map(|at| slot_of(words[at]))
    }
}

/// What became of a command that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It is answered.
    Ran,
    /// It must be tried again when something changes.
    Waits,
    /// It found nothing, and waits for its keys.
    Blocks(Wait),
}

impl NodeCore {
    /// How many clients wait, each counted on one core.
    pub(crate) fn blocked_clients(&self) -> usize {
        let whole = self.blocked.commands.len() - self.blocked.parts;
        whole + self.scattered.len() + self.placed.standing()
    }

    /// How many parts of commands are kept here for clients that wait elsewhere.
    pub(crate) fn kept_waits(&self) -> usize {
        self.blocked.parts
    }

    /// Keeps a command of a client of this or another core, or of another node. `None`: there are too many.
    pub(super) fn keep_blocked(
        &mut self,
        from: u16,
        head: CommandHead,
        arguments: &[&[u8]],
        wait: Wait,
    ) -> Option<Waiter> {
        if self.engine.parked() >= BLOCKED_MAX {
            return None;
        }
        let request = request_of(from, &head, arguments);
        let kept = self.engine.words_to_keep(&request);
        let waiter = self.engine.park(&request, wait);
        let now_ms = self.engine.store().now_ms();
        let is_timed = wait.timeout_ms > 0 && !head.is_part;
        let until_ms = is_timed.then(|| now_ms.saturating_add(wait.timeout_ms));
        self.blocked.add(waiter, BlockedCommand { from, head, arguments: kept, until_ms });
        Some(waiter)
    }

    /// As [`NodeCore::keep_blocked`], for a command of another core's or node's client.
    pub(super) fn block_for(
        &mut self,
        from: u16,
        head: CommandHead,
        arguments: &[&[u8]],
        wait: Wait,
    ) {
        if !head.is_part {
            if self.keep_blocked(from, head, arguments, wait).is_none() {
                self.tell_other(from, &head, |reply| reply.error(TOO_MANY));
            }
            return;
        }
        if self.is_foreign(from) {
            return self.keep_for_node(from, head, arguments, wait);
        }
        // Its core waits for the others too: without a place here it is not offered what comes.
        match self.blocked.origins.get(&(from, head.connection)) {
            Some(&waiter) => self.engine.refuse_offer(waiter),
            None => drop(self.keep_blocked(from, head, arguments, wait)),
        }
        if from != self.index {
            let replies = &mut self.replies_to(from).replies;
            replies.still.push((replies.heads.len(), wait));
            replies.heads.push(ReplyHead { connection: head.connection, length: 0 });
        }
    }

    /// A command of another core's or node's client ran: one that waited here for some of its keys waits no more.
    pub(super) fn settle_part(&mut self, from: u16, head: &CommandHead) {
        if head.is_part
            && let Some(&waiter) = self.blocked.origins.get(&(from, head.connection))
        {
            self.blocked.remove(waiter);
            self.engine.unpark(waiter);
        }
    }

    /// Serves those who wait for keys that have changed, in the order in which they came. To be called behind every command.
    #[inline]
    pub(crate) fn serve_blocked(&mut self) {
        if self.engine.has_woken() && self.growing.is_none() {
            self.serve_woken();
        }
    }

    #[cold]
    fn serve_woken(&mut self) {
        while let Some(waiter) = self.engine.next_woken() {
            if !self.try_blocked(waiter) {
                self.engine.wake_again(waiter);
                return;
            }
        }
    }

    /// Tries a command that waits. `false`: it must be tried again later.
    pub(super) fn try_blocked(&mut self, waiter: Waiter) -> bool {
        let Some((from, head)) = self.blocked.head_of(waiter) else {
            self.engine.unpark(waiter);
            return true;
        };
        if head.is_part && self.is_foreign(from) {
            self.offer_to_node(waiter, from, head.connection);
            return true;
        }
        if head.is_part {
            self.engine.offer(waiter);
            if from == self.index {
                self.scattered_offer(head.connection, from);
            } else {
                self.links[usize::from(from)].backlog.push_back(Mail::Offer(head.connection));
            }
            return true;
        }
        let Some(command) = self.blocked.commands.get_mut(&waiter) else { return true };
        let arguments = std::mem::take(&mut command.arguments);
        let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let tried = if from == self.index {
            self.try_own(&head, &words)
        } else {
            self.run_for(from, head, &words)
        };
        match tried {
            Tried::Ran => {
                self.blocked.remove(waiter);
                self.engine.unpark(waiter);
            }
            Tried::Waits | Tried::Blocks(_) => {
                if let Some(command) = self.blocked.commands.get_mut(&waiter) {
                    command.arguments = arguments;
                }
            }
        }
        tried != Tried::Waits
    }

    /// Tries a command of a client of this core.
    fn try_own(&mut self, head: &CommandHead, words: &[&[u8]]) -> Tried {
        let Some(mut client) = self.clients.take(head.connection) else { return Tried::Ran };
        if client.is_closing {
            self.clients.put_back(client);
            return Tried::Ran;
        }
        let tried = self.try_for(&mut client, head, words);
        if tried == Tried::Ran {
            self.unblock(&mut client);
        }
        self.clients.put_back(client);
        tried
    }

    /// As [`NodeCore::try_own`], for a client that is at hand.
    pub(super) fn try_for(
        &mut self,
        client: &mut Client,
        head: &CommandHead,
        words: &[&[u8]],
    ) -> Tried {
        let buffer = client.output.buffer();
        let before = buffer.len();
        let mut replies = Replies::new(buffer, head.protocol);
        let timed = self.time_command(head.spec, words.len());
        let outcome = self.engine.execute(&request_of(self.index, head, words), &mut replies);
        match outcome {
            Outcome::Done { observed } => {
                if buffer.get(before) == Some(&b'-') {
                    self.counters.failed_with(head.spec, words, &buffer[before + 1..]);
                }
                if head.is_silent {
                    buffer.truncate(before);
                }
                client.output.mark(observed, self.engine.released_position());
                if let Some(took) = timed.and_then(|since| self.took(head.spec, words, since)) {
                    self.note_served(client, head.spec, words, took);
                }
                Tried::Ran
            }
            Outcome::Elsewhere { slot } => {
                buffer.truncate(before);
                let line = self.moved(slot, client.is_secured);
                self.answer(client, |reply| reply.error(&line));
                Tried::Ran
            }
            Outcome::Blocks(wait) => {
                buffer.truncate(before);
                Tried::Blocks(wait)
            }
            Outcome::Front => {
                buffer.truncate(before);
                let line = CommandError::AtFront.to_string();
                self.answer(client, |reply| reply.error(&line));
                Tried::Ran
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished | Outcome::Sliced => {
                buffer.truncate(before);
                self.is_unfinished |= outcome == Outcome::Unfinished;
                Tried::Waits
            }
        }
    }

    /// Databases have changed numbers: who waits for a key waits for the one that has its number now, which may be there.
    pub(super) fn move_waits(&mut self, moved: impl Fn(DatabaseId) -> DatabaseId) {
        for command in self.blocked.commands.values_mut() {
            command.head.database = moved(command.head.database);
        }
        self.scattered.move_databases(&moved);
        self.engine.move_waits(moved);
        self.serve_blocked();
    }

    /// A command waits here no more, and nobody is told.
    pub(super) fn drop_blocked(&mut self, waiter: Waiter) {
        self.blocked.remove(waiter);
        self.engine.unpark(waiter);
    }

    /// Ends the wait of a command of another core's or node's client.
    pub(crate) fn end_wait_of(&mut self, from: u16, connection: ConnectionId, ending: Ending) {
        if let Some(&waiter) = self.blocked.origins.get(&(from, connection)) {
            if let Some(command) = self.blocked.remove(waiter) {
                self.engine.unpark(waiter);
                self.tell_ending(&command, ending);
            }
        } else if ending == Ending::Gone {
            // It may wait for a lock or for room.
            self.forget_parked(from, connection);
        }
    }

    /// Ends the waits whose time is up, and sees to it that the next turn begins in time for the others.
    pub(crate) fn end_late_waits(&mut self, io: &mut Io) {
        let now_ms = self.engine.store().now_ms();
        while let Some(end) = self.scattered.next_end().filter(|end| end.0 <= now_ms) {
            self.end_late_scattered(end);
        }
        while let Some(end) = self.placed.next_end().filter(|end| end.0 <= now_ms) {
            self.end_late_placed(end);
        }
        while let Some(&(_, waiter)) = self.blocked.ends.first().filter(|end| end.0 <= now_ms) {
            let Some(command) = self.blocked.remove(waiter) else { return };
            self.engine.unpark(waiter);
            self.tell_ending(&command, Ending::Timeout);
        }
        let parts = [self.scattered.next_end(), self.placed.next_end()];
        let parts = parts.into_iter().flatten().map(|end| end.0);
        let whole = self.blocked.ends.first().map(|end| end.0);
        if let Some(until_ms) = whole.into_iter().chain(parts).min() {
            let left_ns = (until_ms - now_ms).saturating_mul(1_000_000);
            io.wake_at(io.now_ns().saturating_add(left_ns));
        }
    }

    /// Tells whose command it was that its wait has ended.
    fn tell_ending(&mut self, command: &BlockedCommand, ending: Ending) {
        let BlockedCommand { from, head, .. } = command;
        // The wait of a part is ended by who waits for all of them.
        if ending == Ending::Gone || head.is_part {
            return;
        }
        if *from != self.index {
            self.tell_other(*from, head, |reply| write_ending(ending, reply));
        } else if let Some(mut client) = self.clients.take(head.connection) {
            self.tell_own(&mut client, head, ending);
            self.clients.put_back(client);
        }
    }

    /// Answers a command of another core's or node's client.
    pub(super) fn tell_other(
        &mut self,
        from: u16,
        head: &CommandHead,
        write: impl FnOnce(&mut dyn ReplyWriter),
    ) {
        let replies = &mut self.replies_to(from).replies;
        let before = replies.bytes.len();
        write(&mut Replies::new(&mut replies.bytes, head.protocol));
        let length = replies.bytes.len() - before;
        replies.heads.push(ReplyHead { connection: head.connection, length });
    }
}

/// What the end of a wait is told by.
pub(super) fn write_ending(ending: Ending, reply: &mut dyn ReplyWriter) {
    match ending {
        Ending::Timeout => reply.null_array(),
        Ending::Error => reply.error(UNBLOCKED),
        Ending::Gone => {}
    }
}

/// A command as the engine runs it.
pub(super) fn request_of<'a>(
    from: u16,
    head: &CommandHead,
    arguments: &'a [&'a [u8]],
) -> Request<'a> {
    let spec: &'static CommandSpec = head.spec;
    Request {
        spec,
        database: head.database,
        arguments,
        own_core_only: false,
        client: (from, client_word(head.connection)),
        slot: head.slot,
        from_replica: head.from_replica,
        blocking: if head.is_part { Blocking::Part } else { Blocking::May },
    }
}
