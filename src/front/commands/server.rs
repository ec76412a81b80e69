//! Owns the small commands about the node: TIME, COMMAND, LOLWUT.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperion_engine::command::describe;
use hyperion_model::number::parse_integer;

use super::super::client::Client;
use super::super::execute::Progress;
use super::art::lolwut;
use super::run::{Carried, is_word, not_integer};
use crate::node::NodeCore;

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
        Ok(Progress::Ran)
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
