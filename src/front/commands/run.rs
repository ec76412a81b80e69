//! Owns the step from a command of the front to the code that carries it out.

pub(super) use hyperion_engine::command::repeat as shown;
use hyperion_engine::command::{CommandError, CommandSpec, FrontCommand, Run};

use super::super::client::Client;
use super::super::execute::Progress;
use super::limits::KEYWORD_BYTES_MAX;
use crate::node::{Io, NodeCore};
use crate::pubsub::Kind;

/// The version of Redis whose commands and texts are met; clients choose what they send by it.
pub(super) const REDIS_LEVEL: &str = "7.2.4";
/// Our own version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What became of a command, or the error line that answers it.
pub(in crate::front) type Carried = Result<Progress, String>;

impl NodeCore {
    /// Runs a command that concerns the connection or the node.
    ///
    /// Panics: for a command of which nothing runs at the front.
    pub(in crate::front) fn run_front(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Progress {
        let Run::Front(command) = spec.run else {
            return self.run_rest(io, client, spec, arguments);
        };
        let timed = self.time_command(spec, arguments.len());
        let carried = match command {
            FrontCommand::Acl => self.acl_command(io, client, arguments),
            FrontCommand::Ping => self.ping(client, arguments),
            FrontCommand::Echo => self.echo(client, arguments),
            FrontCommand::Hello => self.hello(io, client, arguments),
            FrontCommand::Auth => self.auth(io, client, arguments),
            FrontCommand::Select => self.select(client, arguments),
            FrontCommand::Quit => Ok(self.quit(client)),
            FrontCommand::Reset => Ok(self.reset(client)),
            FrontCommand::Client => self.client_command(io, client, arguments),
            FrontCommand::Command => self.command(client, arguments),
            FrontCommand::Info => Ok(self.info(io, client, &arguments[1..])),
            FrontCommand::Config => self.config_command(io, client, arguments),
            FrontCommand::Time => Ok(self.time(client)),
            FrontCommand::Debug => self.debug(io, client, arguments),
            FrontCommand::Lolwut => self.lolwut(client, arguments),
            FrontCommand::Bgsave => self.bgsave(client, arguments),
            FrontCommand::Lastsave => Ok(self.lastsave(client)),
            FrontCommand::Cluster => self.cluster_command(io, client, arguments),
            FrontCommand::Readonly => self.read_from_replicas(client, true),
            FrontCommand::Readwrite => self.read_from_replicas(client, false),
            FrontCommand::Wait => self.wait_copies(io, client, arguments),
            FrontCommand::Waitaof => self.wait_durable(io, client, arguments),
            FrontCommand::Asking => self.asking(client),
            FrontCommand::Eval => self.eval(io, client, spec, arguments, false),
            FrontCommand::Evalsha => self.eval(io, client, spec, arguments, true),
            FrontCommand::Fcall => self.fcall(io, client, spec, arguments),
            FrontCommand::Function => self.function_command(client, arguments),
            FrontCommand::Script => self.script_command(client, arguments),
            FrontCommand::Multi => self.multi(client),
            FrontCommand::Exec => self.exec(io, client),
            FrontCommand::Discard => self.discard(client),
            FrontCommand::Watch => self.watch(io, client, arguments),
            FrontCommand::Unwatch => Ok(self.unwatch(client)),
            FrontCommand::Subscribe => self.subscribe(client, Kind::Channel, arguments),
            FrontCommand::Unsubscribe => self.unsubscribe(client, Kind::Channel, arguments),
            FrontCommand::Psubscribe => self.subscribe(client, Kind::Pattern, arguments),
            FrontCommand::Punsubscribe => self.unsubscribe(client, Kind::Pattern, arguments),
            FrontCommand::Ssubscribe => self.subscribe(client, Kind::Shard, arguments),
            FrontCommand::Sunsubscribe => self.unsubscribe(client, Kind::Shard, arguments),
            FrontCommand::Publish => self.publish_command(io, client, false, arguments),
            FrontCommand::Spublish => self.publish_command(io, client, true, arguments),
            FrontCommand::Pubsub => self.pubsub_command(client, arguments),
            FrontCommand::Instead => self.refuse_command(client, spec.name, arguments),
            FrontCommand::Slowlog => self.slowlog(io, client, arguments),
            FrontCommand::Latency => self.latency(io, client, arguments),
            FrontCommand::Monitor => self.monitor(io, client),
            FrontCommand::Module => self.module(client, arguments),
            FrontCommand::Swapdb => self.swapdb(client, arguments),
            FrontCommand::Role => Ok(self.role(client)),
            FrontCommand::Shutdown => self.shutdown(io, client, &arguments[1..]),
        };
        if carried.is_err() {
            self.counters.failed[spec.index()] += 1;
            self.counters.of_subcommand(spec, arguments, |it| it.failed += 1);
        }
        let progress = self.carried(client, carried);
        if progress == Progress::Ran
            && let Some(since) = timed
            && let Some(took) = self.took(spec, arguments, since)
        {
            self.note_slow(io, client, spec, arguments, took);
        }
        progress
    }

    /// Runs what the core left to the front of a command about keys.
    ///
    /// Panics: for a command of which it leaves nothing.
    #[cold]
    fn run_rest(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Progress {
        let carried = match spec.name {
            "memory" => self.memory_command(io, client, arguments),
            name => panic!("{name} does not run at the front"),
        };
        self.carried(client, carried)
    }

    fn carried(&mut self, client: &mut Client, carried: Carried) -> Progress {
        carried.unwrap_or_else(|error| {
            self.answer(client, |reply| reply.error(&error));
            Progress::Ran
        })
    }

    /// Answers OK.
    pub(in crate::front) fn agree(&mut self, client: &mut Client) -> Progress {
        self.answer(client, |reply| reply.simple("OK"));
        Progress::Ran
    }

    /// Answers the lines of a HELP.
    pub(super) fn help(&mut self, client: &mut Client, lines: &[&str]) -> Progress {
        self.answer(client, |reply| {
            reply.array(lines.len());
            lines.iter().for_each(|line| reply.simple(line));
        });
        Progress::Ran
    }
}

/// A client's word in lower case, cut where it is too long to be one that we know.
pub(super) fn keyword(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(KEYWORD_BYTES_MAX)]).to_ascii_lowercase()
}

/// Whether `word` is `name` (in lower case), whatever its case.
pub(super) fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Errors: when there are not `count` words behind the subcommand `name`.
pub(super) fn exactly(words: &[&[u8]], count: usize, name: &'static str) -> Result<(), String> {
    if words.len() == count { Ok(()) } else { Err(wrong_arity(name)) }
}

pub(super) fn wrong_arity(name: &'static str) -> String {
    CommandError::WrongArity(name).to_string()
}

pub(super) fn syntax() -> String {
    CommandError::Syntax.to_string()
}

pub(super) fn not_integer() -> String {
    CommandError::NotInteger.to_string()
}

pub(super) fn unknown_subcommand(name: &[u8], command: &'static str) -> String {
    CommandError::UnknownSubcommand { name: shown(name), command }.to_string()
}

/// What Redis says of a subcommand with words that it does not take, where their number alone is not wrong.
pub(super) fn misused(subcommand: &[u8], command: &str) -> String {
    let name = shown(subcommand);
    format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try {command} HELP.")
}
