//! Owns tests of frames that are none, and of what a client cannot do to the node.

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, show};
use super::harness::{Setup, wait_for};

const MULTIBULK: &str = "-ERR Protocol error: invalid multibulk length";
const BULK: &str = "-ERR Protocol error: invalid bulk length";

#[test]
fn frames_that_are_none_are_named_and_closed() {
    let node = Setup::new().start();
    let long = "x".repeat(70_000);
    let (long_count, long_bulk) = (format!("*{long}"), format!("*1\r\n${long}"));
    for (sent, error) in [
        ("*x\r\n", MULTIBULK),
        ("*2147483648\r\n", MULTIBULK),
        ("*1000000000000000000\r\n", MULTIBULK),
        ("*99999999999999999999999\r\n", MULTIBULK),
        ("*1048577\r\n", MULTIBULK),
        ("*+1\r\n", MULTIBULK),
        ("*01\r\n", MULTIBULK),
        ("*1\r\n$x\r\n", BULK),
        ("*1\r\n$-1\r\n", BULK),
        ("*1\r\n$-2\r\n", BULK),
        ("*1\r\n$2147483648\r\n", BULK),
        ("*1\r\n$1000000000000000000\r\n", BULK),
        ("*2\r\n$3\r\nGET\r\n$9223372036854775808\r\n", BULK),
        ("*1\r\n:4\r\nPING\r\n", "-ERR Protocol error: expected '$', got ':'"),
        ("*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'"),
        ("*1\r\n\u{1}\r\n", "-ERR Protocol error: expected '$', got '\\x01'"),
        ("*1\r\n$4\r\nPINGxx", "-ERR Protocol error: bulk argument is not followed by CRLF"),
        ("GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request"),
        ("GET 'a'b\r\n", "-ERR Protocol error: unbalanced quotes in request"),
        (&long, "-ERR Protocol error: too big inline request"),
        (&long_count, "-ERR Protocol error: too big mbulk count string"),
        (&long_bulk, "-ERR Protocol error: too big bulk count string"),
    ] {
        let shown: String = sent.chars().take(40).collect();
        let mut client = node.client();
        client.send(b"PING\r\n");
        client.send(sent.as_bytes());
        assert_eq!(client.shown(), "PONG", "{shown:?}");
        assert_eq!(client.shown(), error, "{shown:?}");
        assert!(client.is_closed_by_node(), "{shown:?}");
    }
    node.client().expect(&[("PING", "PONG")]);
}

#[test]
fn frames_of_nothing_are_no_commands() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.send(b"\r\n*0\r\n*-1\r\n\n   \r\nPING\r\n");
    assert_eq!(client.shown(), "PONG");
    // An empty word is a word.
    client.send(b"*1\r\n$0\r\n\r\n");
    assert_eq!(client.shown(), "-ERR unknown command '', with args beginning with: ");
    client.send(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    assert_eq!([client.shown(), client.shown()], ["OK", ""]);
}

#[test]
fn what_came_before_a_broken_frame_is_done() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.send(b"SET a 1\r\nGET a\r\n*x\r\nSET a 2\r\n");
    assert_eq!([client.shown(), client.shown(), client.shown()], ["OK", "1", MULTIBULK]);
    assert!(client.is_closed_by_node());
    node.client().expect(&[("GET a", "1")]);
}

#[test]
fn over_two_cores_the_error_comes_behind_the_answers() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    let mut client = node.client();
    for number in 0..20 {
        client.send(format!("SET k{number} {number}\r\n").as_bytes());
    }
    client.send(b"*1\r\n$-2\r\n");
    (0..20).for_each(|_| assert_eq!(client.shown(), "OK"));
    assert_eq!(client.shown(), BULK);
    assert!(client.is_closed_by_node());
}

#[test]
fn limits_on_keys_and_values_are_answered() {
    let node = Setup::new().at("/settings/limits/value_bytes", json!("1MiB")).start();
    let mut client = node.client();
    let key = vec![b'k'; (1 << 20) + 1];
    assert_eq!(show(&client.call(&[b"GET", b"a"])), "nil");
    client.set("full", &vec![b'v'; 1 << 20]);
    assert_eq!(
        client.ask("APPEND full x"),
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    );
    assert_eq!(
        client.ask("SETRANGE full 1048576 x"),
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    );
    // A word longer than a value may be is no frame.
    let _ = client.try_send(&super::client::command(&[b"SET", b"a", &key]));
    assert_eq!(client.shown(), BULK);
    let node = Setup::new().at("/settings/segment_bytes", json!("4MiB")).start();
    let mut client = node.client();
    let reply = client.call(&[b"SET", &key, b"v"]);
    assert_eq!(
        show(&reply),
        "-ERR key of 1048577 bytes is longer than the 1048576 bytes that are allowed"
    );
    assert_eq!(show(&client.call(&[b"SET", &key[1..], b"v"])), "OK");
    assert_eq!(client.call(&[b"GET", &key[1..]]), Reply::Bulk(b"v".to_vec()));
}

/// What clients have half sent is bounded by the node's memory, all of them together.
#[test]
fn half_sent_values_are_bounded_together() {
    let node = Setup::new().at("/settings/memory_bytes_max", json!("128MiB")).start();
    let begin = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$80000000\r\n";
    let part = vec![b'v'; 70_000_000];
    let mut first = node.client();
    first.send(begin);
    first.send(&part);
    let mut second = node.client();
    second.send(begin);
    let mut sent = &part[..];
    // It is closed in the midst of it.
    while !sent.is_empty() && second.try_send(&sent[..1_000_000]).is_ok() {
        sent = &sent[1_000_000..];
    }
    let said = second.shown();
    assert!(said.contains("commands that are not whole yet; send this one later"), "{said}");
    assert!(second.is_closed_by_node());
    // The others are none the worse for it.
    node.client().expect(&[("SET a 1", "OK")]);
    first.send(&part[..10_000_000]);
    first.send(b"\r\n");
    assert_eq!(first.shown(), "OK");
}

#[test]
fn http_at_the_redis_port_and_redis_at_the_http_port() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nSET hacked 1\r\n");
    let answer = client.shown();
    assert!(answer.starts_with("-ERR"), "{answer}");
    assert!(client.is_closed_by_node());
    let mut client = Client::tcp(node.http());
    client.send(b"*1\r\n$4\r\nPING\r\n\r\n\r\n");
    assert!(client.is_closed_by_node());
    node.client().expect(&[("EXISTS hacked", "0")]);
}

#[test]
fn a_page_in_a_browser_reaches_no_data() {
    let node = Setup::new().start();
    for sent in [
        "POST / HTTP/1.1\r\nHost: localhost:7379\r\nContent-Length: 14\r\n\r\nSET hacked 1\r\n",
        "post\r\nSET hacked 1\r\n",
        "hOST: x\r\nSET hacked 1\r\n",
        "*1\r\n$4\r\nPOST\r\nSET hacked 1\r\n",
        "MULTI\r\nPOST / HTTP/1.1\r\nSET hacked 1\r\nEXEC\r\n",
    ] {
        let mut client = node.client();
        client.send(sent.as_bytes());
        if sent.starts_with("MULTI") {
            assert_eq!(client.shown(), "OK");
        }
        assert!(client.is_closed_by_node(), "{sent:?}");
    }
    let mut client = node.client();
    client.expect(&[("EXISTS hacked", "0"), ("GET POST", "nil"), ("SET Host: 1", "OK")]);
    let told = || node.log().matches("sent an HTTP request").count();
    wait_for("the log to be told", || told() > 0);
    assert!(told() < 5, "{}", node.log());
}
