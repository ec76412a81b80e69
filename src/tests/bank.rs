//! Owns a bank of counters that transactions move money in: the sum holds for every reader and after every kill.

use super::atomic::Crowd;
use super::client::{Client, Dice, pipeline, show};
use super::harness::{Node, Setup};

/// Accounts: enough to lie on both cores.
const ACCOUNTS: u64 = 8;
const MONEY: i64 = 1_000;

fn account(number: u64) -> String {
    format!("account:{number}")
}

pub(super) fn all_accounts() -> String {
    (0..ACCOUNTS).map(account).collect::<Vec<_>>().join(" ")
}

pub(super) fn open_bank(client: &mut Client) {
    let pairs: String = (0..ACCOUNTS).map(|it| format!(" {} {MONEY}", account(it))).collect();
    assert_eq!(client.ask(&format!("MSET{pairs}")), "OK");
}

pub(super) fn expect_sum(seen: &str) {
    let values = seen.trim_matches(['[', ']']).split(' ').map(str::parse::<i64>);
    let values: Vec<i64> = values.map(|it| it.expect("a number")).collect();
    assert_eq!(values.len() as u64, ACCOUNTS, "{seen}");
    let all = MONEY * i64::try_from(ACCOUNTS).expect("a few");
    assert_eq!(values.iter().sum::<i64>(), all, "money was made or lost: {seen}");
}

fn two(dice: &mut Dice) -> (String, String) {
    let first = dice.below(ACCOUNTS);
    let second = (first + 1 + dice.below(ACCOUNTS - 1)) % ACCOUNTS;
    (account(first), account(second))
}

/// Sends lines at once; gives the last answer.
pub(super) fn last_of(client: &mut Client, lines: &[String]) -> std::io::Result<String> {
    client.try_send(&pipeline(lines))?;
    let mut last = String::new();
    for _ in lines {
        last = show(&client.try_reply()?);
    }
    Ok(last)
}

/// Moves money blindly, between commands of the front.
pub(super) fn move_blindly(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let (from, to) = two(dice);
    let amount = dice.below(50);
    let lines = [
        "MULTI".to_owned(),
        format!("DECRBY {from} {amount}"),
        "PING".to_owned(),
        format!("INCRBY {to} {amount}"),
        "EXEC".to_owned(),
    ];
    let answer = last_of(client, &lines)?;
    assert!(answer.contains(" PONG ") && !answer.contains("ERR") || is_later(&answer), "{answer}");
    Ok(())
}

/// Moves money by what it has read, if nobody else has moved it meanwhile.
pub(super) fn move_watching(client: &mut Client, dice: &mut Dice) -> std::io::Result<()> {
    let (from, to) = two(dice);
    let watched = client.try_ask(&format!("WATCH {from} {to}"))?;
    if is_later(&watched) {
        // Nothing is watched: what follows would overwrite what others have moved.
        return Ok(());
    }
    assert_eq!(watched, "OK");
    let mut number = |line: String| -> std::io::Result<Option<i64>> {
        let answer = client.try_ask(&line)?;
        Ok(answer.parse().ok())
    };
    let (Some(first), Some(second)) =
        (number(format!("GET {from}"))?, number(format!("GET {to}"))?)
    else {
        client.try_ask("UNWATCH")?;
        return Ok(());
    };
    let amount = i64::try_from(dice.below(50)).expect("small");
    let lines = [
        "MULTI".to_owned(),
        format!("SET {from} {}", first - amount),
        format!("SET {to} {}", second + amount),
        "EXEC".to_owned(),
    ];
    let answer = last_of(client, &lines)?;
    let is_known = answer == "[OK OK]" || answer == "nil" || is_later(&answer);
    assert!(is_known, "{answer}");
    Ok(())
}

/// Reads all accounts in a transaction.
pub(super) fn read_all(client: &mut Client, _: &mut Dice) -> std::io::Result<()> {
    let mut lines = vec!["MULTI".to_owned()];
    lines.extend((0..ACCOUNTS).map(|it| format!("GET {}", account(it))));
    lines.push("EXEC".to_owned());
    let answer = last_of(client, &lines)?;
    if !is_later(&answer) {
        expect_sum(&answer);
    }
    Ok(())
}

/// Reads all accounts by one command.
fn read_at_once(client: &mut Client, _: &mut Dice) -> std::io::Result<()> {
    let answer = client.try_ask(&format!("MGET {}", all_accounts()))?;
    if !is_later(&answer) {
        expect_sum(&answer);
    }
    Ok(())
}

fn is_later(answer: &str) -> bool {
    answer.starts_with("-TRYAGAIN") || answer.starts_with("-CLUSTERDOWN")
}

pub(super) fn crowd(addresses: &[std::net::SocketAddr], seed: u64) -> Crowd {
    let mut crowd = Crowd::new();
    for client in 0..2 {
        for (at, &address) in (0..).zip(addresses) {
            let seed = seed + 1_000 * at + client;
            crowd.add(address, seed, move_blindly);
            crowd.add(address, seed + 10, move_watching);
            crowd.add(address, seed + 20, read_all);
            crowd.add(address, seed + 30, read_at_once);
        }
    }
    crowd
}

fn expect_whole(node: &Node) {
    // One client on each core.
    for mut client in [node.client(), node.client()] {
        let seen = client.ask(&format!("MGET {}", all_accounts()));
        expect_sum(&seen);
    }
}

fn the_sum_holds(setup: Setup, mode: &str, rounds: u64) {
    let mut node = setup.durability(mode).start();
    open_bank(&mut node.client());
    for seed in 0..3 {
        let crowd = crowd(&[node.resp()], 100 * seed);
        crowd.wait(rounds);
        node.kill();
        crowd.end();
        node.start();
        expect_whole(&node);
    }
}

#[test]
fn the_sum_holds_over_two_cores_and_kills() {
    let Some(setup) = Setup::two_cores() else { return };
    the_sum_holds(setup, "interval", 600);
}

#[test]
fn the_sum_holds_over_two_cores_and_kills_with_always() {
    let Some(setup) = Setup::two_cores() else { return };
    the_sum_holds(setup, "always", 200);
}

#[test]
fn the_sum_holds_on_one_core_and_over_kills() {
    the_sum_holds(Setup::new(), "interval", 1_500);
}
