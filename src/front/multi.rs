//! Owns MULTI, EXEC, DISCARD, WATCH and UNWATCH: commands that wait in the client's session, and what becomes of them.
//!
//! Commands about keys run as a unit of the engine. Those of the front run in their place among the answers, behind what the unit did; so do
//! commands about all keys where no one core holds all, and a unit ends before such a one.

use std::collections::VecDeque;

use hyperion_engine::command::{
    Blocking, CommandError, CommandSpec, Flags, FrontCommand, Run, subcommand_refusal,
};
use hyperion_engine::{Answer, Queued, Recorded, Request, Route, Unit, WatchedKey, key_slot};
use hyperion_model::DatabaseId;

use super::client::{Client, Hold};
use super::commands::{Carried, database};
use super::execute::{CROSS_SLOT, Progress, client_word};
use super::limits::{
    QUEUED_BYTES_MAX, QUEUED_COMMANDS_MAX, QUEUED_TOTAL_BYTES_MAX, WATCHED_KEYS_MAX,
};
use crate::node::{Io, NodeCore};

/// Bytes that a queued command and each of its words take beside what they say, roundly.
const QUEUED_SLACK_BYTES: usize = 64;

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Multi {
    commands: Vec<Queued>,
    bytes: usize,
    /// One was not taken: EXEC will run none.
    is_refused: bool,
}

impl Multi {
    pub(crate) fn commands(&self) -> &[Queued] {
        &self.commands
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// EXEC will run none of it; gives the bytes that it does not hold any more.
    pub(crate) fn refuse(&mut self) -> usize {
        self.is_refused = true;
        self.commands = Vec::new();
        std::mem::take(&mut self.bytes)
    }
}

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
    observed: u64,
    watched: Vec<WatchedKey>,
    /// The first unit has run: the number of answers is told.
    is_begun: bool,
    /// Units end before commands about all keys: together they would be too much for one batch of the log.
    is_cut: bool,
}

const WITHOUT_MULTI: &str = "ERR EXEC without MULTI";
const PREVIOUS_ERRORS: &str = "EXECABORT Transaction discarded because of previous errors.";

impl NodeCore {
    /// Takes a line of a client that has begun a transaction; `None`: it runs at once.
    #[cold]
    pub(super) fn queue_line(
        &mut self,
        io: &Io,
        client: &mut Client,
        spec: Option<&'static CommandSpec>,
        arguments: &[&[u8]],
    ) -> Option<Progress> {
        let Some(spec) = spec else {
            let error = CommandError::unknown_command(arguments).to_string();
            return Some(self.refuse_queued(client, &error));
        };
        if !spec.admits(arguments.len()) {
            let error = CommandError::WrongArity(spec.name).to_string();
            if matches!(spec.run, Run::Front(FrontCommand::Exec)) {
                return None;
            }
            return Some(self.refuse_queued(client, &error));
        }
        if let Some(error) = subcommand_refusal(spec, arguments) {
            return Some(self.refuse_queued(client, &error));
        }
        if !client.session.is_free
            && let Some(refusal) = self.refusal(io, client, spec, arguments)
        {
            return Some(self.refuse_queued(client, &refusal));
        }
        if let Run::Front(
            FrontCommand::Exec
            | FrontCommand::Discard
            | FrontCommand::Multi
            | FrontCommand::Watch
            | FrontCommand::Quit
            | FrontCommand::Reset,
        ) = spec.run
        {
            return None;
        }
        if spec.flags.has(Flags::NO_MULTI) {
            let error = "ERR Command not allowed inside a transaction";
            return Some(self.refuse_queued(client, error));
        }
        if self.is_unsettled && (spec.flags.has(Flags::READONLY) || spec.writes()) {
            if self.is_young(io) {
                self.hold_again(client);
                return Some(Progress::Held);
            }
            let line = self.unsettled();
            return Some(self.refuse_queued(client, &line));
        }
        if let Some(line) = self.queue_refusal(client, spec, arguments) {
            return Some(self.refuse_queued(client, &line));
        }
        let words: usize = arguments.iter().map(|word| word.len() + QUEUED_SLACK_BYTES).sum();
        self.queued_bytes += words;
        if let Some(multi) = &mut client.session.multi {
            multi.bytes += words;
            if !multi.is_refused {
                let arguments = arguments.iter().map(|word| word.to_vec()).collect();
                let database = client.session.database;
                multi.commands.push(Queued { spec, database, arguments });
            }
        }
        self.answer(client, |reply| reply.simple("QUEUED"));
        Some(Progress::Ran)
    }

    /// Why a command is not taken, if it is not.
    fn queue_refusal(
        &self,
        client: &Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Option<String> {
        let request = Request {
            spec,
            database: client.session.database,
            arguments,
            own_core_only: client.own_core_only,
            client: (self.index, client_word(client.connection)),
            slot: key_slot(spec, arguments),
            from_replica: false,
            blocking: Blocking::Never,
        };
        match self.engine.route(&request) {
            Route::Elsewhere { slot } if !self.forwards_for(client) => {
                return Some(self.moved(slot, client.is_secured));
            }
            Route::CrossSlot if !self.may_span(client) => return Some(CROSS_SLOT.to_owned()),
            _ => {}
        }
        if spec.flags.has(Flags::DENYOOM)
            && let Some(refusal) = self.engine.write_refusal()
        {
            return Some(refusal);
        }
        let words: usize = arguments.iter().map(|word| word.len() + QUEUED_SLACK_BYTES).sum();
        let multi = client.session.multi.as_ref()?;
        if multi.bytes + words > QUEUED_BYTES_MAX || multi.commands.len() >= QUEUED_COMMANDS_MAX {
            return Some(format!(
                "ERR a transaction may have {QUEUED_COMMANDS_MAX} commands of {QUEUED_BYTES_MAX} bytes, and this one would have more"
            ));
        }
        let is_much = self.queued_bytes + words > QUEUED_TOTAL_BYTES_MAX;
        is_much.then(|| {
            "ERR the transactions of all clients together have too many bytes; try again later"
                .to_owned()
        })
    }

    /// A line was no command that can be queued: nothing of the transaction will run.
    fn refuse_queued(&mut self, client: &mut Client, error: &str) -> Progress {
        if let Some(multi) = &mut client.session.multi {
            self.queued_bytes -= multi.refuse();
        }
        self.answer(client, |reply| reply.error(error));
        Progress::Ran
    }

    /// EXEC with words that it does not take ends the transaction.
    pub(super) fn refuse_exec(&mut self, client: &mut Client) -> String {
        self.forget_transaction(client);
        "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
            .to_owned()
    }

    // ---- the commands

    pub(super) fn multi(&mut self, client: &mut Client) -> Carried {
        if client.session.multi.is_some() {
            return Err("ERR MULTI calls can not be nested".to_owned());
        }
        client.session.multi = Some(Box::default());
        Ok(self.agree(client))
    }

    pub(super) fn discard(&mut self, client: &mut Client) -> Carried {
        if client.session.multi.is_none() {
            return Err("ERR DISCARD without MULTI".to_owned());
        }
        self.forget_transaction(client);
        Ok(self.agree(client))
    }

    pub(super) fn unwatch(&mut self, client: &mut Client) -> Progress {
        let watched = std::mem::take(&mut client.session.watched);
        self.forget_watched(watched);
        self.agree(client)
    }

    pub(super) fn watch(&mut self, io: &Io, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        if client.session.multi.is_some() {
            return Err("ERR WATCH inside MULTI is not allowed".to_owned());
        }
        if self.must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        let (database, watched) = (client.session.database, &client.session.watched);
        let is_new =
            |key: &&&[u8]| !watched.iter().any(|it| it.database == database && it.key == ***key);
        let keys = arguments[1..].iter().filter(is_new);
        let mut keys: Vec<(DatabaseId, Vec<u8>)> =
            keys.map(|key| (database, key.to_vec())).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(self.agree(client));
        }
        if watched.len() + keys.len() > WATCHED_KEYS_MAX {
            return Err(format!("ERR a client may watch {WATCHED_KEYS_MAX} keys"));
        }
        self.redirection(client, &keys)?;
        let ticket = self.fresh_ticket(client);
        self.engine.begin_watch(ticket, keys);
        Ok(Progress::Ran)
    }

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
            observed: 0,
            watched,
            is_begun: false,
            is_cut: false,
        };
        client.exec = Some(Box::new(exec));
        self.go_on_exec(io, client);
        Ok(Progress::Ran)
    }

    /// Whether a command about data cannot run yet; the client is held then.
    ///
    /// Errors: the node is not settled, and has not been for long.
    pub(super) fn must_wait(&mut self, io: &Io, client: &mut Client) -> Result<bool, String> {
        if self.is_unsettled && !self.is_young(io) {
            return Err(self.unsettled());
        }
        if self.is_unsettled || self.growing.is_some() {
            self.hold_again(client);
            return Ok(true);
        }
        let must_drain = !client.output.is_in_order();
        if must_drain {
            client.hold = Hold::Drain;
        }
        Ok(must_drain)
    }

    /// What a client is told whose keys another node serves, or several do, if it has to ask there.
    pub(super) fn redirection(
        &self,
        client: &Client,
        keys: &[(DatabaseId, Vec<u8>)],
    ) -> Result<(), String> {
        match self.engine.route_keys(keys) {
            Route::Elsewhere { slot } if !self.forwards_for(client) => {
                Err(self.moved(slot, client.is_secured))
            }
            Route::CrossSlot if !self.may_span(client) => Err(CROSS_SLOT.to_owned()),
            _ => Ok(()),
        }
    }

    // ---- an EXEC under way

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
                    client.exec = Some(exec);
                    self.begin_unit(client, unit);
                }
                continue;
            }
            let Some(next) = exec.commands.front() else {
                self.forget_watched(exec.watched);
                return self.end_read(client);
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
            client.exec = Some(exec);
            self.begin_unit(client, unit);
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
        let steps = exec.commands.iter_mut().filter(|step| step.refusal.is_none());
        for command in steps.map(|step| &mut step.queued) {
            if self.is_of_unit(client, command.spec, exec.is_cut) {
                let arguments = std::mem::take(&mut command.arguments);
                let spec = command.spec;
                unit.commands.push(Queued { spec, database: chosen, arguments });
                continue;
            }
            match command.spec.run {
                Run::Front(FrontCommand::Select) => {
                    let number = command.arguments.get(1);
                    chosen = number.and_then(|it| database(it).ok()).unwrap_or(chosen);
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

    fn begin_unit(&mut self, client: &mut Client, unit: Unit) {
        if let Err(line) = self.redirection(client, &unit.keys()) {
            return self.unit_came(client, Answer::Error(line));
        }
        // What was read before is in the client's output.
        self.end_read(client);
        self.begin_unit_reads(client, &unit);
        if let Some(answer) = self.engine.try_unit(&unit) {
            return self.unit_came(client, answer);
        }
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
            self.end_read(client);
            return self.forget_watched(exec.watched);
        }
        if !exec.is_begun {
            exec.is_begun = true;
            let (count, observed) = (exec.count, exec.observed);
            self.answer_observing(client, observed, |reply| reply.array(count));
        }
        client.exec = Some(exec);
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

    // ---- what is forgotten

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
