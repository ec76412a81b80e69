//! Owns the commands of channels: SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB.

use hyperion_engine::command::CommandSpec;

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::run::{Carried, exactly, keyword, shown, unknown_subcommand};
use crate::node::{Io, NodeCore};
use crate::pubsub::{Frames, Kind, Readiness, changed};

const HELP: [&str; 14] = [
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
    "HELP",
    "    Prints this help.",
];

/// Each channel has an answer of its own, so an EXEC would have too many. SUBSCRIBE and PSUBSCRIBE are older than that rule.
const SHARD_IN_EXEC: &str = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";

/// Commands with subcommands, which an error names with the subcommand.
const CONTAINERS: [&str; 6] = ["client", "cluster", "command", "config", "object", "pubsub"];

/// Whether a client that takes messages alone may send a command.
///
/// Errors: the error line.
#[cold]
pub(crate) fn check_listening(spec: &CommandSpec, arguments: &[&[u8]]) -> Result<(), String> {
    let is_allowed = matches!(
        spec.name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    );
    if is_allowed {
        return Ok(());
    }
    let subcommand = arguments.get(1).filter(|_| CONTAINERS.contains(&spec.name));
    let subcommand = subcommand.map_or_else(String::new, |word| format!("|{}", keyword(word)));
    Err(format!(
        "ERR Can't execute '{}{subcommand}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        spec.name
    ))
}

fn words(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Channel => ["subscribe", "unsubscribe"],
        Kind::Pattern => ["psubscribe", "punsubscribe"],
        Kind::Shard | Kind::Prefix => ["ssubscribe", "sunsubscribe"],
    }
}

impl NodeCore {
    pub(super) fn subscribe(
        &mut self,
        client: &mut Client,
        kind: Kind,
        arguments: &[&[u8]],
    ) -> Carried {
        let names = &arguments[1..];
        if kind == Kind::Shard && client.exec.is_some() {
            return Err(SHARD_IN_EXEC.to_owned());
        }
        let mut subscriptions = client.subscriptions.take().unwrap_or_default();
        if !subscriptions.has_room(names) {
            if subscriptions.total() > 0 {
                client.subscriptions = Some(subscriptions);
            }
            return Err(
                "ERR too many subscriptions of one client; use another connection".to_owned()
            );
        }
        let [word, _] = words(kind);
        for name in names {
            if subscriptions.add(kind, name) {
                self.note_listener(client.connection, kind, name, true);
            }
            let count = subscriptions.told_count(kind);
            self.tell_changed(client, word, Some(name), count);
        }
        client.subscriptions = Some(subscriptions);
        Ok(Progress::Ran)
    }

    pub(super) fn unsubscribe(
        &mut self,
        client: &mut Client,
        kind: Kind,
        arguments: &[&[u8]],
    ) -> Carried {
        let mut subscriptions = client.subscriptions.take().unwrap_or_default();
        let [_, word] = words(kind);
        let all = subscriptions.all(kind);
        let names: Vec<&[u8]> = match &arguments[1..] {
            [] => all.iter().map(Vec::as_slice).collect(),
            names => names.to_vec(),
        };
        for name in &names {
            if subscriptions.remove(kind, name) {
                self.note_listener(client.connection, kind, name, false);
            }
            let count = subscriptions.told_count(kind);
            self.tell_changed(client, word, Some(name), count);
        }
        if names.is_empty() {
            let count = subscriptions.told_count(kind);
            self.tell_changed(client, word, None, count);
        }
        if subscriptions.total() > 0 {
            client.subscriptions = Some(subscriptions);
        }
        Ok(Progress::Ran)
    }

    /// Says what a client listens to: out of turn as messages are, so it is told whatever answers the client wants.
    fn tell_changed(&mut self, client: &mut Client, word: &str, name: Option<&[u8]>, count: usize) {
        let mut frames = Frames::default();
        let bytes =
            frames.of(client.session.protocol, |encoder| changed(encoder, word, name, count));
        let released = self.engine.released_position();
        client.output.push(self.index, released, bytes);
        self.dirty(client);
    }

    pub(super) fn publish_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        is_shard: bool,
        arguments: &[&[u8]],
    ) -> Carried {
        match self.may_publish() {
            Readiness::Now => {}
            Readiness::Again => {
                self.hold_again(client);
                return Ok(Progress::Held);
            }
            Readiness::NextTurn => {
                client.hold = Hold::Turn;
                self.late.push(client.connection);
                return Ok(Progress::Held);
            }
        }
        let count = self.publish(io, client, is_shard, arguments[1], arguments[2]);
        self.answer(client, |reply| reply.integer(integer(count)));
        Ok(Progress::Ran)
    }

    pub(super) fn pubsub_command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        if !self.knows_listeners() {
            self.hold_again(client);
            return Ok(Progress::Held);
        }
        match keyword(subcommand).as_str() {
            "channels" if words.len() <= 1 => self.tell_names(client, Kind::Channel, words),
            "shardchannels" if words.len() <= 1 => self.tell_names(client, Kind::Shard, words),
            "numsub" => self.tell_counts(client, Kind::Channel, words),
            "shardnumsub" => self.tell_counts(client, Kind::Shard, words),
            "numpat" => {
                exactly(words, 0, "pubsub|numpat")?;
                let count = integer(self.pubsub.registry.borrow().names_count(Kind::Pattern));
                self.answer(client, |reply| reply.integer(count));
            }
            "help" => {
                exactly(words, 0, "pubsub|help")?;
                self.help(client, &HELP);
            }
            "channels" | "shardchannels" => {
                return Err(format!(
                    "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
                    shown(subcommand)
                ));
            }
            _ => return Err(unknown_subcommand(subcommand, "PUBSUB")),
        }
        Ok(Progress::Ran)
    }

    fn tell_names(&mut self, client: &mut Client, kind: Kind, words: &[&[u8]]) {
        let registry = self.pubsub.registry.borrow();
        let names = registry.fitting(kind, words.first().copied());
        let names: Vec<Vec<u8>> = names.into_iter().map(<[u8]>::to_vec).collect();
        drop(registry);
        self.answer(client, |reply| {
            reply.array(names.len());
            names.iter().for_each(|name| reply.bulk(name));
        });
    }

    fn tell_counts(&mut self, client: &mut Client, kind: Kind, names: &[&[u8]]) {
        let registry = self.pubsub.registry.borrow();
        let counts: Vec<i64> =
            names.iter().map(|name| integer(registry.count(kind, name))).collect();
        drop(registry);
        self.answer(client, |reply| {
            reply.array(2 * names.len());
            for (name, count) in names.iter().zip(counts) {
                reply.bulk(name);
                reply.integer(count);
            }
        });
    }
}

fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
