//! Owns the small commands about the node: TIME, COMMAND, DEBUG, LOLWUT.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperion_engine::command::{CommandError, describe};
use hyperion_model::number::{parse_float, parse_integer};

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::art::lolwut;
use super::limits::SLEEP_S_MAX;
use super::run::{Carried, is_word, keyword, not_integer, shown};
use crate::node::{Io, NodeCore};

const DEBUG_HELP: [&str; 5] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "SLEEP <seconds>",
    "    Hold this client for <seconds>. Decimals allowed. Other clients go on.",
    "HELP",
    "    Prints this help.",
];

impl NodeCore {
    /// Seconds and microseconds, read now: the clock of the turn counts milliseconds.
    pub(super) fn time(&mut self, client: &mut Client) -> Progress {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.answer(client, |reply| {
            reply.array(2);
            reply.bulk(now.as_secs().to_string().as_bytes());
            reply.bulk(now.subsec_micros().to_string().as_bytes());
        });
        Progress::Ran
    }

    pub(super) fn command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let mut result = Ok(());
        self.answer(client, |reply| {
            result = describe(arguments, reply);
            if let Err(error) = &result {
                reply.error(&error.to_string());
            }
        });
        if result.is_err() {
            self.counters.errors += 1;
        }
        Ok(Progress::Ran)
    }

    pub(super) fn debug(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        match (keyword(arguments[1]).as_str(), &arguments[2..]) {
            ("sleep", [seconds]) => {
                let wait = sleep_time(seconds)?;
                if !client.output.is_in_order() {
                    client.hold = Hold::Drain;
                    return Ok(Progress::Held);
                }
                let ticket = self.fresh_ticket(client);
                let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                self.wakes.push((io.now_ns().saturating_add(wait_ns), ticket));
                Ok(Progress::Ran)
            }
            ("help", []) => Ok(self.help(client, &DEBUG_HELP)),
            _ => Err(format!(
                "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
                shown(arguments[1])
            )),
        }
    }

    pub(super) fn lolwut(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let version = match &arguments[1..] {
            [word, number, ..] if is_word(word, "version") => {
                parse_integer(number).ok_or_else(not_integer)?
            }
            _ => 1,
        };
        let text = lolwut(version);
        self.answer(client, |reply| reply.verbatim("txt", text.as_bytes()));
        Ok(Progress::Ran)
    }
}

/// Reads the time of DEBUG SLEEP; a negative one is none.
pub(super) fn sleep_time(text: &[u8]) -> Result<Duration, String> {
    let seconds = parse_float(text).ok_or_else(|| CommandError::NotFloat.to_string())?;
    Ok(Duration::from_secs_f64(seconds.clamp(0.0, SLEEP_S_MAX)))
}
