//! Memory that is full: what each policy keeps, what is refused, and that memory stays within its limit.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, pipeline};
use super::harness::{Node, Setup, wait_for};
use super::http_call::{change, get};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
const VALUE_BYTES: usize = 1_000;
const LIMIT_MIB: u64 = 16;
/// Keys that take the limit about three times.
const KEYS: usize = 48_000;
const BATCH: usize = 200;

fn setup(eviction: &str) -> Setup {
    Setup::new()
        .at("/settings/memory_bytes_max", json!(format!("{LIMIT_MIB}MiB")))
        .at("/settings/eviction", json!(eviction))
}

fn key(name: &str, number: usize) -> String {
    format!("{name}:{number:08}")
}

/// Sets the keys of `numbers`, in batches, with `before` called ahead of each; counts the replies that are not OK.
fn fill(
    client: &mut Client,
    name: &str,
    numbers: std::ops::Range<usize>,
    expiry: &str,
    mut before: impl FnMut(&mut Client),
) -> BTreeMap<String, usize> {
    let value = "v".repeat(VALUE_BYTES);
    let mut refused = BTreeMap::new();
    for first in numbers.clone().step_by(BATCH) {
        before(client);
        let last = (first + BATCH).min(numbers.end);
        let line = |number| format!("SET {} {value}{expiry}", key(name, number));
        client.send(&pipeline((first..last).map(line)));
        for reply in (first..last).map(|_| client.shown()).filter(|reply| reply != "OK") {
            *refused.entry(reply).or_default() += 1;
        }
    }
    refused
}

fn present(client: &mut Client, name: &str, numbers: std::ops::Range<usize>) -> usize {
    client.send(&pipeline(numbers.clone().map(|number| format!("EXISTS {}", key(name, number)))));
    numbers.filter(|_| client.shown() == "1").count()
}

fn memory(node: &Node, field: &str) -> u64 {
    let status: Value = get(node.http(), "/status").json();
    status["memory"][field].as_u64().unwrap_or_else(|| panic!("no memory.{field} in {status}"))
}

/// As INFO has it: of this moment, where `/status` may be a tick old.
fn evicted(client: &mut Client) -> u64 {
    let info = client.ask("INFO stats");
    let line = info.split("evicted_keys:").nth(1).expect("INFO has it");
    let digits: String = line.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Some keys are read while others fill the memory three times: how many of the 100 are left.
fn hot_keys_left(policy: &str) -> usize {
    let node = setup(policy).start();
    let mut client = node.client();
    assert_eq!(fill(&mut client, "hot", 0..100, "", |_| {}), BTreeMap::new());
    let refused = fill(&mut client, "cold", 0..KEYS, "", |client| {
        client.send(&pipeline((0..100).map(|number| format!("GET {}", key("hot", number)))));
        (0..100).for_each(|_| drop(client.reply()));
    });
    assert_eq!(refused, BTreeMap::new(), "{policy}");
    let (used, gone) = (memory(&node, "used_bytes"), evicted(&mut client));
    // The lag that a turn may leave is part of the slack.
    assert!(used <= (LIMIT_MIB << 20) * 102 / 100, "{policy}: {used} bytes are used");
    assert!(gone > KEYS as u64 / 2, "{policy}: {gone} keys were evicted");
    // A tick may evict a few more between the two questions.
    let adds_up = (0..50).any(|_| {
        let gone = evicted(&mut client);
        let keys: u64 = client.ask("DBSIZE").parse().expect("a number");
        keys + gone == KEYS as u64 + 100
    });
    assert!(adds_up, "{policy}: keys and evicted keys are not all that were set");
    present(&mut client, "hot", 0..100)
}

#[test]
fn recency_and_frequency_keep_the_keys_in_use() {
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let left = hot_keys_left(policy);
        assert!(left >= 99, "{policy}: {left} of 100 keys in use are left");
    }
}

#[test]
fn chance_does_not() {
    // The control for the test above: it would notice a policy that looks at nothing.
    let left = hot_keys_left("allkeys-random");
    assert!(left < 60, "{left} of 100 keys are left");
}

#[test]
fn volatile_policies_take_keys_that_expire_and_then_refuse() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random"] {
        let node = setup(policy).start();
        let mut client = node.client();
        assert_eq!(fill(&mut client, "stays", 0..2_000, "", |_| {}), BTreeMap::new(), "{policy}");
        assert_eq!(
            fill(&mut client, "goes", 0..KEYS / 2, " EX 10000", |_| {}),
            BTreeMap::new(),
            "{policy}"
        );
        assert_eq!(present(&mut client, "stays", 0..2_000), 2_000, "{policy}");
        assert!(memory(&node, "evicted_keys") > 5_000, "{policy}");
        // These push the others out, and then there is nothing left to evict.
        let refused = fill(&mut client, "more", 0..KEYS / 2, "", |_| {});
        assert!(refused.len() == 1 && refused.get(OOM) > Some(&1_000), "{policy}: {refused:?}");
        assert_eq!(present(&mut client, "stays", 0..2_000), 2_000, "{policy}");
        assert_eq!(present(&mut client, "goes", 0..KEYS / 2), 0, "{policy}");
        // Tombstones count as well; what is left by far more than they take is there at the latest with the next tick.
        client.send(&pipeline((0..300).map(|number| format!("DEL {}", key("more", number)))));
        (0..300).for_each(|_| assert_eq!(client.shown(), "1", "{policy}"));
        wait_for("room for a write", || client.ask("SET a 1") == "OK");
    }
}

#[test]
fn without_a_policy_writes_are_refused_and_all_else_goes_on() {
    let node = setup("none").start();
    let mut client = node.client();
    let refused = fill(&mut client, "key", 0..KEYS / 2, "", |_| {});
    assert!(refused.len() == 1 && refused.get(OOM) > Some(&1_000), "{refused:?}");
    let value = "v".repeat(VALUE_BYTES);
    client.expect(&[
        (&format!("APPEND key:00000000 {value}"), OOM),
        ("GET key:00000000", &value),
        ("EXPIRE key:00000000 100", "1"),
        ("PERSIST key:00000000", "1"),
        ("RENAME key:00000000 other", "OK"),
        ("DEL key:00000001 key:00000002 key:00000003", "3"),
        ("SET a 1", "OK"),
        ("CONFIG SET maxmemory-policy allkeys-lru", "OK"),
    ]);
    assert_eq!(fill(&mut client, "again", 0..5_000, "", |_| {}), BTreeMap::new());
    client.expect(&[("CONFIG SET maxmemory-policy noeviction", "OK")]);
    assert_eq!(node.config()["settings"]["eviction"], json!("none"));
    client.expect(&[("FLUSHALL", "OK"), ("SET a 1", "OK"), ("DBSIZE", "1")]);
}

#[test]
fn a_lower_limit_takes_effect_at_once() {
    let node = setup("allkeys-lru").at("/settings/memory_bytes_max", json!("32MiB")).start();
    let mut client = node.client();
    assert_eq!(fill(&mut client, "key", 0..20_000, "", |_| {}), BTreeMap::new());
    assert_eq!(memory(&node, "evicted_keys"), 0);
    client.expect(&[("CONFIG SET maxmemory 16mb", "OK")]);
    // Without a write: a slice a tick.
    wait_for("evictions", || memory(&node, "used_bytes") <= 16 << 20);
    client.expect(&[("SET a 1", "OK"), ("GET key:00019999", &"v".repeat(VALUE_BYTES))]);
}

#[test]
fn many_keys_go_without_a_write_as_fast_as_turns_have_time() {
    let node = setup("allkeys-lru").at("/settings/memory_bytes_max", json!("32MiB")).start();
    let mut client = node.client();
    for first in (0..240_000).step_by(1_000) {
        let line = |number| format!("SET {} v", key("key", number));
        client.send(&pipeline((first..first + 1_000).map(line)));
        (0..1_000).for_each(|_| assert_eq!(client.shown(), "OK"));
    }
    let before: u64 = client.ask("DBSIZE").parse().expect("a number");
    let since = std::time::Instant::now();
    client.expect(&[("CONFIG SET maxmemory 1", "OK")]);
    wait_for("all keys to go", || client.ask("DBSIZE") == "0");
    // A slice a tick took three quarters of a minute.
    let seconds = since.elapsed().as_secs_f64();
    assert!(before > 200_000 && seconds < 20.0, "{before} keys went in {seconds} s");
}

#[test]
fn the_evicted_are_gone_after_a_start_too() {
    let mut node = setup("allkeys-lru").start();
    let mut client = node.client();
    assert_eq!(fill(&mut client, "key", 0..20_000, "", |_| {}), BTreeMap::new());
    // What was begun by the last write goes on in the turns behind it.
    let mut before = String::new();
    wait_for("the end of the eviction", || {
        thread::sleep(Duration::from_millis(100));
        let now = client.ask("DBSIZE");
        std::mem::replace(&mut before, now.clone()) == now
    });
    node.kill_and_start();
    assert_eq!(node.client().ask("DBSIZE"), before);
}

#[test]
fn what_is_shown_of_it() {
    let node = setup("none").start();
    let mut client = node.client();
    client.expect(&[
        ("CONFIG GET maxmemory-policy", "[maxmemory-policy noeviction]"),
        ("SET a 1", "OK"),
    ]);
    let not_counted = client.ask("OBJECT FREQ a");
    assert!(
        not_counted.starts_with("-ERR An LFU maxmemory policy is not selected"),
        "{not_counted}"
    );
    assert_eq!(change(node.http(), &[("/settings/eviction", json!("allkeys-lfu"))]).status, 200);
    client.expect(&[
        ("CONFIG GET maxmemory-policy", "[maxmemory-policy allkeys-lfu]"),
        ("SET b 1", "OK"),
        ("OBJECT FREQ b", "5"),
        ("GET b", "1"),
        ("OBJECT FREQ b", "6"),
        ("EXISTS b", "1"),
        ("TTL b", "-1"),
        ("TYPE b", "string"),
        ("OBJECT ENCODING b", "int"),
        ("OBJECT FREQ b", "6"),
    ]);
    let idle = client.ask("OBJECT IDLETIME b");
    assert!(idle.starts_with("-ERR An LFU maxmemory policy is selected"), "{idle}");
    let info = client.ask("INFO");
    for field in ["maxmemory_policy:allkeys-lfu", "evicted_keys:0", "maxmemory:16777216"] {
        assert!(info.contains(field), "no {field} in {info}");
    }
    let metrics = get(node.http(), "/metrics").body;
    for name in
        ["hyperion_evicted_keys_total{core=\"0\"} 0", "hyperion_memory_limit_bytes 16777216"]
    {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
    let answer = change(node.http(), &[("/settings/eviction", json!("lru"))]);
    assert_eq!((answer.status, answer.pointer().as_str()), (422, "/settings/eviction"));
}

#[test]
fn a_core_borrows_what_the_other_leaves_and_gives_it_back() {
    let Some(setup) = Setup::two_cores() else { return };
    let limit = 48_u64 << 20;
    let node = setup
        .at("/settings/memory_bytes_max", json!(limit))
        .at("/settings/eviction", json!("allkeys-lru"))
        .start();
    let mut client = node.client();
    let live = |core: usize| {
        let status = get(node.http(), "/status").json();
        status["cores"][core]["live_bytes"].as_u64().expect("a figure")
    };
    // Slots of {b} and {d} lie in the lower and in the upper half: a core each.
    let tags = ["{b}", "{d}"];
    assert_eq!(fill(&mut client, tags[0], 0..60_000, "", |_| {}), BTreeMap::new());
    let (first, second) = (live(0).max(live(1)), live(0).min(live(1)));
    assert!(second == 0 && first > limit * 6 / 10, "{first} and {second} bytes are live");
    // The other core takes its share within some seconds of writing.
    let mut from = 0;
    wait_for("the share of the other core", || {
        assert_eq!(fill(&mut client, tags[1], from..from + 2_000, "", |_| {}), BTreeMap::new());
        from += 2_000;
        let used = memory(&node, "used_bytes");
        assert!(used <= limit * 102 / 100, "{used} of {limit}");
        live(0).min(live(1)) > limit * 3 / 10
    });
}

/// A limit below what a node can work with is taken as Redis takes it: all there is is beyond it.
fn takes_a_limit_that_is_too_low(node: &Node) {
    let mut client = node.client();
    client.expect(&[
        ("SET a 1", "OK"),
        ("MULTI", "OK"),
        ("SET queued 1", "QUEUED"),
        ("CONFIG SET maxmemory-policy noeviction", "QUEUED"),
        ("DISCARD", "OK"),
        ("CONFIG SET maxmemory 1 maxmemory-policy noeviction", "OK"),
        ("CONFIG GET maxmemory", "[maxmemory 1]"),
        ("SET b 1", OOM),
        ("GET a", "1"),
        ("DEL a", "1"),
        ("SET b 1", OOM),
        ("MULTI", "OK"),
        ("SET b 1", OOM),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
    ]);
    let mut eval = |text: &[u8]| super::client::show(&client.call(&[b"EVAL", text, b"1", b"b"]));
    let refused = eval(b"return redis.call('SET', KEYS[1], 1)");
    assert!(refused.starts_with(OOM), "{refused}");
    assert_eq!(eval(b"return redis.call('EXISTS', KEYS[1])"), "0");
    assert_eq!(eval(b"#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1)"), "OK");
    let library = b"#!lua name=l\nredis.register_function('f', function() return 1 end)";
    assert_eq!(super::client::show(&client.call(&[b"FUNCTION", b"LOAD", library])), OOM);
    client.expect(&[
        ("GET b", "1"),
        ("CONFIG SET maxmemory 0", "OK"),
        ("MSET a 1 b 2 c 3", "OK"),
        ("CONFIG SET maxmemory-policy allkeys-lru", "OK"),
        ("CONFIG SET maxmemory 1", "OK"),
    ]);
    wait_for("all keys to go", || client.ask("DBSIZE") == "0");
    client.expect(&[
        ("CONFIG SET maxmemory 0", "OK"),
        ("CONFIG GET maxmemory", "[maxmemory 0]"),
        ("SET a 1", "OK"),
        ("CONFIG SET maxmemory 100mb", "OK"),
        ("CONFIG GET maxmemory", "[maxmemory 104857600]"),
        ("GET a", "1"),
    ]);
}

#[test]
fn a_limit_that_is_too_low_is_met_at_once() {
    takes_a_limit_that_is_too_low(&Setup::new().start());
    if let Some(setup) = Setup::two_cores() {
        takes_a_limit_that_is_too_low(&setup.start());
    }
}

#[test]
fn one_long_value_takes_what_the_other_core_leaves() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup
        .at("/settings/memory_bytes_max", json!("64MiB"))
        .at("/settings/eviction", json!("none"))
        .start();
    let mut client = node.client();
    // More than the half of what may be live, and than what a core is offered ahead.
    let value = vec![b'v'; 44 << 20];
    let mut set = |key: &[u8]| super::client::show(&client.call(&[b"SET", key, &value]));
    for _ in 0..3 {
        for (key, other) in [(b"{b}", b"{d}"), (b"{d}", b"{b}")] {
            // What the other core has let go is known a tick or two later.
            wait_for("memory of the other core", || set(key) == "OK");
            let refused = set(other);
            let truth = "-OOM command not allowed when used memory > 'maxmemory': it takes 46137";
            assert!(refused.starts_with(truth), "{refused}");
            assert!(refused.ends_with(" can be had on the core of its keys"), "{refused}");
            let mut client = node.client();
            client.expect(&[("SET {b}short 1", "OK"), ("SET {d}short 1", "OK")]);
            let name = String::from_utf8_lossy(key);
            client.expect(&[
                (&format!("STRLEN {name}"), &(44 << 20).to_string()),
                (&format!("DEL {name}"), "1"),
            ]);
        }
    }
    client.expect(&[("CONFIG SET maxmemory-policy allkeys-lru", "OK")]);
    let mut set = |key: &[u8]| super::client::show(&client.call(&[b"SET", key, &value]));
    wait_for("memory of the other core", || set(b"{b}") == "OK");
    assert_eq!(set(b"{b}1"), "OK");
    // What would not fit beside what the other core holds is told so, and nothing goes for it.
    assert!(set(b"{d}").starts_with("-OOM "));
    assert_eq!(client.ask("EXISTS {b}1"), "1");
}
