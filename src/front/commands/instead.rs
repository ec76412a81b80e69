//! Owns the commands of Redis that cannot be meant here, and what to use instead; ROLE, MODULE LIST and SHUTDOWN, which can.

use std::net::SocketAddr;

use super::super::client::Client;
use super::super::execute::Progress;
use super::run::{Carried, exactly, is_word, keyword, syntax, unknown_subcommand};
use crate::node::{Io, NodeCore, Note};

/// Commands, and why and instead of what.
const INSTEAD: [(&str, &str); 9] = [
    (
        "bgrewriteaof",
        "ERR BGREWRITEAOF is not needed: the log is cleaned all the time, bit by bit. Use BGSAVE for a snapshot.",
    ),
    (
        "failover",
        "ERR FAILOVER is not supported: leaders of partitions are elected, and go over by themselves when a node stops. Use SHUTDOWN, or POST /nodes/remove.",
    ),
    (
        "migrate",
        "ERR MIGRATE is not supported: partitions move by themselves when nodes come and go. Use POST /config to add a node.",
    ),
    (
        "psync",
        "ERR PSYNC is not supported: nodes replicate by Raft. Use `hyperiond snapshot` files, or POST /config to add a node.",
    ),
    (
        "replconf",
        "ERR REPLCONF is not supported: nodes replicate by Raft. Use POST /config to add a node.",
    ),
    (
        "replicaof",
        "ERR REPLICAOF is not supported: nodes replicate by Raft. Use POST /config with more nodes and a higher \"replication\".",
    ),
    ("save", "ERR SAVE would let everybody wait; use BGSAVE"),
    (
        "slaveof",
        "ERR SLAVEOF is not supported: nodes replicate by Raft. Use POST /config with more nodes and a higher \"replication\".",
    ),
    ("sync", "ERR SYNC is not supported: nodes replicate by Raft. Use BGSAVE for a snapshot."),
];

impl NodeCore {
    /// Says what to use instead. That a node be nobody's replica is true already.
    pub(super) fn refuse_command(
        &mut self,
        client: &mut Client,
        name: &str,
        arguments: &[&[u8]],
    ) -> Carried {
        if matches!(name, "replicaof" | "slaveof")
            && is_word(arguments[1], "no")
            && is_word(arguments[2], "one")
        {
            return Ok(self.agree(client));
        }
        let found = INSTEAD.iter().find(|(command, _)| *command == name);
        Err(found.map_or("ERR the command is not supported", |(_, text)| text).to_owned())
    }

    /// ROLE: a node that is alone, or leads partitions, takes writes.
    pub(super) fn role(&mut self, client: &mut Client) -> Progress {
        let position = self.engine.store().appended_position();
        let others = self.copies_elsewhere();
        self.answer(client, |reply| {
            let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            reply.array(3);
            reply.bulk(b"master");
            reply.integer(integer(position));
            reply.array(others.len());
            for address in &others {
                reply.array(3);
                reply.bulk(address.ip().to_string().as_bytes());
                reply.bulk(address.port().to_string().as_bytes());
                reply.bulk(position.to_string().as_bytes());
            }
        });
        Progress::Ran
    }

    /// Where the other nodes listen that have copies of what this one leads: its replicas, in the words of Redis.
    pub(super) fn copies_elsewhere(&self) -> Vec<SocketAddr> {
        let Some(view) = &self.view else { return Vec::new() };
        let nodes = view.copies_elsewhere().into_iter();
        nodes.filter_map(|node| view.nodes[node].addresses.first().copied()).collect()
    }

    /// MODULE: there are none.
    pub(super) fn module(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "list" => {
                exactly(words, 0, "module|list")?;
                self.answer(client, |reply| reply.array(0));
                Ok(Progress::Ran)
            }
            "load" | "loadex" | "unload" => Err(
                "ERR Modules are not supported: a node runs no foreign code but scripts. Use EVAL or FUNCTION."
                    .to_owned(),
            ),
            "help" => Ok(self.help(client, &[
                "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                "LIST",
                "    Return a list of loaded modules: none, they are not supported.",
                "HELP",
                "    Prints this help.",
            ])),
            _ => Err(unknown_subcommand(subcommand, "MODULE")),
        }
    }

    /// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`: the node finishes what was begun and ends; what was answered is kept in any case.
    pub(super) fn shutdown(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
    ) -> Carried {
        let (mut saves, mut skips, mut is_now, mut aborts) = (false, false, false, false);
        for word in words {
            match keyword(word).as_str() {
                "save" => saves = true,
                "nosave" => skips = true,
                "now" => is_now = true,
                "force" => {}
                "abort" => aborts = true,
                _ => return Err(syntax()),
            }
        }
        if saves && skips || aborts && words.len() > 1 {
            return Err(syntax());
        }
        if aborts {
            return Err("ERR No shutdown in progress.".to_owned());
        }
        tracing::info!("stopping: a client of {} has asked for it", io.peer(client.connection));
        for core in 0..self.shared.postboxes.cores() {
            let note = if is_now { Note::StopNow } else { Note::Stop };
            if self.shared.postboxes.to(core).post(note).is_err() {
                return Err("ERR a core has too much to do to hear of it; try again".to_owned());
            }
        }
        Ok(Progress::Ran)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_engine::command::find;

    #[test]
    fn each_refusal_is_of_a_command_and_says_what_to_do() {
        for (name, text) in INSTEAD {
            assert!(find(name.as_bytes()).is_some(), "{name}");
            let says = text.contains("Use ") || text.contains("use ");
            assert!(text.starts_with("ERR ") && says, "{text}");
        }
    }
}
