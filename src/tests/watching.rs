//! Owns tests of what one client does to others: MONITOR, CLIENT PAUSE, SHUTDOWN; and of the commands that say what to use instead.

use std::time::{Duration, Instant};

use super::client::{Client, command};
use super::harness::{Setup, wait_for};

/// The next line that is shown, without its time and address.
fn shown(client: &mut Client) -> String {
    let line = client.shown();
    let (head, rest) = line.split_once(" [").expect("a time");
    assert!(head.split_once('.').is_some_and(|(s, us)| s.len() == 10 && us.len() == 6), "{line}");
    let (place, words) = rest.split_once("] ").expect("a place");
    let (database, peer) = place.split_once(' ').expect("a database");
    assert!(peer.starts_with("127.0.0.1:"), "{line}");
    format!("{database} {words}")
}

#[test]
fn a_monitor_sees_what_others_do_and_no_secret() {
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let node = setup.start();
        let mut monitor = node.client();
        monitor.expect(&[("MONITOR", "OK"), ("MONITOR", "OK")]);
        // Each client is on another core than the one before.
        for _ in 0..3 {
            let mut client = node.client();
            client.expect(&[
                ("SELECT 3", "OK"),
                ("SET a 1", "OK"),
                ("FOO", "-ERR unknown command 'FOO', with args beginning with: "),
            ]);
            client.send(&command(&[b"SET", b"b", b"x y\r\n\"\xff"]));
            client.shown();
            client.expect(&[("CONFIG GET port2", "[]")]);
            client.ask("AUTH secret");
            client.expect(&[
                ("GET a b", "-ERR wrong number of arguments for 'get' command"),
                ("get a", "1"),
                // A script that is not there is shown, as it was asked for.
                ("EVALSHA ffff 0", "-NOSCRIPT No matching script. Please use EVAL."),
                ("FCALL ffff 0", "-ERR Function not found"),
            ]);
            for line in [
                "0 \"SELECT\" \"3\"",
                "3 \"SET\" \"a\" \"1\"",
                r#"3 "SET" "b" "x y\r\n\"\xff""#,
                "3 \"AUTH\" \"(redacted)\"",
                "3 \"get\" \"a\"",
                "3 \"EVALSHA\" \"ffff\" \"0\"",
                "3 \"FCALL\" \"ffff\" \"0\"",
            ] {
                // What a SELECT changes is there before it is shown.
                let shown = shown(&mut monitor);
                assert!(
                    shown == line || shown[1..] == line[1..] && line.contains("SELECT"),
                    "{shown} {line}"
                );
            }
        }
        monitor.send(&command(&[b"GET", b"a"]));
        assert_eq!(monitor.shown(), "-ERR Replica can't interact with the keyspace");
        monitor.send(&command(&[b"RESET"]));
        assert_eq!(monitor.shown(), "RESET");
        node.client().expect(&[("SET a 2", "OK")]);
        monitor.expect(&[("GET a", "2"), ("PING", "PONG")]);
    }
}

#[test]
fn a_monitor_that_does_not_read_is_closed_and_nobody_else_waits() {
    let node = Setup::new().start();
    let mut monitor = node.client();
    monitor.expect(&[("MONITOR", "OK")]);
    let mut client = node.client();
    let value = vec![0xff; 60 << 10];
    let (set, mut sent) = (command(&[b"SET", b"k", &value]), 0);
    wait_for("the end of the monitor", || {
        for _ in 0..16 {
            client.send(&set);
        }
        for _ in 0..16 {
            assert_eq!(client.shown(), "OK");
        }
        sent += 16;
        client.ask("CLIENT LIST").lines().count() == 1
    });
    assert!(sent < 10_000, "{sent} values were shown to nobody");
    assert!(monitor.is_closed_by_node());
}

/// What expires while clients are paused is hidden, and goes behind the pause.
#[test]
fn nothing_expires_in_a_pause() {
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let node = setup.start();
        let mut client = node.client();
        let expired = |client: &mut Client| {
            let info = client.ask("INFO stats");
            let line = info.lines().find_map(|line| line.strip_prefix("expired_keys:"));
            line.expect("it is counted").trim().to_owned()
        };
        client.expect(&[("MULTI", "OK"), ("SET {t}a 1 PX 10", "QUEUED")]);
        client.expect(&[("SET {t}b 1 PX 10", "QUEUED"), ("CLIENT PAUSE 60000 WRITE", "QUEUED")]);
        client.expect(&[("EXEC", "[OK OK OK]")]);
        wait_for("both to be hidden", || client.ask("EXISTS {t}a {t}b") == "0");
        assert_eq!((expired(&mut client).as_str(), client.ask("DBSIZE").as_str()), ("0", "2"));
        client.expect(&[("CLIENT UNPAUSE", "OK")]);
        wait_for("both to go", || {
            client.ask("GET {t}a");
            client.ask("GET {t}b");
            expired(&mut client) == "2"
        });
        client.expect(&[("DBSIZE", "0")]);
    }
}

#[test]
fn a_pause_lets_writes_wait_or_all() {
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let node = setup.start();
        let mut admin = node.client();
        let mut others: Vec<Client> = (0..4).map(|_| node.client()).collect();
        admin.expect(&[("CLIENT PAUSE 60000 WRITE", "OK")]);
        for other in &mut others {
            other.expect(&[("GET a", "nil"), ("PING", "PONG")]);
            other.send(&command(&[b"INCR", b"a"]));
        }
        // Transactions and scripts that only read go on; those that wait count as blocked.
        let script = b"#!lua flags=no-writes\nreturn redis.call('GET', 'a')";
        admin.expect(&[("MULTI", "OK"), ("GET a", "QUEUED")]);
        admin.send(&command(&[b"EVAL", script, b"1", b"a"]));
        assert_eq!(admin.shown(), "QUEUED");
        admin.expect(&[("EXEC", "[nil nil]")]);
        wait_for("four waiting clients", || {
            admin.ask("INFO clients").contains("blocked_clients:4")
        });
        admin.expect(&[("GET a", "nil"), ("CLIENT UNPAUSE", "OK")]);
        let mut counts: Vec<String> = others.iter_mut().map(Client::shown).collect();
        counts.sort_unstable();
        assert_eq!(counts, ["1", "2", "3", "4"]);
        admin.expect(&[("CLIENT PAUSE 60000", "OK")]);
        others.iter_mut().for_each(|other| other.send(&command(&[b"PING"])));
        assert!(admin.ask("CLIENT LIST").lines().count() == 5);
        admin.expect(&[("CLIENT UNPAUSE", "OK")]);
        assert!(others.iter_mut().all(|other| other.shown() == "PONG"));
        // It ends by itself too.
        let since = Instant::now();
        admin.expect(&[("CLIENT PAUSE 200 ALL", "OK"), ("SET a 1", "OK")]);
        assert!(since.elapsed() >= Duration::from_millis(200));
        admin.expect(&[
            ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE -1", "-ERR timeout is negative"),
            ("CLIENT PAUSE 1 foo", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
            ("CLIENT UNBLOCK 5", "0"),
            ("CLIENT UNBLOCK 5 x", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        ]);
    }
}

#[test]
fn a_client_may_read_without_a_trace() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("CONFIG SET maxmemory-policy allkeys-lfu", "OK"),
        ("SET a 1", "OK"),
        ("OBJECT FREQ a", "5"),
        ("CLIENT NO-TOUCH ON", "OK"),
    ]);
    for _ in 0..20 {
        client.expect(&[("GET a", "1")]);
    }
    client.expect(&[
        ("OBJECT FREQ a", "5"),
        ("CLIENT NO-TOUCH OFF", "OK"),
        ("GET a", "1"),
        ("OBJECT FREQ a", "6"),
    ]);
}

#[test]
fn what_cannot_be_meant_says_what_to_use() {
    let node = Setup::new().start();
    let mut client = node.client();
    for line in [
        "REPLICAOF a 1",
        "SLAVEOF a 1",
        "SYNC",
        "PSYNC ? -1",
        "REPLCONF x",
        "FAILOVER",
        "BGREWRITEAOF",
        "SAVE",
        "MODULE LOAD x",
        "DEBUG JMAP",
        "DEBUG SEGFAULT",
    ] {
        let answer = client.ask(line);
        assert!(answer.starts_with("-ERR ") && answer.len() > 30, "{line}: {answer}");
    }
    client.expect(&[
        ("REPLICAOF NO ONE", "OK"),
        ("MODULE LIST", "[]"),
        ("SET a 1", "OK"),
        ("DEBUG RELOAD", "OK"),
        ("DEBUG QUICKLIST-PACKED-THRESHOLD 100b", "OK"),
        ("DEBUG STRINGMATCH-LEN 10 a*", "1"),
        ("DEBUG STRINGMATCH-LEN 10 b*", "0"),
        ("DEBUG OBJECT none", "-ERR no such key"),
        ("DEBUG ERROR ERR~x", "-ERR~x"),
        ("DEBUG SET-ACTIVE-EXPIRE 0", "OK"),
        ("DEBUG SET-ACTIVE-EXPIRE 1", "OK"),
        ("MOVE a 5", "1"),
        ("EXISTS a", "0"),
    ]);
    client.expect(&[("SELECT 5", "OK")]);
    assert!(
        client
            .ask("DEBUG OBJECT a")
            .starts_with("Value at:0x0 refcount:1 encoding:int serializedlength:1 ")
    );
    assert!(client.ask("ROLE").starts_with("[master "));
}

#[test]
fn shutdown_ends_the_node_and_keeps_what_was_answered() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("SHUTDOWN foo", "-ERR syntax error"),
        ("SHUTDOWN SAVE NOSAVE", "-ERR syntax error"),
        ("SHUTDOWN ABORT", "-ERR No shutdown in progress."),
        ("SET a 1", "OK"),
    ]);
    client.send(&command(&[b"SHUTDOWN", b"NOSAVE"]));
    assert!(client.is_closed_by_node());
    assert_eq!(node.wait_end().code(), Some(0), "{}", node.log());
    node.start();
    node.client().expect(&[("GET a", "1")]);
}
