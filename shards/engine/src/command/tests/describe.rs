//! Tests of COMMAND.

use super::stage::{Stage, play};
use crate::command::{COMMANDS, subcommands_of};

#[test]
fn subcommands() {
    let count = format!(":{}", COMMANDS.len());
    play(&[
        ("COMMAND COUNT", &count),
        ("COMMAND GETKEYS GET a", "*1 $a"),
        ("COMMAND GETKEYS mset a 1 b 2", "*2 $a $b"),
        ("COMMAND GETKEYS copy a b DB 1", "*2 $a $b"),
        ("COMMAND GETKEYS ZUNIONSTORE a 1 b", "*2 $a $b"),
        ("COMMAND GETKEYS ZUNIONSTORE a x b", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYS ZUNIONSTORE a 2 b", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYS LMPOP 0 a LEFT", "-ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYS EVAL x 0", "*0"),
        ("COMMAND GETKEYS PING a", "-ERR The command has no key arguments"),
        ("COMMAND GETKEYS FOO a", "-ERR Invalid command specified"),
        ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
        ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"),
        ("COMMAND GETKEYSANDFLAGS GET a", "*1 *2 $a *2 +RO +access"),
        ("COMMAND GETKEYSANDFLAGS SET a 1", "*1 *2 $a *2 +OW +update"),
        ("COMMAND GETKEYSANDFLAGS SET a 1 GET", "*1 *2 $a *3 +RW +access +update"),
        (
            "COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT",
            "*2 *2 $a *3 +RW +access +delete *2 $b *2 +RW +insert",
        ),
        ("COMMAND GETKEYSANDFLAGS DEL a", "*1 *2 $a *2 +RM +delete"),
        ("COMMAND GETKEYSANDFLAGS LPOP a", "*1 *2 $a *3 +RW +access +delete"),
        ("COMMAND GETKEYSANDFLAGS LREM a 0 b", "*1 *2 $a *2 +RW +delete"),
        ("COMMAND GETKEYSANDFLAGS SETNX a 1", "*1 *2 $a *2 +OW +insert"),
        ("COMMAND GETKEYSANDFLAGS LPUSH a 1", "*1 *2 $a *2 +RW +insert"),
        ("COMMAND GETKEYSANDFLAGS HSET a f 1", "*1 *2 $a *2 +RW +update"),
        (
            "COMMAND GETKEYSANDFLAGS RENAME a b",
            "*2 *2 $a *3 +RW +access +delete *2 $b *2 +OW +update",
        ),
        ("COMMAND GETKEYSANDFLAGS XGROUP CREATE a g 0", "*1 *2 $a *2 +RW +insert"),
        ("COMMAND GETKEYSANDFLAGS XGROUP DESTROY a g", "*1 *2 $a *2 +RW +delete"),
        ("COMMAND GETKEYSANDFLAGS PFCOUNT a", "*1 *2 $a *2 +RW +access"),
        ("COMMAND GETKEYSANDFLAGS SMISMEMBER a b", "*1 *2 $a *2 +RO +access"),
        ("COMMAND GETKEYSANDFLAGS SINTERSTORE a b", "*2 *2 $a *2 +OW +update *2 $b *2 +RO +access"),
        ("COMMAND GETKEYS MIGRATE h 1 k 0 1", "*1 $k"),
        ("COMMAND GETKEYS GEORADIUS a 1 1 1 m STOREDIST c STORE b", "*3 $a $b $c"),
        ("COMMAND LIST FILTERBY PATTERN ?ttl", "*2 $httl $pttl"),
        ("COMMAND LIST FILTERBY PATTERN GETR*", "*1 $getrange"),
        ("COMMAND LIST FILTERBY MODULE none", "*0"),
        ("COMMAND LIST FILTERBY ACLCAT none", "*0"),
        ("COMMAND LIST FILTERBY FOO x", "-ERR syntax error"),
        ("COMMAND LIST FILTERBY PATTERN", "-ERR syntax error"),
        ("COMMAND LIST FOO", "-ERR syntax error"),
        ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command"),
        ("COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP."),
        ("COMMAND INFO none", "*1 $-1"),
        ("COMMAND DOCS none", "*0"),
        (
            "COMMAND INFO get",
            "*1 *10 $get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $flags *2 +RO +access \
             $begin_search *4 $type $index $spec *2 $index :1 $find_keys *4 $type $range $spec *6 $lastkey :0 $keystep :1 \
             $limit :0 *0",
        ),
        (
            "COMMAND DOCS gEt",
            "*2 $get *8 $summary $Gives the value of a key. $since $1.0.0 $group $string $complexity $O(1)",
        ),
    ]);
}

/// MIGRATE of several keys has an empty one in the place of one.
#[test]
fn an_empty_word_is_no_key_to_migrate() {
    let line = [&b"COMMAND"[..], b"GETKEYS", b"MIGRATE", b"h", b"1", b"", b"0", b"1"];
    let keys = [&line[..], &[b"KEYS", b"a", b"b"]].concat();
    assert_eq!(Stage::new().run_words(&keys), "*2 $a $b");
}

#[test]
fn all_commands_are_listed() {
    let count = COMMANDS.len();
    let below: usize = COMMANDS.iter().map(|spec| subcommands_of(spec).len()).sum();
    for (line, beginning) in [
        ("COMMAND", format!("*{count} *10 $")),
        ("COMMAND INFO", format!("*{count} *10 $")),
        ("COMMAND LIST", format!("*{} $", count + below)),
        ("COMMAND DOCS", format!("*{} $", count * 2)),
        ("COMMAND HELP", "*15 +COMMAND".to_owned()),
        ("COMMAND LIST FILTERBY ACLCAT string", "*22 $append".to_owned()),
    ] {
        let reply = Stage::new().run(line);
        assert!(reply.starts_with(&beginning), "{line}: {}", &reply[..40]);
    }
}
