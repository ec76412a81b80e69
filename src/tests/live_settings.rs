//! Owns tests of settings that change while the node runs: each takes effect, by HTTP and by CONFIG SET alike.

use serde_json::json;

use super::client::Client;
use super::door::SECRET_HASH;
use super::harness::{Node, Setup, wait_for};
use super::http_call::{change, get, get_with, post_with};

fn post(node: &Node, pointer: &str, value: serde_json::Value) {
    let answer = change(node.http(), &[(pointer, value)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["changed"], json!([pointer]));
}

fn set(node: &Node, name: &str, value: &str) {
    node.client().expect(&[(&format!("CONFIG SET {name} {value}"), "OK")]);
}

#[test]
fn the_limit_of_clients() {
    let node = Setup::new().start();
    let mut clients: Vec<Client> = (0..3).map(|_| node.client()).collect();
    wait_for("the clients that count", || clients[0].ask("CLIENT LIST").lines().count() == 3);
    post(&node, "/settings/limits/clients", json!(3));
    assert_eq!(node.client().shown(), "-ERR max number of clients reached");
    // Those who are in stay, even when there are more than the limit.
    clients[1].expect(&[("CONFIG SET maxclients 1", "OK"), ("PING", "PONG")]);
    assert_eq!(node.client().shown(), "-ERR max number of clients reached");
    clients[2].expect(&[
        ("PING", "PONG"),
        ("CONFIG SET maxclients 100", "OK"),
        ("CONFIG GET maxclients", "[maxclients 100]"),
    ]);
    node.client().expect(&[("PING", "PONG")]);
}

#[test]
fn the_idle_timeout() {
    let node = Setup::new().start();
    let mut idle = node.client();
    idle.expect(&[("PING", "PONG")]);
    post(&node, "/settings/limits/idle_timeout_s", json!(1));
    assert!(idle.is_closed_by_node());
    set(&node, "timeout", "0");
    node.client().expect(&[("CONFIG GET timeout", "[timeout 0]")]);
}

#[test]
fn the_password() {
    let node = Setup::new().start();
    let mut old = node.client();
    old.expect(&[("PING", "PONG"), ("CONFIG SET requirepass secret", "OK")]);
    let mut fresh = node.client();
    fresh.expect(&[("PING", "-NOAUTH Authentication required.")]);
    assert_eq!(get(node.http(), "/status").status, 401);
    assert_eq!(get_with(node.http(), "/status", "Authorization: Bearer secret\r\n").status, 200);
    let text = node.config().to_string();
    assert!(text.contains(SECRET_HASH) && !text.contains("secret"), "{text}");
    // Who was in before stays in, as in Redis.
    old.expect(&[("PING", "PONG")]);
    fresh.expect(&[
        ("AUTH secret", "OK"),
        ("CONFIG SET requirepass other", "OK"),
        ("PING", "PONG"),
    ]);
    node.client().expect(&[
        ("AUTH secret", "-WRONGPASS invalid username-password pair or user is disabled."),
        ("AUTH other", "OK"),
    ]);
    let mut waiting = node.client();
    waiting.expect(&[("PING", "-NOAUTH Authentication required.")]);
    assert_eq!(super::client::show(&fresh.call(&[b"CONFIG", b"SET", b"requirepass", b""])), "OK");
    waiting.expect(&[("PING", "PONG")]);
    assert_eq!(get(node.http(), "/status").status, 200);
}

#[test]
fn the_log_level() {
    let node = Setup::new().start();
    post(&node, "/settings/log_level", json!("error"));
    set(&node, "loglevel", "notice");
    node.client().expect(&[("CONFIG GET loglevel", "[loglevel notice]")]);
    assert_eq!(get(node.http(), "/config").json()["settings"]["log_level"], json!("info"));
}

#[test]
fn a_quiet_log_says_nothing_of_the_end() {
    for (level, is_said) in [("error", false), ("info", true)] {
        let mut node = Setup::new().start();
        set(&node, "loglevel", level);
        assert_eq!(node.stop(), 0);
        assert_eq!(
            node.log().contains("stopping: what was begun is finished first"),
            is_said,
            "{}",
            node.log()
        );
    }
}

/// Syncs so far, from the status.
fn syncs(node: &Node) -> u64 {
    get(node.http(), "/status").json()["cores"][0]["syncs"].as_u64().expect("a number")
}

#[test]
fn the_sync_interval_and_the_durability() {
    let node = Setup::new().at("/settings/sync_interval_ms", json!(60_000)).start();
    let mut client = node.client();
    client.expect(&[("SET a 1", "OK")]);
    post(&node, "/settings/sync_interval_ms", json!(5));
    let before = syncs(&node);
    wait_for("syncs at the new interval", || {
        client.expect(&[("SET a 2", "OK")]);
        syncs(&node) > before + 3
    });
    set(&node, "sync-interval-ms", "60000");
    set(&node, "durability", "always");
    client.expect(&[("CONFIG GET appendfsync", "[appendfsync always]")]);
    let before = syncs(&node);
    (0..20).for_each(|number| client.expect(&[(&format!("SET a {number}"), "OK")]));
    wait_for("a sync for each write", || syncs(&node) >= before + 20);
    set(&node, "appendfsync", "no");
    assert_eq!(get(node.http(), "/status").json()["durability"], json!("never"));
}

#[test]
fn the_memory_limit() {
    let node = Setup::new().start();
    let (mut client, value) = (node.client(), "v".repeat(60_000));
    for number in 0..100 {
        client.expect(&[(&format!("SET key:{number} {value}"), "OK")]);
    }
    post(&node, "/settings/memory_bytes_max", json!("6MiB"));
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.";
    client.expect(&[("SET a 1", refused), ("GET a", "nil"), ("STRLEN key:99", "60000")]);
    set(&node, "maxmemory", "64mb");
    client.expect(&[("SET a 1", "OK"), ("CONFIG GET maxmemory", "[maxmemory 67108864]")]);
    // Less than the log needs is taken as Redis takes it: all there is is beyond it.
    set(&node, "maxmemory", "1mb");
    client.expect(&[("CONFIG GET maxmemory", "[maxmemory 1048576]"), ("SET a 2", refused)]);
    set(&node, "maxmemory", "64mb");
    client.expect(&[("CONFIG GET maxmemory", "[maxmemory 67108864]"), ("SET a 2", "OK")]);
}

#[test]
fn the_longest_value() {
    let node = Setup::new().start();
    let mut client = node.client();
    post(&node, "/settings/limits/value_bytes", json!(1 << 20));
    client.set("a", &vec![b'v'; 1 << 20]);
    client
        .expect(&[("APPEND a x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)")]);
    set(&node, "proto-max-bulk-len", "2mb");
    client.expect(&[("APPEND a x", "1048577")]);
    // With less nobody could take it back.
    let refused = change(node.http(), &[("/settings/limits/value_bytes", json!(1))]);
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(client.ask("CONFIG SET proto-max-bulk-len 1").starts_with("-ERR CONFIG SET failed"));
    client.expect(&[("PING", "PONG")]);
}

#[test]
fn what_config_set_refuses_changes_nothing() {
    let node = Setup::new().start();
    let mut client = node.client();
    for line in [
        "CONFIG SET nonsense 1",
        "CONFIG SET maxclients x",
        "CONFIG SET maxclients 0",
        "CONFIG SET port 1",
        "CONFIG SET maxclients 5 nonsense 1",
        "CONFIG SET maxclients",
        "CONFIG SET maxmemory-policy lru",
        "CONFIG SET save 60",
    ] {
        let answer = client.ask(line);
        assert!(answer.starts_with("-ERR"), "{line}: {answer}");
    }
    client.expect(&[("CONFIG GET maxclients", "[maxclients 10000]")]);
    assert_eq!(get(node.http(), "/config").json()["epoch"], json!(1));
}

#[test]
fn settings_hold_for_both_cores() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut clients: Vec<Client> = (0..4).map(|_| node.client()).collect();
    clients[0].expect(&[("CONFIG SET requirepass secret proto-max-bulk-len 1mb", "OK")]);
    for _ in 0..4 {
        node.client().expect(&[
            ("PING", "-NOAUTH Authentication required."),
            ("AUTH secret", "OK"),
            ("PING", "PONG"),
        ]);
    }
    for client in &mut clients {
        client.expect(&[(
            "SETRANGE a 1048576 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        )]);
    }
}

#[test]
fn parameters_of_redis_that_mean_nothing_here_are_shown_back() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("CONFIG GET list-max-listpack-size", "[list-max-listpack-size -2]"),
        ("CONFIG SET list-max-ziplist-size -1 hash-max-ziplist-entries 7 hz 100", "OK"),
        ("CONFIG GET list-max-listpack-size hash-max-listpack-entries hz", "[hash-max-listpack-entries 7 hz 100 list-max-listpack-size -1]"),
        ("CONFIG SET activedefrag maybe", "-ERR CONFIG SET failed (possibly related to argument 'activedefrag') - argument must be 'yes' or 'no'"),
        ("CONFIG SET protected-mode no", "-ERR CONFIG SET failed (possibly related to argument 'protected-mode') - can't set immutable config"),
        ("CONFIG REWRITE", "OK"),
    ]);
    node.kill_and_start();
    let mut client = node.client();
    client.expect(&[
        ("CONFIG GET hz", "[hz 100]"),
        ("CONFIG GET hash-max-ziplist-entries", "[hash-max-ziplist-entries 7]"),
        ("CONFIG SET hz 10", "OK"),
    ]);
    assert_eq!(node.config()["settings"]["redis"], json!(null));
    assert_eq!(node.config()["settings"]["thresholds"]["list_listpack_size"], json!("-1"));
}

#[test]
fn errors_are_counted_by_their_code_and_command() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("SET a x", "OK"),
        ("INCR a", "-ERR value is not an integer or out of range"),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("ACL SETUSER bob on nopass -@all", "OK"),
        ("AUTH bob x", "OK"),
        ("GET a", "-NOPERM User bob has no permissions to run the 'get' command"),
        ("AUTH default x", "OK"),
        ("AUTH bob2 x", "-WRONGPASS invalid username-password pair or user is disabled."),
    ]);
    let text = client.ask("INFO everything");
    for part in [
        "errorstat_ERR:count=2\r\n",
        "errorstat_NOPERM:count=1\r\n",
        "errorstat_WRONGPASS:count=1\r\n",
        "acl_access_denied_cmd:1\r\n",
        "acl_access_denied_auth:1\r\n",
        "total_error_replies:4\r\n",
        "# Modules\r\n",
        "latency_percentiles_usec_set:p50=",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let incr = text.lines().find(|line| line.starts_with("cmdstat_incr:")).expect("it ran");
    assert!(incr.ends_with("rejected_calls=0,failed_calls=1"), "{incr}");
    client.expect(&[("CONFIG RESETSTAT", "OK")]);
    assert!(!client.ask("INFO errorstats").contains("errorstat_ERR"));
}

#[test]
fn a_tight_limit_of_memory_is_told_where_another_is_set() {
    let node = Setup::new().start();
    set(&node, "maxmemory", "2mb");
    let limit = || {
        let status = get(node.http(), "/status").json();
        status["memory"]["limit_bytes"].as_u64().expect("it is a number")
    };
    wait_for("the limit in force", || limit() == 2 << 20);
    assert!(get(node.http(), "/metrics").body.contains("hyperion_memory_limit_bytes 2097152\n"));
    let answer = change(node.http(), &[("/settings/memory_bytes_max", json!("300MiB"))]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.json()["warnings"].to_string();
    assert!(said.contains("/settings/redis/maxmemory is 2097152 bytes"), "{said}");
    assert_eq!(limit(), 2 << 20);
    let answer = change(node.http(), &[("/settings/redis", json!({}))]);
    assert_eq!((answer.status, &answer.json()["warnings"]), (200, &json!([])), "{answer:?}");
    wait_for("the limit in force", || limit() == 300 << 20);
}

#[test]
fn the_log_tells_what_was_changed_and_by_whom_but_no_secret() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("CLIENT SETNAME me", "OK"),
        ("CONFIG SET requirepass secret maxclients 77", "OK"),
        ("ACL SETUSER joe on >hidden", "OK"),
    ]);
    let next = get_with(node.http(), "/config?next=1", "Authorization: Bearer secret\r\n");
    let body = next.body.replace("\"interval\"", "\"never\"");
    let answer = post_with(node.http(), "/config", &body, "Authorization: Bearer secret\r\n");
    assert_eq!(answer.status, 200, "{answer:?}");
    let epoch = answer.json()["epoch"].as_u64().expect("it is a number");
    wait_for("the log", || {
        node.log().contains(&format!("the config of epoch {epoch} is in force"))
    });
    let log = node.log();
    for said in [
        "is in force, by client ",
        " as user \"default\": changed /settings/auth/password_hash, /settings/limits/clients",
        ": changed /settings/auth/users/joe",
        "by POST /config of 127.0.0.1:",
        ": changed /settings/durability",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    for secret in ["secret", "hidden", &SECRET_HASH["sha256:".len()..]] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
