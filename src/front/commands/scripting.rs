//! Owns EVAL, EVALSHA and SCRIPT, and what FCALL shares with them: from a client's line to the script that runs.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::command::CommandSpec;
use hyperion_engine::{Answer, Engine, Recorded, Ticket};
use hyperion_model::number::parse_integer;

use super::super::busy::{BusyDoor, NO_REPLICAS};
use super::super::client::Client;
use super::super::execute::{Progress, client_word};
use super::super::finished::write_answer;
use super::super::observe::Circumstance;
use super::functions::LoadedLibraries;
use super::limits::BUSY_MS;
use super::run::{Carried, exactly, is_word, keyword, syntax, unknown_subcommand, wrong_arity};
use crate::node::{Io, NodeCore};
use crate::scripts::{
    Asides, Ask, Compiled, Kind, Line, Machine, Script, ScriptFlags, ScriptWork, sha1_hex,
};

const HELP: [&str; 11] = [
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
    "HELP",
    "    Print this help.",
];

const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// The machines of a core, and what is to be noted of scripts on their way, by what their clients wait for.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    /// That of scripts, and [`crate::scripts::Texts::flushes`] when it was made: what is forgotten goes with its machine.
    machine: Option<(u64, Rc<Machine>)>,
    pub(super) libraries: LoadedLibraries,
    waiting: BTreeMap<u64, Waiting>,
    /// Those that wait for the answer to a question about all keys.
    asking: BTreeMap<u64, (Ask, Waiting)>,
    /// Those of a script that has ended, for the next one.
    spare: Option<Rc<Asides>>,
}

/// A script on its way.
#[derive(Debug)]
struct Waiting {
    spec: &'static CommandSpec,
    asides: Rc<Asides>,
    work: ScriptWork,
}

impl Scripts {
    /// Memory of the machine of scripts, and of that of functions.
    pub(crate) fn lua_bytes(&self) -> [u64; 2] {
        let scripts = self.machine.as_ref().map_or(0, |(_, machine)| machine.used_bytes());
        [scripts, self.libraries.used_bytes()]
    }

    /// The client of a script has gone.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket.0);
        self.asking.remove(&ticket.0);
    }

    /// Whether what comes for a ticket is the answer to a script's question.
    pub(crate) fn is_asking(&self, ticket: Ticket) -> bool {
        self.asking.contains_key(&ticket.0)
    }
}

impl NodeCore {
    /// `EVAL text count [key ...] [argument ...]`, and EVALSHA with the SHA1 of the text.
    pub(super) fn eval(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
        is_by_name: bool,
    ) -> Carried {
        if self.script_must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        // It is shown before what it calls, and also where nothing runs.
        if self.observer.watch.is_on {
            self.show_line(io, client, spec, arguments);
        }
        let count = key_count(arguments, "ERR value is not an integer or out of range")?;
        let (mut folded, made);
        let name = if is_by_name {
            folded = [0; SHA1_DIGITS];
            folded_name(arguments[1], &mut folded).ok_or(NO_SCRIPT)?
        } else {
            made = sha1_hex(arguments[1]);
            &made
        };
        let machine = self.machine()?;
        let script = match machine.find(name) {
            Some(script) => script,
            None if is_by_name => {
                let text = self.shared.scripts.find(name).ok_or(NO_SCRIPT)?;
                machine.compile(name, &text)?
            }
            None => {
                let script = machine.compile(name, arguments[1])?;
                self.shared.scripts.keep(name, arguments[1])?;
                script
            }
        };
        self.run_script(io, client, spec, (machine, name, script), arguments[3..].split_at(count))
    }

    /// Whether a script may not begin yet: what it says on channels is counted, so this core must know all who were told that they listen.
    ///
    /// Errors: as [`NodeCore::must_wait`].
    pub(super) fn script_must_wait(
        &mut self,
        io: &Io,
        client: &mut Client,
    ) -> Result<bool, String> {
        if self.must_wait(io, client)? {
            return Ok(true);
        }
        let must_wait = !self.knows_listeners();
        if must_wait {
            self.hold_again(client);
        }
        Ok(must_wait)
    }

    /// Runs a script or a function with its keys and words.
    pub(super) fn run_script(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        (machine, name, compiled): (Rc<Machine>, &str, Rc<Compiled>),
        (keys, words): (&[&[u8]], &[&[u8]]),
    ) -> Carried {
        let is_ro = spec.name.ends_with("_ro");
        let flags = compiled.flags.unwrap_or_default();
        if compiled.flags.is_some() {
            self.check_flags(flags, is_ro)?;
        }
        self.end_read(client);
        let spare = self.scripts.spare.take();
        let mut asides = spare.filter(|it| Rc::strong_count(it) == 1).unwrap_or_default();
        if let Some(asides) = Rc::get_mut(&mut asides) {
            asides.is_watched = self.observer.watch.is_on;
            asides.is_tracked = client.wants_read();
            asides.listeners = Rc::clone(&self.pubsub.registry);
        }
        if client.wants_read() {
            // What it writes behind a read is told, even where nobody has read anything before.
            self.engine.tell_changes(true);
        }
        let (user, running) = (Arc::clone(&client.session.user), Arc::clone(&self.shared.running));
        let script = Script {
            machine: &machine,
            compiled: &compiled,
            line: Line { command: spec.name, name, keys, words },
            database: client.session.database,
            databases: self.databases,
            only_reads: is_ro || flags.has(ScriptFlags::NO_WRITES),
            lacks_replicas: self.lacks_replicas,
            is_full: !flags.has(ScriptFlags::ALLOW_OOM) && self.engine.write_refusal().is_some(),
            user: &user,
            asides: &asides,
            running: &running,
            busy_ms: self.busy_ms(),
            questions: None,
        };
        self.engine.act_for(Some((self.index, client_word(client.connection))));
        let ran = if self.engine.is_alone() { self.try_script(io, script) } else { None };
        self.engine.act_for(None);
        if let Some((answer, observed)) = ran {
            self.tell_asides(io, client, spec, &answer, &asides);
            self.note_script_reads(client, &asides.reads.take(), keys);
            if let Answer::Recorded(answer) = answer {
                self.answer_observing(client, observed, |reply| answer.write(reply));
                asides.keep_answer(answer);
            } else {
                let random = self.draw();
                self.answer_observing(client, observed, |reply| {
                    write_answer(answer, random, reply);
                });
            }
            self.scripts.spare = Some(asides);
            self.end_read(client);
            return Ok(Progress::Ran);
        }
        let mut keys: Vec<_> =
            keys.iter().map(|key| (client.session.database, key.to_vec())).collect();
        keys.sort_unstable();
        keys.dedup();
        self.redirection(client, &keys)?;
        let work = script.to_work();
        self.begin_script_reads(client, keys.iter().map(|(_, key)| key.clone()).collect());
        self.begin_script(client, Waiting { spec, asides, work });
        self.run_ready_work(io);
        Ok(Progress::Ran)
    }

    fn begin_script(&mut self, client: &mut Client, waiting: Waiting) {
        let ticket = self.fresh_ticket(client);
        let work = waiting.work.clone();
        self.scripts.waiting.insert(ticket.0, waiting);
        self.engine.begin_work(ticket, work.keys(), Box::new(work));
    }

    /// A ticket is about to be answered; `None`: it is of a script that asks about all keys, or has asked.
    pub(in crate::front) fn script_asks(
        &mut self,
        io: &Io,
        ticket: Ticket,
        answer: Answer,
    ) -> Option<Answer> {
        if self.scripts.is_asking(ticket) {
            let (random, mut said) = (self.draw(), Recorded::default());
            write_answer(answer, random, &mut said);
            self.script_heard(ticket, said);
            return None;
        }
        let waiting = self.scripts.waiting.get(&ticket.0);
        let Some(ask) = waiting.and_then(|waiting| waiting.work.questions().take()) else {
            return Some(answer);
        };
        let waiting = self.scripts.waiting.remove(&ticket.0)?;
        let mut client = self.client_of(ticket)?;
        let spans = self.may_span(&client);
        let ticket = self.fresh_ticket(&mut client);
        let asker = (ticket, client.connection);
        self.clients.put_back(client);
        self.scripts.asking.insert(ticket.0, (ask.clone(), waiting));
        if let Err(error) = self.ask_for_script(io, asker, &ask, spans) {
            self.script_heard(ticket, Recorded::failed(&error));
        }
        None
    }

    /// All cores and nodes have answered what a script asked: it begins anew.
    pub(in crate::front) fn script_heard(&mut self, ticket: Ticket, said: Recorded) {
        let Some((ask, waiting)) = self.scripts.asking.remove(&ticket.0) else { return };
        let Some(mut client) = self.client_of(ticket) else { return };
        waiting.work.questions().learn(ask, said);
        self.begin_script(&mut client, waiting);
        self.clients.put_back(client);
    }

    /// Runs a script at once where this core has all keys there are, and looks after the other clients when that takes long.
    fn try_script(&mut self, io: &mut Io, mut script: Script<'_>) -> Option<(Answer, u64)> {
        self.attending(io, |engine, attend| engine.try_work(&mut script, attend))
    }

    /// Runs scripts on copies whose keys are locked and brought.
    #[inline]
    pub(crate) fn run_ready_work(&mut self, io: &mut Io) {
        if self.engine.has_ready_work() {
            self.attending(io, |engine, attend| engine.run_ready_work(attend));
        }
    }

    /// Lets the engine run scripts, and looks after the clients of this core when that takes long.
    fn attending<R>(
        &mut self,
        io: &mut Io,
        run: impl FnOnce(&mut Engine, &mut dyn FnMut()) -> R,
    ) -> R {
        let mut unwatched = Vec::new();
        let running = Arc::clone(&self.shared.running);
        let mut door = BusyDoor {
            clients: &mut self.clients,
            input_bytes: &mut self.input_bytes,
            queued_bytes: &mut self.queued_bytes,
            late: &mut self.late,
            dirty: &mut self.dirty,
            limits: &self.limits,
            running: &running,
            counts: self.scripts.libraries.counts(),
            unwatched: &mut unwatched,
        };
        self.engine.ignore_tight_limit(true);
        let ran = run(&mut self.engine, &mut || door.attend(io));
        self.engine.ignore_tight_limit(false);
        self.forget_watched(unwatched);
        ran
    }

    /// From when on a script keeps its core busy, ms.
    fn busy_ms(&self) -> u64 {
        let kept = &self.config.settings().redis;
        let set = kept.get("busy-reply-threshold").or_else(|| kept.get("lua-time-limit"));
        let ms = set.and_then(|text| text.parse().ok()).unwrap_or(BUSY_MS);
        if ms == 0 { u64::MAX } else { ms }
    }

    /// Errors: a script that says of itself what it is may not run here and now.
    fn check_flags(&self, flags: ScriptFlags, is_ro: bool) -> Result<(), String> {
        if flags.has(ScriptFlags::NO_CLUSTER) && self.view.is_some() {
            return Err("ERR Can not run script on cluster, 'no-cluster' flag is set.".to_owned());
        }
        let may_write = !flags.has(ScriptFlags::NO_WRITES);
        if may_write && is_ro {
            return Err(
                "ERR Can not execute a script with write flag using *_ro command.".to_owned()
            );
        }
        if may_write && self.lacks_replicas {
            return Err(NO_REPLICAS.to_owned());
        }
        let minds_memory = may_write && !flags.has(ScriptFlags::ALLOW_OOM);
        if minds_memory && self.engine.write_refusal().is_some() {
            return Err("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'".to_owned());
        }
        Ok(())
    }

    /// SCRIPT KILL and FUNCTION KILL: they find what runs on other cores.
    pub(super) fn kill_script(&mut self, client: &mut Client, kind: Kind) -> Carried {
        self.shared.running.kill(kind)?;
        Ok(self.agree(client))
    }

    /// A script is about to be answered: what is to be noted of it.
    pub(in crate::front) fn script_came(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        ticket: Ticket,
        answer: &Answer,
    ) {
        if let Some(Waiting { spec, asides, .. }) = self.scripts.waiting.remove(&ticket.0) {
            self.tell_asides(io, client, spec, answer, &asides);
            self.settle_script_reads(client, &asides.reads.take());
        }
    }

    fn tell_asides(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        answer: &Answer,
        asides: &Asides,
    ) {
        let has_failed = match answer {
            Answer::Recorded(recorded) => recorded.is_error(),
            _ => true,
        };
        self.counters.failed[spec.index()] += u64::from(has_failed);
        for (index, tally) in asides.calls.borrow_mut().drain(..) {
            self.counters.commands[index] += tally.calls;
            self.counters.failed[index] += tally.failed;
            self.counters.rejected[index] += tally.rejected;
        }
        for line in asides.errors.borrow_mut().drain(..) {
            self.counters.error(line.as_bytes());
        }
        for it in asides.denied.take() {
            let words: Vec<&[u8]> = it.words.iter().map(Vec::as_slice).collect();
            self.note_denied(io, client, Circumstance::Script, it.spec, &words, &it.denied);
        }
        for (database, spec, words) in asides.seen.take() {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            self.show_script_call(database, spec, &words);
        }
        // What has no effect is not said either.
        if matches!(answer, Answer::Recorded(_)) {
            for (channel, message, is_shard) in asides.published.take() {
                self.publish(io, client, is_shard, &channel, &message);
            }
        }
    }

    fn machine(&mut self) -> Result<Rc<Machine>, String> {
        let flushes = self.shared.scripts.flushes();
        if let Some((at, machine)) = &self.scripts.machine
            && *at == flushes
        {
            return Ok(Rc::clone(machine));
        }
        let made = Machine::new(Kind::Script);
        let machine = Rc::new(made.map_err(|error| format!("ERR no Lua machine: {error}"))?);
        self.scripts.machine = Some((flushes, Rc::clone(&machine)));
        Ok(machine)
    }

    pub(super) fn script_command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "load" => {
                exactly(words, 1, "script|load")?;
                let name = sha1_hex(words[0]);
                self.machine()?.compile(&name, words[0])?;
                self.shared.scripts.keep(&name, words[0])?;
                self.answer(client, |reply| reply.bulk(name.as_bytes()));
            }
            "exists" => {
                if words.is_empty() {
                    return Err(wrong_arity("script|exists"));
                }
                let known: Vec<bool> = words
                    .iter()
                    .map(|name| self.shared.scripts.find(&keyword(name)).is_some())
                    .collect();
                self.answer(client, |reply| {
                    reply.array(known.len());
                    known.iter().for_each(|&known| reply.integer(i64::from(known)));
                });
            }
            "flush" => {
                let is_fine = match words {
                    [] => true,
                    [mode] => is_word(mode, "async") || is_word(mode, "sync"),
                    _ => false,
                };
                if !is_fine {
                    return Err("ERR SCRIPT FLUSH only support SYNC|ASYNC option".to_owned());
                }
                self.shared.scripts.flush();
                return Ok(self.agree(client));
            }
            "kill" => {
                exactly(words, 0, "script|kill")?;
                return self.kill_script(client, Kind::Script);
            }
            "debug" => {
                exactly(words, 1, "script|debug")?;
                if !is_word(words[0], "no") {
                    return Err("ERR scripts are not debugged here; use redis.log".to_owned());
                }
                return Ok(self.agree(client));
            }
            "help" => self.answer(client, |reply| {
                reply.array(HELP.len());
                HELP.iter().for_each(|line| reply.simple(line));
            }),
            _ if words.is_empty() && subcommand.is_empty() => return Err(syntax()),
            _ => return Err(unknown_subcommand(subcommand, "SCRIPT")),
        }
        Ok(Progress::Ran)
    }
}

/// Digits of the SHA1 of a text.
const SHA1_DIGITS: usize = 40;

/// A name in small letters; `None` where it cannot be one.
fn folded_name<'a>(name: &[u8], folded: &'a mut [u8; SHA1_DIGITS]) -> Option<&'a str> {
    *folded = name.try_into().ok()?;
    folded.make_ascii_lowercase();
    std::str::from_utf8(folded).ok()
}

/// The number of keys; `not_integer` is what is said when it is none.
pub(super) fn key_count(arguments: &[&[u8]], not_integer: &str) -> Result<usize, String> {
    let count = parse_integer(arguments[2]).ok_or(not_integer)?;
    if count > i64::try_from(arguments.len() - 3).unwrap_or(i64::MAX) {
        return Err("ERR Number of keys can't be greater than number of args".to_owned());
    }
    usize::try_from(count).map_err(|_| "ERR Number of keys can't be negative".to_owned())
}
