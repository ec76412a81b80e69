//! Owns the client's side of a command that waits: nothing behind it runs before it is answered, or its wait ends.

use super::batch::CommandHead;
use super::blocked::{BlockedAt, Ending, TOO_MANY, write_ending};
use super::client::{Client, Hold};
use super::execute::Progress;
use super::replies::Replies;
use crate::node::{Mail, NodeCore};
use hyperion_engine::Request;
use hyperion_engine::command::Wait;
use hyperion_runtime::ConnectionId;

impl NodeCore {
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
        if self.may_place(client) {
            return self.begin_placed(client, request);
        }
        let head = CommandHead::of(client, request);
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
                    self.tell_own(client, &command.head, ending);
                    return true;
                }
            }
            BlockedAt::There(core) => self.send_ending(core, connection, ending),
            BlockedAt::Scattered => self.end_scattered_wait(client, ending),
            BlockedAt::Placed => self.end_placed_wait(client, ending),
        }
        if ending == Ending::Gone {
            client.blocked = None;
        }
        true
    }

    pub(super) fn send_ending(&mut self, core: u16, connection: ConnectionId, ending: Ending) {
        let released = self.engine.released_position();
        let link = &mut self.links[usize::from(core)];
        // Behind the command itself.
        link.close(released, &mut self.spare_parcels);
        link.backlog.push_back(Mail::EndWait(connection, ending));
    }

    /// The client is answered: what it sent behind runs in the next turn.
    pub(super) fn unblock(&mut self, client: &mut Client) {
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

    /// Tells a client of this core that its wait has ended.
    pub(super) fn tell_own(&mut self, client: &mut Client, head: &CommandHead, ending: Ending) {
        if !head.is_silent {
            write_ending(ending, &mut Replies::new(client.output.buffer(), head.protocol));
            client.output.mark(0, self.engine.released_position());
        }
        self.unblock(client);
    }
}
