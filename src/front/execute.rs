//! Owns the step from a command to where it runs: here, on another core, on all, or in the front itself.

use hyperion_engine::command::{
    Blocking, CommandError, CommandSpec, Flags, FrontCommand, Gather, Run, Spread, kept_words,
    waits,
};
use hyperion_engine::{Outcome, Request, Route, Ticket, Told};
use hyperion_runtime::ConnectionId;

use super::batch::CommandHead;
use super::client::{Client, Hold};
use super::commands::check_listening;
use super::limits::BACKLOG_BATCHES_MAX;
use super::replies::Replies;
use super::streams::Stream;
use super::web::is_of_web;
use crate::node::{Io, NodeCore};

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It ran, or it is on its way.
    Ran,
    /// Nothing happened: the same command runs later.
    Held,
}

impl NodeCore {
    /// Runs one command of a client, or sends it where it belongs.
    #[inline]
    pub(super) fn run_line(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: Option<&'static CommandSpec>,
        slot: Option<u16>,
        arguments: &[&[u8]],
    ) -> Progress {
        let progress = self.run_or_refuse(io, client, spec, slot, arguments);
        if progress == Progress::Ran
            && let Some(tracking) = &mut client.tracking
        {
            // It holds for a whole transaction.
            tracking.caching &= spec.is_some_and(|spec| spec.name == "client")
                || client.session.multi.is_some()
                || client.exec.is_some();
        }
        // An answer that comes later is silenced by the mode that holds now.
        if progress == Progress::Ran && !matches!(client.hold, Hold::Answer(_)) {
            client.session.reply_mode = client.session.reply_mode.next();
        }
        progress
    }

    #[inline]
    pub(super) fn run_or_refuse(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: Option<&'static CommandSpec>,
        slot: Option<u16>,
        arguments: &[&[u8]],
    ) -> Progress {
        if spec.is_none() && is_of_web(arguments) {
            return self.refuse_web(io, client);
        }
        if client.session.multi.is_some()
            && let Some(progress) = self.queue_line(io, client, spec, arguments)
        {
            return progress;
        }
        let Some(spec) = spec else {
            let error = if client.session.is_authenticated {
                CommandError::unknown_command(arguments).to_string()
            } else {
                NO_AUTH.to_owned()
            };
            self.answer(client, |reply| reply.error(&error));
            return Progress::Ran;
        };
        if !client.session.is_free
            && let Some(refusal) = self.refusal(io, client, spec, arguments)
        {
            self.counters.rejected[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.rejected += 1);
            self.answer(client, |reply| reply.error(&refusal));
            return Progress::Ran;
        }
        if !spec.admits(arguments.len()) {
            self.counters.rejected[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.rejected += 1);
            let error = if matches!(spec.run, Run::Front(FrontCommand::Exec)) {
                self.refuse_exec(client)
            } else {
                CommandError::WrongArity(spec.name).to_string()
            };
            self.answer(client, |reply| reply.error(&error));
            return Progress::Ran;
        }
        if client.only_listens()
            && let Err(error) = check_listening(spec, arguments)
        {
            self.counters.rejected[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.rejected += 1);
            self.answer(client, |reply| reply.error(&error));
            return Progress::Ran;
        }
        if self.is_hindered()
            && let Some(mut line) = self.hindrance(client, spec, arguments)
        {
            self.counters.rejected[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.rejected += 1);
            if matches!(spec.run, Run::Front(FrontCommand::Exec)) {
                self.forget_transaction(client);
                line = format!("EXECABORT Transaction discarded because of: {line}");
            }
            self.answer(client, |reply| reply.error(&line));
            return Progress::Ran;
        }
        if self.is_unsettled && (spec.flags.has(Flags::READONLY) || spec.flags.has(Flags::WRITE)) {
            if self.is_young(io) {
                self.hold_again(client);
                return Progress::Held;
            }
            let line = self.unsettled();
            self.answer(client, |reply| reply.error(&line));
            return Progress::Ran;
        }
        if self.observer.is_paused && self.waits_for_pause(io, client, spec, arguments) {
            self.hold_again(client);
            return Progress::Held;
        }
        if self.growing.is_some() && !matches!(spec.run, Run::Front(_)) {
            self.hold_again(client);
            return Progress::Held;
        }
        let kept = kept_words(self.databases, spec, arguments);
        let kept = kept.as_ref().map(|words| words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let arguments = kept.as_deref().unwrap_or(arguments);
        let request = Request {
            spec,
            database: client.session.database,
            arguments,
            own_core_only: client.own_core_only,
            client: (self.index, client_word(client.connection)),
            slot,
            from_replica: client.session.reads_from_replicas && !spec.writes(),
            blocking: Blocking::May,
        };
        let may_wait = waits(spec, arguments);
        let is_whole = matches!(spec.run, Run::Every(_) | Run::Scan);
        if is_whole
            && self.forwards_for(client)
            && let Some(progress) = self.run_over_nodes(io, client, &request)
        {
            return progress;
        }
        let route = match self.engine.route(&request) {
            Route::Here | Route::There(_) | Route::Elsewhere { .. }
                if self.engine.meets_other_partitions(&request) && self.may_span(client) =>
            {
                Route::CrossSlot
            }
            route => route,
        };
        let progress = match route {
            Route::Here if self.engine.is_sliced(&request) => self.run_sliced(client, &request),
            Route::Here => self.run_here(io, client, &request),
            Route::There(_) | Route::CrossSlot | Route::Elsewhere { .. }
                if may_wait && self.may_place(client) =>
            {
                self.begin_placed(client, &request)
            }
            Route::There(core) if may_wait => self.send_blocking(client, core.0, &request),
            Route::There(core) => self.send_there(client, core.0, &request),
            Route::Spread | Route::Everywhere if !client.output.is_in_order() => {
                client.hold = Hold::Drain;
                Progress::Held
            }
            Route::Spread if is_any(spec) => self.begin_scattered(client, &request),
            Route::Spread if may_wait => self.begin_placed(client, &request),
            Route::Spread => {
                let ticket = self.fresh_ticket(client);
                self.begin_read(client, spec, arguments);
                self.engine.begin_spread(ticket, spec, request.database, owned(arguments));
                Progress::Ran
            }
            Route::Everywhere => {
                self.begin_everywhere(client, &request);
                Progress::Ran
            }
            Route::Front => self.run_front(io, client, spec, arguments),
            Route::Elsewhere { .. } if may_wait && self.forwards_for(client) => {
                self.answer(client, |reply| reply.error(WAITS_ELSEWHERE));
                Progress::Ran
            }
            Route::Elsewhere { slot } if self.forwards_for(client) => {
                self.forward(io, client, &request, slot)
            }
            Route::Elsewhere { slot } if self.leader_of(slot).is_none() && self.is_young(io) => {
                self.hold_again(client);
                Progress::Held
            }
            Route::Elsewhere { slot } => {
                let line = self.moved(slot, client.is_secured);
                self.answer(client, |reply| reply.error(&line));
                Progress::Ran
            }
            Route::CrossSlot if self.may_span(client) && !may_wait => {
                self.begin_spanning(client, &request)
            }
            Route::CrossSlot => {
                self.answer(client, |reply| reply.error(CROSS_SLOT));
                Progress::Ran
            }
        };
        if progress == Progress::Ran {
            self.counters.commands[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.calls += 1);
            client.session.last_command = spec.name;
            if self.observer.watch.is_on {
                self.show_command(io, client, spec, arguments);
            }
        }
        progress
    }

    /// Begins a command about all keys of this node.
    fn begin_everywhere(&mut self, client: &mut Client, request: &Request<'_>) {
        let gather = match request.spec.run {
            Run::Every(gather) => gather,
            _ => Gather::Scan,
        };
        if let Err(error) = hyperion_engine::command::check(gather, request.arguments) {
            return self.answer(client, |reply| reply.error(&error.to_string()));
        }
        let (ticket, arguments) = (self.fresh_ticket(client), owned(request.arguments));
        if gather == Gather::Scan {
            self.engine.begin_scan(ticket, request.database, arguments, false);
        } else {
            self.engine.begin_gather(ticket, gather, request.database, &arguments);
        }
    }

    #[inline]
    fn run_here(&mut self, io: &mut Io, client: &mut Client, request: &Request<'_>) -> Progress {
        self.commands_run += 1;
        let timed = self.time_command(request.spec, request.arguments.len());
        if client.session.no_touch {
            self.engine.store_mut().set_quiet(true);
        }
        let (own, protocol) = (self.index, client.session.protocol);
        let (is_in_order, is_silent) = (client.output.is_in_order(), client.is_silent());
        let buffer =
            if is_in_order { client.output.buffer() } else { client.output.lane_buffer(own) };
        let before = buffer.len();
        let mut replies = Replies::streaming(buffer, protocol);
        let outcome = self.engine.execute(request, &mut replies);
        if client.session.no_touch {
            self.engine.store_mut().set_quiet(false);
        }
        // What is silenced, or is not answered after all, is not brought.
        let is_wanted = !is_silent && matches!(outcome, Outcome::Done { .. });
        let unwanted = replies.later.take_if(|_| !is_wanted);
        let later = replies.later;
        if let Some(unwanted) = unwanted {
            self.engine.store_mut().unpin_value(unwanted.handle);
        }
        let observed = match outcome {
            Outcome::Done { observed } => observed,
            Outcome::Elsewhere { slot } => {
                buffer.truncate(before);
                if self.may_place(client) && waits(request.spec, request.arguments) {
                    return self.begin_placed(client, request);
                }
                if self.forwards_for(client) {
                    return self.forward(io, client, request, slot);
                }
                let line = self.moved(slot, client.is_secured);
                self.answer(client, |reply| reply.error(&line));
                return Progress::Ran;
            }
            Outcome::Sliced => {
                buffer.truncate(before);
                return self.run_sliced(client, request);
            }
            Outcome::Front => {
                buffer.truncate(before);
                return self.run_front(io, client, request.spec, request.arguments);
            }
            Outcome::Blocks(wait) => {
                buffer.truncate(before);
                return self.block_here(client, request, wait);
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished => {
                buffer.truncate(before);
                self.is_unfinished |= outcome == Outcome::Unfinished;
                self.hold_again(client);
                return Progress::Held;
            }
        };
        let length = buffer.len() - before;
        if buffer.get(before) == Some(&b'-') {
            self.counters.failed_with(request.spec, request.arguments, &buffer[before + 1..]);
        }
        if is_in_order {
            if is_silent {
                buffer.truncate(before);
            }
            client.output.mark(observed, self.engine.released_position());
        } else {
            client.output.owe(own, is_silent);
        }
        if let Some(later) = later {
            let stream = Stream::new(own, later);
            if is_in_order {
                client.output.begin_stream(stream);
            } else {
                client.output.paid_in_parts(own, length, observed, stream);
            }
        } else if !is_in_order {
            client.output.paid(own, length, observed);
        }
        if client.wants_read() {
            self.note_read(own, client.connection, request.spec, request.arguments);
        }
        if let Some(since) = timed
            && let Some(took) = self.took(request.spec, request.arguments, since)
        {
            self.note_slow(io, client, request.spec, request.arguments, took);
        }
        self.serve_blocked();
        Progress::Ran
    }

    /// Begins a command of which a turn does a part; its answer comes in parts too, and nothing may come before it.
    #[cold]
    fn run_sliced(&mut self, client: &mut Client, request: &Request<'_>) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let ticket = self.fresh_ticket(client);
        self.begin_read(client, request.spec, request.arguments);
        if let Err(error) = self.engine.begin_slices(ticket, request) {
            self.end_read(client);
            self.tickets.remove(&ticket);
            client.hold = Hold::None;
            self.answer(client, |reply| reply.error(&error.to_string()));
        }
        Progress::Ran
    }

    /// The next part of the answer to a command that is worked in slices has come.
    pub(crate) fn tell_part(
        &mut self,
        io: &mut Io,
        ticket: Ticket,
        observed: u64,
        told: &Told,
        is_last: bool,
    ) {
        let Some(&connection) = self.tickets.get(&ticket) else { return };
        let Some(mut client) = self.client_of(ticket) else { return };
        self.answer_observing(&mut client, observed, |reply| told.write(reply));
        if is_last {
            self.end_read(&mut client);
            return self.go_on(io, client);
        }
        self.tickets.insert(ticket, connection);
        client.hold = Hold::Answer(ticket);
        self.dirty(&mut client);
        self.clients.put_back(client);
    }

    pub(super) fn send_there(
        &mut self,
        client: &mut Client,
        core: u16,
        request: &Request<'_>,
    ) -> Progress {
        let link = &mut self.links[usize::from(core)];
        if link.backlog.len() >= BACKLOG_BATCHES_MAX {
            self.hold_again(client);
            return Progress::Held;
        }
        if client.output.owed() >= client.remote_answers_max() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let head = CommandHead::of(client, request);
        link.open.commands.push(head, request.arguments);
        client.output.owe(core, client.is_silent());
        self.counters.hops += 1;
        Progress::Ran
    }
}

/// Whether a command waits for any of its keys.
fn is_any(spec: &CommandSpec) -> bool {
    matches!(spec.run, Run::Keys { spread: Spread::Any, .. })
}

/// A connection as the engine names it.
pub(in crate::front) fn client_word(connection: ConnectionId) -> u64 {
    u64::from(connection.index) << 32 | u64::from(connection.generation)
}

const WAITS_ELSEWHERE: &str = "TRYAGAIN a node that is reached does not know how to keep a command that waits; send it to the node that serves the key";
pub(super) const CROSS_SLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
pub(super) const NO_AUTH: &str = "NOAUTH Authentication required.";

fn owned(arguments: &[&[u8]]) -> Vec<Vec<u8>> {
    arguments.iter().map(|argument| argument.to_vec()).collect()
}
