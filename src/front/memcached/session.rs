//! Owns what belongs to the connection and the node: the password, the version, and the end.

use super::super::client::Client;
use super::super::execute::Progress;
use crate::node::{Io, NodeCore};

/// The version of memcached whose protocol is met, and our own.
const VERSION: &str = concat!("VERSION 1.6.18-hyperion-", env!("CARGO_PKG_VERSION"));

impl NodeCore {
    /// The first request of a client that has to show a password: `set` with user and password as its value, and any key.
    pub(super) fn authenticate(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
        value: Option<&[u8]>,
    ) -> Progress {
        let is_set = words.first().is_some_and(|word| *word == b"set");
        let Some(value) = value.filter(|_| is_set) else {
            if words.first().is_some_and(|word| *word == b"quit") {
                client.is_closing = true;
                return Progress::Ran;
            }
            return self.say(client, "CLIENT_ERROR unauthenticated");
        };
        let blank = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
        let (user, password) = value.split_at(blank);
        let password = password.get(1..).unwrap_or_default();
        match self.admit(io, client, ("auth", b"auth"), (user, password)) {
            Ok(()) => self.say(client, "STORED"),
            Err(_) => self.say(client, "CLIENT_ERROR authentication failure"),
        }
    }

    /// Runs what names no key.
    pub(super) fn run_on_node(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
    ) -> Progress {
        match *words {
            [b"version"] => self.say(client, VERSION),
            [b"mn"] => self.say(client, "MN"),
            [b"verbosity", _, ..] => self.say(client, "OK"),
            [b"quit"] => {
                client.is_closing = true;
                Progress::Ran
            }
            [b"stats", ref names @ ..] => self.tell_stats(io, client, names),
            [b"flush_all"] => self.empty(io, client),
            [b"flush_all", delay] => self.empty_later(io, client, delay),
            _ => self.say(client, "ERROR"),
        }
    }
}
