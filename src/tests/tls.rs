//! TLS for clients of Redis and of HTTP: what works without it works with it, and who does not fit is told so.

use std::io::{Read, Write};
use std::net::TcpStream;

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::certificates::{Authority, Signed};
use super::client::{Client, Dice, pipeline, tls_stream};
use super::harness::{Folder, Node, PATIENCE, Setup, wait_for};
use super::http_call::{Answer, exchange_on, get, raw};

/// A node that speaks TLS beside its plain addresses, with these further settings of it.
pub(crate) fn secured(setup: Setup, folder: &Folder, authority: &Authority, more: &Value) -> Node {
    secured_setup(setup, folder, authority, more).start()
}

pub(crate) fn secured_setup(
    setup: Setup,
    folder: &Folder,
    authority: &Authority,
    more: &Value,
) -> Setup {
    let mut settings = authority.write(&folder.0).settings();
    for (field, value) in more.as_object().expect("settings") {
        settings[field] = value.clone();
    }
    // The harness gives the ports.
    setup
        .at("/nodes/0/resp_tls", json!("127.0.0.1:1"))
        .at("/nodes/0/http_tls", json!("127.0.0.1:2"))
        .at("/settings/tls", settings)
}

/// Asks over HTTP with TLS.
pub(crate) fn https(
    node: &Node,
    authority: &Authority,
    shown: Option<&Signed>,
    bytes: &str,
) -> Result<Answer, String> {
    exchange_on(tls_stream(node.http_tls(), &authority.client(shown)), bytes.as_bytes())
}

#[test]
fn a_client_does_with_tls_what_it_does_without() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    for setup in [Some(Setup::new()), Setup::two_cores()].into_iter().flatten() {
        let node = secured(setup, &folder, &authority, &json!({}));
        let config = authority.client(None);
        // On two cores they are served by both.
        let mut clients: Vec<Client> =
            (0..4).map(|_| Client::tls(node.resp_tls(), &config)).collect();
        let value = Dice(1).bytes(3 << 20);
        for (number, client) in clients.iter_mut().enumerate() {
            client.expect(&[("PING", "PONG"), ("SELECT 0", "OK")]);
            let key = format!("key:{number}");
            client.set(&key, &value);
            client.expect_bytes(&key, &value);
            client.send(&pipeline((0..2_000).map(|at| format!("SET {key}:{at} {at}"))));
            assert!((0..2_000).all(|_| client.shown() == "OK"));
        }
        let mut plain = node.client();
        plain.expect(&[("GET key:3:1999", "1999"), ("DBSIZE", "8004")]);
        // Both sides say when they send no more.
        clients[0].expect(&[("QUIT", "OK")]);
        let error = clients[0].try_reply().expect_err("it was closed");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert!(!error.to_string().contains("close_notify"), "{error}: it was no cut");
        clients[1].send(&pipeline(["GET key:3:7", "GET key:3:8"]));
        clients[1].end();
        assert_eq!((clients[1].shown(), clients[1].shown()), ("7".to_owned(), "8".to_owned()));
        // Sessions are resumed, by any core.
        let resumed = Client::tls(node.resp_tls(), &config);
        drop(resumed);
        wait_for("a session that goes on", || {
            let mut client = Client::tls(node.resp_tls(), &config);
            client.expect(&[("PING", "PONG")]);
            let kind = client.tls_connection().and_then(|tls| tls.handshake_kind());
            kind == Some(rustls::HandshakeKind::Resumed)
        });
        let page = get(node.http(), "/metrics").body;
        assert!(page.contains("tls_handshakes_total") && page.contains("tls_resumed_total"));
    }
}

#[test]
fn http_with_tls_is_the_same() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let ask = |bytes: &str| https(&node, &authority, None, bytes).expect("an answer");
    let health = ask("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(health.status, 200, "{health:?}");
    let next = ask("GET /config?next=1 HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut config = next.json();
    config["settings"]["sync_interval_ms"] = json!(33);
    let body = config.to_string();
    let head = format!("POST /config HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n", body.len());
    assert_eq!(ask(&format!("{head}\r\n{body}")).status, 200);
    assert_eq!(node.config()["settings"]["sync_interval_ms"], 33);
    assert_eq!(ask("BREW / HTTP/1.1\r\nOrigin: x\r\n\r\n").status, 403);
}

#[test]
fn who_does_not_fit_the_address_is_told_so() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    for line in ["PING\r\n", "*1\r\n$4\r\nPING\r\n"] {
        let mut plain = Client::tcp(node.resp_tls());
        plain.send(line.as_bytes());
        let said = plain.shown();
        assert!(said.starts_with("-ERR this address speaks TLS; connect with TLS"), "{said}");
        assert!(plain.is_closed_by_node());
    }
    let plain = raw(node.http_tls(), b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(plain.status, 400, "{plain:?}");
    assert!(plain.body.contains("ask with https"), "{plain:?}");
    // TLS where none is spoken: an alert for Redis clients, a sentence for HTTP.
    for (address, said) in [(node.resp(), "HandshakeFailure"), (node.http(), "")] {
        let mut stream = tls_stream(address, &authority.client(None));
        let error = stream.write_all(b"PING\r\n").and_then(|()| stream.flush());
        let error = error.and_then(|()| stream.read_exact(&mut [0])).expect_err("no TLS here");
        assert!(error.to_string().contains(said), "{error}");
    }
    // Neither is the end of anything else.
    node.client().expect(&[("PING", "PONG")]);
    Client::tls(node.resp_tls(), &authority.client(None)).expect(&[("PING", "PONG")]);
    wait_for("a word in the log", || node.log().contains("speaks no TLS on an address for TLS"));
}

#[test]
fn clients_show_certificates_where_they_must() {
    let (folder, authority, other) = (Folder::new(), Authority::new("a"), Authority::new("b"));
    let (good, expired, foreign) = (authority.sign(), authority.sign_expired(), other.sign());
    let node = secured(Setup::new(), &folder, &authority, &json!({ "client_auth": "required" }));
    let health = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n";
    Client::tls(node.resp_tls(), &authority.client(Some(&good))).expect(&[("PING", "PONG")]);
    assert_eq!(https(&node, &authority, Some(&good), health).expect("an answer").status, 200);
    for (shown, said) in [
        (None, "shows no certificate and one is required"),
        (Some(&expired), "has expired; renew it"),
        (Some(&foreign), "signed by nobody in ca_file"),
    ] {
        let mut client = Client::tls(node.resp_tls(), &authority.client(shown));
        let sent = client.try_ask("PING");
        assert!(sent.expect_err("it is kept out").to_string().contains("alert"));
        assert!(https(&node, &authority, shown, health).is_err());
        // The log is told once a second at most; another try is told then.
        wait_for(said, || {
            let _ = Client::tls(node.resp_tls(), &authority.client(shown)).try_ask("PING");
            node.log().contains(said)
        });
    }
}

/// As without TLS: it is closed when its time is up, and holds no more than its output.
#[test]
fn a_client_that_reads_nothing_is_closed() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let setup = Setup::new().at("/settings/limits/write_timeout_s", json!(1));
    let node = secured(setup, &folder, &authority, &json!({}));
    let mut client = node.client();
    client.set("key", &Dice(3).bytes(1 << 20));
    let before = node.memory("VmRSS");
    let mut silent = Client::tls(node.resp_tls(), &authority.client(None));
    let number = silent.ask("CLIENT ID");
    silent.send(&pipeline(["GET key"]).repeat(500));
    wait_for("the node closes it", || {
        client.expect(&[("PING", "PONG")]);
        client.ask(&format!("CLIENT LIST ID {number}")).is_empty()
    });
    let grown = node.memory("VmHWM").saturating_sub(before);
    assert!(grown < 48 << 20, "memory grew by {grown} bytes");
}

/// One that reads late gets all.
#[test]
fn a_client_that_reads_late_gets_all() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let value = Dice(2).bytes(1 << 20);
    let mut client = Client::tls(node.resp_tls(), &authority.client(None));
    client.set("key", &value);
    client.send(&pipeline(["GET key"]).repeat(64));
    for _ in 0..64 {
        let Reply::Bulk(bytes) = client.reply() else { panic!("GET") };
        assert!(bytes == value);
    }
}

/// Handshakes that stand still, whole and in part, by the hundred: all others go on, and the node counts them as clients until they end.
#[test]
fn handshakes_that_stand_still_hurt_nobody() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let config = authority.client(None);
    let mut early = Client::tls(node.resp_tls(), &config);
    early.expect(&[("PING", "PONG")]);
    let half: Vec<TcpStream> = (0..2_000)
        .map(|number| {
            let mut stream = tls_stream(node.resp_tls(), &config);
            let mut hello = Vec::new();
            stream.conn.write_tls(&mut hello).expect("memory takes all");
            let length = if number % 2 == 0 { hello.len() } else { 1 + number % hello.len() };
            stream.sock.write_all(&hello[..length]).expect("the node takes it");
            stream.sock
        })
        .collect();
    early.expect(&[("SET a 1", "OK"), ("GET a", "1")]);
    Client::tls(node.resp_tls(), &config).expect(&[("GET a", "1")]);
    node.client().expect(&[("GET a", "1")]);
    drop(half);
    wait_for("all of them to be gone", || early.ask("CLIENT LIST").lines().count() == 1);
    assert!(PATIENCE.as_secs() > 10, "those that stay are ended after 10 s");
}
