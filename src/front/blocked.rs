//! Owns commands that wait for what others write: on the core that has their keys, whosever clients' they are. The engine keeps the order;
//! here are the commands themselves, and how long they wait.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_engine::command::{Blocking, CommandError, CommandSpec, Nothing, Wait};
use hyperion_engine::{Outcome, Request, Waiter};
use hyperion_model::ReplyWriter;
use hyperion_runtime::ConnectionId;

use super::batch::{CommandHead, ReplyHead};
use super::client::{Client, Hold};
use super::execute::{Progress, client_word};
use super::limits::BLOCKED_MAX;
use super::replies::Replies;
use crate::node::{Io, Mail, NodeCore};

/// What a client is told that CLIENT UNBLOCK ends the wait of.
const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
const TOO_MANY: &str = "ERR too many clients wait for keys of this core; try again later";

/// Where a client's command waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockedAt {
    /// On its own core.
    Here(Waiter),
    /// On that core of the node, which answers when it has waited long enough.
    There(u16),
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
struct BlockedCommand {
    /// The core or node of its client.
    from: u16,
    head: CommandHead,
    arguments: Vec<Vec<u8>>,
    /// When it has waited long enough, Unix ms.
    until_ms: Option<u64>,
    nothing: Nothing,
}

/// The commands that wait on this core.
#[derive(Debug, Default)]
pub(crate) struct BlockedCommands {
    commands: BTreeMap<Waiter, BlockedCommand>,
    /// Whose they are: one a client.
    origins: BTreeMap<(u16, ConnectionId), Waiter>,
    ends: BTreeSet<(u64, Waiter)>,
}

impl BlockedCommands {
    fn add(&mut self, waiter: Waiter, command: BlockedCommand) {
        self.ends.extend(command.until_ms.map(|until_ms| (until_ms, waiter)));
        self.origins.insert((command.from, command.head.connection), waiter);
        self.commands.insert(waiter, command);
    }

    fn remove(&mut self, waiter: Waiter) -> Option<BlockedCommand> {
        let command = self.commands.remove(&waiter)?;
        self.origins.remove(&(command.from, command.head.connection));
        if let Some(until_ms) = command.until_ms {
            self.ends.remove(&(until_ms, waiter));
        }
        Some(command)
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
    // ---- a client's own side

    /// A client's command found nothing on this core: it waits, and nothing behind it runs.
    #[cold]
    pub(super) fn block_here(
        &mut self,
        client: &mut Client,
        request: &Request<'_>,
        wait: Wait,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let head = CommandHead {
            connection: client.connection,
            is_silent: client.is_silent(),
            spec: request.spec,
            database: request.database,
            protocol: client.session.protocol,
            arguments: u32::try_from(request.arguments.len() - 1).expect("counted in 32 bits"),
            slot: request.slot,
            from_replica: request.from_replica,
            no_touch: client.session.no_touch,
        };
        match self.keep_blocked(self.index, head, request.arguments, wait) {
            Some(waiter) => {
                client.hold = Hold::Blocked;
                client.blocked = Some(BlockedAt::Here(waiter));
            }
            None => self.answer(client, |reply| reply.error(TOO_MANY)),
        }
        Progress::Ran
    }

    /// A command that may wait goes to another core: nothing behind it runs before its answer is here.
    pub(super) fn send_blocking(
        &mut self,
        client: &mut Client,
        core: u16,
        request: &Request<'_>,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let progress = self.send_there(client, core, request);
        if progress == Progress::Ran {
            client.hold = Hold::Blocked;
            client.blocked = Some(BlockedAt::There(core));
        }
        progress
    }

    /// Ends the wait of a client, if it waits. An answer from another core is still to come, unless the client is gone.
    pub(crate) fn end_wait(&mut self, client: &mut Client, ending: Ending) -> bool {
        let Some(at) = client.blocked else { return false };
        let connection = client.connection;
        match at {
            BlockedAt::Here(waiter) => {
                let Some(command) = self.blocked.remove(waiter) else { return false };
                self.engine.unpark(waiter);
                if ending != Ending::Gone {
                    self.tell_ending(Some(client), &command, ending);
                    return true;
                }
            }
            BlockedAt::There(core) => {
                let released = self.engine.released_position();
                let link = &mut self.links[usize::from(core)];
                // Behind the command itself.
                link.close(released, &mut self.spare_parcels);
                link.backlog.push_back(Mail::EndWait(connection, ending));
            }
        }
        if ending == Ending::Gone {
            client.blocked = None;
        }
        true
    }

    /// The client is answered: what it sent behind runs in the next turn.
    fn unblock(&mut self, client: &mut Client) {
        client.blocked = None;
        client.hold = Hold::None;
        if !client.input.is_empty() || client.is_paused || client.has_ended {
            client.hold = Hold::Turn;
            self.late.push(client.connection);
        }
        self.dirty(client);
    }

    /// CLIENT UNBLOCK, as far as the client is this core's. `true`: it waited.
    pub(super) fn unblock_client(&mut self, number: u64, ending: Ending) -> bool {
        let is_it = |client: &&Client| client.number == number && client.hold == Hold::Blocked;
        let Some(connection) = self.clients.iter().find(is_it).map(|it| it.connection) else {
            return false;
        };
        let Some(mut client) = self.clients.take(connection) else { return false };
        let waited = self.end_wait(&mut client, ending);
        self.clients.put_back(client);
        waited
    }

    // ---- the side of the core that has the keys

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
        let waiter = self.engine.park(&request_of(from, &head, arguments), wait);
        let now_ms = self.engine.store().now_ms();
        let until_ms = (wait.timeout_ms > 0).then(|| now_ms.saturating_add(wait.timeout_ms));
        let arguments = arguments.iter().map(|argument| argument.to_vec()).collect();
        let nothing = wait.nothing;
        self.blocked.add(waiter, BlockedCommand { from, head, arguments, until_ms, nothing });
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
        if self.keep_blocked(from, head, arguments, wait).is_none() {
            self.tell_other(from, &head, |reply| reply.error(TOO_MANY));
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
    fn try_blocked(&mut self, waiter: Waiter) -> bool {
        let Some(command) = self.blocked.commands.get_mut(&waiter) else {
            self.engine.unpark(waiter);
            return true;
        };
        let (from, head) = (command.from, command.head);
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
        let buffer = client.output.buffer();
        let before = buffer.len();
        let mut replies = Replies::new(buffer, head.protocol);
        let outcome = self.engine.execute(&request_of(self.index, head, words), &mut replies);
        let tried = match outcome {
            Outcome::Done { observed } => {
                self.counters.errors += u64::from(buffer.get(before) == Some(&b'-'));
                if head.is_silent {
                    buffer.truncate(before);
                }
                client.output.mark(observed, self.engine.released_position());
                Tried::Ran
            }
            Outcome::Elsewhere { slot } => {
                buffer.truncate(before);
                let line = self.moved(slot, client.is_secured);
                self.answer(&mut client, |reply| reply.error(&line));
                Tried::Ran
            }
            Outcome::Blocks(wait) => {
                buffer.truncate(before);
                Tried::Blocks(wait)
            }
            Outcome::Front => {
                buffer.truncate(before);
                let line = CommandError::AtFront.to_string();
                self.answer(&mut client, |reply| reply.error(&line));
                Tried::Ran
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished | Outcome::Sliced => {
                buffer.truncate(before);
                self.is_unfinished |= outcome == Outcome::Unfinished;
                Tried::Waits
            }
        };
        if tried == Tried::Ran {
            self.unblock(&mut client);
        }
        self.clients.put_back(client);
        tried
    }

    /// Ends the wait of a command of another core's or node's client.
    pub(crate) fn end_wait_of(&mut self, from: u16, connection: ConnectionId, ending: Ending) {
        if let Some(&waiter) = self.blocked.origins.get(&(from, connection)) {
            if let Some(command) = self.blocked.remove(waiter) {
                self.engine.unpark(waiter);
                self.tell_ending(None, &command, ending);
            }
        } else if ending == Ending::Gone {
            // It may wait for a lock or for room.
            self.forget_parked(from, connection);
        }
    }

    /// Ends the waits whose time is up, and sees to it that the next turn begins in time for the others.
    pub(crate) fn end_late_waits(&mut self, io: &mut Io) {
        let now_ms = self.engine.store().now_ms();
        while let Some(&(until_ms, waiter)) = self.blocked.ends.first() {
            if until_ms > now_ms {
                let left_ns = (until_ms - now_ms).saturating_mul(1_000_000);
                io.wake_at(io.now_ns().saturating_add(left_ns));
                return;
            }
            let Some(command) = self.blocked.remove(waiter) else { return };
            self.engine.unpark(waiter);
            if command.from != self.index {
                self.tell_ending(None, &command, Ending::Timeout);
            } else if let Some(mut client) = self.clients.take(command.head.connection) {
                self.tell_ending(Some(&mut client), &command, Ending::Timeout);
                self.clients.put_back(client);
            }
        }
    }

    /// Tells a client that its wait has ended: `client` is given where it is this core's.
    fn tell_ending(
        &mut self,
        client: Option<&mut Client>,
        command: &BlockedCommand,
        ending: Ending,
    ) {
        let write = |reply: &mut dyn ReplyWriter| match ending {
            Ending::Timeout => command.nothing.write(reply),
            Ending::Error => reply.error(UNBLOCKED),
            Ending::Gone => {}
        };
        match client {
            _ if ending == Ending::Gone => {}
            None => self.tell_other(command.from, &command.head, write),
            Some(client) => {
                if !command.head.is_silent {
                    write(&mut Replies::new(client.output.buffer(), command.head.protocol));
                    client.output.mark(0, self.engine.released_position());
                }
                self.unblock(client);
            }
        }
    }

    /// Answers a command of another core's or node's client.
    fn tell_other(
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

/// A command as the engine runs it.
fn request_of<'a>(from: u16, head: &CommandHead, arguments: &'a [&'a [u8]]) -> Request<'a> {
    let spec: &'static CommandSpec = head.spec;
    Request {
        spec,
        database: head.database,
        arguments,
        own_core_only: false,
        client: (from, client_word(head.connection)),
        slot: head.slot,
        from_replica: head.from_replica,
        blocking: Blocking::May,
    }
}
