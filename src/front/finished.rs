//! Owns answers that come later: who waits for them, and how they get into the client's order.

use super::blocked::BlockedAt;
use super::client::{Client, Hold};
use super::replies::Replies;
use crate::node::{Io, NodeCore};
use hyperion_engine::{Answer, Ticket};
use hyperion_model::ReplyWriter;

impl NodeCore {
    /// Names a command that is answered later; the client waits for it.
    pub(super) fn fresh_ticket(&mut self, client: &mut Client) -> Ticket {
        self.tickets_given += 1;
        let ticket = Ticket(self.tickets_given);
        client.hold = Hold::Answer(ticket);
        self.tickets.insert(ticket, client.connection);
        ticket
    }

    /// The client that waits for `ticket`, unless it has gone.
    pub(super) fn client_of(&mut self, ticket: Ticket) -> Option<Box<Client>> {
        let connection = self.tickets.remove(&ticket)?;
        let mut client = self.clients.take(connection)?;
        if client.hold == Hold::Answer(ticket) {
            client.hold = Hold::None;
            return Some(client);
        }
        self.clients.put_back(client);
        None
    }

    /// A command over several cores is done: tells its client, and goes on with what that sent behind it.
    pub(crate) fn finished(&mut self, io: &mut Io, ticket: Ticket, answer: Answer) {
        let Some(answer) = self.answer_question(ticket, answer) else { return };
        let Some(answer) = self.script_asks(io, ticket, answer) else { return };
        let Some(mut client) = self.client_of(ticket) else {
            self.scripts.forget(ticket);
            return;
        };
        if client.blocked == Some(BlockedAt::Placed) {
            return self.placed_collected(client, answer);
        }
        self.script_came(io, &mut client, ticket, &answer);
        if let Some(answer) = self.take_transaction_answer(&mut client, answer) {
            let random = self.draw();
            self.answer(&mut client, |reply| write_answer(answer, random, reply));
        }
        // A transaction's answers are not all in the output yet.
        if client.exec.is_none() {
            self.end_read(&mut client);
        }
        self.go_on(io, client);
    }

    /// Answers the client that waits for `ticket`.
    pub(crate) fn finish_with(
        &mut self,
        io: &mut Io,
        ticket: Ticket,
        write: impl FnOnce(&mut dyn ReplyWriter),
    ) {
        let Some(mut client) = self.client_of(ticket) else { return };
        self.answer(&mut client, write);
        self.go_on(io, client);
    }

    /// A client that was answered late runs what it sent behind.
    pub(super) fn go_on(&mut self, io: &mut Io, mut client: Box<Client>) {
        client.session.reply_mode = client.session.reply_mode.next();
        self.run_kept(io, &mut client);
        self.dirty(&mut client);
        self.clients.put_back(client);
    }

    /// Writes an answer in order that observed `observed` of this core's log.
    pub(super) fn answer_observing(
        &mut self,
        client: &mut Client,
        observed: u64,
        write: impl FnOnce(&mut dyn ReplyWriter),
    ) {
        let (own, protocol, silent) = (self.index, client.session.protocol, client.is_silent());
        if client.output.is_in_order() {
            if !silent {
                let buffer = client.output.buffer();
                let before = buffer.len();
                write(&mut Replies::new(buffer, protocol));
                if buffer.get(before) == Some(&b'-') {
                    self.counters.error(&buffer[before + 1..]);
                }
            }
            client.output.mark(observed, self.engine.released_position());
            return;
        }
        let buffer = client.output.lane_buffer(own);
        let before = buffer.len();
        write(&mut Replies::new(buffer, protocol));
        let length = buffer.len() - before;
        if buffer.get(before) == Some(&b'-') {
            self.counters.error(&buffer[before + 1..]);
        }
        client.output.owe(own, silent);
        client.output.paid(own, length, observed);
    }
}

/// Writes what came of a command over several cores; `random` chooses where the command leaves a choice.
pub(super) fn write_answer(answer: Answer, random: u64, reply: &mut dyn ReplyWriter) {
    match answer {
        Answer::Ok => reply.simple("OK"),
        Answer::Integer(value) => reply.integer(value),
        Answer::Values(values) => {
            reply.array(values.len());
            for value in values {
                match value {
                    Some(bytes) => reply.bulk(&bytes),
                    None => reply.null(),
                }
            }
        }
        Answer::Error(error) => reply.error(&error),
        Answer::Recorded(recorded) => recorded.write(reply),
        Answer::Unit { replies: None, .. } => reply.null_array(),
        Answer::Unit { replies: Some(replies), .. } => {
            reply.array(replies.len());
            replies.iter().for_each(|recorded| recorded.write(reply));
        }
        Answer::Watched(_) => reply.simple("OK"),
        Answer::Gathered { gather, parts } => {
            hyperion_engine::command::merge(gather, parts, random, reply);
        }
    }
}
