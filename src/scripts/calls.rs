//! Owns the calls of a script that runs: what it may call, what that answers, and what halts it.

use super::asking::Said;
use super::limits::{CALL_WORDS_MAX, PUBLISHED_BYTES_MAX, PUBLISHED_MAX};
use super::values::to_lua;
use super::watch::{Told, Watch};
use super::work::Script;
use crate::front::NO_REPLICAS;
use hyperion_engine::acl::What;
use hyperion_engine::command::{
    CommandSpec, Flags, FrontCommand, Run, SUBCOMMANDS, find, find_subcommand, kept_words,
    subcommand_refusal,
};
use hyperion_engine::{Bench, Halt, Recorded};
use hyperion_lua::{Caller, Outcome, Values, Way};
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, ReplyWriter};

/// A script under way.
pub(super) struct Underway<'r, 'e> {
    pub(super) script: &'r Script<'r>,
    pub(super) bench: &'r mut Bench<'e>,
    pub(super) watch: Watch,
    pub(super) has_called: bool,
    pub(super) attend: &'r mut dyn FnMut(),
    pub(super) database: DatabaseId,
    pub(super) is_resp3: bool,
    /// The answer of the last call.
    pub(super) answer: Recorded,
    /// Bytes of what it has said on channels.
    pub(super) published_bytes: usize,
    /// Questions that it has asked since it began.
    pub(super) asked: usize,
    pub(super) has_written: bool,
    /// Why nothing of it may have an effect.
    pub(super) halt: Option<Halt>,
}

/// What the table of an error says where a call has no words.
const NO_WORDS: &str = "ERR Please specify at least one argument for this redis lib call";
const BAD_WORDS: &str = "ERR Lua redis lib command arguments must be strings or integers";

impl Caller for Underway<'_, '_> {
    fn call(&mut self, way: Way, words: Option<&[&[u8]]>, values: &mut Values) -> Outcome {
        if self.halt.is_some() {
            return Outcome::Halted;
        }
        if std::mem::replace(&mut self.has_called, true) {
            self.watch.begin();
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
            // One that is too short or too long is asked about too, as far as it goes.
            Some(Some(spec)) if line.len() < 2 || !lacks_subcommand(spec, line[1]) => {
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
        if is_refused && lacks_subcommand(spec, words[1]) {
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
                let asides = self.script.asides;
                let hearing = asides.listeners.borrow().audience(words[1], is_shard).count;
                let mut published = asides.published.borrow_mut();
                self.published_bytes += message.0.len() + message.1.len();
                if published.len() >= PUBLISHED_MAX || self.published_bytes > PUBLISHED_BYTES_MAX {
                    return Err(format!(
                        "ERR a script may publish {PUBLISHED_MAX} messages of {PUBLISHED_BYTES_MAX} bytes in all"
                    ));
                }
                published.push(message);
                answer.integer(i64::try_from(hearing).unwrap_or(i64::MAX));
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

/// Whether a command has subcommands, and this is none of them.
fn lacks_subcommand(spec: &CommandSpec, word: &[u8]) -> bool {
    find_subcommand(spec, word).is_none() && subcommand_refusal(spec, &[word, word]).is_some()
}

/// Commands that write nothing and have an effect elsewhere, or may have.
fn tells_others(spec: &CommandSpec) -> bool {
    matches!(spec.name, "publish" | "spublish" | "pfcount")
}
