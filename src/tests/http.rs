//! Owns tests of the HTTP side: what it shows, what it refuses, and the config that it takes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::door::SECRET_HASH;
use super::durability::{Writer, expect_written};
use super::harness::{Setup, wait_for};
use super::http_call::{change, get, get_with, next_config, post, post_with, raw};
use super::tour::tour;

#[test]
fn health_and_status_are_json_with_figures() {
    let node = Setup::new().start();
    assert_eq!(get(node.http(), "/health").json(), json!({ "status": "ok" }));
    let mut client = node.client();
    tour(&mut client);
    client.expect(&[("SET a 1 EX 100", "OK"), ("SET b 2", "OK")]);
    wait_for("the figures of the next tick", || {
        get(node.http(), "/status").json()["keys"] == json!(2)
    });
    let status = get(node.http(), "/status").json();
    for (pointer, expected) in [
        ("/node", json!("node-1")),
        ("/epoch", json!(1)),
        ("/mode", json!("single")),
        ("/storage", json!("disk")),
        ("/durability", json!("interval")),
        ("/sync_interval_ms", json!(20)),
        ("/clients", json!(1)),
        ("/expiring_keys", json!(1)),
        ("/memory/limit_bytes", json!(256 << 20)),
        ("/writes_refused", Value::Null),
        ("/cores/0/core", json!(0)),
        ("/cores/0/keys", json!(2)),
    ] {
        assert_eq!(status.pointer(pointer), Some(&expected), "{pointer}: {status}");
    }
    for pointer in [
        "/cores/0/commands",
        "/cores/0/bytes_logged",
        "/cores/0/bytes_in",
        "/memory/records_bytes",
        "/memory/index_bytes",
    ] {
        let figure = status.pointer(pointer).and_then(Value::as_u64);
        assert!(figure.is_some_and(|figure| figure > 0), "{pointer}: {status}");
    }
}

/// Reads Prometheus text: each series with its value. Panics where the format is not kept.
fn series(text: &str) -> BTreeMap<String, f64> {
    let (mut kinds, mut found) = (BTreeMap::new(), BTreeMap::new());
    assert!(text.ends_with('\n'), "the last line ends");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, rest) =
                (words.next(), words.next().expect(line), words.next().expect(line));
            match what {
                Some("HELP") => assert!(!rest.is_empty(), "{line}"),
                Some("TYPE") => {
                    assert!(["gauge", "counter", "histogram"].contains(&rest), "{line}");
                    assert!(
                        kinds.insert(name.to_owned(), rest.to_owned()).is_none(),
                        "twice: {line}"
                    );
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect(line);
        let bare = name.split_once('{').map_or(name, |(bare, labels)| {
            check_labels(labels.strip_suffix('}').expect(line));
            bare
        });
        assert!(
            bare.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{line}"
        );
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| kinds.get_key_value(bare.strip_suffix(end)?));
        let family = family.or_else(|| kinds.get_key_value(bare));
        assert!(family.is_some(), "no TYPE before {line}");
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(found.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    found
}

fn check_labels(labels: &str) {
    for label in labels.split(',') {
        let (name, value) = label.split_once('=').expect(labels);
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{labels}");
        let value =
            value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect(labels);
        assert!(!value.contains(['"', '\\', '\n']), "{labels}");
    }
}

#[test]
fn metrics_are_prometheus_text() {
    let node = Setup::new().durability("always").start();
    let mut client = node.client();
    for number in 0..300 {
        client.expect(&[(&format!("SET key:{number} {number}"), "OK")]);
    }
    client.expect(&[("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ")]);
    wait_for("the figures of the next tick", || {
        let body = get(node.http(), "/metrics").body;
        body.contains("hyperion_keys{core=\"0\"} 300\n")
            && body.contains("hyperion_errors_total{core=\"0\"} 1\n")
    });
    let answer = get(node.http(), "/metrics");
    assert!(
        answer.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    let series = series(&answer.body);
    let of =
        |name: &str| *series.get(name).unwrap_or_else(|| panic!("no {name} in {}", answer.body));
    assert_eq!(of("hyperion_commands_total{command=\"set\"}"), 300.0);
    assert_eq!(of("hyperion_clients{core=\"0\"}"), 1.0);
    assert_eq!(of("hyperion_errors_total{core=\"0\"}"), 1.0);
    assert_eq!(of("hyperion_config_epoch"), 1.0);
    for name in [
        "logged_bytes_total",
        "received_bytes_total",
        "sent_bytes_total",
        "live_bytes",
        "segments_in_use",
    ] {
        assert!(of(&format!("hyperion_{name}{{core=\"0\"}}")) > 0.0, "{name}");
    }
    let (all, free) = (of("hyperion_disk_bytes"), of("hyperion_disk_free_bytes"));
    assert!(free > 0.0 && free < all, "{free} of {all}");
    let lengths =
        node.segments(0).into_iter().map(|path| path.metadata().expect("it is there").len());
    let (files, told) = (lengths.sum::<u64>(), of("hyperion_segment_files_bytes{core=\"0\"}"));
    // One more may have been made since.
    assert!(told >= 1048576.0 && told <= files as f64, "{told} of {files}");
    assert_eq!(of("hyperion_writes_refused{core=\"0\"}"), 0.0);
    let syncs = of("hyperion_sync_seconds_count{core=\"0\"}");
    assert!(syncs >= 300.0, "{syncs} syncs for 300 writes one after the other");
    assert_eq!(of("hyperion_sync_seconds_bucket{core=\"0\",le=\"+Inf\"}"), syncs);
    assert!(of("hyperion_command_seconds_count{command=\"set\"}") >= 1.0);
}

#[test]
fn durability_changes_under_load_without_a_failed_request() {
    let mut node = Setup::new().start();
    let writer = Writer::start(node.resp(), 0);
    for (epoch, mode) in
        ["always", "never", "interval", "always", "interval"].into_iter().enumerate()
    {
        writer.wait(300);
        let answer = change(node.http(), &[("/settings/durability", json!(mode))]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json();
        assert_eq!(said["epoch"], json!(epoch + 2));
        assert_eq!(said["changed"], json!(["/settings/durability"]));
        assert_eq!(said["acked_by"], json!(["node-1"]));
        assert_eq!(get(node.http(), "/status").json()["durability"], json!(mode));
    }
    writer.wait(300);
    node.kill();
    let (written, wrong) = writer.end();
    assert_eq!(wrong, None);
    node.start();
    expect_written(&mut node.client(), written);
    assert_eq!(get(node.http(), "/config").json()["epoch"], json!(6));
}

#[test]
fn the_config_on_disk_is_the_posted_one() {
    let mut node = Setup::new().start();
    let first = get(node.http(), "/config").json();
    let body = next_config(node.http(), &[("/settings/sync_interval_ms", json!(50))], "");
    let answer = post(node.http(), "/config", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let posted: Value = serde_json::from_str(&body).expect("it is JSON");
    assert_eq!(node.config(), posted);
    assert_eq!(get(node.http(), "/config").json(), posted);
    let kept =
        std::fs::read(node.folder().join("config.1.json")).expect("the earlier config is kept");
    assert_eq!(serde_json::from_slice::<Value>(&kept).expect("it is JSON"), first);
    // CONFIG SET goes the same way.
    node.client().expect(&[("CONFIG SET sync-interval-ms 60 maxclients 77", "OK")]);
    let on_disk = node.config();
    assert_eq!(on_disk["epoch"], json!(3));
    assert_eq!(on_disk["settings"]["sync_interval_ms"], json!(60));
    assert_eq!(on_disk["settings"]["limits"]["clients"], json!(77));
    assert!(node.folder().join("config.2.json").exists());
    assert_eq!(get(node.http(), "/config").json(), on_disk);
    // Many changes keep the last ten.
    for interval_ms in 100..112 {
        node.client().expect(&[(&format!("CONFIG SET sync-interval-ms {interval_ms}"), "OK")]);
    }
    let kept =
        (1..15).filter(|epoch| node.folder().join(format!("config.{epoch}.json")).exists()).count();
    assert_eq!(kept, 10);
    node.kill_and_start();
    assert_eq!(get(node.http(), "/config").json()["settings"]["sync_interval_ms"], json!(111));
}

#[test]
fn a_stale_config_is_409_with_the_difference() {
    let node = Setup::new().start();
    let stale = next_config(node.http(), &[("/settings/durability", json!("never"))], "");
    assert_eq!(change(node.http(), &[("/settings/sync_interval_ms", json!(50))]).status, 200);
    let answer = post(node.http(), "/config", &stale);
    assert_eq!(answer.status, 409, "{answer:?}");
    let said = answer.json();
    assert_eq!((answer.pointer().as_str(), &said["epoch"]), ("/epoch", &json!(2)));
    let pointers: Vec<&Value> =
        said["diff"].as_array().expect("a list").iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, [&json!("/settings/durability"), &json!("/settings/sync_interval_ms")]);
    assert_eq!(get(node.http(), "/config").json()["settings"]["durability"], json!("interval"));
    // The same config twice is one change.
    let body = next_config(node.http(), &[("/settings/durability", json!("never"))], "");
    assert_eq!(post(node.http(), "/config", &body).status, 200);
    assert_eq!(post(node.http(), "/config", &body).status, 200);
    assert_eq!(get(node.http(), "/config").json()["epoch"], json!(3));
}

#[test]
fn a_wrong_config_is_422_with_the_pointer() {
    let node = Setup::new().start();
    for (pointer, value, expected) in [
        ("/settings/durability", json!("often"), "/settings/durability"),
        ("/settings/nonsense", json!(1), "/settings/nonsense"),
        ("/settings/sync_interval_ms", json!(0), "/settings/sync_interval_ms"),
        ("/settings/sync_interval_ms", json!("x"), "/settings/sync_interval_ms"),
        ("/settings/memory_bytes_max", json!(1), "/settings/memory_bytes_max"),
        ("/settings/segment_bytes", json!("2MiB"), "/settings/segment_bytes"),
        ("/settings/storage", json!("memory"), "/settings/storage"),
        ("/partitions", json!(128), "/partitions"),
        ("/nodes/0/resp", json!("127.0.0.1:1"), "/nodes/0/resp"),
        ("/nodes", json!([]), "/nodes"),
        ("/settings/redis", json!({"maxmemory": "abc"}), "/settings/redis/maxmemory"),
        ("/settings/redis", json!({"nosuch": "1"}), "/settings/redis/nosuch"),
        ("/settings/redis", json!({"hz": 10}), "/settings/redis/hz"),
    ] {
        let answer = change(node.http(), &[(pointer, value.clone())]);
        assert_eq!(answer.status, 422, "{pointer} {value}: {answer:?}");
        assert!(answer.pointer().starts_with(expected), "{pointer} {value}: {answer:?}");
        let said = answer.json();
        assert!(said["errors"][0]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{said}");
    }
    for body in ["", "{", "nonsense", "[1]", "null", "{} {}"] {
        let answer = post(node.http(), "/config", body);
        assert_eq!(answer.status, 422, "{body:?}: {answer:?}");
    }
    let not_json = post(node.http(), "/config", "{\"epoch\": 2,,}");
    assert!(not_json.body.contains("is not JSON"), "{not_json:?}");
    assert_eq!(get(node.http(), "/config").json()["epoch"], json!(1));
}

#[test]
fn requests_that_are_none_are_refused() {
    let node = Setup::new().start();
    let large = format!("POST /config HTTP/1.1\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    for (bytes, status) in [
        (large.as_str(), 413),
        ("POST /config HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        // No length is no body.
        ("POST /config HTTP/1.1\r\n\r\n", 422),
        ("POST /config HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /config HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("GET /config HTTP/1.1\r\nOrigin: http://evil.example\r\n\r\n", 403),
        ("POST /config HTTP/1.1\r\nOrigin: null\r\nContent-Length: 2\r\n\r\n{}", 403),
        ("nonsense\r\n\r\n", 400),
        ("GET /config HTTP/2.0\r\n\r\n", 505),
        ("GET /config HTTP/1.1\r\nno header\r\n\r\n", 400),
        ("GET /nothing HTTP/1.1\r\n\r\n", 404),
        ("DELETE /config HTTP/1.1\r\n\r\n", 405),
        ("GET /config?next=2 HTTP/1.1\r\n\r\n", 400),
        ("GET /config/conflict HTTP/1.1\r\n\r\n", 404),
        (&long, 431),
    ] {
        let answer = raw(node.http(), bytes.as_bytes());
        let shown: String = bytes.chars().take(60).collect();
        assert_eq!(answer.status, status, "{shown:?}: {answer:?}");
        assert!(
            answer.json()["errors"][0]["problem"].as_str().is_some_and(|text| !text.is_empty()),
            "{answer:?}"
        );
    }
    assert_eq!(get(node.http(), "/health").status, 200);
    // A body of the longest length that is allowed is read whole and then refused for what it says.
    assert_eq!(post(node.http(), "/config", &" ".repeat(1 << 20)).status, 422);
}

#[test]
fn a_body_that_waits_for_the_word_is_asked_for() {
    let node = Setup::new().start();
    let body = next_config(node.http(), &[("/settings/sync_interval_ms", json!(50))], "");
    let mut stream = TcpStream::connect(node.http()).expect("the node listens");
    let head = format!(
        "POST /config HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the node takes it");
    let mut word = [0; 25];
    stream.read_exact(&mut word).expect("the node answers");
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).expect("the node takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the node answers");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn with_a_password_the_token_is_asked_for() {
    const TOKEN: &str = "Authorization: Bearer secret\r\n";
    let node = Setup::new().at("/settings/auth", json!({ "password_hash": SECRET_HASH })).start();
    let http = node.http();
    for path in ["/config", "/config?next=1", "/status", "/metrics", "/nothing"] {
        let answer = get(http, path);
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        assert!(answer.head.contains("WWW-Authenticate: Bearer"), "{answer:?}");
        assert_eq!(get_with(http, path, "Authorization: Bearer wrong\r\n").status, 401);
        assert_eq!(get_with(http, path, "Authorization: Basic secret\r\n").status, 401);
        assert_ne!(get_with(http, path, TOKEN).status, 401);
    }
    assert_eq!(get(http, "/health").status, 200);
    let body = next_config(http, &[("/settings/durability", json!("never"))], TOKEN);
    assert_eq!(post(http, "/config", &body).status, 401);
    assert_eq!(post_with(http, "/config", &body, TOKEN).status, 200);
}

#[test]
fn half_open_requests_do_not_stop_redis_clients() {
    let node = Setup::new().start();
    let half: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(node.http()).expect("the node listens");
            stream.write_all(b"GET /health HT").expect("the node takes it");
            stream
        })
        .collect();
    let mut client = node.client();
    tour(&mut client);
    // The one that has been at it for longest makes room.
    for path in ["/health", "/live", "/config"] {
        assert_eq!(get(node.http(), path).status, 200, "{path}");
    }
    tour(&mut node.client());
    let gone = half.into_iter().filter(|mut stream| {
        let soon = std::time::Duration::from_millis(1);
        stream.set_read_timeout(Some(soon)).expect("it may be set");
        matches!(stream.read(&mut [0; 64]), Ok(0)) || stream.write_all(b"TP/1.1\r\n").is_err()
    });
    let gone = gone.count();
    assert!((1..=10).contains(&gone), "{gone} of 64 have ended");
    tour(&mut client);
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let node = Setup::new().start();
    let address = node.http();
    let callers: Vec<_> = (0..16)
        .map(|_| {
            std::thread::spawn(move || {
                (0..10).for_each(|_| {
                    assert_eq!(get(address, "/status").json()["mode"], json!("single"));
                });
            })
        })
        .collect();
    tour(&mut node.client());
    callers.into_iter().for_each(|caller| caller.join().expect("each is answered"));
}
