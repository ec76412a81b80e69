//! Owns EVAL, EVALSHA and SCRIPT: from a client's line to the script that runs.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hyperion_engine::command::CommandSpec;
use hyperion_engine::{Answer, Ticket};
use hyperion_model::number::parse_integer;

use super::super::client::Client;
use super::super::execute::{Progress, write_answer};
use super::run::{Carried, exactly, is_word, keyword, syntax, unknown_subcommand, wrong_arity};
use crate::node::{Io, NodeCore};
use crate::scripts::{Machine, Published, ScriptWork, sha1_hex};

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

/// What scripts have said on channels and is told when they are done, by what their clients wait for.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    machine: Option<Rc<RefCell<Machine>>>,
    published: std::collections::BTreeMap<u64, Published>,
}

impl Scripts {
    /// The client of a script has gone.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.published.remove(&ticket.0);
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
        let count =
            parse_integer(arguments[2]).ok_or("ERR value is not an integer or out of range")?;
        let count = usize::try_from(count).map_err(|_| "ERR Number of keys can't be negative")?;
        if count > arguments.len() - 3 {
            return Err("ERR Number of keys can't be greater than number of args".to_owned());
        }
        if self.must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        let name = if is_by_name { keyword(arguments[1]) } else { sha1_hex(arguments[1]) };
        let machine = self.machine()?;
        let flushes = self.shared.scripts.flushes();
        let known = machine.borrow_mut().find(&name, flushes);
        let script = match known {
            Some(script) => script,
            None if is_by_name => {
                let text = self.shared.scripts.find(&name).ok_or(NO_SCRIPT)?;
                machine.borrow_mut().compile(&name, &text)?
            }
            None => {
                let script = machine.borrow_mut().compile(&name, arguments[1])?;
                self.shared.scripts.keep(&name, arguments[1])?;
                script
            }
        };
        let (keys, words) = arguments[3..].split_at(count);
        let owned = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        let published = Published::default();
        let mut work = ScriptWork {
            machine,
            only_reads: script.only_reads || spec.name.ends_with("_ro"),
            script,
            name,
            keys: owned(keys),
            words: owned(words),
            database: client.session.database,
            user: Arc::clone(&client.session.user),
            published: Rc::clone(&published),
        };
        let mut keys: Vec<_> =
            work.keys.iter().map(|key| (client.session.database, key.clone())).collect();
        keys.sort_unstable();
        keys.dedup();
        self.redirection(client, &keys)?;
        if let Some((answer, observed)) = self.engine.try_work(&mut work) {
            let random = self.draw();
            self.answer_observing(client, observed, |reply| write_answer(answer, random, reply));
            self.tell_published(io, client, &published);
            return Ok(Progress::Ran);
        }
        let ticket = self.fresh_ticket(client);
        self.scripts.published.insert(ticket.0, published);
        self.engine.begin_work(ticket, keys, Box::new(work));
        Ok(Progress::Ran)
    }

    /// What a script that has just been answered said on channels.
    pub(in crate::front) fn script_came(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        ticket: Ticket,
        answer: &Answer,
    ) {
        let Some(published) = self.scripts.published.remove(&ticket.0) else { return };
        if matches!(answer, Answer::Recorded(_)) {
            self.tell_published(io, client, &published);
        }
    }

    fn tell_published(&mut self, io: &mut Io, client: &mut Client, published: &Published) {
        for (channel, message, is_shard) in published.take() {
            self.publish(io, client, is_shard, &channel, &message);
        }
    }

    fn machine(&mut self) -> Result<Rc<RefCell<Machine>>, String> {
        if let Some(machine) = &self.scripts.machine {
            return Ok(Rc::clone(machine));
        }
        let made = Machine::new().map_err(|error| format!("ERR no Lua machine: {error}"))?;
        let machine = Rc::new(RefCell::new(made));
        self.scripts.machine = Some(Rc::clone(&machine));
        Ok(machine)
    }

    pub(super) fn script_command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "load" => {
                exactly(words, 1, "script|load")?;
                let name = sha1_hex(words[0]);
                self.machine()?.borrow_mut().compile(&name, words[0])?;
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
                return Err("NOTBUSY No scripts in execution right now.".to_owned());
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
