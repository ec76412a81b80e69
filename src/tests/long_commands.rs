//! Owns tests of commands and answers of some hundred kibibytes: received and sent by buffers that are used again, of which idle clients
//! keep none.

use std::io::Write;
use std::thread;

use hyperion_wire::reply::Reply;

use super::client::{Client, Dice, command};
use super::harness::{Setup, wait_for};

const MEBIBYTE: u64 = 1 << 20;

/// Lengths around the borders at which a command is received in another way, and values are kept in another.
const LENGTHS: [usize; 16] = [
    0, 1, 16_300, 16_384, 16_400, 32_700, 32_800, 65_500, 65_600, 131_072, 262_144, 500_000,
    1_048_570, 1_048_576, 1_048_600, 4_194_400,
];

fn setups() -> impl Iterator<Item = Setup> {
    [Some(Setup::new()), Setup::two_cores()].into_iter().flatten()
}

fn is(reply: &Reply, expected: &[u8]) -> bool {
    matches!(reply, Reply::Bulk(bytes) if bytes.as_slice() == expected)
}

fn value(number: usize) -> Vec<u8> {
    Dice(number as u64).bytes(LENGTHS[number % LENGTHS.len()])
}

/// One command after the other on one connection, each answered before the next, and by another.
#[test]
fn values_of_all_lengths_come_back_as_they_were() {
    for setup in setups() {
        let node = setup.start();
        let (mut client, mut other) = (node.client(), node.client());
        for number in 0..3 * LENGTHS.len() {
            let key = format!("key{}", number % 7);
            client.set(&key, &value(number));
            client.expect_bytes(&key, &value(number));
            other.expect_bytes(&key, &value(number));
        }
    }
}

/// Many commands of all lengths in one stream that is cut anywhere, long ones behind short ones and the other way round.
#[test]
fn long_and_short_commands_follow_each_other_in_one_stream() {
    for setup in setups() {
        let node = setup.start();
        for seed in 0..4_usize {
            let numbers: Vec<usize> = (0..40).map(|at| at * 7 + seed * 5).collect();
            let mut stream = Vec::new();
            for number in &numbers {
                stream.extend(command(&[b"SET", b"key", &value(*number)]));
                stream.extend(command(&[b"GET", b"key"]));
                stream.extend(command(&[b"PING"]));
            }
            let mut client = node.client();
            let expected = numbers.clone();
            thread::scope(|scope| {
                let mut sender = client.writer();
                scope.spawn(move || {
                    let mut at = 0;
                    let mut cuts =
                        Dice(seed as u64).bytes(stream.len() / 1_000 + 1).into_iter().cycle();
                    while at < stream.len() {
                        let part = 1 + usize::from(cuts.next().unwrap_or(0)).pow(2) * (1 + seed);
                        let end = (at + part).min(stream.len());
                        sender.write_all(&stream[at..end]).expect("the node takes it");
                        at = end;
                    }
                });
                for number in expected {
                    assert_eq!(client.shown(), "OK");
                    assert!(is(&client.reply(), &value(number)), "seed {seed}, value {number}");
                    assert_eq!(client.shown(), "PONG");
                }
            });
        }
    }
}

/// Who sends a long command slowly, or never to its end, holds up nobody; what it sent counts as input while it waits.
#[test]
fn a_long_command_that_comes_slowly_holds_nobody_up() {
    let node = Setup::new().start();
    let text = Dice(5).bytes(300_000);
    let whole = command(&[b"SET", b"slow", &text]);
    let (mut slow, mut never, mut other) = (node.client(), node.client(), node.client());
    // So that their next commands are received into their place.
    for client in [&mut slow, &mut never] {
        client.set("before", &text);
        client.set("before", &text);
    }
    never.send(&whole[..200_000]);
    for part in whole.chunks(20_000) {
        slow.send(part);
        for _ in 0..5 {
            other.expect(&[("SET small 1", "OK"), ("GET small", "1")]);
        }
    }
    assert_eq!(slow.shown(), "OK");
    other.expect_bytes("slow", &text);
    wait_for("what came of the command that is not whole", || {
        other.ask("CLIENT LIST").contains(" qbuf=200000 ")
    });
    drop(never);
    wait_for("its end", || !other.ask("CLIENT LIST").contains(" qbuf=200000 "));
    assert!(other.ask("INFO").contains("hyperion_unread_input_bytes:0"));
}

/// Long commands and long answers leave nothing with the clients that had them.
#[test]
fn idle_clients_keep_no_long_buffers() {
    const CLIENTS: usize = 150;
    const LENGTH: usize = 700_000;
    let node = Setup::new().start();
    let text = Dice(6).bytes(LENGTH);
    let mut first = node.client();
    first.set("key", &text);
    let serve = |client: &mut Client| {
        // It is there already: nothing is written.
        assert!(matches!(client.call(&[b"SET", b"key", &text, b"NX"]), Reply::Null));
        // The end of a long command and the beginning of another, as pipelines are cut.
        let mut two = command(&[b"SET", b"key", &text, b"NX"]);
        two.extend_from_slice(b"*1\r\n$4\r\nPI");
        client.send(&two);
        assert!(matches!(client.reply(), Reply::Null));
        client.send(b"NG\r\n");
        assert_eq!(client.shown(), "PONG");
        // And such a beginning behind a long answer.
        assert!(is(&client.call(&[b"GET", b"key"]), &text));
        client.send(b"*1\r\n$4\r\nPI");
    };
    serve(&mut first);
    let before = node.memory_but_arenas();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| node.client()).collect();
    clients.iter_mut().for_each(serve);
    let grown = node.memory_but_arenas().saturating_sub(before);
    let bound = 16 * MEBIBYTE;
    assert!(grown < bound, "{CLIENTS} idle clients keep {grown} bytes, more than {bound}");
    for client in &mut clients {
        client.send(b"NG\r\n");
        assert_eq!(client.shown(), "PONG");
        client.expect(&[("PING", "PONG")]);
    }
}
