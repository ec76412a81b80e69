//! Owns a script as work for the engine: its calls, and what it is told.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::acl::{User, What};
use hyperion_engine::command::{
    CommandSpec, Flags, FrontCommand, Run, find, find_subcommand, subcommand_refusal,
};
use hyperion_engine::{Answer, Bench, Halt, Recorded, Work};
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, ReplyWriter};
use mlua::{Lua, MultiValue, Table, Value};

use super::limits::{CALL_WORDS_MAX, PUBLISHED_BYTES_MAX, PUBLISHED_MAX};
use super::machine::{Compiled, Machine};
use super::values::{to_answer, to_lua, word_of};

/// What a script says on channels: told when its changes have taken effect. Channel, message, and whether it is a shard channel.
pub(crate) type Published = Rc<RefCell<Vec<(Vec<u8>, Vec<u8>, bool)>>>;

/// A script that is to run.
#[derive(Debug)]
pub(crate) struct ScriptWork {
    pub(crate) machine: Rc<RefCell<Machine>>,
    pub(crate) script: Compiled,
    /// Its SHA1.
    pub(crate) name: String,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) database: DatabaseId,
    pub(crate) only_reads: bool,
    /// Whose rights it has.
    pub(crate) user: Arc<User>,
    pub(crate) published: Published,
}

/// A script under way.
struct Running<'w, 'b, 'e> {
    work: &'w ScriptWork,
    bench: &'b mut Bench<'e>,
    database: DatabaseId,
    is_resp3: bool,
    /// Bytes of what it has said on channels.
    published_bytes: usize,
    /// Why nothing of it may have an effect.
    halt: Option<Halt>,
}

impl Work for ScriptWork {
    fn run(&mut self, bench: &mut Bench<'_>) -> Result<Answer, Halt> {
        self.published.borrow_mut().clear();
        let machine = Rc::clone(&self.machine);
        let machine = machine.borrow();
        let mut running = Running {
            work: self,
            bench,
            database: self.database,
            is_resp3: false,
            published_bytes: 0,
            halt: None,
        };
        let ran = machine
            .run(&self.script, [&self.keys, &self.words], |lua, words| running.call(lua, &words));
        if let Some(halt) = running.halt {
            return Err(halt);
        }
        let is_resp3 = running.is_resp3;
        let mut answer = Recorded::default();
        match ran {
            Ok(Ok(value)) => to_answer(&value, is_resp3, 0, &mut answer),
            Ok(Err(error)) => answer.error(&self.error_line(&error)),
            Err(error) => {
                let line = first_line(&error.to_string());
                answer.error(&format!("ERR {line} script: {}, on @user_script:1.", self.name));
            }
        }
        Ok(Answer::Recorded(answer))
    }

    fn may_write(&self) -> bool {
        !self.only_reads
    }
}

impl ScriptWork {
    /// The error line of a table of an error.
    fn error_line(&self, error: &Value) -> String {
        let text = match error {
            Value::Table(table) => table.raw_get::<mlua::String>("err").ok(),
            _ => None,
        };
        let text = text.map_or_else(
            || "ERR unknown error".to_owned(),
            |text| String::from_utf8_lossy(&text.as_bytes()).into_owned(),
        );
        let text = first_line(&text.replace("runtime error: ", ""));
        let place = match error {
            Value::Table(table) => table.raw_get::<i64>("line").ok(),
            _ => None,
        };
        let line = place.or_else(|| line_of(&text)).unwrap_or(1);
        format!("{text} script: {}, on @user_script:{line}.", self.name)
    }
}

/// Commands that write nothing and have an effect elsewhere, or may have.
fn tells_others(spec: &CommandSpec) -> bool {
    matches!(spec.name, "publish" | "spublish" | "pfcount")
}

/// The line that a message of Lua names.
fn line_of(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("user_script:")?;
    rest.split(':').next()?.parse().ok()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl Running<'_, '_, '_> {
    /// Carries a call out; gives the value that the script gets, an error as a table with `err`.
    fn call(&mut self, lua: &Lua, values: &MultiValue) -> mlua::Result<Value> {
        if self.halt.is_some() {
            return Err(mlua::Error::runtime("the script begins anew"));
        }
        let mut answer = Recorded::default();
        match self.words_of(values) {
            Ok(words) => {
                if words.first().is_some_and(|name| name == b"\0setresp") {
                    self.is_resp3 = words.get(1).is_some_and(|version| version == b"3");
                    return Ok(Value::Nil);
                }
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                if let Err(error) = self.run_words(&words, &mut answer) {
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
            place(lua, table)?;
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
        let words: Option<Vec<Vec<u8>>> = values.iter().map(word_of).collect();
        words.ok_or_else(|| {
            "ERR Lua redis lib command arguments must be strings or integers".to_owned()
        })
    }

    fn run_words(&mut self, words: &[&[u8]], answer: &mut Recorded) -> Result<(), String> {
        let spec = find(words[0]).ok_or("ERR Unknown Redis command called from script")?;
        let is_refused = subcommand_refusal(spec, words).is_some();
        if is_refused && find_subcommand(spec, words[1]).is_none() {
            return Err("ERR Unknown Redis command called from script".to_owned());
        }
        if is_refused || !spec.admits(words.len()) {
            return Err("ERR Wrong number of args calling Redis command from script".to_owned());
        }
        if spec.flags.has(Flags::NOSCRIPT) {
            return Err("ERR This Redis command is not allowed from script".to_owned());
        }
        if self.work.only_reads && (spec.writes() || tells_others(spec)) {
            return Err("ERR Write commands are not allowed from read-only scripts.".to_owned());
        }
        if !self.work.user.may_all() {
            self.check_rights(spec, words)?;
        }
        if let Run::Front(command) = spec.run {
            return self.run_front(command, words, answer);
        }
        if let Err(halt) = self.bench.call(spec, self.database, words, answer) {
            self.halt = Some(halt);
        }
        Ok(())
    }

    fn check_rights(&self, spec: &CommandSpec, words: &[&[u8]]) -> Result<(), String> {
        self.work.user.check(spec, words).map_err(|denied| {
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
                let mut published = self.work.published.borrow_mut();
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

/// Notes where in the script a call failed.
fn place(lua: &Lua, error: &Table) -> mlua::Result<()> {
    // The callback itself, then the frame's function, then the script.
    for level in 1..5 {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let is_script = source.short_src.as_deref() == Some("user_script");
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
