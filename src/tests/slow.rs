//! Owns tests of what is noted of slow work: SLOWLOG, LATENCY, MEMORY.

use hyperion_wire::reply::Reply;

use super::client::{Client, show};
use super::harness::{Setup, wait_for};

/// The entries of SLOWLOG GET, each as one line without id and times.
fn slow(client: &mut Client, count: &str) -> Vec<String> {
    let Reply::Array(entries) = client.call(&[b"SLOWLOG", b"GET", count.as_bytes()]) else {
        panic!("SLOWLOG GET answers a list")
    };
    let tell = |entry: &Reply| match entry {
        Reply::Array(fields) => {
            assert_eq!(fields.len(), 6);
            format!("{} {}", show(&fields[3]), show(&fields[5]))
        }
        other => panic!("{}", show(other)),
    };
    entries.iter().map(tell).collect()
}

#[test]
fn slow_commands_are_kept_with_who_sent_them() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("SLOWLOG LEN", "0"),
        ("CONFIG GET slowlog-log-slower-than", "[slowlog-log-slower-than 10000]"),
        ("CLIENT SETNAME foobar", "OK"),
        ("DEBUG SLEEP 0.1", "OK"),
        ("SLOWLOG LEN", "1"),
    ]);
    assert_eq!(slow(&mut client, "10"), ["[DEBUG SLEEP 0.1] foobar"]);
    let Reply::Array(entries) = client.call(&[b"SLOWLOG", b"GET"]) else { panic!("a list") };
    let Reply::Array(fields) = &entries[0] else { panic!("a list") };
    assert!(matches!(fields[2], Reply::Integer(100_000..10_000_000)), "{}", show(&entries[0]));
    assert!(show(&fields[4]).starts_with("127.0.0.1:"), "{}", show(&entries[0]));
    client.expect(&[("SLOWLOG RESET", "OK"), ("CONFIG SET slowlog-log-slower-than 0", "OK")]);
    let long = "x".repeat(200);
    client.expect(&[("SET a 1", "OK"), ("GET a", "1"), (&format!("SET b {long}"), "OK")]);
    client.expect(&[("AUTH secret", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")]);
    client.expect(&[("SLOWLOG GET x", "-ERR count should be greater than or equal to -1")]);
    let all = slow(&mut client, "-1");
    let short = format!("[SET b {}... (72 more bytes)] foobar", "x".repeat(128));
    assert_eq!(
        all[..5],
        [
            "[SLOWLOG GET x] foobar",
            "[AUTH (redacted)] foobar",
            &short,
            "[GET a] foobar",
            "[SET a 1] foobar",
        ]
    );
    client.expect(&[(
        "SLOWLOG GET 1 2",
        "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
    )]);
    assert_eq!(slow(&mut client, "2").len(), 2);
    client.expect(&[("CONFIG SET slowlog-max-len 3", "OK"), ("SLOWLOG LEN", "3")]);
    assert_eq!(slow(&mut client, "-1").len(), 3);
    client.expect(&[
        ("CONFIG SET slowlog-log-slower-than -1", "OK"),
        ("SLOWLOG RESET", "OK"),
        ("GET a", "1"),
        ("SLOWLOG LEN", "0"),
    ]);
    client.expect(&[("CONFIG GET slowlog-*", "[slowlog-log-slower-than -1 slowlog-max-len 3]")]);
}

/// A command that waits is noted as it came, once another's write has served it.
#[test]
fn commands_that_waited_are_noted_too() {
    let node = Setup::new().start();
    let [mut waiting, mut client] = [node.client(), node.client()];
    client.expect(&[("CONFIG SET slowlog-log-slower-than 0", "OK")]);
    waiting.expect(&[("CLIENT SETNAME patient", "OK")]);
    waiting.send(b"BLPOP l 0\r\n");
    wait_for("it to wait", || client.ask("INFO clients").contains("blocked_clients:1"));
    client.expect(&[("SLOWLOG RESET", "OK"), ("RPUSH l a", "1")]);
    assert_eq!(waiting.shown(), "[l a]");
    let noted = slow(&mut client, "-1");
    assert!(noted.contains(&"[BLPOP l 0] patient".to_owned()), "{noted:?}");
}

#[test]
fn slow_commands_on_another_core_are_told_of_their_client() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut client = node.client();
    client.expect(&[("CLIENT SETNAME me", "OK"), ("CONFIG SET slowlog-log-slower-than 0", "OK")]);
    for key in 0..16 {
        client.expect(&[(&format!("SET k{key} 1"), "OK")]);
    }
    wait_for("all of them", || {
        let sets = slow(&mut client, "-1").iter().filter(|line| line.starts_with("[SET ")).count();
        sets == 16
    });
    let all = slow(&mut client, "-1");
    assert!(all.iter().all(|line| line.ends_with(" me")), "{all:?}");
}

#[test]
fn what_took_long_is_put_together() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[("LATENCY LATEST", "[]"), ("LATENCY RESET", "0")]);
    assert!(client.ask("LATENCY DOCTOR").contains("disabled"));
    client.expect(&[
        ("CONFIG SET latency-monitor-threshold 50", "OK"),
        ("DEBUG SLEEP 0.1", "OK"),
        ("LATENCY HISTORY nothing", "[]"),
        ("LATENCY GRAPH nothing", "-ERR No samples available for event 'nothing'"),
    ]);
    let latest = client.ask("LATENCY LATEST");
    assert!(latest.contains("[command "), "{latest}");
    assert!(client.ask("LATENCY HISTORY command").starts_with("[["));
    assert!(client.ask("LATENCY GRAPH command").starts_with("command - high 1"));
    assert!(client.ask("LATENCY DOCTOR").contains("1. command: 1 latency spikes"));
    client.expect(&[("LATENCY RESET command", "1"), ("LATENCY RESET nothing", "0")]);
    for _ in 0..5 {
        client.expect(&[("GETRANGE none 0 1", "")]);
    }
    let histogram = client.ask("LATENCY HISTOGRAM getrange");
    assert!(histogram.starts_with("[getrange [calls 5 histogram_usec ["), "{histogram}");
    assert!(histogram.ends_with(" 5]]]"), "{histogram}");
    client.expect(&[("LATENCY HISTOGRAM blabla", "[]")]);
    client.expect(&[("CONFIG RESETSTAT", "OK"), ("LATENCY HISTOGRAM getrange", "[]")]);
}

#[test]
fn memory_is_told_of() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[("SET a 1", "OK"), ("MEMORY USAGE none", "nil"), ("MEMORY PURGE", "OK")]);
    let usage: u64 = client.ask("MEMORY USAGE a").parse().expect("a number");
    assert!((16..200).contains(&usage), "{usage}");
    let stats = client.ask("MEMORY STATS");
    assert!(stats.contains("keys.count 1 ") && stats.contains("db.0 ["), "{stats}");
    assert!(client.ask("MEMORY DOCTOR").starts_with("Hi Sam"));
    assert!(client.ask("MEMORY MALLOC-STATS").contains("mimalloc"));
    client.expect(&[("MEMORY FOO", "-ERR unknown subcommand 'FOO'. Try MEMORY HELP.")]);
    assert!(client.ask("MEMORY HELP").contains("USAGE <key>"));
}
