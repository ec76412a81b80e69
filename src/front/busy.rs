//! Owns what clients are told while a script keeps the node busy: little is done for them, and the rest is refused with BUSY. Clients of the
//! script's own core are looked after from within it.

use hyperion_engine::WatchedKey;
use hyperion_engine::command::{
    CommandSpec, Flags, FrontCommand, Run, SUBCOMMANDS, find, find_subcommand,
};
use hyperion_model::ReplyWriter;
use hyperion_runtime::ConnectionId;
use hyperion_wire::{Limits, Parsed, Protocol};

use super::client::{Client, Hold};
use super::commands::write_function_stats;
use super::limits::INPUT_PAUSE_BYTES;
use super::replies::Replies;
use crate::node::{Clients, Io, NodeCore};
use crate::scripts::{Kind, Running};

/// What of a core is at hand while its engine runs a script.
pub(crate) struct BusyDoor<'a> {
    pub(crate) clients: &'a mut Clients,
    pub(crate) input_bytes: &'a mut usize,
    pub(crate) queued_bytes: &'a mut usize,
    /// Clients that go on in the next turn.
    pub(crate) late: &'a mut Vec<ConnectionId>,
    /// Clients with something to send at the end of this turn.
    pub(crate) dirty: &'a mut Vec<ConnectionId>,
    pub(crate) limits: &'a Limits,
    pub(crate) running: &'a Running,
    /// Libraries and functions.
    pub(crate) counts: [i64; 2],
    /// Keys that nobody watches any more, once the engine is free.
    pub(crate) unwatched: &'a mut Vec<WatchedKey>,
}

/// What became of a line.
enum Done {
    /// It is answered.
    Answered,
    /// It runs when the script has ended.
    Later,
}

impl BusyDoor<'_> {
    /// Answers what clients have sent while a script runs.
    pub(crate) fn attend(&mut self, io: &mut Io) {
        let clients = &*self.clients;
        let received = io.look_in(|id| clients.view(id).is_some_and(may_be_read));
        for (id, bytes) in received {
            let Some(mut client) = self.clients.take(id) else { continue };
            client.input.extend_from_slice(&bytes);
            client.input_reached = client.input_reached.max(client.input.len());
            *self.input_bytes += bytes.len();
            if client.hold == Hold::None {
                self.read(io, &mut client);
            }
            self.clients.put_back(client);
        }
    }

    fn read(&mut self, io: &mut Io, client: &mut Client) {
        let input = std::mem::take(&mut client.input);
        let (mut at, mut spans) = (0, Vec::new());
        client.input_needed = 0;
        loop {
            let rest = &input[at..];
            let (unquoted, consumed) = match client.parser.parse(rest, self.limits, &mut spans) {
                Ok(Parsed::Command { consumed }) => (None, consumed),
                Ok(Parsed::Unquoted { consumed, bytes }) => (Some(bytes), consumed),
                Ok(Parsed::Nothing { consumed }) => {
                    at += consumed;
                    continue;
                }
                Ok(Parsed::Incomplete { bytes_min }) => {
                    client.input_needed = bytes_min;
                    break;
                }
                Err(_) => {
                    self.leave(client);
                    break;
                }
            };
            let base = unquoted.as_deref().unwrap_or(rest);
            let words: Vec<&[u8]> = spans.iter().map(|span| span.of(base)).collect();
            match self.answer(io, client, &words) {
                Done::Answered => at += consumed,
                Done::Later => {
                    self.leave(client);
                    break;
                }
            }
        }
        *self.input_bytes -= at;
        client.input = input;
        client.input.drain(..at);
    }

    /// What the client has sent waits for the next turn.
    fn leave(&mut self, client: &mut Client) {
        client.parser.reset();
        client.hold = Hold::Turn;
        self.late.push(client.connection);
    }

    fn answer(&mut self, io: &mut Io, client: &mut Client, words: &[&[u8]]) -> Done {
        let is = |at: usize, name: &str| {
            words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        let is_plain = client.session.is_authenticated
            && client.output.is_in_order()
            && !client.is_silent()
            && !client.only_listens();
        if !is_plain || words.is_empty() {
            return Done::Later;
        }
        let may_run = client.session.is_free
            || find(words[0]).is_some_and(|spec| client.session.user.check(spec, words).is_ok());
        let Some(mut line) = self.running.busy_line() else { return Done::Later };
        if let Some(multi) = &mut client.session.multi {
            if is(0, "discard") {
                return Done::Later;
            }
            *self.queued_bytes -= multi.refuse();
            if is(0, "exec") {
                client.session.multi = None;
                self.unwatched.append(&mut client.session.watched);
                line = format!("EXECABORT Transaction discarded because of: {line}");
            }
        } else if ["auth", "hello", "quit", "reset", "watch", "unwatch"].iter().any(|it| is(0, it))
        {
            return Done::Later;
        } else if may_run && is(0, "shutdown") {
            // Either way it ends, and then this runs.
            self.running.kill_all();
            return Done::Later;
        } else if may_run && is(0, "multi") && words.len() == 1 {
            client.session.multi = Some(Box::default());
            self.tell(io, client, |reply| reply.simple("OK"));
            return Done::Answered;
        } else if may_run && words.len() == 2 && (is(0, "script") || is(0, "function")) {
            let asked = if is(0, "script") { Kind::Script } else { Kind::Function };
            if is(1, "kill") {
                match self.running.kill(asked) {
                    Ok(()) => self.tell(io, client, |reply| reply.simple("OK")),
                    Err(error) => self.tell(io, client, |reply| reply.error(&error)),
                }
                return Done::Answered;
            }
            let counts = self.counts;
            if asked == Kind::Function && is(1, "stats") {
                match self.running.of_function() {
                    Ok(slow) => self.tell(io, client, |reply| {
                        write_function_stats(slow.as_deref(), counts, reply);
                    }),
                    Err(error) => self.tell(io, client, |reply| reply.error(&error)),
                }
                return Done::Answered;
            }
        }
        self.tell(io, client, |reply| reply.error(&line));
        Done::Answered
    }

    /// Sends an answer at once where nothing else is to leave before it.
    fn tell(&mut self, io: &mut Io, client: &mut Client, write: impl FnOnce(&mut dyn ReplyWriter)) {
        let mut bytes = Vec::new();
        write(&mut Replies::new(&mut bytes, client.session.protocol));
        if client.output.is_empty() && io.send(client.connection, &mut bytes) {
            return;
        }
        client.output.buffer().extend_from_slice(&bytes);
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(client.connection);
        }
    }
}

pub(crate) const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

impl NodeCore {
    /// Whether there is a hindrance, for some commands.
    #[inline]
    pub(super) fn is_hindered(&self) -> bool {
        self.is_busy | self.lacks_replicas
    }

    /// Why a command does not run while a script keeps another core busy, or replicas are missing that the config wants for writes.
    #[cold]
    pub(super) fn hindrance(
        &self,
        client: &Client,
        spec: &'static CommandSpec,
        words: &[&[u8]],
    ) -> Option<String> {
        // What has begun goes on.
        if client.exec.is_some() {
            return None;
        }
        if !self.is_busy {
            return spec.writes().then(|| NO_REPLICAS.to_owned());
        }
        if matches!(spec.run, Run::Front(FrontCommand::Shutdown)) {
            self.shared.running.kill_all();
            return None;
        }
        let sub = words.get(1).and_then(|word| find_subcommand(spec, word));
        let flags = sub.map_or(spec.flags, |at| SUBCOMMANDS[at].flags);
        if flags.has(Flags::ALLOW_BUSY) {
            return None;
        }
        self.shared.running.busy_line()
    }
}

/// Whether what a client sends is read while a script runs.
fn may_be_read(client: &Client) -> bool {
    client.session.protocol != Protocol::Memcached
        && !client.is_closing
        && !client.is_paused
        && client.input.len() < INPUT_PAUSE_BYTES
}
