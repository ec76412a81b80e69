//! Values that go between Redis and Hyperion as dumps, both ways. Without a redis-server there is nothing to compare with.

use std::fs;
use std::process::{Command, Output};

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::beside_redis::Redis;
use super::client::{Client, Dice, show};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};

const ROUNDS: u64 = 40;

fn below(dice: &mut Dice, limit: u64) -> usize {
    usize::try_from(dice.below(limit)).expect("it is small")
}

/// A word of a kind that small forms write in their own way.
fn word(dice: &mut Dice) -> Vec<u8> {
    match dice.below(8) {
        0 => dice.below(16).to_string().into_bytes(),
        1 => dice.below(100_000).to_string().into_bytes(),
        2 => format!("-{}", 1 + dice.below(1 << 40)).into_bytes(),
        3 => vec![b'x'; below(dice, 300)],
        4 => (0..dice.below(40)).map(|_| dice.below(256).to_le_bytes()[0]).collect(),
        5 => (i64::MAX.unsigned_abs() - dice.below(3)).to_string().into_bytes(),
        6 => vec![b"ab"[below(dice, 2)]; 70],
        _ => format!("word:{}", dice.below(1_000)).into_bytes(),
    }
}

fn call(client: &mut Client, name: &str, words: &[Vec<u8>]) {
    let mut all = vec![name.as_bytes(), b"key"];
    all.extend(words.iter().map(Vec::as_slice));
    let reply = client.call(&all);
    assert!(!matches!(reply, Reply::Error(_)), "{name}: {}", show(&reply));
}

/// Sets `key` to a value of a type by chance. Gives the command that reads it.
fn fill(client: &mut Client, dice: &mut Dice) -> &'static str {
    client.ask("DEL key");
    let count = [1, 3, 20, 600][below(dice, 4)];
    let some = |dice: &mut Dice| (0..count).map(|_| word(dice)).collect::<Vec<_>>();
    match dice.below(6) {
        0 => {
            let value = word(dice).repeat(1 + below(dice, 200));
            call(client, "SET", &[value]);
            "GET key"
        }
        1 => {
            call(client, "RPUSH", &some(dice));
            if dice.below(8) == 0 {
                call(client, "RPUSH", &[vec![b'L'; 20_000]]);
            }
            "LRANGE key 0 -1"
        }
        2 => {
            call(client, "SADD", &some(dice));
            "SMEMBERS key"
        }
        3 => {
            let integers: Vec<_> = (0..count).map(|at| (at * 7).to_string().into_bytes()).collect();
            call(client, "SADD", &integers);
            "SMEMBERS key"
        }
        4 => {
            let pairs: Vec<_> = some(dice).into_iter().flat_map(|f| [f, word(dice)]).collect();
            call(client, "HSET", &pairs);
            "HGETALL key"
        }
        _ => {
            let mut pairs = Vec::new();
            for member in some(dice) {
                let score = match dice.below(4) {
                    0 => "inf".to_owned(),
                    1 => format!("{}.25", dice.below(1_000)),
                    2 => format!("-{}", dice.below(1_000)),
                    _ => dice.below(50).to_string(),
                };
                pairs.extend([score.into_bytes(), member]);
            }
            call(client, "ZADD", &pairs);
            "ZRANGE key 0 -1 WITHSCORES"
        }
    }
}

/// A stream with deleted entries, groups, consumers and what is pending.
fn fill_stream(client: &mut Client, dice: &mut Dice) -> &'static str {
    client.ask("DEL key");
    for at in 1..=1 + dice.below(250) {
        let field = ["a", "b"][below(dice, 2)];
        client.ask(&format!("XADD key {}-{} {field} {at} other x", 1 + at / 3, at));
    }
    client.ask("XADD key 9999-1 and another");
    client.ask("XDEL key 1-1 1-2 5-13");
    client.ask("XGROUP CREATE key g 0");
    client.ask("XGROUP CREATE key h $");
    client.ask("XREADGROUP GROUP g one COUNT 3 STREAMS key >");
    client.ask("XREADGROUP GROUP g two COUNT 2 STREAMS key >");
    "XRANGE key - +"
}

/// The reply, in an order that does not depend on the server.
fn read(client: &mut Client, reader: &str) -> Vec<String> {
    let reply = match client.call(&reader.split(' ').map(str::as_bytes).collect::<Vec<_>>()) {
        Reply::Array(all) if reader.starts_with("HGETALL") => {
            all.chunks(2).map(|pair| format!("{pair:?}")).collect()
        }
        Reply::Array(all) => all.iter().map(|one| format!("{one:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    let mut reply: Vec<String> = reply;
    if reader.starts_with("HGETALL") || reader.starts_with("SMEMBERS") {
        reply.sort();
    }
    reply
}

fn carry(from: &mut Client, to: &mut Client, readers: &[&str], what: &str) {
    let Reply::Bulk(payload) = from.call(&[b"DUMP", b"key"]) else { panic!("{what}: no dump") };
    let told = show(&to.call(&[b"RESTORE", b"key", b"0", &payload, b"REPLACE"]));
    assert_eq!(told, "OK", "{what}: {}", payload.escape_ascii());
    for reader in readers {
        assert_eq!(read(to, reader), read(from, reader), "{what}: {reader}");
    }
}

#[test]
fn dumps_go_both_ways() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let mut dice = Dice(5);
    for round in 0..ROUNDS {
        let reader = fill(&mut theirs, &mut dice);
        carry(&mut theirs, &mut ours, &[reader], &format!("round {round} from Redis"));
        let reader = fill(&mut ours, &mut dice);
        carry(&mut ours, &mut theirs, &[reader], &format!("round {round} to Redis"));
    }
    for round in 0..6 {
        for is_ours in [true, false] {
            let (from, to) =
                if is_ours { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };
            let reader = fill_stream(from, &mut dice);
            let readers = [reader, "XLEN key", "XINFO GROUPS key"];
            carry(from, to, &readers, &format!("stream {round}, to Redis: {is_ours}"));
            // Times since the delivery differ.
            let pending = |client: &mut Client| show(&client.call(&[b"XPENDING", b"key", b"g"]));
            assert_eq!(pending(from), pending(to));
        }
    }
}

fn import(redis: &Redis, node: &Node, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperiond"));
    let state = node.folder().join("import.json");
    command.args(["import", "--from", &format!("redis://127.0.0.1:{}", redis.port)]);
    command.args(["--to", &node.resp().to_string(), "--state", &state.display().to_string()]);
    command.args(more).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_redis_is_imported() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let mut dice = Dice(9);
    for at in 0..300 {
        if at % 50 == 0 {
            fill_stream(&mut theirs, &mut dice);
        } else {
            fill(&mut theirs, &mut dice);
        }
        theirs.ask(&format!("RENAME key key:{at}"));
        if at % 3 == 0 {
            theirs.ask(&format!("PEXPIRE key:{at} 500000"));
        }
    }
    ours.ask("SET key:1 before");
    let library = b"#!lua name=lib\nredis.register_function('f', function() return 'of Redis' end)";
    assert_eq!(show(&theirs.call(&[b"FUNCTION", b"LOAD", library])), "lib");
    let output = import(&redis, &node, &[]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("imported 300 keys"), "{text}");
    assert!(text.contains("compared 300 keys (all)"), "{text}");
    assert_eq!(ours.ask("DBSIZE"), "300");
    assert_eq!(ours.ask("FCALL f 0"), "of Redis");
    assert_eq!(ours.ask("PTTL key:1"), "-1");
    let left: u64 = ours.ask("PTTL key:3").parse().expect("a number");
    assert!((1..=500_000).contains(&left), "{left}");
    assert!(!node.folder().join("import.json").exists(), "nothing is left to go on with");
    // A second run finds all as it is, and what differs is told.
    let output = import(&redis, &node, &["--compare-every", "10"]);
    assert!(said(&output).contains("compared 30 keys (one key in 10)"), "{}", said(&output));
    theirs.ask("SET odd 1");
    theirs.ask("DEL key:0");
    assert!(import(&redis, &node, &["--compare-every", "0"]).status.success());
    assert_eq!(ours.ask("GET odd"), "1");
}

#[test]
fn a_dump_file_is_imported() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let mut dice = Dice(11);
    let mut readers = Vec::new();
    for at in 0..200 {
        readers.push(match at % 20 {
            0 => fill_stream(&mut theirs, &mut dice),
            _ => fill(&mut theirs, &mut dice),
        });
        theirs.ask(&format!("RENAME key {at}"));
    }
    let long = format!("SET {} 5", "long".repeat(30));
    theirs.expect(&[
        ("PEXPIRE 7 500000", "1"),
        (&long, "OK"),
        ("SELECT 3", "OK"),
        ("SET other 1", "OK"),
        ("SELECT 0", "OK"),
    ]);
    // Long enough to be packed in the file.
    let library = format!(
        "#!lua name=lib\n{}\nredis.register_function('f', function() return 'of the file' end)",
        "-- more\n".repeat(99)
    );
    assert_eq!(show(&theirs.call(&[b"FUNCTION", b"LOAD", library.as_bytes()])), "lib");
    theirs.expect(&[("SAVE", "OK")]);
    let path = node.folder().join("dump.rdb");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hyperiond"));
        command.args(["import", "--to", &node.resp().to_string(), "--rdb"]).arg(&path);
        command.output().expect("the program runs")
    };
    let output = run();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("imported 202 keys"), "{text}");
    for (at, reader) in readers.iter().enumerate() {
        let reader = reader.replace(" key", &format!(" {at}"));
        assert_eq!(read(&mut ours, &reader), read(&mut theirs, &reader), "{reader}");
    }
    assert_eq!(ours.ask(&format!("GET {}", "long".repeat(30))), "5");
    assert!(ours.ask("PTTL 7").parse::<u64>().is_ok_and(|left| left <= 500_000));
    assert_eq!(ours.ask("FCALL f 0"), "of the file");
    assert_eq!(ours.ask("SELECT 3"), "OK");
    assert_eq!(ours.ask("GET other"), "1");
    let whole = fs::read(&path).expect("it is there");
    for (bytes, expected) in [
        (&whole[..whole.len() / 2], "ends too soon"),
        (&b"nonsense"[..], "ends too soon"),
        (b"something else", "no dump file"),
    ] {
        fs::write(&path, bytes).expect("it is written");
        let output = run();
        assert_eq!(output.status.code(), Some(74), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

/// What the state file of a run looks like that was cut short.
#[test]
fn an_import_goes_on() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    for at in 0..2_000 {
        theirs.ask(&format!("SET key:{at} {at}"));
    }
    let info = theirs.ask("INFO server");
    let run_id = info.lines().find_map(|line| line.trim().strip_prefix("run_id:"));
    let scan = theirs.ask("SCAN 0 COUNT 600");
    let cursor: u64 = scan[1..].split(' ').next().expect("a cursor").parse().expect("a number");
    let before = scan.matches("key:").count() as u64;
    let state = json!({
        "from": format!("127.0.0.1:{}", redis.port), "to": node.resp().to_string(), "database": 0,
        "run_id": run_id.expect("it is there"), "cursor": cursor, "keys": before, "bytes": 0,
    });
    let path = node.folder().join("import.json");
    ours.expect(&[("SET own 1", "OK")]);
    fs::write(&path, state.to_string()).expect("it is written");
    let output = import(&redis, &node, &["--compare-every", "0"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("went on after {before} keys")), "{text}");
    assert_eq!(ours.ask("DBSIZE"), (2_001 - before).to_string(), "only the rest was copied");
    // Where there is nothing any more, there is nothing to go on with.
    ours.expect(&[("FLUSHALL", "OK")]);
    fs::write(&path, state.to_string()).expect("it is written");
    let output = import(&redis, &node, &["--compare-every", "0"]);
    let text = said(&output);
    assert!(output.status.success() && !text.contains("went on"), "{text}");
    assert_eq!(ours.ask("DBSIZE"), "2000");
    let output = import(&redis, &node, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(ours.ask("DBSIZE"), "2000");
}

/// Each node of a cluster has what another restored.
#[test]
fn a_cluster_restores_values() {
    let source = Setup::new().start();
    let mut ours = source.client();
    let mut dice = Dice(3);
    let cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    for round in 0..12 {
        let reader = match round {
            0 => fill_stream(&mut ours, &mut dice),
            1 => {
                call(&mut ours, "SET", &[b"0123456789abcdef".repeat(200_000)]);
                "GET key"
            }
            _ => fill(&mut ours, &mut dice),
        };
        let Reply::Bulk(payload) = ours.call(&[b"DUMP", b"key"]) else { panic!("no dump") };
        let name = format!("key:{round}");
        let words = [&b"RESTORE"[..], name.as_bytes(), b"0", &payload, b"REPLACE"];
        wait_for("a leader", || show(&cluster.client(1).call(&words)) == "OK");
        let there = reader.replace(" key", &format!(" {name}"));
        let expected = read(&mut ours, reader);
        for node in cluster.numbers() {
            assert!(read(&mut cluster.client(node), &there) == expected, "{node}: {there}");
        }
    }
}

#[test]
fn what_cannot_be_imported_is_one_sentence() {
    for (from, code, expected) in [
        ("nonsense", 64, "is no address"),
        ("rediss://127.0.0.1:1", 64, "TLS"),
        ("redis://127.0.0.1:1", 69, "127.0.0.1:1: "),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
            .args(["import", "--from", from, "--to", "127.0.0.1:1"])
            .output()
            .expect("the program runs");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.trim().lines().count(), 1, "{text}");
    }
}
