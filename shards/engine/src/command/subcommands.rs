//! Owns what is said of subcommands: users may be allowed one and not another, and some are for the one who runs the node.

use super::context::is_word;
use super::error::{CommandError, repeat};
use super::flags::Flags;
use super::spec::{CommandSpec, Group};
use super::table::COMMANDS;
use std::ops::Range;

/// A subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Subcommand {
    /// Its command and its own name, `|` between them, in lower case.
    pub full_name: &'static str,
    /// Words with both names, as of a command.
    pub arity: i16,
    /// What is said of it.
    pub flags: Flags,
    /// The group that its categories come from.
    pub group: Group,
}

impl Subcommand {
    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.full_name.split_once('|').map_or(self.full_name, |(_, name)| name)
    }
}

const fn sub(full_name: &'static str, arity: i16, flags: Flags, group: Group) -> Subcommand {
    Subcommand { full_name, arity, flags, group }
}

const PLAIN: Flags = Flags::LOADING.and(Flags::STALE);
const SESSION: Flags = PLAIN.and(Flags::NOSCRIPT);
const OPERATE: Flags = SESSION.and(Flags::ADMIN);
const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = WRITE.and(Flags::DENYOOM);
const SCRIPTS: Flags = Flags::NOSCRIPT;

use Group::{Cluster, Connection, Generic, Pubsub, Scripting, Server, Stream};

/// All subcommands, those of one command side by side. Commands that the table has not yet may be there.
#[rustfmt::skip]
pub static SUBCOMMANDS: [Subcommand; 129] = [
    sub("acl|cat", -2, SESSION, Server), sub("acl|deluser", -3, OPERATE, Server), sub("acl|dryrun", -4, OPERATE, Server),
    sub("acl|genpass", -2, SESSION, Server), sub("acl|getuser", 3, OPERATE, Server), sub("acl|help", 2, PLAIN, Server),
    sub("acl|list", 2, OPERATE, Server), sub("acl|load", 2, OPERATE, Server), sub("acl|log", -2, OPERATE, Server),
    sub("acl|save", 2, OPERATE, Server), sub("acl|setuser", -3, OPERATE, Server), sub("acl|users", 2, OPERATE, Server),
    sub("acl|whoami", 2, SESSION, Server),
    sub("client|caching", 3, SESSION, Connection), sub("client|getname", 2, SESSION, Connection), sub("client|getredir", 2, SESSION, Connection),
    sub("client|help", 2, PLAIN, Connection), sub("client|id", 2, SESSION, Connection), sub("client|info", 2, SESSION, Connection),
    sub("client|kill", -3, OPERATE, Connection), sub("client|list", -2, OPERATE, Connection), sub("client|no-evict", 3, OPERATE, Connection),
    sub("client|no-touch", 3, SESSION, Connection), sub("client|pause", -3, OPERATE, Connection), sub("client|reply", 3, SESSION, Connection),
    sub("client|setinfo", 4, SESSION, Connection), sub("client|setname", 3, SESSION, Connection), sub("client|tracking", -3, SESSION, Connection),
    sub("client|trackinginfo", 2, SESSION, Connection), sub("client|unblock", -3, OPERATE, Connection), sub("client|unpause", 2, OPERATE, Connection),
    sub("cluster|addslots", -3, OPERATE, Cluster), sub("cluster|addslotsrange", -4, OPERATE, Cluster), sub("cluster|bumpepoch", 2, OPERATE, Cluster),
    sub("cluster|count-failure-reports", 3, OPERATE, Cluster), sub("cluster|countkeysinslot", 3, Flags::STALE, Cluster), sub("cluster|delslots", -3, OPERATE, Cluster),
    sub("cluster|delslotsrange", -4, OPERATE, Cluster), sub("cluster|failover", -2, OPERATE, Cluster), sub("cluster|flushslots", 2, OPERATE, Cluster),
    sub("cluster|forget", 3, OPERATE, Cluster), sub("cluster|getkeysinslot", 4, Flags::STALE, Cluster), sub("cluster|help", 2, PLAIN, Cluster),
    sub("cluster|info", 2, Flags::STALE, Cluster), sub("cluster|keyslot", 3, Flags::STALE, Cluster), sub("cluster|links", 2, Flags::STALE, Cluster),
    sub("cluster|meet", -4, OPERATE, Cluster), sub("cluster|myid", 2, Flags::STALE, Cluster), sub("cluster|myshardid", 2, Flags::STALE, Cluster),
    sub("cluster|nodes", 2, Flags::STALE, Cluster), sub("cluster|replicas", 3, OPERATE, Cluster), sub("cluster|replicate", 3, OPERATE, Cluster),
    sub("cluster|reset", -2, OPERATE, Cluster), sub("cluster|saveconfig", 2, OPERATE, Cluster), sub("cluster|set-config-epoch", 3, OPERATE, Cluster),
    sub("cluster|setslot", -4, OPERATE, Cluster), sub("cluster|shards", 2, PLAIN, Cluster), sub("cluster|slaves", 3, OPERATE, Cluster),
    sub("cluster|slots", 2, PLAIN, Cluster),
    sub("command|count", 2, PLAIN, Connection), sub("command|docs", -2, PLAIN, Connection), sub("command|getkeys", -3, PLAIN, Connection),
    sub("command|getkeysandflags", -3, PLAIN, Connection), sub("command|help", 2, PLAIN, Connection), sub("command|info", -2, PLAIN, Connection),
    sub("command|list", -2, PLAIN, Connection),
    sub("config|get", -3, OPERATE, Server), sub("config|help", 2, PLAIN, Server), sub("config|resetstat", 2, OPERATE, Server),
    sub("config|rewrite", 2, OPERATE, Server), sub("config|set", -4, OPERATE, Server),
    sub("function|delete", 3, SCRIPTS.and(WRITE), Scripting), sub("function|dump", 2, SCRIPTS, Scripting), sub("function|flush", -2, SCRIPTS.and(WRITE), Scripting),
    sub("function|help", 2, PLAIN, Scripting), sub("function|kill", 2, SCRIPTS.and(Flags::ALLOW_BUSY), Scripting), sub("function|list", -2, SCRIPTS, Scripting),
    sub("function|load", -3, SCRIPTS.and(GROW), Scripting), sub("function|restore", -3, SCRIPTS.and(GROW), Scripting), sub("function|stats", 2, SCRIPTS.and(Flags::ALLOW_BUSY), Scripting),
    sub("latency|doctor", 2, OPERATE, Server), sub("latency|graph", 3, OPERATE, Server), sub("latency|help", 2, PLAIN, Server),
    sub("latency|histogram", -2, OPERATE, Server), sub("latency|history", 3, OPERATE, Server), sub("latency|latest", 2, OPERATE, Server),
    sub("latency|reset", -2, OPERATE, Server),
    sub("memory|doctor", 2, Flags::NONE, Server), sub("memory|help", 2, PLAIN, Server), sub("memory|malloc-stats", 2, Flags::NONE, Server),
    sub("memory|purge", 2, Flags::NONE, Server), sub("memory|stats", 2, Flags::NONE, Server), sub("memory|usage", -3, READ, Server),
    sub("module|help", 2, PLAIN, Server), sub("module|list", 2, Flags::ADMIN.and(Flags::NOSCRIPT), Server), sub("module|load", -3, Flags::ADMIN.and(Flags::NOSCRIPT), Server),
    sub("module|loadex", -3, Flags::ADMIN.and(Flags::NOSCRIPT), Server), sub("module|unload", 3, Flags::ADMIN.and(Flags::NOSCRIPT), Server),
    sub("object|encoding", 3, READ, Generic), sub("object|freq", 3, READ, Generic), sub("object|help", 2, PLAIN, Generic),
    sub("object|idletime", 3, READ, Generic), sub("object|refcount", 3, READ, Generic),
    sub("pubsub|channels", -2, PLAIN.and(Flags::PUBSUB), Pubsub), sub("pubsub|help", 2, PLAIN, Pubsub), sub("pubsub|numpat", 2, PLAIN.and(Flags::PUBSUB), Pubsub),
    sub("pubsub|numsub", -2, PLAIN.and(Flags::PUBSUB), Pubsub), sub("pubsub|shardchannels", -2, PLAIN.and(Flags::PUBSUB), Pubsub), sub("pubsub|shardnumsub", -2, PLAIN.and(Flags::PUBSUB), Pubsub),
    sub("script|debug", 3, SCRIPTS, Scripting), sub("script|exists", -3, SCRIPTS, Scripting), sub("script|flush", -2, SCRIPTS, Scripting),
    sub("script|help", 2, PLAIN, Scripting), sub("script|kill", 2, SCRIPTS.and(Flags::ALLOW_BUSY), Scripting), sub("script|load", 3, SCRIPTS, Scripting),
    sub("slowlog|get", -2, Flags::ADMIN.and(PLAIN), Server), sub("slowlog|help", 2, PLAIN, Server), sub("slowlog|len", 2, Flags::ADMIN.and(PLAIN), Server),
    sub("slowlog|reset", 2, Flags::ADMIN.and(PLAIN), Server),
    sub("xgroup|create", -5, GROW, Stream), sub("xgroup|createconsumer", 5, GROW, Stream), sub("xgroup|delconsumer", 5, WRITE, Stream),
    sub("xgroup|destroy", 4, WRITE, Stream), sub("xgroup|help", 2, PLAIN, Stream), sub("xgroup|setid", -5, WRITE, Stream),
    sub("xinfo|consumers", 4, READ, Stream), sub("xinfo|groups", 3, READ, Stream), sub("xinfo|help", 2, PLAIN, Stream),
    sub("xinfo|stream", -3, READ, Stream),
];

/// Where the subcommands of each command lie: first and one past the last.
static RANGES: [(u16, u16); COMMANDS.len()] = {
    let mut ranges = [(0, 0); COMMANDS.len()];
    let mut command = 0;
    while command < COMMANDS.len() {
        let name = COMMANDS[command].name.as_bytes();
        let mut at = 0;
        while at < SUBCOMMANDS.len() {
            if is_below(name, SUBCOMMANDS[at].full_name.as_bytes()) {
                #[expect(clippy::cast_possible_truncation, reason = "there are a few hundred")]
                let place = at as u16;
                let (first, end) = ranges[command];
                ranges[command] = if end == 0 { (place, place + 1) } else { (first, place + 1) };
            }
            at += 1;
        }
        command += 1;
    }
    ranges
};

const fn is_below(command: &[u8], full_name: &[u8]) -> bool {
    if full_name.len() <= command.len() || full_name[command.len()] != b'|' {
        return false;
    }
    let mut at = 0;
    while at < command.len() {
        if command[at] != full_name[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The places in [`SUBCOMMANDS`] of a command's subcommands; empty when it has none.
#[must_use]
pub fn subcommands_of(spec: &CommandSpec) -> Range<usize> {
    let (first, end) = RANGES[spec.index()];
    usize::from(first)..usize::from(end)
}

/// The place in [`SUBCOMMANDS`] of the subcommand that `word` names.
#[must_use]
pub fn find_subcommand(spec: &CommandSpec, word: &[u8]) -> Option<usize> {
    subcommands_of(spec).find(|&at| is_word(word, SUBCOMMANDS[at].name()))
}

/// Why a line is none of its command's subcommands: there is none of that name, or it has another number of words. It is not looked into
/// what the words say.
#[must_use]
pub fn subcommand_refusal(spec: &CommandSpec, arguments: &[&[u8]]) -> Option<String> {
    if subcommands_of(spec).is_empty() {
        return None;
    }
    let word = arguments.get(1)?;
    let Some(at) = find_subcommand(spec, word) else {
        let (name, command) = (repeat(word), spec.name.to_ascii_uppercase());
        return Some(format!("ERR unknown subcommand '{name}'. Try {command} HELP."));
    };
    let sub = &SUBCOMMANDS[at];
    let is_fine = match usize::try_from(sub.arity) {
        Ok(exact) => arguments.len() == exact,
        Err(_) => arguments.len() >= usize::from(sub.arity.unsigned_abs()),
    };
    (!is_fine).then(|| CommandError::WrongArity(sub.full_name).to_string())
}
