//! Functions of libraries: the answers of Redis, on stable storage, on every core and every node, and their payloads both ways.

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::beside_redis::Redis;
use super::client::{Client, show};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};

const LIBRARY: &str = "#!lua name=lib
local function add(keys, words)
    local sum = redis.call('INCRBY', keys[1], words[1])
    return sum
end
redis.register_function('add', add)
redis.register_function{
    function_name = 'Read', description = 'reads', flags = { 'no-writes', 'allow-stale' },
    callback = function(keys) return redis.call('GET', keys[1]) end,
}";

fn load(client: &mut Client, code: &str) -> String {
    show(&client.call(&[b"FUNCTION", b"LOAD", code.as_bytes()]))
}

fn on_one_core_and_two(test: fn(&Node)) {
    test(&Setup::new().start());
    if let Some(setup) = Setup::two_cores() {
        test(&setup.start());
    }
}

#[test]
fn functions_answer_as_in_redis() {
    on_one_core_and_two(|node| {
        let [mut client, mut other] = [node.client(), node.client()];
        assert_eq!(load(&mut client, LIBRARY), "lib");
        for client in [&mut client, &mut other] {
            client.expect(&[
                ("FCALL add 1 {n} 2", "2"),
                ("fcall ADD 1 {n} -2", "0"),
                ("FCALL read 1 {n}", "0"),
                ("FCALL_RO read 1 {n}", "0"),
                (
                    "FCALL_RO add 1 {n} 1",
                    "-ERR Can not execute a script with write flag using *_ro command.",
                ),
                ("FCALL none 0", "-ERR Function not found"),
                ("FCALL add x", "-ERR Bad number of keys provided"),
                ("FCALL add 2 a", "-ERR Number of keys can't be greater than number of args"),
                ("FCALL add -1 a", "-ERR Number of keys can't be negative"),
                ("FUNCTION LIST LIBRARYNAME nothing*", "[]"),
                (
                    "FUNCTION LIST LIBRARYNAME LI*",
                    "[[library_name lib engine LUA functions [[name add description nil flags []] [name Read description reads flags [no-writes allow-stale]]]]]",
                ),
                (
                    "FUNCTION STATS",
                    "[running_script nil engines [LUA [libraries_count 1 functions_count 2]]]",
                ),
                ("FUNCTION KILL", "-NOTBUSY No scripts in execution right now."),
                ("COMMAND GETKEYS FCALL add 1 x foo", "[x]"),
            ]);
        }
        let answer = client.ask("FCALL add 1 {n} word");
        let error =
            "-ERR value is not an integer or out of range script: add, on @user_function:3.";
        assert_eq!(answer, error);
        // In a transaction, behind what stands before it.
        client.expect(&[
            ("MULTI", "OK"),
            ("SET {n} 40", "QUEUED"),
            ("FCALL add 1 {n} 2", "QUEUED"),
            ("GET {n}", "QUEUED"),
            ("EXEC", "[OK 42 42]"),
            ("FLUSHALL", "OK"),
            ("FUNCTION DELETE none", "-ERR Library not found"),
            ("FUNCTION DELETE lib", "OK"),
            ("FCALL add 1 {n} 2", "-ERR Function not found"),
        ]);
        other.expect(&[("FUNCTION LIST", "[]")]);
    });
}

#[test]
fn what_is_no_library_is_refused() {
    let node = Setup::new().start();
    let mut client = node.client();
    assert_eq!(load(&mut client, LIBRARY), "lib");
    let one = |line: &str| format!("#!lua name=other\n{line}");
    for (code, error) in [
        ("return 1", "ERR Missing library metadata"),
        ("#!lua name=x", "ERR Invalid library metadata"),
        ("#!lua\n", "ERR Library name was not given"),
        ("#! name=x\n", "ERR Engine '' not found"),
        ("#!js name=x\n", "ERR Engine 'js' not found"),
        ("#!lua name=x foo=bar\n", "ERR Invalid metadata value given: foo=bar"),
        (
            "#!lua name=x name=y\n",
            "ERR Invalid metadata value, name argument was given multiple times",
        ),
        (
            "#!lua name=\"a b\"\n",
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ),
        (
            &one("bad script"),
            "ERR Error compiling function: user_function:2: '=' expected near 'script'",
        ),
        (&one("return 1"), "ERR No functions registered"),
        (
            &one("a = 1"),
            "ERR Error registering functions: ERR user_function:2: Attempt to modify a readonly table",
        ),
        (
            &one("return math.random()"),
            "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'math'",
        ),
        (
            &one("redis.call('PING')"),
            "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            &one("redis.register_function('f')"),
            "ERR Error registering functions: ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (&one("while true do end"), "ERR Error registering functions: ERR FUNCTION LOAD timeout"),
        (&one("redis.register_function('ADD', function() end)"), "ERR Function ADD already exists"),
        (LIBRARY, "ERR Library 'lib' already exists"),
    ] {
        assert_eq!(load(&mut client, code), format!("-{error}"), "{code}");
    }
    client.expect(&[(
        "FUNCTION STATS",
        "[running_script nil engines [LUA [libraries_count 1 functions_count 2]]]",
    )]);
    // A function that changes what it found would be found by the next one.
    for code in [
        "redis.call = nil",
        "rawset(redis, 'call', 1)",
        "string.sub = nil",
        "_G.redis = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
    ] {
        let code = format!("#!lua name=bad\nredis.register_function('bad', function() {code} end)");
        assert_eq!(show(&client.call(&[b"FUNCTION", b"LOAD", b"REPLACE", code.as_bytes()])), "bad");
        let answer = client.ask("FCALL bad 0");
        assert!(answer.contains("Attempt to modify a readonly table"), "{code}: {answer}");
    }
}

/// An acknowledged library is there after a crash.
#[test]
fn libraries_outlive_a_crash() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    assert_eq!(load(&mut client, LIBRARY), "lib");
    for number in 0..5 {
        let code = format!(
            "#!lua name=l{number}\nredis.register_function('f{number}', function() return {number} end)"
        );
        assert_eq!(load(&mut client, &code), format!("l{number}"));
        node.kill_and_start();
        client = node.client();
        client.expect(&[(&format!("FCALL f{number} 0"), &number.to_string())]);
    }
    client.expect(&[("FCALL add 1 n 1", "1"), ("FUNCTION DELETE l3", "OK")]);
    node.kill_and_start();
    node.client().expect(&[
        ("FCALL f3 0", "-ERR Function not found"),
        ("FCALL f4 0", "4"),
        ("FUNCTION FLUSH", "OK"),
        ("FUNCTION LIST", "[]"),
    ]);
}

#[test]
fn payloads_go_both_ways_between_redis_and_here() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let long = format!(
        "#!lua name=long\n{}redis.register_function('g', function() return 7 end)",
        "-- x\n".repeat(2_000)
    );
    for code in [LIBRARY, &long] {
        load(&mut ours, code);
    }
    let Reply::Bulk(payload) = ours.call(&[b"FUNCTION", b"DUMP"]) else { panic!("no payload") };
    assert_eq!(show(&theirs.call(&[b"FUNCTION", b"RESTORE", &payload])), "OK");
    theirs.expect(&[("FCALL g 0", "7"), ("FCALL add 1 n 1", "1")]);
    // What Redis writes, packed, is read here.
    let Reply::Bulk(payload) = theirs.call(&[b"FUNCTION", b"DUMP"]) else { panic!("no payload") };
    ours.expect(&[("FUNCTION FLUSH", "OK")]);
    for (policy, answer) in [
        (&b"APPEND"[..], "OK"),
        (b"APPEND", "-ERR Library lib already exists"),
        (b"REPLACE", "OK"),
        (b"FLUSH", "OK"),
        (
            b"FOO",
            "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ),
    ] {
        assert_eq!(show(&ours.call(&[b"FUNCTION", b"RESTORE", &payload, policy])), answer);
    }
    ours.expect(&[("FCALL g 0", "7"), ("FCALL add 1 n 1", "1")]);
    assert_eq!(ours.ask("FUNCTION RESTORE bad"), "-ERR DUMP payload version or checksum are wrong");
    // A function of it is in a library of another name.
    ours.expect(&[("FUNCTION FLUSH", "OK")]);
    load(&mut ours, "#!lua name=mine\nredis.register_function('g', function() return 8 end)");
    assert_eq!(
        show(&ours.call(&[b"FUNCTION", b"RESTORE", &payload, b"REPLACE"])),
        "-ERR Function g already exists"
    );
    ours.expect(&[("FCALL g 0", "8")]);
}

/// A library that one node takes is on all, and on one that was away.
#[test]
fn a_cluster_has_libraries_on_every_node() {
    let mut cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    let mut first = cluster.client(1);
    wait_for("the library to be taken", || load(&mut first, LIBRARY) == "lib");
    cluster.kill(3);
    let code = "#!lua name=late\nredis.register_function('late', function() return redis.call('SET', 'k', 'v') end)";
    wait_for("the second library to be taken", || load(&mut first, code) == "late");
    cluster.start_again(3);
    for node in cluster.numbers() {
        let mut client = cluster.client(node);
        for (line, answer) in [("FCALL late 0", "OK"), ("GET k", "v"), ("FCALL_RO read 1 k", "v")] {
            wait_for("it to be there", || client.ask(line) == answer);
        }
    }
    let code = "#!lua name=alone\nredis.register_function{function_name='alone', callback=function() end, flags={'no-cluster'}}";
    assert_eq!(load(&mut first, code), "alone");
    first.expect(&[(
        "FCALL alone 0",
        "-ERR Can not run script on cluster, 'no-cluster' flag is set.",
    )]);
}
