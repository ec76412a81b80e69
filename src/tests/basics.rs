//! Owns tests of what every client meets first.

use std::collections::BTreeSet;

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, pipeline, show};
use super::harness::{Node, Setup, wait_for};
use super::tour::{long_pipeline, random_pipelines, tour};

#[test]
fn the_tour() {
    let node = Setup::new().start();
    let mut client = node.client();
    tour(&mut client);
    long_pipeline(&mut client);
    random_pipelines(&mut client, 1, 20);
}

/// A terminal that is closed ends nothing.
#[test]
fn a_hangup_ends_nothing_and_the_log_says_what_does() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[("SET a 1", "OK")]);
    node.signal("HUP");
    wait_for("a word in the log", || node.log().contains("SIGTERM ends the node"));
    client.expect(&[("GET a", "1")]);
    assert_eq!(node.stop(), 0);
}

#[test]
fn a_command_may_come_byte_by_byte() {
    let node = Setup::new().start();
    let mut client = node.client();
    for byte in pipeline(["SET slow 1", "GET slow"]) {
        client.send(&[byte]);
    }
    assert_eq!([client.shown(), client.shown()], ["OK", "1"]);
}

#[test]
fn a_client_that_has_said_all_is_still_answered() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.send(&pipeline(["SET last 1", "GET last"]));
    client.end();
    assert_eq!([client.shown(), client.shown()], ["OK", "1"]);
    assert!(client.is_closed_by_node());
    let mut client = node.client();
    assert_eq!(client.ask("QUIT"), "OK");
    assert!(client.is_closed_by_node());
}

/// The mode used to be over before the answer of a command that is answered later, which then was heard.
#[test]
fn a_skipped_answer_is_silent_whenever_it_comes() {
    let setups = [Some(Setup::new()), Setup::two_cores()];
    for (cores, setup) in
        setups.into_iter().enumerate().filter_map(|(at, setup)| Some((at + 1, setup?)))
    {
        let node = setup.start();
        let mut client = node.client();
        for line in [
            "PING",
            "GET a",
            "MSET a 1 b 2 c 3 d 4 e 5 f 6",
            "DEL a b c d e f",
            "DBSIZE",
            "KEYS *",
            "CLIENT LIST",
            "CONFIG SET maxclients 1000",
            "CONFIG RESETSTAT",
            "DEBUG SLEEP 0.01",
            "NONSENSE",
            "GET",
            "CONFIG SET nonsense 1",
            "CLIENT REPLY SKIP",
        ] {
            client.send(&pipeline(["ECHO before", "CLIENT REPLY SKIP", line, "ECHO behind"]));
            assert_eq!(client.shown(), "before", "{line} on {cores} cores");
            if line == "CLIENT REPLY SKIP" {
                client.send(&pipeline(["ECHO behind"]));
            }
            assert_eq!(client.shown(), "behind", "{line} on {cores} cores");
        }
        client.send(&pipeline([
            "CLIENT REPLY OFF",
            "MSET a 1 b 2",
            "CLIENT LIST",
            "CLIENT REPLY ON",
            "DBSIZE",
        ]));
        assert_eq!([client.shown(), client.shown()], ["OK", "2"], "on {cores} cores");
    }
}

#[test]
fn both_protocols_are_spoken() {
    let node = Setup::new().start();
    let mut client = node.client();
    let Reply::Array(fields) = client.call(&[b"HELLO"]) else { panic!("RESP2 has no maps") };
    assert_eq!(show(&fields[0]), "server");
    let Reply::Map(fields) = client.call(&[b"HELLO", b"3", b"SETNAME", b"tester"]) else {
        panic!("RESP3 has maps")
    };
    let protocol =
        fields.iter().find(|(name, _)| show(name) == "proto").map(|(_, value)| show(value));
    assert_eq!(protocol.as_deref(), Some("3"));
    assert!(matches!(client.call(&[b"CONFIG", b"GET", b"maxclients"]), Reply::Map(_)));
    client.expect(&[
        ("CLIENT GETNAME", "tester"),
        ("GET nothing", "nil"),
        ("HELLO 4", "-NOPROTO unsupported protocol version"),
        ("RESET", "RESET"),
    ]);
    assert!(matches!(client.call(&[b"CONFIG", b"GET", b"maxclients"]), Reply::Array(_)));
}

#[test]
fn sixteen_databases_stand_apart() {
    let node = Setup::new().start();
    let mut client = node.client();
    for database in 0..16 {
        client.expect(&[
            (&format!("SELECT {database}"), "OK"),
            (&format!("SET key {database}"), "OK"),
        ]);
    }
    for database in 0..16 {
        client.expect(&[
            (&format!("SELECT {database}"), "OK"),
            ("GET key", &database.to_string()),
            ("DBSIZE", "1"),
        ]);
    }
    client.expect(&[
        ("SELECT 16", "-ERR DB index is out of range"),
        ("SELECT x", "-ERR value is not an integer or out of range"),
        ("FLUSHDB", "OK"),
        ("DBSIZE", "0"),
        ("SELECT 14", "OK"),
        ("DBSIZE", "1"),
        ("FLUSHALL", "OK"),
        ("SELECT 3", "OK"),
        ("DBSIZE", "0"),
    ]);
}

#[test]
fn a_unix_socket_is_a_door_too() {
    let mut node = Setup::new().prepare();
    let path = node.folder().join("redis.sock");
    node.edit(&[("/nodes/0/unix", json!(path.to_str()))]);
    node.start();
    tour(&mut Client::unix(&path));
    // One that a killed process left is no obstacle.
    node.kill_and_start();
    tour(&mut Client::unix(&path));
}

#[test]
fn several_clients_see_each_others_writes() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut clients: Vec<Client> = (0..8).map(|_| node.client()).collect();
    for round in 0..50 {
        for writer in 0..clients.len() {
            let (key, value) = (format!("k{}", round % 7), format!("{round}-{writer}"));
            assert_eq!(clients[writer].ask(&format!("SET {key} {value}")), "OK");
            let reader = (writer + 3) % clients.len();
            assert_eq!(clients[reader].ask(&format!("GET {key}")), value);
        }
    }
}

#[test]
fn over_two_cores_answers_come_in_order() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    // Clients are given to the cores in turn.
    let (mut first, mut second) = (node.client(), node.client());
    for client in [&mut first, &mut second] {
        tour(client);
        long_pipeline(client);
    }
    random_pipelines(&mut first, 2, 40);
    random_pipelines(&mut second, 3, 40);
}

fn keys(client: &mut Client) -> BTreeSet<String> {
    let (mut found, mut cursor) = (BTreeSet::new(), "0".to_owned());
    loop {
        let Reply::Array(parts) = client.call(&[b"SCAN", cursor.as_bytes(), b"COUNT", b"100"])
        else {
            panic!("SCAN")
        };
        let [next, Reply::Array(keys)] = parts.as_slice() else {
            panic!("SCAN answers cursor and keys")
        };
        found.extend(keys.iter().map(show));
        cursor = show(next);
        if cursor == "0" {
            return found;
        }
    }
}

fn count(client: &mut Client) -> usize {
    client.ask("DBSIZE").parse().expect("a number")
}

/// A scan goes on at the next core until it has looked at enough: a client that calls it once sees a small database whole.
#[test]
fn one_call_scans_the_cores() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    for mut client in [node.client(), node.client()] {
        client.expect(&[("FLUSHALL", "OK"), ("SCAN 0", "[0 []]"), ("MSET a 1 b 2 c 3", "OK")]);
        let Reply::Array(parts) = client.call(&[b"SCAN", b"0"]) else { panic!("SCAN") };
        let Reply::Array(found) = &parts[1] else { panic!("SCAN answers cursor and keys") };
        assert_eq!((show(&parts[0]).as_str(), found.len()), ("0", 3));
        client.expect(&[
            ("SCAN 0 MATCH b", "[0 [b]]"),
            ("SCAN x", "-ERR invalid cursor"),
            ("SCAN 0 COUNT 0", "-ERR syntax error"),
            ("SCAN 18446744073709551615", "[0 []]"),
        ]);
        // No more than is asked for: about one key a call, and all of them in the end.
        let many = (0..200).map(|number| format!("SET key:{number} {number}"));
        client.send(&pipeline(many));
        (0..200).for_each(|_| assert_eq!(client.shown(), "OK"));
        let Reply::Array(parts) = client.call(&[b"SCAN", b"0", b"COUNT", b"150"]) else {
            panic!("SCAN")
        };
        let Reply::Array(found) = &parts[1] else { panic!("SCAN answers cursor and keys") };
        assert!((150..203).contains(&found.len()), "{} keys", found.len());
        assert_eq!(keys(&mut client).len(), 203);
    }
}

#[test]
fn a_cores_own_address_means_its_part() {
    let Some(setup) = Setup::two_cores() else { return };
    let node: Node = setup.at("/nodes/0/resp_cores", json!(1)).start();
    let mut whole = node.client();
    whole.send(&pipeline((0..400).map(|number| format!("SET key:{number} {number}"))));
    (0..400).for_each(|_| assert_eq!(whole.shown(), "OK"));
    let (mut first, mut second) = (Client::tcp(node.resp_core(0)), Client::tcp(node.resp_core(1)));
    let (first_keys, second_keys) = (keys(&mut first), keys(&mut second));
    assert_eq!((first_keys.len(), second_keys.len()), (count(&mut first), count(&mut second)));
    assert!(
        first_keys.len() > 100 && second_keys.len() > 100,
        "{} and {}",
        first_keys.len(),
        second_keys.len()
    );
    assert!(first_keys.is_disjoint(&second_keys));
    assert_eq!(first_keys.len() + second_keys.len(), 400);
    assert_eq!(keys(&mut whole).len(), 400);
    // Every key is reached by every address.
    for key in &second_keys {
        assert_eq!(first.ask(&format!("GET {key}")), key["key:".len()..]);
    }
    assert_eq!(second.ask("FLUSHALL"), "OK");
    assert_eq!(
        (count(&mut second), count(&mut first), count(&mut whole)),
        (0, first_keys.len(), first_keys.len())
    );
    assert_eq!(whole.ask("FLUSHALL"), "OK");
    assert_eq!((count(&mut first), count(&mut whole)), (0, 0));
}

#[test]
fn clients_of_all_cores_are_listed_and_ended() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut clients: Vec<Client> = (0..6).map(|_| node.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("CLIENT SETNAME c{number}")), "OK");
    }
    let list = clients[0].ask("CLIENT LIST");
    for number in 0..6 {
        assert!(list.contains(&format!(" name=c{number} ")), "{list}");
    }
    let number = clients[3].ask("CLIENT ID");
    assert_eq!(clients[0].ask(&format!("CLIENT KILL ID {number}")), "1");
    assert!(clients[3].is_closed_by_node());
    assert!(!clients[1].ask("CLIENT LIST").contains(" name=c3 "));
}

/// INFO once showed other cores' keys as they had been a tick ago: right after a SET there were none.
#[test]
fn info_counts_the_keys_of_all_cores_at_once() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut client = node.client();
    for count in 1..=20 {
        client.expect(&[(&format!("SET key-{count} v"), "OK")]);
        let text = client.ask("INFO keyspace");
        assert!(text.contains(&format!("db0:keys={count},")), "after {count} keys: {text}");
    }
}

/// What a monitor reads of INFO: reads that found and missed, on one core and over two, and what CONFIG RESETSTAT sets back.
#[test]
fn info_counts_reads_and_begins_anew_after_a_reset() {
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let node = setup.start();
        let mut client = node.client();
        let field = |client: &mut Client, name: &str| -> String {
            let text = client.ask("INFO");
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{name}: {text}")).trim().to_owned()
        };
        let counts = |client: &mut Client| {
            ["keyspace_hits", "keyspace_misses"].map(|name| field(client, name))
        };
        client.expect(&[
            // Writes are no reads, whatever they look up.
            ("MSET a 1 b 2 c 3 d 4", "OK"),
            ("INCR a", "2"),
            ("DEL nothing a", "1"),
            ("RENAME b e", "OK"),
            ("MSETNX f 1 c 1", "0"),
        ]);
        assert_eq!(counts(&mut client), ["0", "0"]);
        client.expect(&[
            ("GET c", "3"),
            ("GET a", "nil"),
            ("MGET a b c d e", "[nil nil 3 4 2]"),
            ("EXISTS c a", "1"),
            ("TTL c", "-1"),
        ]);
        assert_eq!(counts(&mut client), ["6", "4"]);
        client.expect(&[("SET g 1 PX 1", "OK")]);
        wait_for("the end of a key", || client.ask("GET g") == "nil");
        assert_eq!(field(&mut client, "expired_keys"), "1");
        let members: Vec<String> = (0..3_000).map(|at| format!("member:{at}")).collect();
        for (command, given_back) in [("UNLINK s", "1"), ("DEL s", "2"), ("FLUSHALL ASYNC", "3")] {
            client.expect(&[(&format!("SADD s {}", members.join(" ")), "3000"), ("SADD t a", "1")]);
            client.ask(command);
            wait_for("what is given back", || {
                field(&mut client, "lazyfreed_objects") == given_back
            });
            assert_eq!(field(&mut client, "lazyfree_pending_objects"), "0", "{command}");
            client.expect(&[("DEL t", if command == "FLUSHALL ASYNC" { "0" } else { "1" })]);
        }
        client.expect(&[("SET c 3", "OK"), ("SET e 2", "OK")]);
        let number = |text: String| text.parse::<u64>().expect("a number");
        assert!(number(field(&mut client, "total_commands_processed")) > 10);
        let peak = number(field(&mut client, "used_memory_peak"));
        assert!(peak > 0 && peak >= number(field(&mut client, "used_memory")));
        let before = number(field(&mut client, "total_net_input_bytes"));
        client.expect(&[("CONFIG RESETSTAT", "OK")]);
        assert_eq!(counts(&mut client), ["0", "0"]);
        assert_eq!(field(&mut client, "expired_keys"), "0");
        assert_eq!(field(&mut client, "lazyfreed_objects"), "0");
        assert!(number(field(&mut client, "total_net_input_bytes")) < before);
        client.expect(&[("GET c", "3")]);
        assert_eq!(counts(&mut client), ["1", "0"]);
        wait_for("a rate", || {
            (0..50).for_each(|_| client.expect(&[("PING", "PONG")]));
            number(field(&mut client, "instantaneous_ops_per_sec")) > 0
        });
    }
}

/// The first core used to say `ready` before the others had their listeners, and to end without the reason of one that had none.
#[test]
fn a_core_without_its_listener_ends_the_start_before_it_is_ready() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = setup.at("/nodes/0/resp_cores", json!(1)).start();
    assert_eq!(node.stop(), 0);
    let address = node.resp_core(1);
    let _taken = std::net::TcpListener::bind(address).expect("the node has left it");
    node.launch();
    assert!(!node.wait_end().success());
    let log = node.log();
    assert!(!log.contains("ready:"), "{log}");
    assert!(log.contains(&format!("hyperiond: cannot listen on {address}: ")), "{log}");
}

/// What a monitor reads of keys that expire, of scripts and functions, and of a start.
#[test]
fn info_tells_of_upkeep_scripts_and_the_start() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    let field = |client: &mut Client, name: &str| -> String {
        let text = client.ask("INFO");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}: {text}")).trim().to_owned()
    };
    let number = |text: String| text.parse::<u64>().expect("a number");
    assert_eq!(number(field(&mut client, "used_memory_lua")), 0);
    client.expect(&[("EVAL return(1) 0", "1")]);
    wait_for("memory of Lua", || number(field(&mut client, "used_memory_lua")) > 10_000);
    assert_eq!(field(&mut client, "used_memory_scripts_eval"), "9");
    // What scripts have left behind goes with them.
    let many = b"local t = {} for i = 1, 50000 do t[i] = i .. 'x' end return #t";
    assert_eq!(show(&client.call(&[b"EVAL", many, b"0"])), "50000");
    wait_for("more of it", || number(field(&mut client, "used_memory_lua")) > 1_000_000);
    client.expect(&[("SCRIPT FLUSH", "OK"), ("EVAL return(1) 0", "1")]);
    wait_for("less of it", || number(field(&mut client, "used_memory_lua")) < 100 << 10);
    let library = b"#!lua name=l\nredis.register_function('f', function() return 1 end)\nredis.register_function('g', function() return 2 end)";
    assert_eq!(show(&client.call(&[b"FUNCTION", b"LOAD", library])), "l");
    assert_eq!(field(&mut client, "number_of_functions"), "2");
    assert_eq!(number(field(&mut client, "used_memory_functions")), library.len() as u64 + 1);

    for key in 0..50 {
        client.expect(&[(&format!("SET key:{key} v PX 1000000"), "OK")]);
    }
    client.expect(&[("SET stays v", "OK")]);
    let mut life = 0;
    wait_for("a look at the keys", || {
        let line = field(&mut client, "db0");
        life = number(line.split_once("avg_ttl=").expect("it is there").1.to_owned());
        life > 0
    });
    assert!(life > 900_000 && life <= 1_000_000, "{life}");
    assert_eq!(node.stop(), 0);
    node.start();
    let mut client = node.client();
    assert_eq!(field(&mut client, "rdb_last_load_keys_loaded"), "51");
    assert!(number(field(&mut client, "aof_base_size")) > 50 * 20);
    assert_eq!(field(&mut client, "total_eviction_exceeded_time"), "0");
}
