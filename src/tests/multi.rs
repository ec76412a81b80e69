//! Transactions of clients, on one core and on two: the answers of Redis, whoever owns the keys.

use super::client::{Client, command, pipeline, show};
use super::harness::{Node, Setup, wait_for};

fn on_one_core_and_two(test: fn(&Node)) {
    test(&Setup::new().start());
    if let Some(setup) = Setup::two_cores() {
        test(&setup.start());
    }
}

/// One client on each core.
fn clients(node: &Node) -> [Client; 2] {
    [node.client(), node.client()]
}

#[test]
fn lines_have_the_answers_of_redis() {
    on_one_core_and_two(|node| {
        for mut client in clients(node) {
            client.expect(&[
                ("FLUSHALL", "OK"),
                ("EXEC", "-ERR EXEC without MULTI"),
                ("DISCARD", "-ERR DISCARD without MULTI"),
                ("MULTI", "OK"),
                ("MULTI", "-ERR MULTI calls can not be nested"),
                ("WATCH a", "-ERR WATCH inside MULTI is not allowed"),
                ("EXEC", "[]"),
                ("MULTI", "OK"),
                ("SET a 1", "QUEUED"),
                ("INCR a", "QUEUED"),
                ("PING", "QUEUED"),
                ("SELECT 1", "QUEUED"),
                ("SET a other", "QUEUED"),
                ("MGET a b c d e", "QUEUED"),
                ("SELECT 0", "QUEUED"),
                ("MSET b 3 c 4 d 5 e 6", "QUEUED"),
                ("MGET a b c d e", "QUEUED"),
                ("ECHO said", "QUEUED"),
                ("EXEC", "[OK 2 PONG OK OK [other nil nil nil nil] OK OK [2 3 4 5 6] said]"),
                ("GET a", "2"),
                // An error of one command is its answer, and the others run.
                ("MULTI", "OK"),
                ("SET text x", "QUEUED"),
                ("INCR text", "QUEUED"),
                ("INCR a", "QUEUED"),
                ("EXEC", "[OK -ERR value is not an integer or out of range 3]"),
                ("MULTI", "OK"),
                ("SET a", "-ERR wrong number of arguments for 'set' command"),
                ("SET a lost", "QUEUED"),
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
                ("MULTI", "OK"),
                ("SYNC", "-ERR Command not allowed inside a transaction"),
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
                ("MULTI", "OK"),
                ("FOO", "-ERR unknown command 'FOO', with args beginning with: "),
                ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
                ("MULTI", "OK"),
                ("SET a lost", "QUEUED"),
                ("DISCARD", "OK"),
                ("MULTI", "OK"),
                ("SET a lost", "QUEUED"),
                ("RESET", "RESET"),
                ("EXEC", "-ERR EXEC without MULTI"),
                ("MULTI", "OK"),
                (
                    "EXEC now",
                    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
                ),
                ("EXEC", "-ERR EXEC without MULTI"),
                ("GET a", "3"),
                // What is about all keys keeps its place.
                ("MULTI", "OK"),
                ("SET gone 1", "QUEUED"),
                ("FLUSHDB", "QUEUED"),
                ("SET x 1", "QUEUED"),
                ("SET y 1", "QUEUED"),
                ("DBSIZE", "QUEUED"),
                ("DEL x y", "QUEUED"),
                ("KEYS *", "QUEUED"),
                ("EXEC", "[OK OK OK OK 2 2 []]"),
                ("MULTI", "OK"),
                ("SCAN x", "QUEUED"),
                ("RANDOMKEY", "QUEUED"),
                ("EXEC", "[-ERR invalid cursor nil]"),
            ]);
        }
    });
}

#[test]
fn what_is_watched_is_as_it_was_or_nothing_runs() {
    on_one_core_and_two(|node| {
        let [mut one, mut other] = clients(node);
        // Of several keys, some lie on each core.
        let changes = [
            ("SET k:{} 2", true),
            ("DEL k:{}", true),
            ("EXPIRE k:{} 100", true),
            ("APPEND k:{} x", true),
            ("RENAME k:{} l:{}", true),
            ("RENAME new:{} k:{}", true),
            ("FLUSHALL", true),
            ("FLUSHDB", true),
            ("GET k:{}", false),
            ("TTL k:{}", false),
            ("SET l:{} 1", false),
            ("PING", false),
        ];
        for (change, touches) in changes {
            for number in 0..6 {
                let line = |text: &str| text.replace("{}", &number.to_string());
                other.ask(&line("MSET k:{} 1 new:{} 1"));
                one.expect(&[
                    (&line("WATCH k:{} absent:{} l:x"), "OK"),
                    (&line("WATCH k:{}"), "OK"),
                ]);
                let changed = other.ask(&line(change));
                assert!(!changed.starts_with("-E"), "{change}: {changed}");
                let answer = if touches { "nil" } else { "[PONG OK]" };
                one.expect(&[
                    ("MULTI", "OK"),
                    ("PING", "QUEUED"),
                    (&line("SET done:{} 1"), "QUEUED"),
                    ("EXEC", answer),
                    (&line("EXISTS done:{}"), if touches { "0" } else { "1" }),
                ]);
                // It is not watched any more.
                other.ask(&line("SET k:{} 3"));
                one.expect(&[("MULTI", "OK"), ("PING", "QUEUED"), ("EXEC", "[PONG]")]);
                other.ask(&line("DEL done:{} l:{}"));
            }
        }
    });
}

#[test]
fn watches_end_where_redis_ends_them() {
    on_one_core_and_two(|node| {
        let [mut one, mut other] = clients(node);
        for end in ["UNWATCH", "RESET", "MULTI DISCARD", "MULTI EXEC", "MULTI SET EXEC"] {
            for number in 0..4 {
                let key = format!("k{number}");
                assert_eq!(one.ask(&format!("WATCH {key}")), "OK");
                end.split(' ').for_each(|line| drop(one.ask(line)));
                other.ask(&format!("SET {key} 1"));
                one.expect(&[("MULTI", "OK"), (&format!("GET {key}"), "QUEUED"), ("EXEC", "[1]")]);
                other.ask(&format!("DEL {key}"));
            }
        }
        // UNWATCH that waits comes too late.
        one.expect(&[("WATCH k", "OK")]);
        other.expect(&[("SET k 1", "OK")]);
        one.expect(&[("MULTI", "OK"), ("UNWATCH", "QUEUED"), ("EXEC", "nil")]);
        // A client that has gone watches nothing, and one that stays watches what it did.
        one.expect(&[("WATCH k", "OK")]);
        let mut gone = node.client();
        gone.expect(&[("WATCH k", "OK")]);
        drop(gone);
        other.expect(&[("SET k 1", "OK")]);
        one.expect(&[("MULTI", "OK"), ("EXEC", "nil")]);
        // A key that expires is not as it was; one that had expired was not there.
        one.expect(&[("SET e 1 PX 40", "OK"), ("WATCH e", "OK"), ("MULTI", "OK")]);
        wait_for("the key to expire", || other.ask("EXISTS e") == "0");
        one.expect(&[("EXEC", "nil"), ("WATCH e", "OK"), ("MULTI", "OK"), ("EXEC", "[]")]);
    });
}

#[test]
fn many_transactions_come_in_one_pipeline() {
    on_one_core_and_two(|node| {
        for mut client in clients(node) {
            client.expect(&[("FLUSHALL", "OK")]);
            let lines = (0..200).flat_map(|number| {
                [
                    "MULTI".to_owned(),
                    format!("INCR n{}", number % 7),
                    "INCR all".to_owned(),
                    "PING".to_owned(),
                    "EXEC".to_owned(),
                    format!("GET n{}", number % 7),
                ]
            });
            client.send(&pipeline(lines));
            for number in 0..200 {
                let count = number / 7 + 1;
                for answer in ["OK", "QUEUED", "QUEUED", "QUEUED"] {
                    assert_eq!(client.shown(), answer);
                }
                assert_eq!(client.shown(), format!("[{count} {} PONG]", number + 1));
                assert_eq!(client.shown(), count.to_string());
            }
        }
    });
}

#[test]
fn long_values_and_many_commands_are_one_transaction_too() {
    on_one_core_and_two(|node| {
        for mut client in clients(node) {
            client.expect(&[("FLUSHALL", "OK")]);
            let long = vec![b'x'; 3 << 20];
            client.set("long:0", &long);
            client.send(&pipeline(["MULTI", "RENAME long:0 long:1", "COPY long:1 long:2"]));
            client.send(&command(&[b"SET", b"long:3", &long[..2 << 20]]));
            client.send(&pipeline([
                "APPEND long:3 y",
                "STRLEN long:1",
                "GETRANGE long:3 2097150 -1",
            ]));
            (0..3000).for_each(|number| {
                client.send(&pipeline([format!("SET small:{number} {number}")]));
            });
            client.send(&pipeline(["EXEC"]));
            assert_eq!(client.shown(), "OK");
            (0..3006).for_each(|_| assert_eq!(client.shown(), "QUEUED"));
            let told = client.shown();
            assert!(
                told.starts_with("[OK 1 OK 2097153 3145728 xxy OK OK"),
                "{}",
                &told[..told.len().min(300)]
            );
            client
                .expect(&[("EXISTS long:0 long:1 long:2 long:3", "3"), ("GET small:2999", "2999")]);
            client.expect_bytes("long:2", &long);
        }
    });
}

#[test]
fn commands_about_all_keys_stand_beside_long_values() {
    on_one_core_and_two(|node| {
        for mut client in clients(node) {
            let long = vec![b'v'; 3 << 20];
            client.expect(&[("FLUSHALL", "OK"), ("SET a 1", "OK"), ("MULTI", "OK")]);
            client.send(&command(&[b"SET", b"long", &long]));
            assert_eq!(client.shown(), "QUEUED");
            client.expect(&[
                ("APPEND long x", "QUEUED"),
                ("DBSIZE", "QUEUED"),
                ("PING", "QUEUED"),
                ("INCR a", "QUEUED"),
                ("KEYS a", "QUEUED"),
                ("FLUSHALL", "QUEUED"),
                ("EXISTS a long", "QUEUED"),
                ("EXEC", &format!("[OK {} 2 PONG 2 [a] OK 0]", (3 << 20) + 1)),
                ("DBSIZE", "0"),
            ]);
        }
    });
}

#[test]
fn too_much_is_refused_in_a_sentence() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut client = node.client();
    let long = vec![b'x'; 20 << 20];
    for number in 0..4 {
        client.set(&format!("long:{number}"), &long);
    }
    client.expect(&[("MULTI", "OK"), ("SET a 1", "QUEUED")]);
    client.send(&pipeline(["MGET long:0 long:1 long:2 long:3", "EXEC"]));
    assert_eq!(client.shown(), "QUEUED");
    let told = show(&client.reply());
    assert!(told.contains("have more than 33554432 bytes"), "{told}");
    client.expect(&[("EXISTS a", "0")]);
    // Each line is short enough, and all of them are too long.
    client.expect(&[("MULTI", "OK")]);
    let mut refused = String::new();
    for number in 0..10 {
        client.send(&command(&[b"SET", format!("b{number}").as_bytes(), &long]));
        let told = client.shown();
        if told != "QUEUED" {
            refused = told;
            break;
        }
    }
    assert!(refused.contains("may have"), "{refused}");
    let aborted = "-EXECABORT Transaction discarded because of previous errors.";
    client.expect(&[("EXEC", aborted), ("EXISTS b0", "0")]);
}

#[test]
fn acknowledged_transactions_are_there_after_a_kill() {
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let mut node = setup.start();
        for round in 0..4 {
            for mut client in clients(&node) {
                let line = format!("MSET a{round} 1 b{round} 2 c{round} 3");
                client.expect(&[
                    ("MULTI", "OK"),
                    (&line, "QUEUED"),
                    (&format!("DEL b{round}"), "QUEUED"),
                    (&format!("EXPIRE c{round} 1000"), "QUEUED"),
                    ("EXEC", "[OK 1 1]"),
                ]);
            }
            node.kill_and_start();
            let mut client = node.client();
            client.expect(&[(&format!("MGET a{round} b{round} c{round}"), "[1 nil 3]")]);
            assert_ne!(client.ask(&format!("TTL c{round}")), "-1");
        }
    }
}

#[test]
fn the_protocol_is_the_clients() {
    on_one_core_and_two(|node| {
        for mut client in clients(node) {
            client.ask("HELLO 3");
            client.expect(&[
                ("FLUSHALL", "OK"),
                ("MSET a ohmytext b mynewtext", "OK"),
                ("LCS a b", "mytext"),
                ("LCS a b LEN", "6"),
                ("LCS a b IDX MINMATCHLEN 4", "{matches: [[[4 7] [5 8]]], len: 6}"),
                ("LCS a none", ""),
                (
                    "LCS a b IDX LEN",
                    "-ERR If you want both the length and indexes, please just use IDX.",
                ),
                ("MULTI", "OK"),
                ("LCS a b IDX MINMATCHLEN 3 WITHMATCHLEN", "QUEUED"),
                ("GET none", "QUEUED"),
                ("EXEC", "[{matches: [[[4 7] [5 8] 4]], len: 6} nil]"),
                ("WATCH a", "OK"),
                ("SET a 1", "OK"),
                ("MULTI", "OK"),
            ]);
            client.send(&pipeline(["EXEC"]));
            client.wait_for_bytes();
            assert_eq!(client.shown(), "nil");
        }
    });
}
