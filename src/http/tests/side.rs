//! Tests of the whole HTTP side: requests in, answers out, over the private socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, unbounded};
use serde_json::{Value, json};

use crate::config::tests::{Folder, config, keeper_at};
use crate::config::{Config, Keeper};
use crate::http::front::{Progress, RequestReader};
use crate::http::side::{Bridge, HttpSide};
use crate::http::view::NodeView;
use crate::http::{ChangeError, Request};

const HASH: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const PATIENCE: Duration = Duration::from_secs(8);

struct Node {
    folder: Folder,
    side: HttpSide,
    keeper: Arc<Mutex<Keeper>>,
    answers: Receiver<(u64, Vec<u8>)>,
    healthy: Arc<AtomicBool>,
    applying: Arc<AtomicBool>,
    applied: Arc<AtomicUsize>,
    release: Arc<AtomicBool>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Node {
    fn start(edit: fn(&mut Config)) -> Self {
        Self::start_with(edit, Duration::from_secs(5))
    }

    /// `/status` waits for `release`, `/metrics` panics when not healthy, `apply` fails when not
    /// `applying`.
    fn start_with(edit: fn(&mut Config), answer_time: Duration) -> Self {
        let folder = Folder::new();
        let mut config = config();
        edit(&mut config);
        let keeper = Arc::new(Mutex::new(keeper_at(&folder.file("config.json"), config)));
        let (sender, answers) = unbounded();
        let flag = |value| Arc::new(AtomicBool::new(value));
        let (healthy, applying, release) = (flag(true), flag(true), flag(true));
        let applied = Arc::new(AtomicUsize::new(0));
        let (is_healthy, panics) = (Arc::clone(&healthy), Arc::clone(&healthy));
        let (may_apply, count) = (Arc::clone(&applying), Arc::clone(&applied));
        let released = Arc::clone(&release);
        let view = NodeView {
            member: Arc::default(),
            taken_ms: Box::new(|epoch| [(epoch, 1_234)].into()),
            grow: Box::new(|_, _| Err(ChangeError::NoMajority)),
            cluster: Box::new(|| None),
            status: Box::new(move || {
                while !released.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                json!({ "node": "a" })
            }),
            metrics: Box::new(move || {
                assert!(panics.load(Ordering::SeqCst), "metrics of a sick node");
                format!("a 1\n{}", "# filler\n".repeat(10_000))
            }),
            healthy: Box::new(move || {
                if is_healthy.load(Ordering::SeqCst) { Ok(()) } else { Err("poisoned".to_owned()) }
            }),
            snapshot: Box::new(|| Ok("snapshot-1".to_owned())),
            apply: Box::new(move |_| {
                if !may_apply.load(Ordering::SeqCst) {
                    return Err("core 1 did not answer".to_owned());
                }
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        };
        let bridge = Bridge {
            to_cluster: None,
            data: Some(folder.path().to_owned()),
            keeper: Arc::clone(&keeper),
            view,
            answered: Arc::new(move |id, bytes| {
                let _ = sender.send((id, bytes));
            }),
        };
        let side = HttpSide::start_with(bridge, answer_time).expect("it starts");
        Self { folder, side, keeper, answers, healthy, applying, applied, release }
    }

    fn submit(&self, id: u64, raw: &str) {
        let request: Request = match RequestReader::default().feed(raw.as_bytes()) {
            Progress::Complete(request) => request,
            other => panic!("{raw:?}: {other:?}"),
        };
        self.side.submit(id, request).expect("not busy");
    }

    fn wait(&self) -> (u64, Answer) {
        let (id, bytes) = self.answers.recv_timeout(PATIENCE).expect("an answer");
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        assert_eq!(head.matches("Connection: close").count(), 1, "{head}");
        assert!(!head.contains("chunked"), "{head}");
        (id, Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    fn ask(&self, raw: &str) -> Answer {
        self.submit(7, raw);
        let (id, answer) = self.wait();
        assert_eq!(id, 7, "{raw:?}");
        answer
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n\r\n"))
    }

    fn post(&self, body: &str) -> Answer {
        self.ask(&post(body))
    }

    fn next(&self) -> Config {
        self.keeper.lock().expect("whole").current().next()
    }
}

fn post(body: &str) -> String {
    format!("POST /config HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn with_password(config: &mut Config) {
    config.settings.auth.password_hash = Some(HASH.to_owned());
}

#[test]
fn each_path_answers_and_what_is_wrong_is_json() {
    let node = Node::start(|_| {});
    for (raw, status, expected) in [
        ("GET /health HTTP/1.1\r\n\r\n", 200, "{\"status\":\"ok\"}"),
        ("GET /live HTTP/1.1\r\n\r\n", 200, "{\"status\":\"ok\"}"),
        ("GET /status HTTP/1.1\r\n\r\n", 200, "{\"node\":\"a\"}"),
        ("GET /status? HTTP/1.1\r\n\r\n", 200, "{\"node\":\"a\"}"),
        ("GET /metrics HTTP/1.1\r\n\r\n", 200, "a 1\n"),
        ("GET /config HTTP/1.1\r\n\r\n", 200, "\"epoch\": 1,"),
        ("GET /config?next=1 HTTP/1.1\r\n\r\n", 200, "\"epoch\": 2,"),
        ("HEAD /health HTTP/1.1\r\n\r\n", 200, ""),
        ("GET /config/conflict HTTP/1.1\r\n\r\n", 404, "no conflict"),
        ("GET /config/history HTTP/1.1\r\n\r\n", 200, "\"taken_ms\":1234"),
        ("GET / HTTP/1.1\r\n\r\n", 404, "\"paths\":[\"/config\""),
        ("GET /config/ HTTP/1.1\r\n\r\n", 404, "/metrics"),
        ("GET /config?next=2 HTTP/1.1\r\n\r\n", 400, "next=2"),
        ("GET /health?x HTTP/1.1\r\n\r\n", 400, "\\\"x\\\""),
        ("POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405, "GET, HEAD"),
        ("DELETE /config HTTP/1.1\r\n\r\n", 405, "GET, HEAD, POST"),
        ("BREW /config HTTP/1.1\r\n\r\n", 405, "BREW"),
        ("POST /config HTTP/1.1\r\nContent-Length: 8\r\n\r\nnonsense", 422, "line 1"),
        ("POST /config HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 422, "not JSON"),
    ] {
        let answer = node.ask(raw);
        assert_eq!(answer.status, status, "{raw:?}: {}", answer.body);
        assert!(answer.body.contains(expected), "{raw:?}: {}", answer.body);
        if status >= 400 {
            let json = answer.json();
            let error = &json["errors"][0];
            assert!(error["pointer"].is_string() && error["hint"].is_string(), "{json}");
        }
        if status == 405 {
            assert!(answer.head.contains("\r\nAllow: GET, HEAD"), "{}", answer.head);
        }
    }
    let metrics = node.get("/metrics");
    assert_eq!(metrics.body.len(), 4 + 90_000, "longer than one read, whole");
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{}", metrics.head);
    node.healthy.store(false, Ordering::SeqCst);
    let sick = node.get("/health");
    assert_eq!((sick.status, &sick.json()["status"]), (503, &json!("poisoned")));
    assert_eq!(node.get("/live").status, 503);
}

#[test]
fn a_config_is_posted_with_compare_and_set() {
    let node = Node::start(|_| {});
    let mut next: Value = node.get("/config?next=1").json();
    next["settings"]["durability"] = json!("never");
    let answer = node.post(&next.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["epoch"], 2);
    assert_eq!(body["acked_by"], json!(["a"]));
    assert_eq!(body["needs_restart"], json!([]));
    assert_eq!(body["changed"], json!(["/settings/durability"]));
    assert_eq!(body["hash"], node.keeper.lock().expect("whole").current().hash);
    assert_eq!(node.applied.load(Ordering::SeqCst), 1);

    let again = node.post(&next.to_string());
    assert_eq!((again.status, again.json()["epoch"].clone()), (200, json!(2)), "the very same");
    assert_eq!(node.applied.load(Ordering::SeqCst), 1);

    next["settings"]["durability"] = json!("interval");
    let stale = node.post(&next.to_string());
    assert_eq!(stale.status, 409, "{}", stale.body);
    assert_eq!(stale.json()["epoch"], 2);
    assert_eq!(stale.json()["errors"][0]["pointer"], "/epoch");
    let expected =
        json!([{ "pointer": "/settings/durability", "current": "never", "proposed": "interval" }]);
    assert_eq!(stale.json()["diff"], expected);

    for (pointer, value, text) in [
        ("/settings/limits", json!({ "clients": 0 }), "/settings/limits/clients"),
        ("/settings/eviction", json!("lru"), "/settings/eviction"),
        ("/partitions", json!(128), "/partitions"),
        ("/settings/storage", json!("memory"), "/settings/storage"),
        ("/settings", json!({ "surprise": 1 }), "/settings/surprise"),
    ] {
        let mut wrong = node.get("/config?next=1").json();
        *wrong.pointer_mut(pointer).expect("there") = value;
        let answer = node.post(&wrong.to_string());
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.body);
        let pointers: Vec<Value> = answer.json()["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error["pointer"].clone())
            .collect();
        assert!(pointers.contains(&json!(text)), "{pointer}: {pointers:?}");
    }
}

#[test]
fn of_concurrent_posts_one_wins() {
    let node = Node::start(|_| {});
    let first = node.next();
    for id in 0..8_u32 {
        let mut next = first.clone();
        next.settings.limits.clients = 100 + id;
        node.submit(u64::from(id), &post(&next.to_text()));
    }
    let mut statuses: Vec<u16> = (0..8).map(|_| node.wait().1.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[test]
fn a_password_is_asked_for_everywhere_but_health() {
    let node = Node::start(with_password);
    assert_eq!(node.get("/health").status, 200);
    for path in ["/config", "/config?next=1", "/status", "/metrics", "/config/conflict", "/nothing"]
    {
        for (header, allowed) in [
            ("", false),
            ("Authorization: Bearer wrong\r\n", false),
            ("Authorization: Bearer \r\n", false),
            ("Authorization: Bearer\r\n", false),
            ("Authorization: Basic secret\r\n", false),
            ("Authorization: secret\r\n", false),
            ("Authorization-Hex: 42656172657220736563726574\r\n", false),
            ("Authorization: Bearer secret\r\n", true),
            ("authorization: bearer  secret\r\n", true),
        ] {
            let answer = node.ask(&format!("GET {path} HTTP/1.1\r\n{header}\r\n"));
            assert_eq!(answer.status != 401, allowed, "{path} {header}: {}", answer.status);
            if !allowed {
                assert!(answer.head.contains("WWW-Authenticate: Bearer"), "{}", answer.head);
                assert!(answer.json()["errors"][0]["hint"].is_string());
            }
        }
    }
    assert_eq!(node.post(&node.next().to_text()).status, 401);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_answer() {
    let node = Node::start(|_| {});
    std::fs::create_dir_all(node.folder.file(".config.json.new/in the way")).expect("made");
    let mut next = node.next();
    next.settings.limits.clients = 3;
    let answer = node.post(&next.to_text());
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(answer.body.contains("cannot be written"), "{}", answer.body);
    assert_eq!(node.applied.load(Ordering::SeqCst), 0);
    assert_eq!(node.get("/config").json()["epoch"], 1);
}

#[test]
fn a_config_that_a_core_did_not_take_is_handed_out_again() {
    let node = Node::start(|_| {});
    node.applying.store(false, Ordering::SeqCst);
    let mut next = node.next();
    next.settings.limits.clients = 3;
    let answer = node.post(&next.to_text());
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("core 1 did not answer"), "{}", answer.body);
    node.applying.store(true, Ordering::SeqCst);
    assert_eq!(node.post(&next.to_text()).status, 200, "the same config again");
    assert_eq!(node.applied.load(Ordering::SeqCst), 1);
}

#[test]
fn settings_are_amended_on_the_side() {
    let node = Node::start(|_| {});
    let (sender, outcomes) = unbounded();
    for clients in [9, 9, 0] {
        let sender = sender.clone();
        node.side
            .jobs()
            .amend(
                "a test".to_owned(),
                move |settings| settings.limits.clients = clients,
                move |outcome| {
                    let _ = sender.send(outcome.map(|accepted| accepted.config.epoch));
                },
            )
            .expect("not busy");
    }
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Ok(2)));
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Ok(2)));
    assert!(matches!(outcomes.recv_timeout(PATIENCE), Ok(Err(ChangeError::Refused(_)))));
    assert_eq!(node.applied.load(Ordering::SeqCst), 1);

    let panicking = node.side.jobs().amend(
        "a test".to_owned(),
        |_| panic!("a change that panics"),
        move |outcome| {
            let _ = sender.send(outcome.map(|accepted| accepted.config.epoch));
        },
    );
    panicking.expect("not busy");
    assert!(matches!(outcomes.recv_timeout(PATIENCE), Ok(Err(ChangeError::NotApplied(_)))));
    assert_eq!(node.get("/config").json()["epoch"], 2, "the side goes on");
}

#[test]
fn a_panic_a_slow_answer_and_the_end_of_the_server_are_survived() {
    let node = Node::start_with(|_| {}, Duration::from_millis(1500));
    node.healthy.store(false, Ordering::SeqCst);
    for _ in 0..6 {
        assert_eq!(node.get("/metrics").status, 500, "more panics than threads");
    }
    node.healthy.store(true, Ordering::SeqCst);
    assert_eq!(node.get("/metrics").status, 200);

    node.release.store(false, Ordering::SeqCst);
    let began = Instant::now();
    node.submit(1, "GET /status HTTP/1.1\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(node.get("/health").status, 200, "others do not wait");
    let (id, slow) = node.wait();
    assert_eq!((id, slow.status), (1, 503), "{}", slow.body);
    assert!(slow.head.contains("\r\nRetry-After: 1"), "{}", slow.head);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    node.release.store(true, Ordering::SeqCst);
    assert_eq!(node.get("/status").status, 200);

    for _ in 0..2 {
        node.side.interrupt();
        // A request that the ending server had taken already is answered with an error.
        let began = Instant::now();
        while node.get("/health").status != 200 {
            assert!(began.elapsed() < PATIENCE, "the server was not started again");
        }
    }
}

#[test]
fn the_socket_is_private_and_goes_with_the_side() {
    let node = Node::start(|_| {});
    let socket = node.folder.file("http.sock");
    let mode = std::fs::metadata(&socket).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let Node { folder, side, .. } = node;
    drop(side);
    assert!(!folder.file("http.sock").exists());
}

#[test]
fn a_long_data_path_gets_a_socket_elsewhere() {
    use crate::http::socket::SocketPlace;
    use std::os::unix::fs::DirBuilderExt;
    let folder = Folder::new();
    let long = folder.file(&"x".repeat(120));
    for data in [Some(long.as_path()), None] {
        let place = SocketPlace::choose(data).expect("a temporary folder");
        let parent = place.path().parent().expect("a folder").to_owned();
        let mode = std::fs::metadata(&parent).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", parent.display());
        drop(place.bind().expect("it binds"));
        drop(place);
        assert!(!parent.exists(), "{}", parent.display());
    }
    // What a killed node has left is used again, and not while another one lives there.
    let place = SocketPlace::choose(Some(&long)).expect("a temporary folder");
    let parent = place.path().parent().expect("a folder").to_owned();
    let other = SocketPlace::choose(Some(&long)).expect("a temporary folder");
    assert_ne!(other.path(), place.path());
    drop((place, other));
    std::fs::DirBuilder::new().mode(0o700).create(&parent).expect("the folder was removed");
    std::fs::write(parent.join("LOCK"), "1\n").expect("written");
    drop(std::os::unix::net::UnixListener::bind(parent.join("http.sock")).expect("it binds"));
    let place = SocketPlace::choose(Some(&long)).expect("a temporary folder");
    assert_eq!(place.path(), parent.join("http.sock"));
    drop(place.bind().expect("what was left is replaced"));
    drop(place);
    assert!(!parent.exists(), "{}", parent.display());
    std::fs::write(folder.file("http.sock"), "not a socket").expect("written");
    let place = SocketPlace::choose(Some(folder.path())).expect("it fits");
    let error = place.bind().expect_err("a file is in the way").to_string();
    assert!(error.contains("no socket"), "{error}");
    assert!(folder.file("http.sock").exists(), "it is left alone");
}
