//! Owns SLOWLOG: the slow commands of all cores as one list.

use hyperion_model::number::parse_integer;

use super::super::client::Client;
use super::asks::{After, Asker, FrontAsk};
use super::run::{Carried, exactly, keyword, misused, unknown_subcommand};
use crate::node::{Io, NodeCore};

const HELP: [&str; 12] = [
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
    "HELP",
    "    Prints this help.",
];

impl NodeCore {
    pub(super) fn slowlog(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        let max = self.config.settings().observe.slowlog_len_max as usize;
        let (ask, after) = match keyword(subcommand).as_str() {
            "get" => {
                let count = match words {
                    [] => 10,
                    [count] => parse_integer(count)
                        .filter(|count| *count >= -1)
                        .ok_or("ERR count should be greater than or equal to -1")?,
                    _ => return Err(misused(subcommand, "SLOWLOG")),
                };
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(max);
                (FrontAsk::Slow(count), After::Newest(count))
            }
            "len" => {
                exactly(words, 0, "slowlog|len")?;
                (FrontAsk::SlowCount, After::AtMost(max as u64))
            }
            "reset" => {
                exactly(words, 0, "slowlog|reset")?;
                (FrontAsk::ForgetSlow, After::Write)
            }
            "help" => {
                exactly(words, 0, "slowlog|help")?;
                return Ok(self.help(client, &HELP));
            }
            _ => return Err(unknown_subcommand(subcommand, "SLOWLOG")),
        };
        Ok(self.ask_all(io, client, &ask, Asker { after, ..Asker::default() }))
    }
}
