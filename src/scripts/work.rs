//! Owns a script as work for the engine: its calls, and what it is told.

use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::acl::User;
use hyperion_engine::{Answer, Bench, Halt, Work};
use hyperion_lua::Given;
use hyperion_model::{DatabaseId, Databases, ReplyWriter};

use super::asides::Asides;
use super::asking::Questions;
use super::calls::Underway;
use super::failures::{first_line, is_of_call};
use super::limits::SCRIPT_MS_MAX;
use super::machine::{Compiled, Machine};
use super::running::Running;
use super::values::given_to_answer;
use super::watch::Watch;

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
    pub(crate) compiled: &'a Rc<Compiled>,
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
    compiled: Rc<Compiled>,
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

impl Script<'_> {
    /// The same, to be kept.
    pub(crate) fn to_work(self) -> ScriptWork {
        let owned = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
        ScriptWork(Rc::new(KeptScript {
            machine: Rc::clone(self.machine),
            compiled: Rc::clone(self.compiled),
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
        let (answer, mut text) = self.asides.take_spare();
        let mut running = Underway {
            script: self,
            bench,
            watch: Watch::new(SCRIPT_MS_MAX, self.busy_ms),
            has_called: false,
            attend,
            database: self.database,
            is_resp3: false,
            answer,
            published_bytes: 0,
            asked: 0,
            has_written: false,
            halt: None,
        };
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
                let given = given_to_answer(self.machine, &given, &text, is_resp3, &mut answer);
                if let Err(error) = given {
                    answer.clear();
                    answer.error(&format!("ERR {}", first_line(&error.to_string())));
                }
            }
            Err(line) => {
                let (line, chunk) = (first_line(&line), self.machine.kind().chunk());
                answer.error(&format!("ERR {line} script: {}, on @{chunk}:1.", self.line.name));
            }
        }
        self.asides.keep_text(text);
        Ok(Answer::Recorded(answer))
    }
}
