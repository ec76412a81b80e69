//! Owns tests of commands over two cores: whole or not at all, for every reader and after every kill.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use hyperion_wire::reply::Reply;

use super::client::{Client, Dice, show};
use super::harness::{Node, Setup, wait_for};

/// Groups of keys that are always written together.
const GROUPS: u64 = 4;
/// Keys of a group: enough to lie on both cores.
const KEYS: u64 = 6;

fn group(number: u64) -> Vec<String> {
    (0..KEYS).map(|key| format!("g{number}:{key}")).collect()
}

/// Two names of which one is there.
fn names(number: u64) -> [String; 2] {
    [format!("name{number}:left"), format!("name{number}:right")]
}

/// What many clients do until they are told to end or the connection breaks; each counts its rounds.
pub(super) struct Crowd {
    is_over: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self { is_over: Arc::default(), rounds: Arc::default(), threads: Vec::new() }
    }

    /// Adds a client that does `work` again and again; an error of it is the end of the connection.
    pub(super) fn add(
        &mut self,
        address: SocketAddr,
        seed: u64,
        work: fn(&mut Client, &mut Dice) -> std::io::Result<()>,
    ) {
        let (is_over, rounds) = (Arc::clone(&self.is_over), Arc::clone(&self.rounds));
        self.threads.push(thread::spawn(move || {
            let (mut client, mut dice) = (Client::tcp(address), Dice(seed));
            while !is_over.load(Ordering::Relaxed) && work(&mut client, &mut dice).is_ok() {
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    pub(super) fn wait(&self, rounds: u64) {
        let until = self.rounds.load(Ordering::Relaxed) + rounds;
        wait_for("rounds, or a client has panicked", || {
            self.rounds.load(Ordering::Relaxed) >= until
                || self.threads.iter().any(JoinHandle::is_finished)
        });
    }

    pub(super) fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("what a client saw is right");
        }
    }
}

/// Writes, removes or copies a whole group.
fn write_group(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let keys = group(dice.below(GROUPS));
    let value = dice.below(1_000_000);
    let pairs: String = keys.iter().map(|key| format!(" {key} {value}")).collect();
    match dice.below(4) {
        0 => {
            let removed: u64 =
                client.try_ask(&format!("DEL {}", keys.join(" ")))?.parse().expect("a number");
            assert!(removed == 0 || removed == KEYS, "DEL found {removed} of {KEYS}");
        }
        1 => {
            let set = client.try_ask(&format!("MSETNX{pairs}"))?;
            assert!(set == "0" || set == "1", "{set}");
        }
        _ => assert_eq!(client.try_ask(&format!("MSET{pairs}"))?, "OK"),
    }
    Ok(())
}

fn read_group(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let number = dice.below(GROUPS);
    let seen = client.try_ask(&format!("MGET {}", group(number).join(" ")))?;
    expect_whole(number, &seen);
    Ok(())
}

fn expect_whole(number: u64, seen: &str) {
    let values: Vec<&str> = seen.trim_matches(['[', ']']).split(' ').collect();
    assert_eq!(values.len() as u64, KEYS, "{seen}");
    assert!(values.iter().all(|value| *value == values[0]), "group {number} is half done: {seen}");
}

/// Moves a name to its other place; only one of many clients succeeds.
fn move_name(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let [left, right] = names(dice.below(GROUPS));
    let line = if dice.below(2) == 0 {
        format!("RENAME {left} {right}")
    } else {
        format!("RENAMENX {right} {left}")
    };
    let answer = client.try_ask(&line)?;
    assert!(["OK", "1", "-ERR no such key"].contains(&answer.as_str()), "{line}: {answer}");
    Ok(())
}

fn read_name(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let number = dice.below(GROUPS);
    let seen = client.try_ask(&format!("MGET {}", names(number).join(" ")))?;
    expect_one(number, &seen);
    Ok(())
}

fn expect_one(number: u64, seen: &str) {
    let (left, right) = (format!("[{number} nil]"), format!("[nil {number}]"));
    assert!(seen == left || seen == right, "name {number} is not in one place: {seen}");
}

fn set_names(node: &Node) {
    let mut client = node.client();
    for number in 0..GROUPS {
        let [left, _] = names(number);
        client.expect(&[(&format!("SET {left} {number}"), "OK")]);
    }
}

fn expect_all_whole(node: &Node) {
    // One client on each core.
    for mut client in [node.client(), node.client()] {
        for number in 0..GROUPS {
            let seen = client.ask(&format!("MGET {}", group(number).join(" ")));
            expect_whole(number, &seen);
            let seen = client.ask(&format!("MGET {}", names(number).join(" ")));
            expect_one(number, &seen);
        }
    }
}

fn crowd(node: &Node, seed: u64) -> Crowd {
    let mut crowd = Crowd::new();
    for client in 0..2 {
        crowd.add(node.resp(), seed + client, write_group);
        crowd.add(node.resp(), seed + 10 + client, read_group);
        crowd.add(node.resp(), seed + 20 + client, move_name);
        crowd.add(node.resp(), seed + 30 + client, read_name);
    }
    crowd
}

#[test]
fn the_groups_lie_on_both_cores() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.at("/nodes/0/resp_cores", serde_json::json!(1)).start();
    set_names(&node);
    let mut client = node.client();
    for number in 0..GROUPS {
        let pairs: String = group(number).iter().map(|key| format!(" {key} 1")).collect();
        assert_eq!(client.ask(&format!("MSET{pairs}")), "OK");
    }
    let Reply::Array(found) = Client::tcp(node.resp_core(0)).call(&[b"KEYS", b"g*"]) else {
        panic!("KEYS")
    };
    for number in 0..GROUPS {
        let prefix = format!("g{number}:");
        let here = found.iter().filter(|key| show(key).starts_with(&prefix)).count() as u64;
        assert!(here > 0 && here < KEYS, "group {number} has {here} keys on the first core");
    }
}

#[test]
fn nobody_sees_half() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    set_names(&node);
    let crowd = crowd(&node, 1);
    crowd.wait(3_000);
    crowd.end();
    expect_all_whole(&node);
}

fn nobody_finds_half_after_a_kill(mode: &str, rounds: u64) {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = setup.durability(mode).start();
    set_names(&node);
    for seed in 0..4 {
        let crowd = crowd(&node, 100 * seed);
        crowd.wait(rounds);
        node.kill();
        crowd.end();
        node.start();
        expect_all_whole(&node);
    }
}

#[test]
fn nobody_finds_half_after_a_kill_with_interval() {
    nobody_finds_half_after_a_kill("interval", 800);
}

#[test]
fn nobody_finds_half_after_a_kill_with_always() {
    nobody_finds_half_after_a_kill("always", 300);
}

#[test]
fn acknowledged_commands_are_there_after_a_kill() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = setup.start();
    let mut client = node.client();
    for round in 0..5 {
        let pairs: String = (0..KEYS).map(|key| format!(" r{round}:{key} {round}")).collect();
        let keys: String = (0..KEYS).map(|key| format!(" r{round}:{key}")).collect();
        let copies: String = (0..KEYS).map(|key| format!(" c{round}:{key}")).collect();
        let moved: String = (0..KEYS).map(|key| format!(" m{round}:{key}")).collect();
        let value = round.to_string();
        let there = vec![value.as_str(); usize::try_from(KEYS).expect("it is small")].join(" ");
        assert_eq!(client.ask(&format!("MSETNX{pairs}")), "1");
        assert_eq!(client.ask(&format!("MSETNX{pairs} q{round} 1")), "0");
        for key in 0..KEYS {
            assert_eq!(client.ask(&format!("COPY r{round}:{key} c{round}:{key}")), "1");
            assert_eq!(client.ask(&format!("COPY r{round}:{key} m{round}:{key}")), "1");
            assert_eq!(client.ask(&format!("RENAME m{round}:{key} n{round}:{key}")), "OK");
        }
        assert_eq!(client.ask(&format!("DEL{keys}")), KEYS.to_string());
        node.kill_and_start();
        client = node.client();
        client.expect(&[
            (&format!("EXISTS{keys}"), "0"),
            (&format!("MGET{copies}"), &format!("[{there}]")),
            (&format!("EXISTS{moved}"), "0"),
            (&format!("MGET{}", moved.replace(" m", " n")), &format!("[{there}]")),
            (&format!("EXISTS q{round}"), "0"),
        ]);
    }
}
