//! Owns a script as work for the engine: its calls, and what it is told.

use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::acl::{User, What};
use hyperion_engine::command::{
    CommandSpec, Flags, FrontCommand, Run, SUBCOMMANDS, find, find_subcommand, kept_words,
    subcommand_refusal,
};
use hyperion_engine::{Answer, Bench, Halt, Recorded, Work};
use hyperion_lua::{Caller, Given, Outcome, Values, Way};
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, Databases, ReplyWriter};
use mlua::{Lua, Table, Value};

use super::asides::Asides;
use super::asking::{Questions, Said};
use super::limits::{CALL_WORDS_MAX, PUBLISHED_BYTES_MAX, PUBLISHED_MAX, SCRIPT_MS_MAX};
use super::machine::{Compiled, Machine};
use super::running::Running;
use super::values::{given_to_answer, to_lua};
use super::watch::{Told, Watch};
use crate::front::NO_REPLICAS;

/// What marks the table of an error that was counted when the call gave it, as in Redis.
const COUNTED: &str = "ignore_error_stats_update";

/// What runs a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) command: &'static str,
    /// Its SHA1, or the function's name.
    pub(crate) name: &'a str,
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) words: &'a [&'a [u8]],
}

impl Line<'_> {
    /// As a client sends it.
    pub(super) fn whole(&self) -> Vec<Vec<u8>> {
        let count = self.keys.len().to_string();
        let head = [self.command, self.name, &count].map(str::as_bytes);
        [&head, self.keys, self.words].concat().into_iter().map(<[u8]>::to_vec).collect()
    }
}

/// A script that is to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    pub(crate) machine: &'a Rc<Machine>,
    pub(crate) compiled: &'a Compiled,
    pub(crate) line: Line<'a>,
    pub(crate) database: DatabaseId,
    pub(crate) databases: Databases,
    pub(crate) only_reads: bool,
    /// What may grow the data is refused: memory was full when it began.
    pub(crate) is_full: bool,
    /// And what writes, because replicas were missing.
    pub(crate) lacks_replicas: bool,
    /// Whose rights it has.
    pub(crate) user: &'a Arc<User>,
    pub(crate) asides: &'a Rc<Asides>,
    pub(crate) running: &'a Arc<Running>,
    /// The node is busy when it has taken so long, ms.
    pub(crate) busy_ms: u64,
    /// What it asks about all keys, where it does not find them on its core.
    pub(crate) questions: Option<&'a Questions>,
}

/// A script that is to run later, and perhaps again.
#[derive(Clone, Debug)]
pub(crate) struct ScriptWork(Rc<KeptScript>);

#[derive(Debug)]
struct KeptScript {
    machine: Rc<Machine>,
    compiled: Compiled,
    command: &'static str,
    name: String,
    keys: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    database: DatabaseId,
    databases: Databases,
    only_reads: bool,
    is_full: bool,
    lacks_replicas: bool,
    user: Arc<User>,
    asides: Rc<Asides>,
    running: Arc<Running>,
    busy_ms: u64,
    questions: Questions,
}

impl Work for Script<'_> {
    fn run(&mut self, bench: &mut Bench<'_>, attend: &mut dyn FnMut()) -> Result<Answer, Halt> {
        self.run_on(bench, attend)
    }

    fn may_write(&self) -> bool {
        !self.only_reads
    }
}

impl Work for ScriptWork {
    fn run(&mut self, bench: &mut Bench<'_>, attend: &mut dyn FnMut()) -> Result<Answer, Halt> {
        let it = &*self.0;
        let [keys, words] =
            [&it.keys, &it.words].map(|list| list.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let line = Line { command: it.command, name: &it.name, keys: &keys, words: &words };
        let script = Script {
            machine: &it.machine,
            compiled: &it.compiled,
            line,
            database: it.database,
            databases: it.databases,
            only_reads: it.only_reads,
            is_full: it.is_full,
            lacks_replicas: it.lacks_replicas,
            user: &it.user,
            asides: &it.asides,
            running: &it.running,
            busy_ms: it.busy_ms,
            questions: Some(&it.questions),
        };
        script.run_on(bench, attend)
    }

    fn may_write(&self) -> bool {
        !self.0.only_reads
    }
}

impl ScriptWork {
    /// What it declared, in order and once each.
    pub(crate) fn keys(&self) -> Vec<(DatabaseId, Vec<u8>)> {
        let mut keys: Vec<_> =
            self.0.keys.iter().map(|key| (self.0.database, key.clone())).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    pub(crate) fn questions(&self) -> &Questions {
        &self.0.questions
    }
}

/// A script under way.
struct Underway<'r, 'e> {
    script: &'r Script<'r>,
    bench: &'r mut Bench<'e>,
    watch: Watch,
    attend: &'r mut dyn FnMut(),
    database: DatabaseId,
    is_resp3: bool,
    /// The answer of the last call.
    answer: Recorded,
    /// Bytes of what it has said on channels.
    published_bytes: usize,
    /// Questions that it has asked since it began.
    asked: usize,
    has_written: bool,
    /// Why nothing of it may have an effect.
    halt: Option<Halt>,
}

impl Script<'_> {
    /// The same, to be kept.
    pub(crate) fn to_work(self) -> ScriptWork {
        let owned = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
        ScriptWork(Rc::new(KeptScript {
            machine: Rc::clone(self.machine),
            compiled: self.compiled.clone(),
            command: self.line.command,
            name: self.line.name.to_owned(),
            keys: owned(self.line.keys),
            words: owned(self.line.words),
            database: self.database,
            databases: self.databases,
            only_reads: self.only_reads,
            is_full: self.is_full,
            lacks_replicas: self.lacks_replicas,
            user: Arc::clone(self.user),
            asides: Rc::clone(self.asides),
            running: Arc::clone(self.running),
            busy_ms: self.busy_ms,
            questions: Questions::default(),
        }))
    }

    fn run_on(&self, bench: &mut Bench<'_>, attend: &mut dyn FnMut()) -> Result<Answer, Halt> {
        self.asides.clear();
        let mut running = Underway {
            script: self,
            bench,
            watch: Watch::new(SCRIPT_MS_MAX, self.busy_ms),
            attend,
            database: self.database,
            is_resp3: false,
            answer: Recorded::default(),
            published_bytes: 0,
            asked: 0,
            has_written: false,
            halt: None,
        };
        let mut text = Vec::new();
        let lists = [self.line.keys, self.line.words];
        let ran = self.machine.run(self.compiled, lists, &mut running, &mut text);
        running.watch.end(self.running);
        if let Some(halt) = running.halt {
            return Err(halt);
        }
        if running.watch.has_stopped() {
            // All or nothing: it has no effect.
            self.asides.published.borrow_mut().clear();
            let text = match ran {
                Ok(Given::Failed(error)) => self.error_line(&error),
                Ok(_) => String::new(),
                Err(line) => format!("ERR {}", first_line(&line)),
            };
            return Err(Halt::Refused(text));
        }
        let (is_resp3, mut answer) = (running.is_resp3, running.answer);
        answer.clear();
        match ran {
            Ok(Given::Failed(error)) => {
                if is_of_call(&error) {
                    self.asides.answered();
                }
                answer.error(&self.error_line(&error));
            }
            Ok(given) => {
                if matches!(&given, Given::Other(value) if is_of_call(value)) {
                    self.asides.answered();
                }
                given_to_answer(&given, &text, is_resp3, &mut answer);
            }
            Err(line) => {
                let (line, chunk) = (first_line(&line), self.machine.kind().chunk());
                answer.error(&format!("ERR {line} script: {}, on @{chunk}:1.", self.line.name));
            }
        }
        Ok(Answer::Recorded(answer))
    }

    /// The error line of what a script failed with.
    fn error_line(&self, error: &Value) -> String {
        let (text, chunk) = (error_text(error), self.machine.kind().chunk());
        let place = match error {
            Value::Table(table) => table.raw_get::<i64>("line").ok(),
            _ => None,
        };
        let line = place.or_else(|| line_of(&text, chunk)).unwrap_or(1);
        format!("{text} script: {}, on @{chunk}:{line}.", self.line.name)
    }
}

/// Commands that write nothing and have an effect elsewhere, or may have.
fn tells_others(spec: &CommandSpec) -> bool {
    matches!(spec.name, "publish" | "spublish" | "pfcount")
}

/// Whether a value is the table of an error that a call gave.
fn is_of_call(value: &Value) -> bool {
    matches!(value, Value::Table(table) if table.raw_get::<bool>(COUNTED).is_ok_and(|it| it))
}

/// The line of an error, with its code: what its table says, or what the machine says, which fails without one for want of memory.
pub(super) fn error_text(error: &Value) -> String {
    let shown = |text: &mlua::String| String::from_utf8_lossy(&text.as_bytes()).into_owned();
    let text = match error {
        Value::Table(table) => table.raw_get::<mlua::String>("err").ok().map(|text| shown(&text)),
        Value::String(text) => Some(format!("ERR {}", shown(text))),
        _ => None,
    };
    first_line(&text.unwrap_or_else(|| "ERR unknown error".to_owned()))
}

/// The line that a message of Lua names.
fn line_of(text: &str, chunk: &str) -> Option<i64> {
    let (_, rest) = text.split_once(chunk)?;
    rest.strip_prefix(':')?.split(':').next()?.parse().ok()
}

/// The first line of a message of Lua, without what the machine puts before it.
pub(super) fn first_line(text: &str) -> String {
    text.replace("runtime error: ", "").lines().next().unwrap_or_default().to_owned()
}

/// What the table of an error says where a call has no words.
const NO_WORDS: &str = "ERR Please specify at least one argument for this redis lib call";
const BAD_WORDS: &str = "ERR Lua redis lib command arguments must be strings or integers";

impl Caller for Underway<'_, '_> {
    fn call(&mut self, way: Way, words: Option<&[&[u8]]>, values: &mut Values) -> Outcome {
        if self.halt.is_some() {
            return Outcome::Halted;
        }
        let mut answer = std::mem::take(&mut self.answer);
        answer.clear();
        match way {
            Way::Call | Way::Pcall => self.carry_out(words, &mut answer),
            Way::Rights => self.tell_rights(words, &mut answer),
            Way::Protocol => self.set_protocol(words, &mut answer),
        }
        let has_failed = answer.is_error();
        if self.halt.is_none() {
            to_lua(&answer, self.is_resp3 || way == Way::Rights, values);
        }
        self.answer = answer;
        match (&self.halt, has_failed) {
            (Some(_), _) => Outcome::Halted,
            (None, true) => Outcome::Failed,
            (None, false) => Outcome::Given,
        }
    }

    fn look(&mut self) -> Option<String> {
        if self.halt.is_some() {
            return Some("the script begins anew".to_owned());
        }
        let Script { machine, line, running, .. } = *self.script;
        let why = self.watch.look(Some(Told { kind: machine.kind(), line, running }));
        if why.is_none() && self.watch.is_busy() {
            (self.attend)();
        }
        why
    }
}

impl Underway<'_, '_> {
    /// Carries a command out, and counts it.
    fn carry_out(&mut self, words: Option<&[&[u8]]>, answer: &mut Recorded) {
        let asides = self.script.asides;
        let ran = match words {
            Some([]) => Err(NO_WORDS.to_owned()),
            Some(words) if words.len() > CALL_WORDS_MAX => {
                Err(format!("ERR a call may have {CALL_WORDS_MAX} arguments"))
            }
            Some(words) => {
                let spec = find(words[0]);
                let ran = self.run_words(spec, words, answer);
                if let Some(spec) = spec {
                    let has_failed = u64::from(ran.is_ok() && answer.is_error());
                    asides.count(spec, |tally| {
                        tally.calls += u64::from(ran.is_ok());
                        tally.failed += has_failed;
                        tally.rejected += u64::from(ran.is_err());
                    });
                }
                ran
            }
            None => Err(BAD_WORDS.to_owned()),
        };
        if let Err(error) = ran {
            answer.clear();
            answer.error(&error);
        }
        if answer.is_error() && self.halt.is_none() {
            asides.fail(answer.error_line().unwrap_or_default());
        }
    }

    /// `redis.setresp(version)`.
    fn set_protocol(&mut self, words: Option<&[&[u8]]>, answer: &mut Recorded) {
        match words {
            Some([b"2"]) => self.is_resp3 = false,
            Some([b"3"]) => self.is_resp3 = true,
            Some([_]) | None => answer.error("ERR RESP version must be 2 or 3."),
            Some(_) => answer.error("ERR redis.setresp() requires one argument."),
        }
    }

    /// `redis.acl_check_cmd(...)`: whether the user may run a line.
    fn tell_rights(&self, words: Option<&[&[u8]]>, answer: &mut Recorded) {
        let Some(line) = words else { return answer.error(BAD_WORDS) };
        match line.first().map(|name| find(name)) {
            None => answer.error(NO_WORDS),
            Some(Some(spec)) if spec.admits(line.len()) => {
                answer.boolean(self.script.user.check(spec, line).is_ok());
            }
            Some(_) => answer.error("ERR Invalid command passed to redis.acl_check_cmd()"),
        }
    }

    fn run_words(
        &mut self,
        spec: Option<&'static CommandSpec>,
        words: &[&[u8]],
        answer: &mut Recorded,
    ) -> Result<(), String> {
        let spec = spec.ok_or("ERR Unknown Redis command called from script")?;
        let is_refused = subcommand_refusal(spec, words).is_some();
        if is_refused && find_subcommand(spec, words[1]).is_none() {
            return Err("ERR Unknown Redis command called from script".to_owned());
        }
        if is_refused || !spec.admits(words.len()) {
            return Err("ERR Wrong number of args calling Redis command from script".to_owned());
        }
        let sub = words.get(1).and_then(|word| find_subcommand(spec, word));
        let flags = sub.map_or(spec.flags, |at| SUBCOMMANDS[at].flags);
        if flags.has(Flags::NOSCRIPT) {
            return Err("ERR This Redis command is not allowed from script".to_owned());
        }
        if self.script.only_reads && (spec.writes() || tells_others(spec)) {
            return Err("ERR Write commands are not allowed from read-only scripts.".to_owned());
        }
        if self.script.lacks_replicas && spec.writes() {
            return Err(NO_REPLICAS.to_owned());
        }
        if self.script.is_full && spec.flags.has(Flags::DENYOOM) {
            return Err("OOM command not allowed when used memory > 'maxmemory'.".to_owned());
        }
        if !self.script.user.may_all() {
            self.check_rights(spec, words)?;
        }
        self.script.asides.see(self.database, spec, words);
        self.script.asides.read(spec, words);
        if let Run::Front(command) = spec.run {
            return self.run_front(command, words, answer);
        }
        if matches!(spec.run, Run::Every(_) | Run::Scan) && self.ask(spec, words, answer) {
            return Ok(());
        }
        self.has_written |= spec.writes();
        let kept = kept_words(self.script.databases, spec, words);
        let kept = kept.as_ref().map(|words| words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let words = kept.as_deref().unwrap_or(words);
        if let Err(halt) = self.bench.call(spec, self.database, words, answer) {
            self.halt = Some(halt);
        }
        if spec.writes() && !self.bench.can_take_back() {
            self.watch.wrote();
        }
        Ok(())
    }

    /// Asks about all keys; `false`: it is not to be asked. What was there before the script is told, so one that has written does not ask.
    fn ask(&mut self, spec: &'static CommandSpec, words: &[&[u8]], answer: &mut Recorded) -> bool {
        let Some(questions) = self.script.questions.filter(|_| !self.has_written) else {
            return false;
        };
        if spec.writes() {
            return false;
        }
        match questions.ask(self.asked, self.database, spec, words, answer) {
            Said::Known => self.asked += 1,
            Said::Stops => self.halt = Some(Halt::Refused(String::new())),
            Said::TooMany => return false,
        }
        true
    }

    fn check_rights(&self, spec: &'static CommandSpec, words: &[&[u8]]) -> Result<(), String> {
        if let Some(option) = self.script.user.sort_denied(spec, words) {
            return Err(format!(
                "ERR {option} option of SORT denied due to insufficient ACL permissions."
            ));
        }
        self.script.user.check(spec, words).map_err(|denied| {
            self.script.asides.deny(spec, words, denied.clone());
            match denied.what {
                What::Command => "ERR The user executing the script can't run this command or subcommand",
                What::Key => "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
                What::Channel => "ERR The user executing the script can't publish to the channel mentioned in the command",
            }
            .to_owned()
        })
    }

    /// The commands of the front that a script may use.
    fn run_front(
        &mut self,
        command: FrontCommand,
        words: &[&[u8]],
        answer: &mut Recorded,
    ) -> Result<(), String> {
        match command {
            FrontCommand::Ping if words.len() == 1 => answer.simple("PONG"),
            FrontCommand::Ping | FrontCommand::Echo => answer.bulk(words[1]),
            FrontCommand::Time => {
                let now_ms = self.bench.now_ms();
                answer.array(2);
                answer.bulk((now_ms / 1_000).to_string().as_bytes());
                answer.bulk((now_ms % 1_000 * 1_000).to_string().as_bytes());
            }
            FrontCommand::Select => {
                // It has run, and failed.
                let Some(number) = parse_integer(words[1]) else {
                    answer.error("ERR value is not an integer or out of range");
                    return Ok(());
                };
                match u8::try_from(number).ok().filter(|&number| number < DATABASES) {
                    Some(number) => {
                        self.database = self.script.databases.kept(number);
                        answer.simple("OK");
                    }
                    None => answer.error("ERR DB index is out of range"),
                }
            }
            FrontCommand::Publish | FrontCommand::Spublish => {
                let is_shard = command == FrontCommand::Spublish;
                let message = (words[1].to_vec(), words[2].to_vec(), is_shard);
                let mut published = self.script.asides.published.borrow_mut();
                self.published_bytes += message.0.len() + message.1.len();
                if published.len() >= PUBLISHED_MAX || self.published_bytes > PUBLISHED_BYTES_MAX {
                    return Err(format!(
                        "ERR a script may publish {PUBLISHED_MAX} messages of {PUBLISHED_BYTES_MAX} bytes in all"
                    ));
                }
                published.push(message);
                answer.integer(0);
            }
            _ => {
                return Err(format!(
                    "ERR {} is not for scripts here; send it beside them",
                    String::from_utf8_lossy(words[0]).to_uppercase()
                ));
            }
        }
        Ok(())
    }
}

/// Notes where in the script something failed.
pub(super) fn place(lua: &Lua, error: &Table, chunk: &str) -> mlua::Result<()> {
    // The callback itself, then functions of the frame, then the script.
    for level in 1..8 {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let is_script = source.short_src.as_deref() == Some(chunk);
            is_script.then(|| debug.current_line()).flatten()
        });
        match found {
            Some(Some(line)) => return error.raw_set("line", line),
            Some(None) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}
