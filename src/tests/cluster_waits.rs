//! Commands that wait, at nodes with `resp.cluster: transparent`: for keys of any node, and whoever dies.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use hyperion_model::slot_of;
use serde_json::json;

use super::client::{Client, pipeline, words};
use super::cluster_harness::Cluster;
use super::harness::wait_for;

fn transparent(cores: Option<&str>) -> Cluster {
    let mut plan = Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" }));
    for node in (0..3).filter(|_| cores.is_some()) {
        plan = plan.at(&format!("/nodes/{node}/cores"), json!(cores));
    }
    plan.start()
}

/// Waits until a node has a line in INFO.
fn wait_for_info(cluster: &Cluster, node: u32, line: &str) {
    let mut client = cluster.client(node);
    wait_for(line, || client.ask("INFO clients").contains(&format!("{line}\r\n")));
}

fn wait_for_blocked(cluster: &Cluster, node: u32, count: usize) {
    wait_for_info(cluster, node, &format!("blocked_clients:{count}"));
}

/// Waits until all nodes together keep so many waits.
fn wait_for_kept(cluster: &Cluster, count: usize) {
    let mut clients: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    wait_for(&format!("{count} waits are kept"), || {
        let kept = clients.iter_mut().map(|client| {
            let info = client.ask("INFO clients");
            let line = info.lines().find_map(|line| line.strip_prefix("hyperion_kept_waits:"));
            line.and_then(|it| it.parse::<usize>().ok()).expect("INFO tells it")
        });
        kept.sum::<usize>() == count
    });
}

/// Asks until it is answered by other than "not now": a machine that is busy holds locks for long.
fn settled(client: &mut Client, line: &str) -> String {
    let mut answer = String::new();
    wait_for(line, || {
        answer = client.ask(line);
        !is_later(&answer)
    });
    answer
}

/// Adds to a list of a partition that may have no leader at the moment, once.
fn push_settled(cluster: &Cluster, node: u32, key: &str, elements: &str) {
    wait_for("a leader", || {
        let probe = Client::try_tcp(cluster.resp(node))
            .and_then(|mut client| client.try_ask(&format!("SET {{{key}}}probe 1")));
        probe.is_ok_and(|answer| answer == "OK")
    });
    let pushed = cluster.client(node).ask(&format!("RPUSH {key} {elements}"));
    assert!(pushed.parse::<u64>().is_ok(), "{pushed}");
}

/// What waits for one of `keys`, what gives it something, and what it tells then.
fn samples(keys: &[&str], at: usize) -> Vec<(String, String, String)> {
    let (all, key, count) = (keys.join(" "), keys[at], keys.len());
    let zeros = vec!["0"; count].join(" ");
    let dollars = vec!["$"; count].join(" ");
    let news = vec![">"; count].join(" ");
    let push = format!("RPUSH {key} x");
    let told = format!("[{key} x]");
    let entry = format!("[[{key} [[1-1 [f v]]]]]");
    [
        (format!("BLPOP {all} 0"), push.clone(), told.clone()),
        (format!("BRPOP {all} 0"), push.clone(), told),
        (format!("BLMPOP 0 {count} {all} RIGHT COUNT 2"), push.clone(), format!("[{key} [x]]")),
        (format!("BLMOVE {key} target LEFT RIGHT 0"), push.clone(), "x".to_owned()),
        (format!("BRPOPLPUSH {key} target 0"), push, "x".to_owned()),
        (format!("BZPOPMIN {all} 0"), format!("ZADD {key} 2 m"), format!("[{key} m 2]")),
        (format!("BZPOPMAX {all} 0"), format!("ZADD {key} 2 m"), format!("[{key} m 2]")),
        (
            format!("BZMPOP 0 {count} {all} MIN"),
            format!("ZADD {key} 2 m"),
            format!("[{key} [[m 2]]]"),
        ),
        (
            format!("XREAD BLOCK 0 STREAMS {all} {zeros}"),
            format!("XADD {key} 1-1 f v"),
            entry.clone(),
        ),
        (
            format!("XREAD BLOCK 0 STREAMS {all} {dollars}"),
            format!("XADD {key} 1-1 f v"),
            entry.clone(),
        ),
        (
            format!("XREADGROUP GROUP g c BLOCK 0 STREAMS {all} {news}"),
            format!("XADD {key} 1-1 f v"),
            entry,
        ),
    ]
    .into()
}

fn check_waits(cluster: &Cluster) {
    let keys = ["a", "b", "c", "d", "e"];
    let all = keys.join(" ");
    let partitions: BTreeSet<u16> = keys.map(|key| slot_of(key.as_bytes()) / 256).into();
    assert!(partitions.len() > 2, "{partitions:?}");
    for node in cluster.numbers() {
        let (mut waiting, mut other) = (cluster.client(node), cluster.client(1 + node % 3));
        for at in [node as usize - 1, node as usize + 1] {
            for (line, gives, told) in samples(&keys, at) {
                if line.starts_with("XREADGROUP") {
                    for key in keys {
                        let made = other.ask(&format!("XGROUP CREATE {key} g $ MKSTREAM"));
                        assert_eq!(made, "OK");
                    }
                }
                waiting.send(&pipeline([line.clone(), "ECHO behind".to_owned()]));
                // All of them know what is new to it.
                wait_for_kept(cluster, if line.contains(&all) { partitions.len() } else { 1 });
                other.ask(&gives);
                assert_eq!(waiting.shown(), told, "{line}");
                assert_eq!(waiting.shown(), "behind", "{line}");
                wait_for_kept(cluster, 0);
                // What is there already is told at once; what was given is gone.
                if line.contains("POP") || line.starts_with("BLMOVE") {
                    assert_eq!(settled(&mut other, &format!("EXISTS {all}")), "0", "{line}");
                    other.ask(&gives);
                    assert_eq!(waiting.ask(&line), told, "{line}");
                    assert_eq!(settled(&mut other, &format!("EXISTS {all}")), "0", "{line}");
                }
                settled(&mut other, &format!("DEL target {all}"));
            }
        }
    }
}

#[test]
fn any_node_keeps_commands_that_wait() {
    check_waits(&transparent(None));
}

#[test]
fn nodes_of_two_cores_keep_them_as_well() {
    check_waits(&transparent(Some("0-1")));
}

#[test]
fn a_wait_ends_in_time_by_another_or_with_its_client() {
    let cluster = transparent(None);
    let all = "a b c d e";
    for node in cluster.numbers() {
        let (mut client, mut other) = (cluster.client(node), cluster.client(1 + node % 3));
        client.expect(&[
            (&format!("BLPOP {all} 0.02"), "nil"),
            ("BLPOP a 0.02", "nil"),
            ("BLMOVE a b LEFT LEFT 0.02", "nil"),
            ("BLMOVE b c LEFT LEFT 0.02", "nil"),
            ("BRPOPLPUSH c a 0.02", "nil"),
            ("XREAD BLOCK 20 STREAMS a b c $ $ $", "nil"),
            ("XREAD BLOCK 20 STREAMS a b c 0 0 0", "nil"),
            ("XREAD STREAMS a b c 0 0 0", "nil"),
            (&format!("BLPOP {all} x"), "-ERR timeout is not a float or out of range"),
            (&format!("BLPOP {all} -1"), "-ERR timeout is negative"),
            ("BLMOVE a b LEFT LEFT -1", "-ERR timeout is negative"),
            ("BLMOVE a b LEFT UP 1", "-ERR syntax error"),
            ("SET a text", "OK"),
            (
                &format!("BLPOP {all} 0"),
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "BLMOVE a b LEFT LEFT 0",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("DEL a", "1"),
            ("MULTI", "OK"),
            (&format!("BLPOP {all} 0"), "QUEUED"),
            ("EXEC", "[nil]"),
        ]);
        let number = client.ask("CLIENT ID");
        for (reason, answer) in
            [("TIMEOUT", "nil"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")]
        {
            client.send(&words(&format!("BLPOP {all} 0")));
            wait_for_blocked(&cluster, node, 1);
            let line = format!("CLIENT UNBLOCK {number} {reason}");
            assert_eq!(cluster.client(node).ask(&line), "1");
            assert_eq!(client.shown(), answer);
        }
        let mut gone = cluster.client(node);
        gone.send(&words(&format!("BLPOP {all} 0")));
        let mut moves = cluster.client(node);
        moves.send(&words("BLMOVE a b LEFT RIGHT 0"));
        wait_for_blocked(&cluster, node, 2);
        drop((gone, moves));
        wait_for_blocked(&cluster, node, 0);
        wait_for_kept(&cluster, 0);
        for key in all.split(' ') {
            other.expect(&[(&format!("RPUSH {key} 1"), "1"), (&format!("LPOP {key}"), "1")]);
        }
        // What is not wanted is not told, and what is behind it is.
        client.send(&pipeline([
            "CLIENT REPLY SKIP",
            "BLMOVE a b LEFT RIGHT 0.01",
            "CLIENT REPLY SKIP",
            "BLPOP a b 0.01",
            "ECHO told",
        ]));
        assert_eq!(client.shown(), "told");
    }
}

/// Clients of all nodes wait for one key, some of them for others too.
#[test]
fn who_waits_is_served_in_order() {
    let cluster = transparent(None);
    let mut pushers: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    for key in ["a", "b", "c", "d"] {
        let mut waiting: Vec<Client> = (0..6).map(|at| cluster.client(1 + at % 3)).collect();
        let mut kept = 0;
        for (at, client) in waiting.iter_mut().enumerate() {
            let line = match at % 3 {
                0 => format!("BLPOP {key} 0"),
                1 => format!("BLPOP none {key} 0"),
                _ => format!("BLMOVE {key} target LEFT RIGHT 0"),
            };
            kept += if at % 3 == 1 { 2 } else { 1 };
            client.send(&words(&line));
            wait_for_kept(&cluster, kept);
        }
        for (at, pusher) in pushers.iter_mut().enumerate() {
            assert_eq!(pusher.ask(&format!("RPUSH {key} {at}:1 {at}:2")), "2");
            // Who comes first takes his, and then the next.
            for number in 1..=2 {
                let (place, element) = (2 * at + number - 1, format!("{at}:{number}"));
                let told = if place % 3 == 2 { element } else { format!("[{key} {element}]") };
                assert_eq!(waiting[place].shown(), told);
            }
        }
        wait_for_kept(&cluster, 0);
        assert_eq!(pushers[0].ask("LRANGE target 0 -1"), "[1:1 2:2]");
        assert_eq!(pushers[0].ask("DEL target"), "1");
    }
}

/// The leader of a key dies, or stands still, or is told to stop, while clients wait for the key at it.
#[test]
fn a_wait_goes_on_at_the_next_leader() {
    let mut cluster = transparent(None);
    for (round, key) in ["a", "b", "c"].into_iter().enumerate() {
        let victim = cluster.leader_of(slot_of(key.as_bytes()));
        let others: Vec<u32> = cluster.numbers().filter(|&node| node != victim).collect();
        let mut waiting: Vec<Client> = others.iter().map(|&node| cluster.client(node)).collect();
        let lines = [format!("BLPOP none {key} 0"), format!("BLMOVE {key} target LEFT RIGHT 0")];
        for (client, line) in waiting.iter_mut().zip(&lines) {
            client.send(&words(line));
        }
        wait_for_kept(&cluster, 3);
        match round {
            0 => cluster.kill(victim),
            1 => cluster.signal(victim, "STOP"),
            _ => cluster.signal(victim, "TERM"),
        }
        push_settled(&cluster, others[0], key, "x y");
        let told: BTreeSet<String> = waiting.iter_mut().map(Client::shown).collect();
        let either = [["x", "y"], ["y", "x"]]
            .map(|[popped, moved]| BTreeSet::from([format!("[{key} {popped}]"), moved.to_owned()]));
        assert!(either.contains(&told), "{told:?}");
        let mut other = cluster.client(others[0]);
        assert_eq!(settled(&mut other, &format!("EXISTS {key}")), "0");
        assert_eq!(settled(&mut other, "DEL target"), "1");
        match round {
            0 => cluster.start_again(victim),
            1 => cluster.signal(victim, "CONT"),
            _ => {
                cluster.wait_gone(victim);
                cluster.start_again(victim);
            }
        }
        cluster.wait_served();
        cluster.wait_led();
        wait_for_kept(&cluster, 0);
    }
}

/// Nobody is led for a while: who waits hears so, rather than waiting for ever.
#[test]
fn a_wait_without_a_leader_ends() {
    let mut cluster = transparent(None);
    let mut client = cluster.client(3);
    client.send(&words("BLPOP a b c 0"));
    wait_for_kept(&cluster, 3);
    cluster.kill(1);
    cluster.kill(2);
    let told = client.shown();
    assert!(told.starts_with("-CLUSTERDOWN"), "{told}");
    // Nor is it told that nothing was there when its time is up before it is given up: nobody has looked.
    for wait in ["BLPOP a 1", "BLPOP a b c 1", "BLMPOP 1 2 a b LEFT"] {
        let told = client.ask(wait);
        assert!(told.starts_with("-CLUSTERDOWN"), "{wait}: {told}");
    }
}

/// What the crowd of the test below has seen.
#[derive(Default)]
struct Seen {
    /// Elements whose push was answered, and those of which nobody knows.
    pushed: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
    /// Elements that were told, and connections that ended when one may have been on its way.
    told: Vec<u64>,
    ended: usize,
}

fn is_later(answer: &str) -> bool {
    answer.starts_with("-TRYAGAIN") || answer.starts_with("-CLUSTERDOWN")
}

/// A client of one node after the other.
struct Roaming<'a> {
    nodes: &'a [SocketAddr],
    at: usize,
    client: Option<Client>,
}

impl Roaming<'_> {
    /// `None`: nothing is known of what it asked, or nothing was asked.
    fn ask(&mut self, line: &str, is_asked: &mut bool) -> Option<String> {
        if self.client.is_none() {
            self.at += 1;
            self.client = Client::try_tcp(self.nodes[self.at % self.nodes.len()]).ok();
            thread::sleep(Duration::from_millis(5));
        }
        let client = self.client.as_mut()?;
        *is_asked = true;
        let answer = client.try_ask(line).ok();
        if answer.is_none() {
            self.client = None;
        }
        answer
    }
}

fn push(nodes: &[SocketAddr], at: usize, last: &AtomicU64, stops: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = Roaming { nodes, at, client: None };
    while !stops.load(Ordering::Relaxed) {
        let element = last.fetch_add(1, Ordering::Relaxed);
        let mut is_asked = false;
        let line = if element.is_multiple_of(4) {
            format!("RPUSH move {element}")
        } else {
            format!("RPUSH queue{} {element}", element % 3)
        };
        match client.ask(&line, &mut is_asked) {
            Some(answer) if answer.starts_with('-') => {
                assert!(is_later(&answer), "{answer}");
                seen.unknown.insert(element);
            }
            Some(_) => {
                seen.pushed.insert(element);
            }
            None if is_asked => {
                seen.unknown.insert(element);
            }
            None => {}
        }
        thread::sleep(Duration::from_millis(2));
    }
    seen
}

fn pop(nodes: &[SocketAddr], at: usize, stops: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = Roaming { nodes, at, client: None };
    let line = match at % 3 {
        0 => "BLPOP queue0 queue1 queue2 0.7",
        1 => "BRPOP queue2 queue0 queue1 0.2",
        _ => "BLMPOP 0.5 3 queue1 queue2 queue0 LEFT",
    };
    while !stops.load(Ordering::Relaxed) {
        let mut is_asked = false;
        match client.ask(line, &mut is_asked) {
            Some(answer) if answer.starts_with('-') => assert!(is_later(&answer), "{answer}"),
            Some(answer) if answer == "nil" => {}
            Some(answer) => {
                let element = answer.trim_end_matches(']').rsplit([' ', '[']).next();
                seen.told.push(element.and_then(|it| it.parse().ok()).expect(&answer));
            }
            None => seen.ended += usize::from(is_asked),
        }
    }
    seen
}

fn shift(nodes: &[SocketAddr], at: usize, stops: &AtomicBool) -> Seen {
    let mut client = Roaming { nodes, at, client: None };
    while !stops.load(Ordering::Relaxed) {
        if let Some(answer) = client.ask("BLMOVE move moved LEFT RIGHT 0.4", &mut false) {
            let is_known = answer == "nil" || answer.parse::<u64>().is_ok() || is_later(&answer);
            assert!(is_known, "{answer}");
        }
    }
    Seen::default()
}

/// All elements of lists, when nobody pushes or pops any more.
fn elements(cluster: &Cluster, keys: &[&str]) -> Vec<u64> {
    let mut all = Vec::new();
    for key in keys {
        let mut answer = String::new();
        wait_for("a list", || {
            let asked = Client::try_tcp(cluster.resp(1))
                .and_then(|mut client| client.try_ask(&format!("LRANGE {key} 0 -1")));
            answer = asked.unwrap_or_default();
            answer.starts_with('[')
        });
        let inner = answer.trim_matches(['[', ']']).split(' ').filter(|it| !it.is_empty());
        all.extend(inner.map(|it| it.parse::<u64>().expect("an element")));
    }
    all
}

#[test]
fn each_element_is_given_once_whoever_is_killed() {
    let mut cluster = transparent(None);
    let nodes: Vec<SocketAddr> = cluster.numbers().map(|node| cluster.resp(node)).collect();
    let (last, mut all) = (AtomicU64::new(1), Seen::default());
    for round in 0..3_u32 {
        let victim = 1 + round % 3;
        let stops = AtomicBool::new(false);
        let seen: Vec<Seen> = thread::scope(|scope| {
            let (nodes, stops, last) = (&nodes, &stops, &last);
            let mut threads = Vec::new();
            for at in 0..3 {
                threads.push(scope.spawn(move || push(nodes, at, last, stops)));
                threads.push(scope.spawn(move || pop(nodes, at, stops)));
                threads.push(scope.spawn(move || pop(nodes, at + 1, stops)));
                threads.push(scope.spawn(move || shift(nodes, at, stops)));
            }
            thread::sleep(Duration::from_millis(500));
            if round == 1 {
                cluster.signal(victim, "STOP");
                thread::sleep(Duration::from_millis(3_000));
                cluster.signal(victim, "CONT");
                thread::sleep(Duration::from_millis(500));
            } else {
                cluster.kill(victim);
                thread::sleep(Duration::from_millis(2_000));
            }
            stops.store(true, Ordering::Relaxed);
            threads.into_iter().map(|it| it.join().expect("what it saw is right")).collect()
        });
        for one in seen {
            all.pushed.extend(one.pushed);
            all.unknown.extend(one.unknown);
            all.told.extend(one.told);
            all.ended += one.ended;
        }
        if round != 1 {
            cluster.start_again(victim);
        }
        cluster.wait_served();
    }
    wait_for_kept(&cluster, 0);
    let given: BTreeSet<u64> = all.told.iter().copied().collect();
    assert_eq!(given.len(), all.told.len(), "an element was given twice");
    let left = elements(&cluster, &["queue0", "queue1", "queue2"]);
    assert!(left.iter().all(|it| !given.contains(it)), "an element was given and is there");
    let moved = elements(&cluster, &["move", "moved"]);
    let distinct: BTreeSet<u64> = moved.iter().copied().collect();
    assert_eq!(distinct.len(), moved.len(), "an element was moved and is there");
    let there: BTreeSet<u64> = left.iter().chain(&given).chain(&moved).copied().collect();
    let pushed = all.pushed.union(&all.unknown).copied().collect::<BTreeSet<u64>>();
    assert!(there.is_subset(&pushed), "what nobody pushed is there");
    let lost: Vec<u64> = all.pushed.difference(&there).copied().collect();
    assert!(lost.iter().all(|it| it % 4 != 0), "moving loses nothing: {lost:?}");
    assert!(lost.len() <= all.ended, "{lost:?} are lost, and {} connections ended", all.ended);
    let counts = (all.pushed.len(), given.len(), moved.len());
    println!("{counts:?} pushed, given, moved; {} of {} lost", lost.len(), all.ended);
    assert!(counts.0 > 100 && counts.1 > 50 && counts.2 > 10, "{counts:?}");
}
