//! Owns a script as work for the engine: its calls, and what it is told.

use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::acl::{User, What};
use hyperion_engine::command::{
    CommandSpec, Flags, FrontCommand, Run, SUBCOMMANDS, find, find_subcommand, subcommand_refusal,
};
use hyperion_engine::{Answer, Bench, Halt, Recorded, Work};
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, ReplyWriter};
use mlua::{Lua, MultiValue, Table, Value};

use super::asides::Asides;
use super::limits::{CALL_WORDS_MAX, PUBLISHED_BYTES_MAX, PUBLISHED_MAX};
use super::machine::{Compiled, Machine};
use super::running::Running;
use super::values::{to_answer, to_lua, word_of};
use super::watch::Watch;

/// What stands before the number of words and the table of them.
const MANY: &[u8] = b"\0many";
/// What marks the table of an error that was counted when the call gave it, as in Redis.
const COUNTED: &str = "ignore_error_stats_update";

/// What runs a script.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) command: &'static str,
    /// Its SHA1, or the function's name.
    pub(crate) name: String,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) words: Vec<Vec<u8>>,
}

impl Line {
    /// As a client sends it.
    pub(super) fn whole(&self) -> Vec<Vec<u8>> {
        let count = self.keys.len().to_string();
        let head = [self.command, &self.name, &count].map(|word| word.as_bytes().to_vec());
        [head.to_vec(), self.keys.clone(), self.words.clone()].concat()
    }
}

/// A script that is to run.
#[derive(Debug)]
pub(crate) struct ScriptWork {
    pub(crate) machine: Rc<Machine>,
    pub(crate) script: Compiled,
    pub(crate) line: Rc<Line>,
    pub(crate) database: DatabaseId,
    pub(crate) only_reads: bool,
    /// Whose rights it has.
    pub(crate) user: Arc<User>,
    pub(crate) asides: Rc<Asides>,
    pub(crate) running: Arc<Running>,
    /// Clients of its core are looked after when it has taken so long, ms.
    pub(crate) busy_ms: u64,
}

/// A script that runs where somebody can look after the clients of its core meanwhile.
pub(crate) struct Attended<'a> {
    pub(crate) work: &'a mut ScriptWork,
    pub(crate) attend: &'a mut dyn FnMut(),
}

impl std::fmt::Debug for Attended<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.work.fmt(formatter)
    }
}

impl Work for Attended<'_> {
    fn run(&mut self, bench: &mut Bench<'_>) -> Result<Answer, Halt> {
        self.work.run_attended(bench, &mut *self.attend)
    }

    fn may_write(&self) -> bool {
        self.work.may_write()
    }
}

/// A script under way.
struct Underway<'w, 'b, 'e> {
    work: &'w ScriptWork,
    bench: &'b mut Bench<'e>,
    watch: Rc<Watch>,
    attend: &'w mut dyn FnMut(),
    database: DatabaseId,
    is_resp3: bool,
    /// Bytes of what it has said on channels.
    published_bytes: usize,
    /// Why nothing of it may have an effect.
    halt: Option<Halt>,
}

impl Work for ScriptWork {
    fn run(&mut self, bench: &mut Bench<'_>) -> Result<Answer, Halt> {
        self.run_attended(bench, &mut || {})
    }

    fn may_write(&self) -> bool {
        !self.only_reads
    }
}

impl ScriptWork {
    fn run_attended(
        &self,
        bench: &mut Bench<'_>,
        attend: &mut dyn FnMut(),
    ) -> Result<Answer, Halt> {
        self.asides.clear();
        let machine = Rc::clone(&self.machine);
        let watch = Watch::of_script(machine.kind(), &self.line, &self.running, self.busy_ms);
        let mut running = Underway {
            work: self,
            bench,
            watch: Rc::clone(&watch),
            attend,
            database: self.database,
            is_resp3: false,
            published_bytes: 0,
            halt: None,
        };
        let ran =
            machine.run(&self.script, [&self.line.keys, &self.line.words], &watch, |lua, words| {
                running.call(lua, &words)
            });
        if let Some(halt) = running.halt {
            return Err(halt);
        }
        let is_resp3 = running.is_resp3;
        if watch.has_stopped() {
            // All or nothing: it has no effect.
            self.asides.published.take();
            let text = match ran {
                Ok(Ok(_)) => String::new(),
                Ok(Err(error)) => self.error_line(&error),
                Err(error) => format!("ERR {}", first_line(&error.to_string())),
            };
            return Err(Halt::Refused(text));
        }
        let mut answer = Recorded::default();
        match ran {
            Ok(Ok(value)) => {
                if is_of_call(&value) {
                    self.asides.answered();
                }
                to_answer(&value, is_resp3, 0, &mut answer);
            }
            Ok(Err(error)) => {
                if is_of_call(&error) {
                    self.asides.answered();
                }
                answer.error(&self.error_line(&error));
            }
            Err(error) => {
                let (line, chunk) = (first_line(&error.to_string()), self.machine.kind().chunk());
                answer.error(&format!("ERR {line} script: {}, on @{chunk}:1.", self.line.name));
            }
        }
        Ok(Answer::Recorded(answer))
    }

    /// The error line of a table of an error.
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

/// The line of a table of an error, with its code.
pub(super) fn error_text(error: &Value) -> String {
    let text = match error {
        Value::Table(table) => table.raw_get::<mlua::String>("err").ok(),
        _ => None,
    };
    let text = text.map_or_else(
        || "ERR unknown error".to_owned(),
        |text| String::from_utf8_lossy(&text.as_bytes()).into_owned(),
    );
    first_line(&text)
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

impl Underway<'_, '_, '_> {
    /// Carries a call out; gives the value that the script gets, an error as a table with `err`.
    fn call(&mut self, lua: &Lua, values: &MultiValue) -> mlua::Result<Value> {
        if self.halt.is_some() {
            return Err(mlua::Error::runtime("the script begins anew"));
        }
        let mut answer = Recorded::default();
        match self.words_of(values) {
            Ok(words) => {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                match words.as_slice() {
                    [b"\0setresp", version] => {
                        self.is_resp3 = *version == b"3";
                        return Ok(Value::Nil);
                    }
                    [b"\0busy"] => {
                        (self.attend)();
                        return Ok(Value::Nil);
                    }
                    [b"\0acl", line @ ..] => return self.may_run(lua, line),
                    _ => {}
                }
                let spec = find(words[0]);
                let ran = self.run_words(spec, &words, &mut answer);
                if let Some(spec) = spec {
                    let has_failed = u64::from(ran.is_ok() && answer.is_error());
                    self.work.asides.count(spec, |tally| {
                        tally.calls += u64::from(ran.is_ok());
                        tally.failed += has_failed;
                        tally.rejected += u64::from(ran.is_err());
                    });
                }
                if let Err(error) = ran {
                    answer = Recorded::failed(&error);
                }
            }
            Err(error) => answer.error(&error),
        }
        if self.halt.is_some() {
            return Err(mlua::Error::runtime("the script begins anew"));
        }
        let value = to_lua(lua, &answer, self.is_resp3)?;
        if answer.is_error()
            && let Value::Table(table) = &value
        {
            self.work.asides.fail(&error_text(&value));
            table.raw_set(COUNTED, true)?;
            place(lua, table, self.work.machine.kind().chunk())?;
        }
        Ok(value)
    }

    fn words_of(&self, values: &MultiValue) -> Result<Vec<Vec<u8>>, String> {
        if values.is_empty() {
            return Err("ERR Please specify at least one argument for this redis lib call".into());
        }
        if values.len() > CALL_WORDS_MAX {
            return Err(format!("ERR a call may have {CALL_WORDS_MAX} arguments"));
        }
        let words: Option<Vec<Vec<u8>>> = match values.iter().collect::<Vec<_>>().as_slice() {
            // Many come in a table: a machine lends a few thousand values at a time.
            [Value::String(mark), count, Value::Table(table)] if *mark.as_bytes() == *MANY => {
                let count = count.as_usize().unwrap_or(0).min(CALL_WORDS_MAX);
                (1..=count).map(|at| word_of(&table.raw_get(at).unwrap_or(Value::Nil))).collect()
            }
            values => values.iter().map(|value| word_of(value)).collect(),
        };
        words.ok_or_else(|| {
            "ERR Lua redis lib command arguments must be strings or integers".to_owned()
        })
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
        if self.work.only_reads && (spec.writes() || tells_others(spec)) {
            return Err("ERR Write commands are not allowed from read-only scripts.".to_owned());
        }
        if !self.work.user.may_all() {
            self.check_rights(spec, words)?;
        }
        self.work.asides.see(self.database, spec, words);
        self.work.asides.read(spec, words);
        if let Run::Front(command) = spec.run {
            return self.run_front(command, words, answer);
        }
        if let Err(halt) = self.bench.call(spec, self.database, words, answer) {
            self.halt = Some(halt);
        }
        if spec.writes() && !self.bench.can_take_back() {
            self.watch.wrote();
        }
        Ok(())
    }

    /// Whether the user may run a line, for `redis.acl_check_cmd`: a table with an error where it is none.
    fn may_run(&self, lua: &Lua, line: &[&[u8]]) -> mlua::Result<Value> {
        let problem = match line.first() {
            None => "ERR Please specify at least one argument for this redis lib call",
            Some(name) => match find(name) {
                Some(spec) if spec.admits(line.len()) => {
                    return Ok(Value::Boolean(self.work.user.check(spec, line).is_ok()));
                }
                _ => "ERR Invalid command passed to redis.acl_check_cmd()",
            },
        };
        to_lua(lua, &Recorded::failed(problem), false)
    }

    fn check_rights(&self, spec: &'static CommandSpec, words: &[&[u8]]) -> Result<(), String> {
        if let Some(option) = self.work.user.sort_denied(spec, words) {
            return Err(format!(
                "ERR {option} option of SORT denied due to insufficient ACL permissions."
            ));
        }
        self.work.user.check(spec, words).map_err(|denied| {
            self.work.asides.deny(spec, words, denied.clone());
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
                let number =
                    parse_integer(words[1]).ok_or("ERR value is not an integer or out of range")?;
                let number = u8::try_from(number).ok().filter(|&number| number < DATABASES);
                self.database = DatabaseId(number.ok_or("ERR DB index is out of range")?);
                answer.simple("OK");
            }
            FrontCommand::Publish | FrontCommand::Spublish => {
                let is_shard = command == FrontCommand::Spublish;
                let message = (words[1].to_vec(), words[2].to_vec(), is_shard);
                let mut published = self.work.asides.published.borrow_mut();
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
