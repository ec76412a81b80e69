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
