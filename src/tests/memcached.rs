//! End to end: clients of memcached beside clients of Redis, on the same keys.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::door::SECRET_HASH;
use super::harness::{Node, Setup, address, free_ports};

/// A client that sends lines and reads what answers them.
struct Lines(TcpStream);

impl Lines {
    fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("the port is open");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("the node is there");
        Self(stream)
    }

    /// Sends a request, and `mn` behind it, whose answer ends what is read. Line ends are told as `|`.
    fn ask(&mut self, request: &str) -> String {
        let request = format!("{}\r\n", request.replace('|', "\r\n"));
        self.send(request.as_bytes())
    }

    fn send(&mut self, request: &[u8]) -> String {
        self.0.write_all(request).expect("the node is there");
        self.0.write_all(b"mn\r\n").expect("the node is there");
        let (mut answer, mut part) = (Vec::new(), [0; 65_536]);
        while !answer.ends_with(b"MN\r\n") {
            match self.0.read(&mut part).expect("the node is there") {
                0 => return format!("{}<closed>", String::from_utf8_lossy(&answer)),
                count => answer.extend_from_slice(&part[..count]),
            }
        }
        answer.truncate(answer.len() - 4);
        let text = String::from_utf8_lossy(&answer).replace("\r\n", "|");
        text.strip_suffix('|').unwrap_or(&text).to_owned()
    }

    fn expect(&mut self, table: &[(&str, &str)]) {
        for (request, answer) in table {
            assert_eq!(self.ask(request), *answer, "{request}");
        }
    }
}

fn with_memcached(setup: Setup) -> (Node, SocketAddr) {
    let [port, ..] = free_ports();
    let to = address(port);
    (setup.at("/nodes/0/memcached", json!(to.to_string())).start(), to)
}

#[test]
fn lines_are_answered_as_memcached_answers_them() {
    let (node, to) = with_memcached(Setup::two_cores().unwrap_or_else(Setup::new));
    let mut lines = Lines::connect(to);
    lines.expect(&[
        ("get a", "END"),
        ("set a 5 0 3|abc", "STORED"),
        ("get a b", "VALUE a 5 3|abc|END"),
        ("add a 0 0 1|x", "NOT_STORED"),
        ("append a 0 0 3|def", "STORED"),
        ("get a", "VALUE a 5 6|abcdef|END"),
        ("set b 0 0 2 noreply|10", ""),
        ("incr b 5", "15"),
        ("decr b 100", "0"),
        ("incr a 1", "CLIENT_ERROR cannot increment or decrement non-numeric value"),
        ("get a b c d e", "VALUE a 5 6|abcdef|VALUE b 0 1|0|END"),
        ("set e 0 -1 1|x", "STORED"),
        ("get e", "END"),
        ("touch a 100", "TOUCHED"),
        ("gat 0 a", "VALUE a 5 6|abcdef|END"),
        ("set a x 0 1", "CLIENT_ERROR bad command line format"),
        ("set a 0 0 1|toolong", "CLIENT_ERROR bad data chunk|ERROR"),
        ("bogus", "ERROR"),
        ("ms m 2 F7 T30 c E44|hi", "HD c44"),
        ("mg m t f v k Oz", "VA 2 t30 f7 km Oz|hi"),
        (
            "mg m h",
            "CLIENT_ERROR whether an item was hit before is not kept here; leave the h flag out",
        ),
        ("ms m 2 C43|ho", "EX"),
        ("md m I E50", "HD"),
        ("mg m v c", "VA 2 c50 W X|hi"),
        ("mg m v c", "VA 2 c50 X Z|hi"),
        ("ms m 2 C50|ho", "HD"),
        ("mg m v", "VA 2|ho"),
        ("mg none q", ""),
        ("mg new N30 t", "HD t30 W"),
        ("mg new t", "HD t30 Z"),
        ("ma n N0 J13 v", "VA 2|13"),
        ("ma n v D4", "VA 2|17"),
        ("ms Zm9v 3 b|bar", "HD"),
        ("mg Zm9v b k v", "VA 3 kZm9v b|bar"),
        ("get foo", "VALUE foo 0 3|bar|END"),
        ("delete foo", "DELETED"),
        ("delete foo", "NOT_FOUND"),
        ("flush_all", "OK"),
        ("get a m n", "END"),
    ]);
    let stats = lines.ask("stats");
    assert!(stats.contains("STAT curr_items ") && stats.ends_with("|END"), "{stats}");
    assert_eq!(lines.ask("quit"), "<closed>");
    drop(node);
}

#[test]
fn both_protocols_see_the_same_keys() {
    let (mut node, to) = with_memcached(Setup::two_cores().unwrap_or_else(Setup::new));
    let (mut lines, mut client) = (Lines::connect(to), node.client());
    assert_eq!(lines.ask("set a 7 100 2|hi"), "STORED");
    client.expect(&[("GET a", "hi"), ("TTL a", "100"), ("SELECT 1", "OK"), ("GET a", "nil")]);
    client.expect(&[("SELECT 0", "OK"), ("HSET h f 1", "1")]);
    let wrong = "SERVER_ERROR WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(lines.ask("set h 0 0 1|x"), wrong);
    // A line beside the values would be taken for the answer of the next request: what cannot be told is a miss.
    for number in 0..8 {
        client.expect(&[(&format!("HSET h{number} f 1"), "1")]);
        assert_eq!(lines.ask(&format!("set s{number} 0 0 1|{number}")), "STORED");
    }
    assert_eq!(lines.ask("get h"), "END");
    let keys = "s0 h0 h1 s1 h2 s2 h3 h4 s3 s4 h5 s5 h6 h7 s6 s7";
    let values: String = (0..8).map(|number| format!("VALUE s{number} 0 1|{number}|")).collect();
    for verb in ["get", "gat 100"] {
        assert_eq!(lines.ask(&format!("{verb} {keys}")), format!("{values}END"));
    }
    let missing = "nobody-has-this-key ".repeat(10_000);
    assert_eq!(lines.ask(&format!("get {missing}s0 h0")), "VALUE s0 0 1|0|END");
    // Who wants no answer gets none, whatever is wrong.
    for bad in ["set a 0 0 abc noreply", "set h 0 0 1 noreply|x"] {
        assert_eq!(lines.ask(&format!("{bad}|get s1")), "VALUE s1 0 1|1|END", "{bad}");
    }
    let large = format!("set a 0 0 {} noreply|{}|get s1", 2 << 20, "y".repeat(2 << 20));
    assert_eq!(lines.ask(&large), "VALUE s1 0 1|1|END");
    // Any write changes the number, whoever makes it.
    let cas = |answer: &str| answer.split(['|', ' ']).nth(4).map(str::to_owned).expect("a number");
    let before = cas(&lines.ask("gets a"));
    client.expect(&[("SET a ho", "OK")]);
    assert_eq!(lines.ask(&format!("cas a 0 0 1 {before}|x")), "EXISTS");
    let after = cas(&lines.ask("gets a"));
    assert_ne!(before, after);
    assert_eq!(lines.ask("get a"), "VALUE a 0 2|ho|END");
    // Also one that writes what was there.
    let mut seen = vec![after];
    for _ in 0..3 {
        client.expect(&[("SET a ho", "OK")]);
        let number = cas(&lines.ask("gets a"));
        assert!(!seen.contains(&number), "{number} is not new");
        assert_eq!(lines.ask(&format!("cas a 3 0 1 {}|x", seen[0])), "EXISTS");
        seen.push(number);
    }
    // Another end is no other version.
    let number = cas(&lines.ask("gats 100 a"));
    assert_eq!(Some(&number), seen.last());
    assert_eq!(cas(&lines.ask("gats 200 a")), number);
    assert_eq!(lines.ask(&format!("cas a 3 0 1 {number}|x")), "STORED");
    client.expect(&[("APPEND a yz", "3")]);
    assert_eq!(lines.ask("get a"), "VALUE a 0 3|xyz|END");
    // Flags and numbers are on disk.
    assert_eq!(lines.ask("ms kept 2 F9 E1234|hi"), "HD");
    node.kill_and_start();
    let mut lines = Lines::connect(to);
    assert_eq!(lines.ask("mg kept f c v"), "VA 2 f9 c1234|hi");
    // A long string that a client of Redis wrote comes in parts.
    let long = "x".repeat(3 << 20);
    assert_eq!(node.client().ask(&format!("SET long {long}")), "OK");
    let answer = lines.ask("get long kept");
    let expected = format!("VALUE long 0 {}|{long}|VALUE kept 9 2|hi|END", long.len());
    assert!(answer == expected, "{} bytes came for {}", answer.len(), expected.len());
    let large = format!("set big 0 0 {}|{}", 2 << 20, "y".repeat(2 << 20));
    assert_eq!(lines.ask(&large), "SERVER_ERROR object too large for cache");
    assert_eq!(lines.ask("get big"), "END");
}

#[test]
fn flush_all_with_a_delay_empties_later() {
    let (node, to) = with_memcached(Setup::two_cores().unwrap_or_else(Setup::new));
    let mut lines = Lines::connect(to);
    let keys = ["a", "b", "c", "d"];
    let set = |lines: &mut Lines| keys.map(|key| lines.ask(&format!("set {key} 0 0 1|x")));
    set(&mut lines);
    lines.expect(&[
        ("flush_all x", "CLIENT_ERROR invalid exptime argument"),
        ("flush_all 1000", "OK"),
        ("get a", "VALUE a 0 1|x|END"),
        // A later one takes its place.
        ("flush_all 1 noreply", ""),
    ]);
    while lines.ask("get a b c d") != "END" {
        std::thread::sleep(Duration::from_millis(20));
    }
    // It is over, and one at once takes back what was to come.
    set(&mut lines);
    lines.expect(&[("flush_all 1", "OK"), ("flush_all", "OK"), ("get a b c d", "END")]);
    set(&mut lines);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(lines.ask("get a"), "VALUE a 0 1|x|END");
    // Unix times, and times that are over.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let soon = now.expect("the clock is behind 1970").as_secs() + 1;
    assert_eq!(lines.ask(&format!("flush_all {soon}")), "OK");
    while lines.ask("get a b c d") != "END" {
        std::thread::sleep(Duration::from_millis(20));
    }
    set(&mut lines);
    lines.expect(&[("flush_all -1", "OK"), ("get a b c d", "END")]);
    drop(node);
}

#[test]
fn without_the_password_nothing_is_told() {
    let setup = Setup::new().at("/settings/auth", json!({ "password_hash": SECRET_HASH }));
    let (_node, to) = with_memcached(setup);
    let mut lines = Lines::connect(to);
    // `mn` behind each request is refused as well, so the answers are read as far as they come.
    for (request, answer) in [
        ("get a\r\n", "CLIENT_ERROR unauthenticated\r\n"),
        ("set x 0 0 13\r\ndefault wrong\r\n", "CLIENT_ERROR authentication failure\r\n"),
        ("set x 0 0 14\r\ndefault secret\r\n", "STORED\r\n"),
        ("get x\r\n", "END\r\n"),
    ] {
        lines.0.write_all(request.as_bytes()).expect("the node is there");
        let mut bytes = vec![0; answer.len()];
        lines.0.read_exact(&mut bytes).expect("the node is there");
        assert_eq!(String::from_utf8_lossy(&bytes), answer, "{request}");
    }
}

#[test]
fn an_address_for_others_needs_a_password() {
    let setup = Setup::new().at("/nodes/0/memcached", json!("0.0.0.0:11999"));
    let (code, log) = setup.refusal();
    assert!(log.contains("/nodes/0/memcached: 0.0.0.0:11999 can be reached"), "{log}");
    assert_eq!(code, 78);
}

#[test]
fn a_page_in_a_browser_reaches_no_data() {
    let (_node, to) = with_memcached(Setup::new());
    for head in ["POST / HTTP/1.1|Host: x|", "GET / HTTP/1.1|", "Host: x|", "OPTIONS * HTTP/1.1|"] {
        let answer = Lines::connect(to).ask(&format!("{head}set hacked 0 0 1|x"));
        assert!(answer.ends_with("<closed>"), "{head}: {answer}");
    }
    Lines::connect(to).expect(&[("get hacked", "END"), ("set HTTP/1.1 0 0 1|x", "STORED")]);
}
