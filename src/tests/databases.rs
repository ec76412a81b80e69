//! SWAPDB: databases change numbers for all clients, what they watch and what they wait for, and keep them over restarts and snapshots.

use serde_json::json;

use super::client::{Client, pipeline, show, words};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};
use super::http_call::{change, get};

fn nodes() -> impl Iterator<Item = Node> {
    let setups = [Some(Setup::new()), Setup::two_cores()];
    setups.into_iter().flatten().map(Setup::start)
}

fn eval(client: &mut Client, script: &str, key: &str) -> String {
    show(&client.call(&[b"EVAL", script.as_bytes(), b"1", key.as_bytes()]))
}

/// Keys of all cores in the databases 0 and 9.
fn fill(client: &mut Client) {
    for key in ["a", "b", "c", "d"] {
        client.expect(&[("SELECT 0", "OK"), (&format!("SET {key} zero"), "OK")]);
        client.expect(&[("SELECT 9", "OK"), (&format!("SET {key} nine"), "OK")]);
    }
    client.expect(&[("SET only nine", "OK"), ("SELECT 0", "OK")]);
}

#[test]
fn numbers_change_for_all_clients() {
    for node in nodes() {
        let [mut client, mut other, mut third] = [node.client(), node.client(), node.client()];
        fill(&mut client);
        other.expect(&[("SELECT 9", "OK"), ("DBSIZE", "5")]);
        third.expect(&[("SELECT 3", "OK")]);
        client.expect(&[("SWAPDB 0 9", "OK")]);
        for (client, mine, number) in [(&mut client, "nine", 0), (&mut other, "zero", 9)] {
            for key in ["a", "b", "c", "d"] {
                client.expect(&[(&format!("GET {key}"), mine)]);
            }
            client.expect(&[("MGET a b c d", &format!("[{mine} {mine} {mine} {mine}]"))]);
            assert_eq!(eval(client, "return redis.call('get',KEYS[1])", "a"), mine);
            let line = client.ask("CLIENT INFO");
            assert!(line.contains(&format!(" db={number} ")), "{line}");
        }
        client.expect(&[("DBSIZE", "5"), ("EXISTS only", "1"), ("KEYS on*", "[only]")]);
        third.expect(&[("DBSIZE", "0"), ("SELECT 0", "OK"), ("GET a", "nine")]);
        let mut late = node.client();
        late.expect(&[("GET a", "nine"), ("SELECT 9", "OK"), ("GET a", "zero")]);
        late.expect(&[("RESET", "RESET"), ("GET a", "nine")]);
        wait_for("figures of the databases", || {
            let text = client.ask("INFO keyspace");
            text.contains("db0:keys=5,") && text.contains("db9:keys=4,")
        });
        // Commands that name a database mean its number.
        client.expect(&[
            ("MOVE only 9", "1"),
            ("COPY a z DB 9", "1"),
            ("COPY a y REPLACE DB 3", "1"),
            ("MOVE a 0", "-ERR source and destination objects are the same"),
            ("EXISTS only", "0"),
            ("MULTI", "OK"),
            ("SELECT 9", "QUEUED"),
            ("GET z", "QUEUED"),
            ("MOVE z 3", "QUEUED"),
            ("EXEC", "[OK nine 1]"),
            ("SELECT 0", "OK"),
        ]);
        let script = "redis.call('select',9) return redis.call('move',KEYS[1],0)";
        assert_eq!(eval(&mut client, script, "only"), "1");
        client.expect(&[
            ("EXISTS only", "1"),
            ("SELECT 3", "OK"),
            ("MGET z y", "[nine nine]"),
            ("SELECT 9", "OK"),
            ("FLUSHDB", "OK"),
            ("DBSIZE", "0"),
            ("SELECT 0", "OK"),
            ("DBSIZE", "5"),
        ]);
        client.expect(&[
            ("SWAPDB a 1", "-ERR invalid first DB index"),
            ("SWAPDB 1 a", "-ERR invalid second DB index"),
            ("SWAPDB 0 16", "-ERR DB index is out of range"),
            ("SWAPDB 3 3", "OK"),
            ("GET a", "nine"),
        ]);
    }
}

/// What moves a key may run on copies of keys of all cores: the key comes to the other database, and one that it meets there stays.
#[test]
fn keys_are_moved_with_others_of_all_cores() {
    for node in nodes() {
        let mut client = node.client();
        fill(&mut client);
        let script = "redis.call('mget','a','b','c','d') return redis.call('move',KEYS[1],ARGV[1])";
        let moved = |client: &mut Client, key: &str, to: &str| {
            let words = [&b"EVAL"[..], script.as_bytes(), b"1", key.as_bytes(), to.as_bytes()];
            show(&client.call(&words))
        };
        for key in ["a", "b", "c", "d"] {
            assert_eq!(moved(&mut client, key, "9"), "0");
            assert_eq!(moved(&mut client, key, "1"), "1");
            client.expect(&[(&format!("EXISTS {key}"), "0"), ("SELECT 1", "OK")]);
            client.expect(&[(&format!("GET {key}"), "zero"), ("SELECT 0", "OK")]);
        }
        client.expect(&[
            ("SELECT 1", "OK"),
            ("MULTI", "OK"),
            ("MGET a b c d", "QUEUED"),
            ("MOVE a 2", "QUEUED"),
            ("MOVE b 9", "QUEUED"),
            ("MOVE c 2", "QUEUED"),
            ("EXEC", "[[zero zero zero zero] 1 0 1]"),
            ("MGET a b c d", "[nil zero nil zero]"),
            ("SELECT 2", "OK"),
            ("MGET a b c d", "[zero nil zero nil]"),
            ("SELECT 9", "OK"),
            ("MGET a b c d", "[nine nine nine nine]"),
        ]);
    }
}

#[test]
fn who_watches_or_waits_is_told() {
    for node in nodes() {
        let mut swapper = node.client();
        let [mut watching, mut calm] = [node.client(), node.client()];
        fill(&mut swapper);
        watching.expect(&[("WATCH a", "OK")]);
        calm.expect(&[
            ("SELECT 5", "OK"),
            ("WATCH a", "OK"),
            ("MULTI", "OK"),
            ("SET a 5", "QUEUED"),
        ]);
        watching.expect(&[("MULTI", "OK"), ("SET a 1", "QUEUED")]);
        // Lists that are there under the number that is waited for: for a key of either core, and for keys of both.
        swapper.expect(&[("SELECT 7", "OK"), ("RPUSH l:a x", "1"), ("RPUSH l:b y", "1")]);
        swapper.expect(&[("RPUSH l:c z", "1"), ("SELECT 0", "OK")]);
        let waits = ["BLPOP l:a 0", "BLPOP l:b 0", "BLPOP none:1 none:2 l:c 0", "BLPOP later 0"];
        let mut waiting: Vec<Client> = waits
            .iter()
            .map(|line| {
                let mut client = node.client();
                client.send(&words(line));
                client
            })
            .collect();
        wait_for("all that wait", || swapper.ask("INFO clients").contains("blocked_clients:4\r\n"));
        swapper.expect(&[("SWAPDB 0 7", "OK")]);
        let told: Vec<String> = waiting[..3].iter_mut().map(Client::shown).collect();
        assert_eq!(told, ["[l:a x]", "[l:b y]", "[l:c z]"]);
        // The last one waits for the key of the database that has its number now.
        swapper.send(&pipeline(["SELECT 7", "RPUSH later old", "SELECT 0", "RPUSH later new"]));
        for answer in ["OK", "1", "OK", "1"] {
            assert_eq!(swapper.shown(), answer);
        }
        assert_eq!(waiting[3].shown(), "[later new]");
        watching.expect(&[("EXEC", "nil"), ("GET a", "nil")]);
        if node.config()["nodes"][0]["cores"].as_str().is_some_and(|cores| !cores.contains(',')) {
            // Nothing before and nothing after: nothing has changed, but what comes then counts.
            watching.expect(&[("WATCH gone", "OK"), ("SWAPDB 0 7", "OK"), ("MULTI", "OK")]);
            watching.expect(&[("EXEC", "[]"), ("WATCH gone", "OK"), ("SWAPDB 0 7", "OK")]);
            swapper.expect(&[("SET gone back", "OK")]);
            watching.expect(&[("MULTI", "OK"), ("EXEC", "nil")]);
        }
        calm.expect(&[("EXEC", "[OK]")]);
    }
}

#[test]
fn events_and_lines_have_the_numbers_of_clients() {
    let node = Setup::new().at("/settings/notify_keyspace_events", json!("K$")).start();
    let [mut client, mut listener, mut monitor] = [node.client(), node.client(), node.client()];
    client.expect(&[("SWAPDB 0 4", "OK")]);
    listener.expect(&[("PSUBSCRIBE *", "[psubscribe * 1]")]);
    monitor.expect(&[("MONITOR", "OK")]);
    client.expect(&[("SET k v", "OK")]);
    assert_eq!(listener.shown(), "[pmessage * __keyspace@0__:k set]");
    let line = monitor.shown();
    assert!(line.contains(" [0 ") && line.contains("\"SET\" \"k\" \"v\""), "{line}");
}

#[test]
fn numbers_stay_over_starts_and_configs() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    fill(&mut client);
    client.expect(&[("SWAPDB 9 0", "OK"), ("SWAPDB 0 1", "OK")]);
    node.kill_and_start();
    node.client().expect(&[("DBSIZE", "0"), ("SELECT 1", "OK"), ("GET a", "nine")]);
    // A config that does not name the order keeps it.
    let mut next = get(node.http(), "/config?next=1").json();
    let settings = next["settings"].as_object_mut().expect("an object");
    assert!(settings.remove("databases").is_some());
    settings.insert("sync_interval_ms".to_owned(), json!(77));
    let answer = super::http_call::post(node.http(), "/config", &next.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut client = node.client();
    client.expect(&[("DBSIZE", "0"), ("SELECT 9", "OK"), ("GET a", "zero")]);
    let answer = change(node.http(), &[("/settings/databases", json!([1, 0]))]);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("/settings/databases"), "{answer:?}");
    client.expect(&[("SWAPDB 1 0", "OK"), ("SWAPDB 0 9", "OK"), ("GET a", "nine")]);
    let config = get(node.http(), "/config").json();
    assert!(config["settings"].get("databases").is_none(), "{config}");
}

#[test]
fn a_cluster_refuses() {
    let cluster = Cluster::plan(3).start();
    cluster.client(1).expect(&[("SWAPDB 0 1", "-ERR SWAPDB is not allowed in cluster mode")]);
}
