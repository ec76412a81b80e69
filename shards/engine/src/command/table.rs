//! Owns the table of commands: the one place where the next one is added.

use super::flags::Flags;
use super::gather::Gather;
use super::spec::Run::{self, Every, Front, Key, Keys};
use super::spec::{CommandSpec, FrontCommand, Group, KeySpec, Spread};
use super::{counter, expire, multiple, object, range, rename, string};
use Group::{Cluster, Connection, Generic, Server, String};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.and(Flags::FAST);
const GROW: Flags = WRITE.and(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.and(Flags::FAST);
const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const SESSION: Flags = ANYTIME.and(Flags::FAST).and(Flags::NOSCRIPT).and(Flags::ALLOW_BUSY);
const OPERATE: Flags = ANYTIME.and(Flags::ADMIN).and(Flags::NOSCRIPT);

const NONE: KeySpec = KeySpec::NONE;
const ONE: KeySpec = KeySpec::ONE;
const TWO: KeySpec = KeySpec::TWO;
const ALL: KeySpec = KeySpec::ALL;
const PAIRS: KeySpec = KeySpec::PAIRS;
const SECOND: KeySpec = KeySpec { first: 2, last: 2, step: 1 };

const fn row(name: &'static str, arity: i16, flags: Flags, keys: KeySpec, run: Run) -> CommandSpec {
    let (group, since, summary, complexity) = (Generic, "", "", "");
    CommandSpec { name, arity, flags, keys, group, since, summary, complexity, run, index: 0 }
}

impl CommandSpec {
    const fn about(
        self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { group, since, summary, complexity, ..self }
    }
}

const fn numbered<const COUNT: usize>(mut specs: [CommandSpec; COUNT]) -> [CommandSpec; COUNT] {
    assert!(COUNT < u8::MAX as usize, "the lookup keeps indices in bytes");
    let mut index = 0;
    while index < COUNT {
        #[expect(clippy::cast_possible_truncation, reason = "below 255, as asserted")]
        {
            specs[index].index = index as u8;
        }
        index += 1;
    }
    specs
}

const MSET: Run = Keys { local: multiple::mset, spread: Spread::Mset };
const MSETNX: Run = Keys { local: multiple::msetnx, spread: Spread::Msetnx };
const MGET: Run = Keys { local: multiple::mget, spread: Spread::Mget };
const DELETE: Run = Keys { local: multiple::delete, spread: Spread::Delete };
const COUNT: Run = Keys { local: multiple::count, spread: Spread::Count };
const TOUCH: Run = Keys { local: multiple::touch, spread: Spread::Touch };
const RENAME: Run = Keys { local: rename::rename, spread: Spread::Rename };
const RENAMENX: Run = Keys { local: rename::renamenx, spread: Spread::RenameNx };
const COPY: Run = Keys { local: rename::copy, spread: Spread::Copy };

/// All commands.
#[rustfmt::skip]
pub static COMMANDS: [CommandSpec; 68] = numbered([
    // Strings.
    row("append", 3, GROW_FAST, ONE, Key(range::append))
        .about(String, "2.0.0", "O(N) with the length of the value", "Puts bytes behind a key's value; makes the key when it is absent."),
    row("decr", 2, GROW_FAST, ONE, Key(counter::decr))
        .about(String, "1.0.0", "O(1)", "Takes one from the number under a key; an absent key counts as 0."),
    row("decrby", 3, GROW_FAST, ONE, Key(counter::decrby))
        .about(String, "1.0.0", "O(1)", "Takes an amount from the number under a key; an absent key counts as 0."),
    row("get", 2, READ_FAST, ONE, Key(string::get))
        .about(String, "1.0.0", "O(1)", "Gives the value of a key."),
    row("getdel", 2, WRITE_FAST, ONE, Key(string::getdel))
        .about(String, "6.2.0", "O(1)", "Gives the value of a key and removes the key."),
    row("getex", -2, WRITE_FAST, ONE, Key(string::getex))
        .about(String, "6.2.0", "O(1)", "Gives the value of a key and sets or clears its time to live."),
    row("getrange", 4, READ, ONE, Key(range::getrange))
        .about(String, "2.4.0", "O(N) with the length of the answer", "Gives a part of a key's value."),
    row("getset", 3, GROW_FAST, ONE, Key(string::getset))
        .about(String, "1.0.0", "O(1)", "Sets a key and gives the value it had."),
    row("incr", 2, GROW_FAST, ONE, Key(counter::incr))
        .about(String, "1.0.0", "O(1)", "Adds one to the number under a key; an absent key counts as 0."),
    row("incrby", 3, GROW_FAST, ONE, Key(counter::incrby))
        .about(String, "1.0.0", "O(1)", "Adds an amount to the number under a key; an absent key counts as 0."),
    row("incrbyfloat", 3, GROW_FAST, ONE, Key(counter::incrbyfloat))
        .about(String, "2.6.0", "O(1)", "Adds a decimal amount to the number under a key; an absent key counts as 0."),
    row("mget", -2, READ_FAST, ALL, MGET)
        .about(String, "1.0.0", "O(N) with the number of keys", "Gives the values of several keys, as of one moment."),
    row("mset", -3, GROW, PAIRS, MSET)
        .about(String, "1.0.1", "O(N) with the number of keys", "Sets several keys at once: all of them or none."),
    row("msetnx", -3, GROW, PAIRS, MSETNX)
        .about(String, "1.0.1", "O(N) with the number of keys", "Sets several keys at once if none of them is there."),
    row("psetex", 4, GROW, ONE, Key(string::psetex))
        .about(String, "2.6.0", "O(1)", "Sets a key with a time to live in milliseconds."),
    row("set", -3, GROW, ONE, Key(string::set))
        .about(String, "1.0.0", "O(1)", "Sets a key, whatever it held before; options say when, and how long it lives."),
    row("setex", 4, GROW, ONE, Key(string::setex))
        .about(String, "2.0.0", "O(1)", "Sets a key with a time to live in seconds."),
    row("setnx", 3, GROW_FAST, ONE, Key(string::setnx))
        .about(String, "1.0.0", "O(1)", "Sets a key if it is not there."),
    row("setrange", 4, GROW.and(Flags::WRITES_MORE), ONE, Key(range::setrange))
        .about(String, "2.2.0", "O(N) with the length of the value", "Overwrites a part of a key's value; a gap becomes zeros."),
    row("strlen", 2, READ_FAST, ONE, Key(string::strlen))
        .about(String, "2.2.0", "O(1)", "Gives the length of a key's value in bytes."),
    row("substr", 4, READ, ONE, Key(range::getrange))
        .about(String, "1.0.0", "O(N) with the length of the answer", "Gives a part of a key's value; GETRANGE is its newer name."),
    // Keys of any type.
    row("copy", -3, GROW.and(Flags::WRITES_MORE), TWO, COPY)
        .about(Generic, "6.2.0", "O(N) with the length of the value", "Copies a key's value and time to live to another key."),
    row("del", -2, WRITE, ALL, DELETE)
        .about(Generic, "1.0.0", "O(N) with the number of keys", "Removes keys and counts those that were there."),
    row("exists", -2, READ_FAST, ALL, COUNT)
        .about(Generic, "1.0.0", "O(N) with the number of keys", "Counts the keys that are there, each as often as it is named."),
    row("expire", -3, WRITE_FAST, ONE, Key(expire::expire))
        .about(Generic, "1.0.0", "O(1)", "Gives a key a time to live in seconds."),
    row("expireat", -3, WRITE_FAST, ONE, Key(expire::expireat))
        .about(Generic, "1.2.0", "O(1)", "Lets a key expire at a Unix time in seconds."),
    row("expiretime", 2, READ_FAST, ONE, Key(expire::expiretime))
        .about(Generic, "7.0.0", "O(1)", "Gives the Unix time in seconds at which a key expires."),
    row("keys", 2, READ.and(Flags::DANGEROUS), NONE, Every(Gather::Keys))
        .about(Generic, "1.0.0", "O(N) with the number of keys in the database", "Gives the names of all keys that fit a pattern."),
    row("object", -2, READ, SECOND, Key(object::object))
        .about(Generic, "2.2.3", "O(1)", "Tells what is known of a key beside its value."),
    row("persist", 2, WRITE_FAST, ONE, Key(expire::persist))
        .about(Generic, "2.2.0", "O(1)", "Takes a key's time to live away."),
    row("pexpire", -3, WRITE_FAST, ONE, Key(expire::pexpire))
        .about(Generic, "2.6.0", "O(1)", "Gives a key a time to live in milliseconds."),
    row("pexpireat", -3, WRITE_FAST, ONE, Key(expire::pexpireat))
        .about(Generic, "2.6.0", "O(1)", "Lets a key expire at a Unix time in milliseconds."),
    row("pexpiretime", 2, READ_FAST, ONE, Key(expire::pexpiretime))
        .about(Generic, "7.0.0", "O(1)", "Gives the Unix time in milliseconds at which a key expires."),
    row("pttl", 2, READ_FAST, ONE, Key(expire::pttl))
        .about(Generic, "2.6.0", "O(1)", "Gives a key's remaining time to live in milliseconds."),
    row("randomkey", 1, READ, NONE, Every(Gather::RandomKey))
        .about(Generic, "1.0.0", "O(1)", "Gives the name of one key, drawn by chance."),
    row("rename", 3, WRITE.and(Flags::WRITES_MORE), TWO, RENAME)
        .about(Generic, "1.0.0", "O(N) with the length of the value", "Gives a key another name; a key of that name is overwritten."),
    row("renamenx", 3, WRITE_FAST.and(Flags::WRITES_MORE), TWO, RENAMENX)
        .about(Generic, "1.0.0", "O(N) with the length of the value", "Gives a key another name if no key has it."),
    row("scan", -2, READ, NONE, Run::Scan)
        .about(Generic, "2.8.0", "O(1) a call, O(N) for all calls with the number of keys", "Gives the names of keys a few at a time."),
    row("touch", -2, READ_FAST, ALL, TOUCH)
        .about(Generic, "3.2.1", "O(N) with the number of keys", "Counts the keys that are there and marks them as used."),
    row("ttl", 2, READ_FAST, ONE, Key(expire::ttl))
        .about(Generic, "1.0.0", "O(1)", "Gives a key's remaining time to live in seconds."),
    row("type", 2, READ_FAST, ONE, Key(rename::type_of))
        .about(Generic, "1.0.0", "O(1)", "Gives the type of a key's value."),
    row("unlink", -2, WRITE_FAST, ALL, DELETE)
        .about(Generic, "4.0.0", "O(N) with the number of keys", "Removes keys and counts those that were there, as DEL does."),
    // The connection.
    row("auth", -2, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Auth))
        .about(Connection, "1.0.0", "O(1)", "Gives the password."),
    row("client", -2, Flags::NONE, NONE, Front(FrontCommand::Client))
        .about(Connection, "2.4.0", "O(1), O(N) with the number of clients for LIST and KILL", "Tells about clients and changes how this one is served."),
    row("echo", 2, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Echo))
        .about(Connection, "1.0.0", "O(1)", "Says back what it was given."),
    row("hello", -1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Hello))
        .about(Connection, "6.0.0", "O(1)", "Chooses the version of the protocol; may give the password and a name too."),
    row("ping", -1, Flags::FAST, NONE, Front(FrontCommand::Ping))
        .about(Connection, "1.0.0", "O(1)", "Answers PONG, or what it was given."),
    row("quit", -1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Quit))
        .about(Connection, "1.0.0", "O(1)", "Ends the connection."),
    row("reset", 1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Reset))
        .about(Connection, "6.2.0", "O(1)", "Makes the connection as if it were new."),
    row("select", 2, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Select))
        .about(Connection, "1.0.0", "O(1)", "Chooses the database."),
    // The cluster.
    row("wait", 3, Flags::NONE, NONE, Front(FrontCommand::Wait))
        .about(Generic, "3.0.0", "O(N) with the number of partitions", "Waits until so many other nodes have what was written before; tells how many have."),
    row("waitaof", 4, Flags::NONE, NONE, Front(FrontCommand::Waitaof))
        .about(Generic, "7.2.0", "O(N) with the number of partitions", "Waits until what was written before is on stable storage, here and on so many other nodes."),
    row("asking", 1, Flags::FAST, NONE, Front(FrontCommand::Asking))
        .about(Cluster, "3.0.0", "O(1)", "Says that the next command follows an ASK; slots move as a whole here, so there is none."),
    row("cluster", -2, ANYTIME, NONE, Front(FrontCommand::Cluster))
        .about(Cluster, "3.0.0", "O(N) with the number of partitions", "Tells who serves which slots."),
    row("readonly", 1, SESSION, NONE, Front(FrontCommand::Readonly))
        .about(Cluster, "3.0.0", "O(1)", "Lets a replica answer this connection's reads; they may be older than the leader's."),
    row("readwrite", 1, SESSION, NONE, Front(FrontCommand::Readwrite))
        .about(Cluster, "3.0.0", "O(1)", "Takes READONLY back."),
    // The node.
    row("bgsave", -1, OPERATE, NONE, Front(FrontCommand::Bgsave))
        .about(Server, "1.0.0", "O(1)", "Begins a snapshot; the node goes on serving."),
    row("command", -1, ANYTIME, NONE, Front(FrontCommand::Command))
        .about(Server, "2.8.13", "O(N) with the number of commands", "Tells about the commands."),
    row("config", -2, OPERATE, NONE, Front(FrontCommand::Config))
        .about(Server, "2.0.0", "O(N) with the number of settings", "Reads and changes settings."),
    row("dbsize", 1, READ_FAST, NONE, Every(Gather::Dbsize))
        .about(Server, "1.0.0", "O(1)", "Gives the number of keys in the database."),
    row("debug", -2, OPERATE, NONE, Front(FrontCommand::Debug))
        .about(Server, "1.0.0", "depends on the subcommand", "Is for tests of the node."),
    row("flushall", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of all databases."),
    row("flushdb", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of the database."),
    row("info", -1, ANYTIME.and(Flags::DANGEROUS), NONE, Front(FrontCommand::Info))
        .about(Server, "1.0.0", "O(1)", "Gives figures and facts about the node."),
    row("lastsave", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Lastsave))
        .about(Server, "1.0.0", "O(1)", "Gives the Unix time of the newest snapshot."),
    row("lolwut", -1, READ_FAST, NONE, Front(FrontCommand::Lolwut))
        .about(Server, "5.0.0", "O(1)", "Draws something, and tells the version."),
    row("save", 1, OPERATE, NONE, Front(FrontCommand::Save))
        .about(Server, "1.0.0", "O(1)", "Is refused: BGSAVE does it without stopping the node."),
    row("time", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Time))
        .about(Server, "2.6.0", "O(1)", "Gives the node's clock."),
]);
