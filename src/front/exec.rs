//! Owns an EXEC under way: the units that its commands make, and its answers in order.
//!
//! Commands about keys run as a unit of the engine. Those of the front run in their place among the answers, behind what the unit did; so do
//! commands about all keys where no one core holds all, and a unit ends before such a one.

use std::collections::VecDeque;

use hyperion_engine::command::{CommandSpec, Flags, FrontCommand, Run, kept_words};
use hyperion_engine::{Answer, Queued, Recorded, Unit, WatchedKey, key_slot};

use super::client::{Client, Hold};
use super::commands::{Carried, database};
use super::execute::{Progress, client_word};
use crate::node::{Io, NodeCore};
use crate::tracking::Touched;

const WITHOUT_MULTI: &str = "ERR EXEC without MULTI";
const PREVIOUS_ERRORS: &str = "EXECABORT Transaction discarded because of previous errors.";

/// A command of an EXEC, and why it may not run any more if it may not.
#[derive(Debug)]
struct Step {
    queued: Queued,
    refusal: Option<String>,
}

/// An EXEC under way.
#[derive(Debug)]
pub(crate) struct Exec {
    commands: VecDeque<Step>,
    count: usize,
    /// What the unit that ran last has answered and its client has not been told.
    replies: VecDeque<Recorded>,
    /// Commands of the unit that runs.
    awaited: Option<usize>,
    /// Of each of them, whether what it reads counts for a client that keeps copies.
    counted: Vec<bool>,
    /// It has read keys behind a CLIENT TRACKING of its own: nobody has noted them.
    reads_unnoted: bool,
    observed: u64,
    watched: Vec<WatchedKey>,
    /// The first unit has run: the number of answers is told.
    is_begun: bool,
    /// Units end before commands about all keys: together they would be too much for one batch of the log.
    is_cut: bool,
}

impl NodeCore {
    pub(super) fn exec(&mut self, io: &mut Io, client: &mut Client) -> Carried {
        let Some(multi) = &client.session.multi else { return Err(WITHOUT_MULTI.to_owned()) };
        if multi.is_refused {
            self.forget_transaction(client);
            return Err(PREVIOUS_ERRORS.to_owned());
        }
        if self.must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        let watched = std::mem::take(&mut client.session.watched);
        let Some(multi) = client.session.multi.take() else { return Ok(Progress::Ran) };
        self.queued_bytes -= multi.bytes;
        let steps = multi.commands.into_iter().map(|queued| {
            let refusal = if client.session.is_free {
                None
            } else {
                self.refusal_since(io, client, queued.spec, &queued.words())
            };
            Step { queued, refusal }
        });
        let commands: VecDeque<Step> = steps.collect();
        if self.observer.watch.is_on {
            // What runs in a unit is shown before EXEC; the rest when it runs.
            for step in commands.iter().filter(|it| it.refusal.is_none()) {
                let Queued { spec, database, .. } = step.queued;
                if self.is_of_unit(client, spec, false) {
                    self.show_queued(io, client, spec, database, &step.queued.words());
                }
            }
        }
        let exec = Exec {
            count: commands.len(),
            commands,
            replies: VecDeque::new(),
            awaited: None,
            counted: Vec::new(),
            reads_unnoted: false,
            observed: 0,
            watched,
            is_begun: false,
            is_cut: false,
        };
        client.exec = Some(Box::new(exec));
        self.go_on_exec(io, client);
        Ok(Progress::Ran)
    }

    /// Whether a command runs in a unit.
    fn is_of_unit(&self, client: &Client, spec: &CommandSpec, is_cut: bool) -> bool {
        match spec.run {
            Run::Key(_) | Run::Keys { .. } => true,
            Run::Every(_) | Run::Scan => {
                !is_cut && self.links.len() == 1 && self.view.is_none() && !client.own_core_only
            }
            Run::Front(_) => false,
        }
    }

    /// Runs and answers what comes next, until something is awaited or all is answered.
    pub(super) fn go_on_exec(&mut self, io: &mut Io, client: &mut Client) {
        while client.hold == Hold::None
            && !client.is_closing
            && let Some(mut exec) = client.exec.take()
        {
            if !exec.is_begun {
                let unit = self.next_unit(client, &mut exec);
                if unit.watched.is_empty() && unit.commands.is_empty() {
                    (exec.is_begun, exec.awaited) = (true, None);
                    let count = exec.count;
                    self.answer(client, |reply| reply.array(count));
                    client.exec = Some(exec);
                } else {
                    let counted = std::mem::take(&mut exec.counted);
                    client.exec = Some(exec);
                    self.begin_unit(client, unit, &counted);
                }
                continue;
            }
            let Some(next) = exec.commands.front() else {
                return self.end_exec(client, *exec);
            };
            let spec = next.queued.spec;
            if let Some(refusal) = &next.refusal {
                self.counters.rejected[spec.index()] += 1;
                self.answer(client, |reply| reply.error(refusal));
                exec.commands.pop_front();
                client.exec = Some(exec);
                continue;
            }
            if !self.is_of_unit(client, spec, exec.is_cut) {
                let next = next.queued.clone();
                client.exec = Some(exec);
                let words = next.words();
                let slot = key_slot(spec, &words);
                if self.run_or_refuse(io, client, Some(spec), slot, &words) == Progress::Ran
                    && let Some(exec) = &mut client.exec
                {
                    exec.commands.pop_front();
                }
                continue;
            }
            if let Some(reply) = exec.replies.pop_front() {
                exec.commands.pop_front();
                let observed = exec.observed;
                client.exec = Some(exec);
                let failed = u64::from(reply.is_error());
                self.counters.commands[spec.index()] += 1;
                self.counters.failed[spec.index()] += failed;
                self.answer_observing(client, observed, |out| reply.write(out));
                continue;
            }
            let unit = self.next_unit(client, &mut exec);
            let counted = std::mem::take(&mut exec.counted);
            client.exec = Some(exec);
            self.begin_unit(client, unit, &counted);
        }
    }

    /// The commands that come next and run as a unit.
    fn next_unit(&mut self, client: &Client, exec: &mut Exec) -> Unit {
        let unit = self.take_unit(client, exec);
        if !self.engine.is_too_much(&unit) {
            return unit;
        }
        let is_cut = std::mem::replace(&mut exec.is_cut, true);
        assert!(!is_cut, "a unit that was cut has no command about all keys");
        let mut taken = unit.commands.into_iter();
        let steps = exec.commands.iter_mut().filter(|step| step.refusal.is_none());
        for step in steps.map(|step| &mut step.queued) {
            // A command whose words were taken has none.
            if step.arguments.is_empty()
                && let Some(command) = taken.next()
            {
                step.arguments = command.arguments;
            }
        }
        self.take_unit(client, exec)
    }

    fn take_unit(&self, client: &Client, exec: &mut Exec) -> Unit {
        let by = (self.index, client_word(client.connection));
        let mut unit = Unit { client: Some(by), ..Unit::default() };
        if !exec.is_begun {
            unit.watched.clone_from(&exec.watched);
        }
        let mut chosen = client.session.database;
        let (mut is_counted, mut tracks_anew) = (client.wants_read(), false);
        exec.counted.clear();
        let steps = exec.commands.iter_mut().filter(|step| step.refusal.is_none());
        for command in steps.map(|step| &mut step.queued) {
            if self.is_of_unit(client, command.spec, exec.is_cut) {
                let spec = command.spec;
                let kept = kept_words(self.databases, spec, &command.words());
                let arguments = kept.unwrap_or_else(|| std::mem::take(&mut command.arguments));
                unit.commands.push(Queued { spec, database: chosen, arguments });
                exec.counted.push(is_counted);
                exec.reads_unnoted |= tracks_anew && spec.flags.has(Flags::READONLY);
                continue;
            }
            match command.spec.run {
                Run::Front(FrontCommand::Select) => {
                    let number = command.arguments.get(1);
                    let number = number.and_then(|it| database(it).ok());
                    chosen = number.map_or(chosen, |it| self.databases.kept(it));
                }
                Run::Front(FrontCommand::Client) => {
                    let tracking = client.tracking.as_deref();
                    let said = tracking.and_then(|it| it.counts_behind(&command.words()));
                    is_counted = said.unwrap_or(is_counted);
                    let subcommand = command.arguments.get(1);
                    tracks_anew |=
                        subcommand.is_some_and(|it| it.eq_ignore_ascii_case(b"tracking"));
                }
                // A script works on what the commands before it have left.
                Run::Front(FrontCommand::Eval | FrontCommand::Evalsha | FrontCommand::Fcall) => {
                    break;
                }
                Run::Front(_) => {}
                _ => break,
            }
        }
        exec.awaited = Some(unit.commands.len());
        unit
    }

    /// Runs a unit; `counted`: of each of its commands, whether what it reads counts for a client that keeps copies.
    fn begin_unit(&mut self, client: &mut Client, unit: Unit, counted: &[bool]) {
        if let Err(line) = self.redirection(client, &unit.keys()) {
            return self.unit_came(client, Answer::Error(line));
        }
        // What was read before is in the client's output.
        self.end_read(client);
        let touched = Touched::by(&unit, counted);
        if !touched.is_empty() {
            // What it writes behind a read is told, even where nobody has read anything before.
            self.engine.tell_changes(true);
        }
        let before = self.engine.store().appended_position();
        if let Some(answer) = self.engine.try_unit(&unit) {
            self.note_unit_reads(client, touched, before);
            return self.unit_came(client, answer);
        }
        self.begin_unit_reads(client, touched);
        let ticket = self.fresh_ticket(client);
        self.engine.begin_unit(ticket, unit);
    }

    /// A unit has run, or has not.
    fn unit_came(&mut self, client: &mut Client, answer: Answer) {
        let Some(mut exec) = client.exec.take() else { return };
        let awaited = exec.awaited.take().unwrap_or_default();
        let ended = match answer {
            Answer::Unit { replies: None, observed } => {
                self.answer_observing(client, observed, |reply| reply.null_array());
                true
            }
            Answer::Unit { replies: Some(replies), observed } => {
                exec.replies = replies.into();
                exec.observed = observed;
                false
            }
            Answer::Error(error) if exec.is_begun => {
                exec.replies = (0..awaited).map(|_| Recorded::failed(&error)).collect();
                false
            }
            Answer::Error(error) => {
                let error = abort_line(&error);
                self.answer(client, |reply| reply.error(&error));
                true
            }
            _ => unreachable!("a unit is answered as one"),
        };
        if ended {
            return self.end_exec(client, *exec);
        }
        if !exec.is_begun {
            exec.is_begun = true;
            let (count, observed) = (exec.count, exec.observed);
            self.answer_observing(client, observed, |reply| reply.array(count));
        }
        client.exec = Some(exec);
    }

    /// All of an EXEC is answered.
    fn end_exec(&mut self, client: &mut Client, exec: Exec) {
        self.end_read(client);
        if exec.reads_unnoted {
            self.tell_all_changed(client);
        }
        if let Some(tracking) = &mut client.tracking {
            // CLIENT CACHING held for the transaction, and does not for what comes behind it.
            tracking.caching = false;
        }
        self.forget_watched(exec.watched);
    }

    /// Takes the answer to what a transaction asked for; gives it back when it is none.
    pub(super) fn take_transaction_answer(
        &mut self,
        client: &mut Client,
        answer: Answer,
    ) -> Option<Answer> {
        match answer {
            Answer::Watched(watched) => {
                client.session.watched.extend(watched.iter().cloned());
                Some(Answer::Watched(watched))
            }
            answer if client.exec.as_ref().is_some_and(|exec| exec.awaited.is_some()) => {
                self.unit_came(client, answer);
                None
            }
            answer => Some(answer),
        }
    }

    /// A client has gone, or has given its transaction up.
    pub(crate) fn forget_transaction(&mut self, client: &mut Client) {
        if let Some(multi) = client.session.multi.take() {
            self.queued_bytes -= multi.bytes;
        }
        let mut watched = std::mem::take(&mut client.session.watched);
        watched.extend(client.exec.take().into_iter().flat_map(|exec| exec.watched));
        self.forget_watched(watched);
    }

    pub(in crate::front) fn forget_watched(&mut self, watched: Vec<WatchedKey>) {
        if !watched.is_empty() {
            self.engine.unwatch(watched.into_iter().map(|it| (it.database, it.key)).collect());
        }
    }
}

/// What EXEC answers when nothing has run: clients look for the code, and what may be sent again must say so first.
fn abort_line(error: &str) -> String {
    let codes = ["TRYAGAIN", "CLUSTERDOWN", "MOVED", "CROSSSLOT"];
    if codes.iter().any(|code| error.starts_with(code)) {
        return error.to_owned();
    }
    format!("EXECABORT Transaction discarded because of: {error}")
}
