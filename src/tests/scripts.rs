//! Scripts in Lua, on one core and on two, and on three nodes: the answers of Redis, whoever owns the keys.

use super::client::{Client, show};
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
    let script = "while true do pcall(function() while true do end end) end";
    let answer = eval(&mut client, script, &["0"]);
    assert!(answer.contains("took more than"), "{answer}");
    client.expect(&[("PING", "PONG")]);
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
