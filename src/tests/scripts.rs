//! Scripts in Lua, on one core and on two, and on three nodes: the answers of Redis, whoever owns the keys.

use serde_json::json;

use super::client::{Client, command, show};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup};

fn on_one_core_and_two(test: fn(&Node)) {
    test(&Setup::new().start());
    if let Some(setup) = Setup::two_cores() {
        test(&setup.start());
    }
}

fn eval(client: &mut Client, script: &str, words: &[&str]) -> String {
    let mut line: Vec<&[u8]> = vec![b"EVAL", script.as_bytes()];
    line.extend(words.iter().map(|word| word.as_bytes()));
    show(&client.call(&line))
}

/// Keys wherever they lie are told to a script that asks about all of them, also within a transaction.
fn asks_about_all(client: &mut Client) {
    client.expect(&[("FLUSHALL", "OK"), ("SET other 1", "OK")]);
    (0..20).for_each(|number| client.expect(&[(&format!("SET k{number} 1"), "OK")]));
    let delete = "local keys = redis.call('KEYS', ARGV[1]) for _, key in ipairs(keys) do redis.call('DEL', key) end return #keys";
    let scan = "local cursor, count = '0', 0 repeat local said = redis.call('SCAN', cursor, 'COUNT', 5) cursor, count = said[1], count + #said[2] until cursor == '0' return count";
    for (script, words, answer) in [
        ("return #redis.call('KEYS', '*') + redis.call('DBSIZE')", &["0"][..], "42"),
        ("return redis.call('EXISTS', redis.call('RANDOMKEY'))", &["0"], "1"),
        (scan, &["0"], "21"),
        (delete, &["0", "k1*"], "11"),
        ("return redis.call('DBSIZE')", &["1", "other"], "10"),
        ("redis.call('SELECT', 1) return redis.call('DBSIZE')", &["0"], "0"),
        ("return redis.pcall('SCAN', 'x').err", &["0"], "ERR invalid cursor"),
    ] {
        assert_eq!(eval(client, script, words), answer, "{script}");
    }
    client.expect(&[("MULTI", "OK"), ("SET k1 1", "QUEUED")]);
    assert_eq!(eval(client, delete, &["0", "k*"]), "QUEUED");
    client.expect(&[
        ("EXISTS k1 k2 other", "QUEUED"),
        ("EXEC", "[OK 10 1]"),
        ("KEYS *", "[other]"),
    ]);
}

#[test]
fn scripts_ask_about_all_keys() {
    on_one_core_and_two(|node| {
        for mut client in [node.client(), node.client()] {
            asks_about_all(&mut client);
        }
    });
    let cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    asks_about_all(&mut cluster.client(1));
}

/// What is told was there before the script, so one that has written is refused where others have keys.
#[test]
fn a_script_that_has_written_does_not_ask_other_cores() {
    let Some(setup) = Setup::two_cores() else { return };
    let answer = eval(
        &mut setup.start().client(),
        "redis.call('SET', 'a', 1) return redis.call('DBSIZE')",
        &["0"],
    );
    assert!(answer.contains("'dbsize' cannot run together with commands"), "{answer}");
}

/// A node that is to have replicas and has none takes no writes, from scripts neither.
#[test]
fn writes_wait_for_replicas_where_these_are_asked_for() {
    const MISSING: &str = "-NOREPLICAS Not enough good replicas to write.";
    on_one_core_and_two(|node| {
        let mut client = node.client();
        client.expect(&[("SET a 1", "OK"), ("CONFIG SET min-replicas-to-write 1", "OK")]);
        client.expect(&[("SET a 2", MISSING), ("GET a", "1"), ("MULTI", "OK"), ("DEL a", MISSING)]);
        client.expect(&[("EXEC", "-EXECABORT Transaction discarded because of previous errors.")]);
        for (script, answer) in [
            ("return redis.call('GET', 'a')", "1"),
            ("#!lua flags=no-writes\nreturn redis.call('GET', 'a')", "1"),
            ("#!lua\nreturn redis.call('GET', 'a')", MISSING),
            ("return redis.call('SET', 'a', 2)", MISSING),
        ] {
            let said = eval(&mut client, script, &["0"]);
            assert!(said.starts_with(answer), "{script}: {said}");
        }
        client.expect(&[("CONFIG SET min-replicas-to-write 0", "OK"), ("SET a 2", "OK")]);
    });
}

#[test]
fn scripts_answer_as_in_redis() {
    on_one_core_and_two(|node| {
        for mut client in [node.client(), node.client()] {
            client.expect(&[("FLUSHALL", "OK")]);
            for (script, words, answer) in [
                ("return 1", &["0"][..], "1"),
                ("return {1,2,'a',{3}}", &["0"], "[1 2 a [3]]"),
                ("return {1,nil,3}", &["0"], "[1]"),
                ("return nil", &["0"], "nil"),
                ("return 3.99", &["0"], "3"),
                ("return {KEYS[1],ARGV[1]}", &["1", "k", "v"], "[k v]"),
                ("return redis.call('SET',KEYS[1],ARGV[1])", &["1", "k", "v"], "OK"),
                ("return redis.call('GET','k')", &["0"], "v"),
                // What it does not declare is met on the way.
                (
                    "local n = 0 for i = 1, 9 do n = n + redis.call('INCR', 'counter:' .. i) end return n",
                    &["0"],
                    "9",
                ),
                ("return redis.call('MGET','counter:1','counter:9','none')", &["0"], "[1 1 nil]"),
                (
                    "return redis.pcall('INCR','k').err",
                    &["0"],
                    "ERR value is not an integer or out of range",
                ),
                ("return cjson.decode(cjson.encode({a={1,2,'x'}})).a[3]", &["0"], "x"),
                ("return cmsgpack.unpack(cmsgpack.pack({7,8}))[2]", &["0"], "8"),
                ("return struct.unpack('>I2', struct.pack('>I2', 258))", &["0"], "258"),
                ("return bit.tohex(bit.bor(1,16))", &["0"], "00000011"),
                ("return redis.call('HSET','h','f','v')", &["0"], "1"),
                ("redis.setresp(3) return redis.call('HGETALL','h').map.f", &["0"], "v"),
            ] {
                assert_eq!(eval(&mut client, script, words), answer, "{script}");
            }
            for (script, error) in [
                (
                    "return redis.call('INCR','k')",
                    "-ERR value is not an integer or out of range script: ",
                ),
                ("error('boom')", "-ERR user_script:1: boom script: "),
                ("x = 1", "-ERR user_script:1: Attempt to modify a readonly table script: "),
                (
                    "return y",
                    "-ERR user_script:1: Script attempted to access nonexistent global variable 'y' script: ",
                ),
                (
                    "return redis.call('NOSUCH')",
                    "-ERR Unknown Redis command called from script script: ",
                ),
                (
                    "return redis.call('GET')",
                    "-ERR Wrong number of args calling Redis command from script script: ",
                ),
                (
                    "return redis.call('MULTI')",
                    "-ERR This Redis command is not allowed from script script: ",
                ),
                ("if", "-ERR Error compiling script (new function): "),
            ] {
                let answer = eval(&mut client, script, &["0"]);
                assert!(answer.starts_with(error), "{script}: {answer}");
            }
            client.expect(&[
                ("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "1"),
                ("SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db ffff", "[1 0]"),
                ("SCRIPT FLUSH", "OK"),
                (
                    "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
                    "-NOSCRIPT No matching script. Please use EVAL.",
                ),
            ]);
            let mut read_only: Vec<&[u8]> = vec![b"EVAL_RO", b"return redis.call('SET','a','1')"];
            read_only.push(b"0");
            let answer = show(&client.call(&read_only));
            let error = "-ERR Write commands are not allowed from read-only scripts.";
            assert!(answer.starts_with(error), "{answer}");
            client.expect(&[("EVAL 1", "-ERR wrong number of arguments for 'eval' command")]);
        }
    });
}

/// A script that never ends is stopped, and one that catches that too; over several cores it has done nothing.
#[test]
fn a_script_that_does_not_end_is_stopped() {
    let node = Setup::new().start();
    let mut client = node.client();
    for script in [
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    ] {
        let answer = eval(&mut client, script, &["0"]);
        assert!(answer.contains("took more than"), "{answer}");
        client.expect(&[("PING", "PONG")]);
    }
}

#[test]
fn scripts_run_between_multi_and_exec_and_say_on_channels() {
    on_one_core_and_two(|node| {
        let [mut client, mut listener] = [node.client(), node.client()];
        listener.expect(&[("SUBSCRIBE news", "[subscribe news 1]")]);
        client.expect(&[("MULTI", "OK")]);
        let script = "redis.call('PUBLISH','news','said') return redis.call('INCR','n')";
        assert_eq!(eval(&mut client, script, &["0"]), "QUEUED");
        client.expect(&[("GET n", "QUEUED"), ("EXEC", "[1 1]")]);
        assert_eq!(listener.shown(), "[message news said]");
    });
}

/// Of any core, and by a pattern too.
#[test]
fn a_script_is_told_how_many_hear_what_it_says() {
    on_one_core_and_two(|node| {
        let mut clients = [node.client(), node.client(), node.client()];
        let [ann, bob, _] = &mut clients;
        ann.expect(&[("SUBSCRIBE news", "[subscribe news 1]")]);
        ann.expect(&[("PSUBSCRIBE n*", "[psubscribe n* 2]")]);
        bob.expect(&[("SUBSCRIBE news", "[subscribe news 1]")]);
        bob.expect(&[("SSUBSCRIBE shard", "[ssubscribe shard 1]")]);
        let script = "local n = redis.call('PUBLISH', 'news', 'm') \
             return {n, redis.call('PUBLISH', 'other', 'm'), redis.call('SPUBLISH', 'shard', 'm')}";
        let [ann, bob, last] = &mut clients;
        // A fourth one is on another core than the third.
        for asking in [last, &mut node.client()] {
            assert_eq!(eval(asking, script, &["0"]), "[3 0 1]");
            assert_eq!(ann.shown(), "[message news m]");
            assert_eq!(ann.shown(), "[pmessage n* news m]");
            assert_eq!(bob.shown(), "[message news m]");
            assert_eq!(bob.shown(), "[smessage shard m]");
        }
    });
}

/// What a script says on channels is kept until it is done: there is an end to it.
#[test]
fn a_script_does_not_publish_without_end() {
    let node = Setup::new().start();
    let mut client = node.client();
    let script = "for i = 1, 100000 do redis.call('PUBLISH', 'c', 'm') end";
    let answer = eval(&mut client, script, &["0"]);
    assert!(answer.starts_with("-ERR a script may publish 65536 messages"), "{answer}");
    client.expect(&[("PING", "PONG")]);
}

/// It has no effect then, wherever it ran: what it changed is taken back.
#[test]
fn a_script_that_is_stopped_has_changed_nothing() {
    on_one_core_and_two(|node| {
        let mut client = node.client();
        client.expect(&[("FLUSHALL", "OK"), ("SET a before", "OK"), ("RPUSH l 1 2 3", "3")]);
        let script = "redis.call('SET', KEYS[1], 'after') redis.call('DEL', KEYS[2]) redis.call('INCR', KEYS[3]) while true do end";
        let answer = eval(&mut client, script, &["3", "a", "l", "n"]);
        assert!(answer.contains("took more than"), "{answer}");
        client.expect(&[("GET a", "before"), ("LRANGE l 0 -1", "[1 2 3]"), ("EXISTS n", "0")]);
    });
}

/// What holds one core is found and stopped from another.
#[test]
fn a_script_is_stopped_from_another_core() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let [mut busy, mut other] = [node.client(), node.client()];
    other.expect(&[("SCRIPT KILL", "-NOTBUSY No scripts in execution right now.")]);
    for (kill, name) in [("SCRIPT KILL", "script"), ("FUNCTION KILL", "function")] {
        if name == "script" {
            busy.send(&command(&[b"EVAL", b"while true do end", b"0"]));
        } else {
            let library =
                b"#!lua name=l\nredis.register_function('f', function() while true do end end)";
            assert_eq!(show(&other.call(&[b"FUNCTION", b"LOAD", library])), "l");
            busy.send(&command(&[b"FCALL", b"f", b"0"]));
        }
        // Clients are given to the cores in turn; the script is told once it takes long.
        loop {
            let answer = show(&other.call(&kill.split(' ').map(str::as_bytes).collect::<Vec<_>>()));
            if answer == "OK" {
                break;
            }
            assert!(answer.starts_with("-NOTBUSY"), "{answer}");
        }
        let answer = busy.shown();
        assert!(answer.contains("Script killed by user with SCRIPT KILL"), "{answer}");
    }
}

/// A machine lends values by the thousand; what a script makes may be more.
#[test]
fn what_scripts_make_may_be_long() {
    let node = Setup::new().start();
    let mut client = node.client();
    let many = "local t = {} for i = 1, 20000 do t[i] = 'v' .. i end ";
    for (script, answer) in [
        ("return #t", "20000"),
        ("return #cjson.encode(t)", "168895"),
        ("return #cjson.decode(cjson.encode(t))", "20000"),
        ("return #cmsgpack.unpack(cmsgpack.pack(t))", "20000"),
        (
            "local m = {} for _, v in ipairs(t) do m[v] = v end return cjson.decode(cjson.encode(m)).v7",
            "v7",
        ),
        (
            "local m = {} for _, v in ipairs(t) do m[v] = v end return cmsgpack.unpack(cmsgpack.pack(m)).v7",
            "v7",
        ),
        (
            "for i = 1, 20000, 5000 do redis.call('RPUSH', 'l', unpack(t, i, i + 4999)) end return redis.call('LLEN', 'l')",
            "20000",
        ),
        ("return #redis.call('LRANGE', 'l', 0, -1)", "20000"),
        ("local a, b = redis.pcall('RPUSH', 'm', unpack(t, 1, 7900)) return a", "7900"),
        // As many as Lua takes: 8,000 with the names of the command and the key.
        (
            "local a = {} for i = 1, 7999 do a[i] = 1 end return redis.call('RPUSH', 'all', unpack(a))",
            "7999",
        ),
        ("return select('#', cmsgpack.unpack(string.rep('\\161a', 7000)))", "7000"),
        ("return tostring(pcall(cmsgpack.pack, unpack(t, 1, 7000)))", "false"),
        ("return tostring(pcall(struct.pack, 's', unpack(t, 1, 7000)))", "false"),
        (
            "return tostring(pcall(struct.unpack, string.rep('s', 7000), string.rep('a\\0', 7000)))",
            "false",
        ),
        ("return tostring(pcall(bit.band, unpack(t, 1, 7990)))", "false"),
        ("return tostring(pcall(redis.acl_check_cmd, unpack(t, 1, 7990)))", "false"),
        ("return tostring(pcall(redis.setresp, unpack(t, 1, 7990)))", "false"),
        ("return tostring(pcall(redis.log, 1, unpack(t, 1, 7990)))", "false"),
        ("return tostring(pcall(redis.sha1hex, unpack(t, 1, 7990)))", "false"),
        ("return tostring(pcall(cjson.encode, t[1], unpack(t, 1, 7990)))", "false"),
        ("return struct.size('i4', unpack(t, 1, 7990))", "4"),
        (
            "local _, v = cmsgpack.unpack_one(cmsgpack.pack(t), 0, unpack(t, 1, 7900)) return #v",
            "20000",
        ),
        ("local o, v = cmsgpack.unpack_one('\\1\\2', 1) return {o, v}", "[-1 2]"),
        ("local o, v = cmsgpack.unpack_limit('\\1\\2', 1, 0) return {o, v}", "[1 1]"),
        ("return struct.unpack('>I2', struct.pack('>I2', 258))", "258"),
    ] {
        assert_eq!(eval(&mut client, &format!("{many}{script}"), &["0"]), answer, "{script}");
    }
    let answer = eval(&mut client, &format!("{many}return t"), &["0"]);
    assert_eq!(answer.split(' ').count(), 20_000);
    let answer = eval(&mut client, &format!("{many}redis.setresp(3) return {{map = t}}"), &["0"]);
    assert_eq!(answer.split(' ').count(), 40_000);
}

/// A node that runs a script for long says so to its clients, whichever core they are at, and ends it when one of them asks.
#[test]
fn clients_are_told_that_a_script_runs() {
    const BUSY: &str =
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    on_one_core_and_two(|node| tells_that_a_script_runs(node, BUSY));
}

fn tells_that_a_script_runs(node: &Node, busy_line: &str) {
    let [mut busy, mut other, mut third] = [node.client(), node.client(), node.client()];
    other.expect(&[("CONFIG SET busy-reply-threshold 10", "OK"), ("SET n 1", "OK")]);
    third.expect(&[("MULTI", "OK"), ("INCR n", "QUEUED")]);
    let script = b"redis.call('SET', 'n', 'changed') while true do end";
    busy.send(&command(&[b"EVAL", script, b"0"]));
    let wait = |client: &mut Client| while client.ask("PING") != busy_line {};
    wait(&mut other);
    other.expect(&[
        ("GET n", busy_line),
        ("FUNCTION KILL", busy_line),
        ("FUNCTION STATS", busy_line),
        ("MULTI", "OK"),
        ("INCR n", busy_line),
    ]);
    third.expect(&[(
        "EXEC",
        &format!("-EXECABORT Transaction discarded because of: {}", &busy_line[1..]),
    )]);
    third.send(b"PING\r\nSCRIPT KI");
    third.send(b"LL\r\nECHO after\r\n");
    assert_eq!([third.shown(), third.shown()], [busy_line, "OK"]);
    // What came too late to be refused runs when the script has ended, with nothing of it.
    let said = third.shown();
    assert!(said == "after" || said == busy_line, "{said}");
    assert!(busy.shown().contains("Script killed by user"));
    other.expect(&[
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
        ("GET n", "1"),
    ]);
    // As with functions, and the end of the node waits for the script's alone.
    let library = b"#!lua name=l\nredis.register_function('f', function() while true do end end)";
    assert_eq!(show(&other.call(&[b"FUNCTION", b"LOAD", library])), "l");
    busy.send(&command(&[b"FCALL", b"f", b"0"]));
    while !other.ask("PING").contains("FUNCTION KILL") {}
    let stats = other.ask("FUNCTION STATS");
    let expected = "[running_script [name f command [fcall f 0] duration_ms ";
    assert!(stats.starts_with(expected), "{stats}");
    other.expect(&[("FUNCTION KILL", "OK")]);
    assert!(busy.shown().contains("Script killed by user"));
    other.expect(&[("PING", "PONG")]);
}

/// Lines behind a script are read before it runs, those behind one that changes how lines are taken are not.
#[test]
fn scripts_come_in_one_pipeline_with_other_lines() {
    on_one_core_and_two(|node| {
        let mut client = node.client();
        let text = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
        let name = show(&client.call(&[b"SCRIPT", b"LOAD", text.as_bytes()]));
        let (mut counts, mut database, mut expected) = ([[0; 7]; 2], 0, Vec::new());
        let mut lines = Vec::new();
        for number in 0..300 {
            let key = format!("k{}", number % 7);
            lines.extend(command(&[b"EVALSHA", name.as_bytes(), b"1", key.as_bytes(), b"1"]));
            counts[database][number % 7] += 1;
            expected.push(counts[database][number % 7].to_string());
            database = number / 3 % 2;
            lines.extend(command(&[b"SELECT", database.to_string().as_bytes()]));
            lines.extend(command(&[b"GET", key.as_bytes()]));
            let count: u64 = counts[database][number % 7];
            let held = if count == 0 { "nil".to_owned() } else { count.to_string() };
            expected.extend(["OK".to_owned(), held]);
            if number % 10 == 0 {
                lines.extend(command(&[b"EVAL", b"return {KEYS[1]", b"1", key.as_bytes()]));
                lines.extend(command(&[b"EVALSHA_RO", b"0", b"0"]));
                expected.extend(["-ERR", "-NOSCRIPT"].map(str::to_owned));
            }
        }
        client.send(&lines);
        for (place, answer) in expected.iter().enumerate() {
            assert!(client.shown().starts_with(answer.as_str()), "answer {place} is not {answer}");
        }
    });
}
