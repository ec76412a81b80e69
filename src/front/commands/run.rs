//! Owns the step from a command of the front to the code that carries it out.

pub(super) use hyperion_engine::command::repeat as shown;
use hyperion_engine::command::{CommandError, CommandSpec, FrontCommand, Run};

use super::super::client::Client;
use super::super::execute::Progress;
use super::limits::KEYWORD_BYTES_MAX;
use crate::node::{Io, NodeCore};

/// The version of Redis whose commands and texts are met; clients choose what they send by it.
pub(super) const REDIS_LEVEL: &str = "7.2.4";
/// Our own version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What became of a command, or the error line that answers it.
pub(in crate::front) type Carried = Result<Progress, String>;

impl NodeCore {
    /// Runs a command that concerns the connection or the node.
    ///
    /// Panics: for a command that does not run at the front.
    pub(in crate::front) fn run_front(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Progress {
        let Run::Front(command) = spec.run else {
            panic!("{} does not run at the front", spec.name)
        };
        let carried = match command {
            FrontCommand::Ping => self.ping(client, arguments),
            FrontCommand::Echo => self.echo(client, arguments),
            FrontCommand::Hello => self.hello(client, arguments),
            FrontCommand::Auth => self.auth(client, arguments),
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
            FrontCommand::Multi => self.multi(client),
            FrontCommand::Exec => self.exec(io, client),
            FrontCommand::Discard => self.discard(client),
            FrontCommand::Watch => self.watch(io, client, arguments),
            FrontCommand::Unwatch => Ok(self.unwatch(client)),
            FrontCommand::Save => Err("ERR SAVE would let everybody wait; use BGSAVE".to_owned()),
        };
        carried.unwrap_or_else(|error| {
            self.counters.errors += 1;
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
