//! Owns tests of streams and consumer groups over a whole node: what they are told in both protocols, and that they outlive it.

use hyperion_wire::reply::Reply;

use super::client::show;
use super::harness::{Setup, wait_for};

#[test]
fn a_stream_with_its_groups_outlives_the_node() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    for number in 1..=2_000 {
        let long = if number % 500 == 0 { "x".repeat(100_000) } else { "v".to_owned() };
        let said = client.ask(&format!("XADD s {number}-1 field {number} value {long}"));
        assert_eq!(said, format!("{number}-1"));
    }
    for line in [
        "XGROUP CREATE s g 0",
        "XGROUP CREATE s h 100-1 ENTRIESREAD 100",
        "XREADGROUP GROUP g ann COUNT 300 STREAMS s >",
        "XREADGROUP GROUP g bob COUNT 50 STREAMS s >",
        "XACK s g 1-1 2-1 3-1 301-1",
        "XDEL s 5-1 600-1",
        "XCLAIM s g bob 0 10-1 RETRYCOUNT 7 JUSTID",
        "XTRIM s MAXLEN 1500",
        "XADD s 3000-* field after",
        "XADD empty MAXLEN 0 1-1 a 1",
    ] {
        let said = client.ask(line);
        assert!(!said.contains("ERR"), "{line}: {said}");
    }
    let looks = [
        "XINFO STREAM s FULL COUNT 0",
        "XINFO STREAM empty",
        "XINFO GROUPS s",
        "XPENDING s g",
        "XRANGE s - +",
        "XREVRANGE s + - COUNT 3",
    ];
    let before = looks.map(|line| client.ask(line));
    node.kill_and_start();
    let mut client = node.client();
    for (line, before) in looks.into_iter().zip(&before) {
        assert!(client.ask(line) == *before, "{line} is told otherwise after a kill");
    }
    assert_eq!(client.ask("XADD s 3000-* field more"), "3000-1");
    assert_eq!(client.ask("XADD empty 1-* a 1"), "1-2");
}

/// Streams are told as a map where there are maps.
#[test]
fn what_is_read_has_the_shape_of_the_protocol() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.ask("XADD {s}a 1-1 f 1");
    client.ask("XADD {s}b 2-1 f 2");
    let words: [&[u8]; 6] = [b"XREAD", b"STREAMS", b"{s}a", b"{s}b", b"0", b"0"];
    let Reply::Array(streams) = client.call(&words) else { panic!("an array is told") };
    assert_eq!(streams.len(), 2);
    assert!(streams.iter().all(|stream| matches!(stream, Reply::Array(pair) if pair.len() == 2)));
    client.ask("HELLO 3");
    let Reply::Map(streams) = client.call(&words) else { panic!("a map is told") };
    let names: Vec<String> = streams.iter().map(|(name, _)| show(name)).collect();
    assert_eq!(names, ["{s}a", "{s}b"]);
}

/// Who waits is told what comes, once, and of what was there before nothing.
#[test]
fn readers_of_streams_wait() {
    let node = Setup::new().start();
    let [mut reader, mut consumer, mut other, mut writer] =
        [node.client(), node.client(), node.client(), node.client()];
    writer.ask("XADD s 1-1 f old");
    writer.ask("XGROUP CREATE s g $");
    assert_eq!(reader.ask("XREAD BLOCK 20 STREAMS s $"), "nil");
    assert_eq!(consumer.ask("XREADGROUP GROUP g ann BLOCK 20 STREAMS s >"), "nil");
    reader.send(b"XREAD BLOCK 0 STREAMS s none $ $\r\n");
    consumer.send(b"XREADGROUP GROUP g ann BLOCK 0 STREAMS s >\r\n");
    other.send(b"XREADGROUP GROUP g bob BLOCK 0 STREAMS s >\r\n");
    wait_for("three that wait", || writer.ask("INFO clients").contains("blocked_clients:3"));
    writer.ask("SET elsewhere 1");
    assert_eq!(writer.ask("XADD s 2-1 f new"), "2-1");
    let told = "[[s [[2-1 [f new]]]]]";
    assert_eq!(reader.shown(), told);
    assert_eq!(consumer.shown(), told);
    // The second consumer waits on: the entry was the first one's.
    wait_for("one that waits", || writer.ask("INFO clients").contains("blocked_clients:1"));
    writer.ask("XADD s 3-1 f next");
    assert_eq!(other.shown(), "[[s [[3-1 [f next]]]]]");
    other.send(b"XREADGROUP GROUP g bob BLOCK 0 STREAMS s >\r\n");
    wait_for("one that waits", || writer.ask("INFO clients").contains("blocked_clients:1"));
    writer.ask("DEL s");
    let said = other.shown();
    assert!(said.starts_with("-NOGROUP") || said.starts_with("-UNBLOCKED"), "{said}");
}
