//! Tables of the stream commands.

use super::limits::Sample;
use super::stage::{Stage, play};

const GROUP: &str = "XADD s 1-1 a 1; XADD s 1-2 b 2; XGROUP CREATE s g 0";
const GIVEN: &str = "XADD s 1-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >";

pub(super) const SAMPLES: &[Sample] = &[
    ("xack", GIVEN, "XACK s g 1-1"),
    ("xadd", GROUP, "XADD s * a 1"),
    ("xautoclaim", GIVEN, "XAUTOCLAIM s g d 0 -"),
    ("xclaim", GIVEN, "XCLAIM s g d 0 1-1"),
    ("xdel", GROUP, "XDEL s 1-1"),
    ("xgroup", GROUP, "XGROUP CREATE s h 0"),
    ("xinfo", GROUP, "XINFO STREAM s"),
    ("xlen", GROUP, "XLEN s"),
    ("xpending", GIVEN, "XPENDING s g"),
    ("xrange", GROUP, "XRANGE s - +"),
    ("xread", GROUP, "XREAD STREAMS s 0"),
    ("xreadgroup", GROUP, "XREADGROUP GROUP g c STREAMS s >"),
    ("xrevrange", GROUP, "XREVRANGE s + -"),
    ("xsetid", GROUP, "XSETID s 5-5"),
    ("xtrim", GROUP, "XTRIM s MAXLEN 1"),
];

const INVALID: &str = "-ERR Invalid stream ID specified as stream command argument";
const SMALLER: &str =
    "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
const START: &str = "1700000000000";

#[test]
fn ids_are_given_and_grow() {
    play(&[
        ("XADD s * a 1", &format!("${START}-0")),
        ("XADD s * a 1", &format!("${START}-1")),
        ("wait 5", ""),
        ("XADD s * a 1", "$1700000000005-0"),
        ("XADD s 1700000000005-* a 1", "$1700000000005-1"),
        ("XADD s 1700000000006 a 1", "$1700000000006-0"),
        ("XADD s 1700000000006-* a 1", "$1700000000006-1"),
        ("XADD s 1700000000006-1 a 1", SMALLER),
        ("XADD s 5-* a 1", SMALLER),
        ("XADD s * a 1", "$1700000000006-2"),
        ("XADD n 0-0 a 1", "-ERR The ID specified in XADD must be greater than 0-0"),
        ("XADD n 0-* a 1", "$0-1"),
        ("XADD n 007-08 a 1", "$7-8"),
        ("XADD n 1-2-3 a 1", INVALID),
        ("XADD n - a 1", INVALID),
        ("XADD n + a 1", INVALID),
        ("XADD n x a 1", INVALID),
        ("XADD n 18446744073709551616-1 a 1", INVALID),
        ("XADD n * a", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD n * a 1 b", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD n 18446744073709551615-* a 1", "$18446744073709551615-0"),
        (
            "XADD n 18446744073709551615-18446744073709551615 a 1",
            "$18446744073709551615-18446744073709551615",
        ),
        (
            "XADD n * a 1",
            "-ERR The stream has exhausted the last possible ID, unable to add more items",
        ),
        ("XADD none NOMKSTREAM * a 1", "$-1"),
        ("EXISTS none", ":0"),
        (
            "XADD n NOMKSTREAM 1 a 1",
            "-ERR The stream has exhausted the last possible ID, unable to add more items",
        ),
        ("XLEN s", ":7"),
        ("XLEN none", ":0"),
        ("TYPE s", "+stream"),
        ("OBJECT ENCODING s", "$stream"),
        ("SET text 1", "+OK"),
        ("XADD text * a 1", WRONG),
        ("XLEN text", WRONG),
        ("GET s", WRONG),
    ]);
}

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn ranges_are_told_in_both_directions() {
    play(&[
        ("XADD s 1-1 a 1", "$1-1"),
        ("XADD s 1-2 b 2 c 3", "$1-2"),
        ("XADD s 5-0 d 4", "$5-0"),
        ("XRANGE s - +", "*3 *2 $1-1 *2 $a $1 *2 $1-2 *4 $b $2 $c $3 *2 $5-0 *2 $d $4"),
        ("XREVRANGE s + - COUNT 1", "*1 *2 $5-0 *2 $d $4"),
        ("XRANGE s 1 1", "*2 *2 $1-1 *2 $a $1 *2 $1-2 *4 $b $2 $c $3"),
        ("XRANGE s (1-1 (5", "*2 *2 $1-2 *4 $b $2 $c $3 *2 $5-0 *2 $d $4"),
        ("XRANGE s (1-1 (5-0", "*1 *2 $1-2 *4 $b $2 $c $3"),
        ("XREVRANGE s (5-0 (1-1", "*1 *2 $1-2 *4 $b $2 $c $3"),
        ("XRANGE s 5-1 +", "*0"),
        ("XREVRANGE s 0-5 -", "*0"),
        ("XRANGE s - + COUNT 0", "*-1"),
        ("XRANGE s - + COUNT -3", "*-1"),
        ("XRANGE none - +", "*0"),
        ("XRANGE s - + COUNT x", "-ERR value is not an integer or out of range"),
        ("XRANGE s - + LIMIT 1", "-ERR syntax error"),
        ("XRANGE s (- +", INVALID),
        (
            "XRANGE s (18446744073709551615-18446744073709551615 +",
            "-ERR invalid start ID for the interval",
        ),
        ("XRANGE s - (0-0", "-ERR invalid end ID for the interval"),
    ]);
}

#[test]
fn several_streams_are_read_behind_ids() {
    play(&[
        ("XADD a 1-1 x 1", "$1-1"),
        ("XADD a 2-1 x 2", "$2-1"),
        ("XADD b 3-1 y 3", "$3-1"),
        ("XREAD STREAMS a b 1-1 0", "*2 *2 $a *1 *2 $2-1 *2 $x $2 *2 $b *1 *2 $3-1 *2 $y $3"),
        ("XREAD COUNT 1 STREAMS a 0", "*1 *2 $a *1 *2 $1-1 *2 $x $1"),
        ("XREAD STREAMS a b $ 0", "*1 *2 $b *1 *2 $3-1 *2 $y $3"),
        ("XREAD STREAMS a none + +", "*1 *2 $a *1 *2 $2-1 *2 $x $2"),
        ("XREAD STREAMS a none 2-1 0", "*-1"),
        ("XREAD BLOCK 10 STREAMS a $", "*-1"),
        (
            "XREAD STREAMS a b 0",
            "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
        ),
        ("XREAD COUNT 1 BLOCK 1", "-ERR syntax error"),
        ("XREAD BLOCK -1 STREAMS a 0", "-ERR timeout is negative"),
        ("XREAD BLOCK x STREAMS a 0", "-ERR timeout is not an integer or out of range"),
        (
            "XREAD NOACK STREAMS a 0",
            "-ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        (
            "XREAD STREAMS a >",
            "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        ),
        ("XREAD STREAMS a -", INVALID),
    ]);
}

#[test]
fn entries_are_deleted_and_trimmed() {
    let mut stage = Stage::new();
    for number in 1..=250 {
        assert_eq!(stage.run(&format!("XADD s {number}-0 a {number}")), format!("${number}-0"));
    }
    for (line, reply) in [
        ("XDEL s 5-0 6-0 6-0 900", ":2"),
        ("XLEN s", ":248"),
        ("XTRIM s MAXLEN 248", ":0"),
        ("XTRIM s MAXLEN = 240", ":8"),
        ("XRANGE s - + COUNT 1", "*1 *2 $11-0 *2 $a $11"),
        ("XTRIM s MINID 15", ":4"),
        ("XTRIM s MINID ~ 16", ":0"),
        ("XTRIM s MAXLEN ~ 200 LIMIT 10", ":0"),
        ("XTRIM s MAXLEN ~ 100", ":86"),
        ("XLEN s", ":150"),
        (
            "XTRIM s MAXLEN 0 LIMIT 5",
            "-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        (
            "XTRIM s LIMIT 5",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        (
            "XTRIM s MAXLEN 1 MINID 1",
            "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
        ),
        ("XTRIM s MAXLEN -1", "-ERR The MAXLEN argument must be >= 0."),
        ("XTRIM s MAXLEN ~ 1 LIMIT -1", "-ERR The LIMIT argument must be >= 0."),
        ("XTRIM s NONE 1", "-ERR syntax error"),
        ("XADD s MAXLEN 2 * a new", "$1700000000000-0"),
        ("XRANGE s - +", "*2 *2 $250-0 *2 $a $250 *2 $1700000000000-0 *2 $a $new"),
        ("XADD s MAXLEN 0 * a new", "$1700000000000-1"),
        ("XLEN s", ":0"),
        ("EXISTS s", ":1"),
        ("XADD s 1-1 a 1", SMALLER),
        ("XDEL none 1", ":0"),
        ("XTRIM none MAXLEN 1", ":0"),
    ] {
        assert_eq!(stage.run(line), reply, "{line}");
    }
}

#[test]
fn counters_are_set_and_told() {
    play(&[
        ("XSETID s 1-1", "-ERR no such key"),
        ("XADD s 1-1 a 1", "$1-1"),
        ("XADD s 2-1 a 2", "$2-1"),
        ("XDEL s 1-1", ":1"),
        (
            "XINFO STREAM s",
            "*20 $length :1 $radix-tree-keys :1 $radix-tree-nodes :2 $last-generated-id $2-1 $max-deleted-entry-id $1-1 \
             $entries-added :2 $recorded-first-entry-id $2-1 $groups :0 $first-entry *2 $2-1 *2 $a $2 $last-entry *2 $2-1 *2 $a $2",
        ),
        (
            "XSETID s 2-0",
            "-ERR The ID specified in XSETID is smaller than the target stream top item",
        ),
        (
            "XSETID s 1-0",
            "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ),
        (
            "XSETID s 9-9 ENTRIESADDED 0",
            "-ERR The entries_added specified in XSETID is smaller than the target stream length",
        ),
        ("XSETID s 9-9 ENTRIESADDED -1", "-ERR entries_added must be positive"),
        (
            "XSETID s 9-9 MAXDELETEDID 9-10",
            "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        ),
        ("XSETID s 9-9 ENTRIESADDED", "-ERR syntax error"),
        ("XSETID s 9-9 ENTRIESADDED 100 MAXDELETEDID 9-1", "+OK"),
        ("XADD s 9-* a 3", "$9-10"),
        ("XTRIM s MAXLEN 0", ":2"),
        (
            "XINFO STREAM s FULL",
            "*18 $length :0 $radix-tree-keys :0 $radix-tree-nodes :1 $last-generated-id $9-10 $max-deleted-entry-id $9-1 \
             $entries-added :101 $recorded-first-entry-id $0-0 $entries *0 $groups *0",
        ),
        (
            "XINFO STREAM s NONE",
            "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
        ),
        ("XINFO STREAM none", "-ERR no such key"),
        ("XINFO NONE s", "-ERR unknown subcommand 'NONE'. Try XINFO HELP."),
        ("XINFO GROUPS", "-ERR wrong number of arguments for 'xinfo|groups' command"),
    ]);
}

#[test]
fn groups_give_each_entry_once() {
    play(&[
        (
            "XGROUP CREATE s g $",
            "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
          MKSTREAM option to create an empty stream automatically.",
        ),
        ("XGROUP CREATE s g $ MKSTREAM", "+OK"),
        ("XGROUP CREATE s g 0", "-BUSYGROUP Consumer Group name already exists"),
        (
            "XGROUP CREATE s h 0 NONE",
            "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
        ),
        ("XADD s 1-1 a 1", "$1-1"),
        ("XADD s 2-1 b 2", "$2-1"),
        ("XADD s 3-1 c 3", "$3-1"),
        (
            "XREADGROUP GROUP g one COUNT 2 STREAMS s >",
            "*1 *2 $s *2 *2 $1-1 *2 $a $1 *2 $2-1 *2 $b $2",
        ),
        ("wait 50", ""),
        ("XREADGROUP GROUP g two STREAMS s >", "*1 *2 $s *1 *2 $3-1 *2 $c $3"),
        ("XREADGROUP GROUP g two STREAMS s >", "*-1"),
        ("XREADGROUP GROUP g two STREAMS s 0", "*1 *2 $s *1 *2 $3-1 *2 $c $3"),
        ("XREADGROUP GROUP g three STREAMS s 0", "*1 *2 $s *0"),
        (
            "XREADGROUP GROUP none one STREAMS s >",
            "-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option",
        ),
        (
            "XREADGROUP GROUP g one STREAMS s $",
            "-ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
          history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an \
          empty result set.",
        ),
        ("XPENDING s g", "*4 :3 $1-1 $3-1 *2 *2 $one $2 *2 $two $1"),
        ("XPENDING s g - + 10", "*3 *4 $1-1 $one :50 :1 *4 $2-1 $one :50 :1 *4 $3-1 $two :0 :2"),
        ("XPENDING s g IDLE 40 (1-1 + 10", "*1 *4 $2-1 $one :50 :1"),
        ("XPENDING s g - + 10 two", "*1 *4 $3-1 $two :0 :2"),
        ("XPENDING s g - + 10 none", "*0"),
        ("XPENDING s none", "-NOGROUP No such key 's' or consumer group 'none'"),
        ("XACK s g 1-1 1-1 9-9", ":1"),
        ("XACK s none 1-1", ":0"),
        ("XACK s g x", INVALID),
        ("XCLAIM s g two 0 2-1 9-9", "*1 *2 $2-1 *2 $b $2"),
        ("XCLAIM s g one 1000 2-1 JUSTID", "*0"),
        ("XCLAIM s g one 0 2-1 JUSTID IDLE 5 RETRYCOUNT 7", "*1 $2-1"),
        ("XCLAIM s g one 0 1-1 FORCE JUSTID LASTID 8-8", "*1 $1-1"),
        ("XPENDING s g - + 10 one", "*2 *4 $1-1 $one :0 :1 *4 $2-1 $one :5 :7"),
        ("XCLAIM s g one x 1-1", "-ERR Invalid min-idle-time argument for XCLAIM"),
        ("XCLAIM s g one 0 1-1 NONE", "-ERR Unrecognized XCLAIM option 'NONE'"),
        ("XDEL s 2-1", ":1"),
        ("XREADGROUP GROUP g one STREAMS s 1-1", "*1 *2 $s *1 *2 $2-1 *-1"),
        ("XAUTOCLAIM s g two 0 0 COUNT 1", "*3 $2-1 *1 *2 $1-1 *2 $a $1 *0"),
        ("XAUTOCLAIM s g two 0 2-1 JUSTID", "*3 $0-0 *1 $3-1 *1 $2-1"),
        ("XAUTOCLAIM s g two 0 0 COUNT 0", "-ERR COUNT must be > 0"),
        ("XPENDING s g", "*4 :2 $1-1 $3-1 *1 *2 $two $2"),
        (
            "XINFO CONSUMERS s g",
            "*3 *8 $name $one $pending :0 $idle :0 $inactive :0 *8 $name $three $pending :0 $idle :0 $inactive :-1 \
             *8 $name $two $pending :2 $idle :0 $inactive :0",
        ),
        (
            "XINFO GROUPS s",
            "*1 *12 $name $g $consumers :3 $pending :2 $last-delivered-id $8-8 $entries-read :3 $lag :0",
        ),
        ("XGROUP SETID s g 1-1 ENTRIESREAD 1", "+OK"),
        ("XREADGROUP GROUP g one NOACK STREAMS s >", "*1 *2 $s *1 *2 $3-1 *2 $c $3"),
        ("XGROUP CREATECONSUMER s g four", ":1"),
        ("XGROUP CREATECONSUMER s g four", ":0"),
        ("XGROUP DELCONSUMER s g two", ":2"),
        ("XGROUP DELCONSUMER s g two", ":0"),
        ("XPENDING s g", "*4 :0 $-1 $-1 *-1"),
        ("XGROUP DESTROY s g", ":1"),
        ("XGROUP DESTROY s g", ":0"),
        ("XGROUP SETID s g 0", "-NOGROUP No such consumer group 'g' for key name 's'"),
        ("XINFO GROUPS s", "*0"),
        ("XGROUP NONE s g", "-ERR unknown subcommand 'NONE'. Try XGROUP HELP."),
        ("XGROUP CREATE s", "-ERR wrong number of arguments for 'xgroup|create' command"),
    ]);
}

/// A group that is set back gives entries that are pending for others.
#[test]
fn what_is_given_again_belongs_to_the_last_one() {
    play(&[
        ("XADD s 1-1 a 1", "$1-1"),
        ("XADD s 2-1 b 2", "$2-1"),
        ("XADD s 3-1 c 3", "$3-1"),
        ("XGROUP CREATE s g 0", "+OK"),
        (
            "XREADGROUP GROUP g one STREAMS s >",
            "*1 *2 $s *3 *2 $1-1 *2 $a $1 *2 $2-1 *2 $b $2 *2 $3-1 *2 $c $3",
        ),
        ("XACK s g 2-1", ":1"),
        ("XGROUP SETID s g 0", "+OK"),
        (
            "XREADGROUP GROUP g two STREAMS s >",
            "*1 *2 $s *3 *2 $1-1 *2 $a $1 *2 $2-1 *2 $b $2 *2 $3-1 *2 $c $3",
        ),
        ("XPENDING s g", "*4 :3 $1-1 $3-1 *1 *2 $two $3"),
    ]);
}

/// A million entries would take too long here; this many lie in hundreds of chunks, with long ones among them.
#[test]
fn a_long_stream_is_trimmed_at_once() {
    let mut stage = Stage::new();
    let long = "x".repeat(200_000);
    for number in 1..=20_000 {
        let value = if number % 5_000 == 0 { &long[..] } else { "value" };
        stage.run(&format!("XADD s {number}-0 field {value}"));
    }
    assert_eq!(stage.run("XGROUP CREATE s g 0"), "+OK");
    assert!(
        stage.run("XREADGROUP GROUP g c COUNT 10000 STREAMS s >").starts_with("*1 *2 $s *10000 ")
    );
    assert_eq!(stage.run("XTRIM s MINID 5000"), ":4999");
    assert_eq!(stage.run("XRANGE s - + COUNT 1"), format!("*1 *2 $5000-0 *2 $field ${long}"));
    assert_eq!(stage.run("XTRIM s MAXLEN 3"), ":14998");
    assert_eq!(stage.run("XLEN s"), ":3");
    assert_eq!(stage.run("XTRIM s MAXLEN 0"), ":3");
    assert_eq!(
        stage.run("XINFO GROUPS s"),
        "*1 *12 $name $g $consumers :1 $pending :10000 $last-delivered-id $10000-0 $entries-read :10000 $lag :10000"
    );
    assert_eq!(stage.run("XADD s 30000-1 a 1"), "$30000-1");
    assert_eq!(stage.run("XGROUP DELCONSUMER s g c"), ":10000");
    assert_eq!(stage.run("XPENDING s g"), "*4 :0 $-1 $-1 *-1");
}

/// Trims are of whole nodes, so many at a time, of the length that the setting has.
#[test]
fn nodes_are_as_long_as_they_are_set() {
    let mut stage = Stage::new();
    for (node, entries, line, removed) in [
        (10, 101, "XTRIM s MAXLEN ~ 55 LIMIT 30", 30),
        (10, 100, "XTRIM s MAXLEN ~ 85", 10),
        (1, 102, "XTRIM s MAXLEN ~ 1", 100),
        (1, 102, "XTRIM s MAXLEN 1", 101),
        (2, 3, "XTRIM s MAXLEN ~ 0 LIMIT 1", 0),
        (2, 3, "XTRIM s MAXLEN ~ 0 LIMIT 2", 2),
        (100, 1000, "XTRIM s MAXLEN ~ 555", 400),
        (0, 12_000, "XTRIM s MAXLEN 0", 12_000),
    ] {
        stage.run("DEL s");
        stage.thresholds.stream_node_entries = node;
        for _ in 0..entries {
            stage.run("XADD s * item v");
        }
        assert_eq!(stage.run(line), format!(":{removed}"), "{node}: {line}");
        assert_eq!(stage.run("XLEN s"), format!(":{}", entries - removed), "{node}: {line}");
    }
    // Without a number, what lies together goes together, and ten thousand entries at most.
    for _ in 0..12_000 {
        stage.run("XADD s * item v");
    }
    let removed: u64 = stage.run("XTRIM s MAXLEN ~ 1")[1..].parse().unwrap();
    assert!((9_000..=10_000).contains(&removed), "{removed}");
}
