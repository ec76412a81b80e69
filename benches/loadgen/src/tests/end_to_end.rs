//! Whole runs against a server in a thread.

use super::flags;
use super::server::{Behaviour, Server};
use crate::error::LoadError;
use crate::report::Report;
use crate::run::run;

fn load(server: &Server, line: &str) -> Result<Report, LoadError> {
    run(&flags(&format!("--port {} {line}", server.port)))
}

#[test]
fn every_request_is_answered_once() {
    let server = Server::start(Behaviour::default());
    for line in [
        "--requests 1000 --connections 3",
        "--requests 1001 --connections 4 --threads 2 --pipeline 7 --distribution zipf",
        "--requests 500 --connections 2 --commands get,set,incr,del,exists,ping --value-bytes 0",
        "--requests 200 --connections 2 --pipeline 3 --value-bytes 100000 --keys 5",
        "--requests 600 --connections 2 --rate 20000 --pipeline 2",
    ] {
        let report = load(&server, line).unwrap();
        let requests = flags(line).requests.unwrap();
        assert_eq!(report.replies, requests, "{line}");
        assert_eq!((report.errors, report.lost, report.unsent), (0, 0, 0), "{line}");
        assert!(report.table().contains("operations/s"), "{line}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["replies"], requests, "{line}");
    }
}

#[test]
fn preload_sets_every_key() {
    let server = Server::start(Behaviour::default());
    let line = "--preload --keys 1234 --value-bytes 10 --requests 300 --read-ratio 1";
    let report = load(&server, line).unwrap();
    assert_eq!(report.nulls, 0, "all keys are there");
    let data = server.data.lock().unwrap();
    assert_eq!(data.len(), 1234);
    assert!(data.contains_key(b"key:000000000000".as_slice()));
    assert!(data.contains_key(b"key:000000001233".as_slice()));
    assert!(data.values().all(|value| value.len() == 10));
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let server = Server::start(Behaviour::default());
    let report = load(&server, "--rate 2000 --seconds 0.5 --connections 4").unwrap();
    let answered = report.replies + report.unsent;
    assert!((990..=1010).contains(&answered), "{answered} due in half a second of 2000 a second");
}

#[test]
fn errors_are_counted_and_the_first_is_shown() {
    let server = Server::start(Behaviour { refuses: true, ..Behaviour::default() });
    let report = load(&server, "--requests 50").unwrap();
    assert_eq!(report.errors, 50);
    assert_eq!(report.first_error.as_deref(), Some("NOAUTH log in"));
    let error = load(&server, "--preload --keys 10 --requests 1").unwrap_err().to_string();
    assert_eq!(error, "filling the keys failed after 0 of 10: NOAUTH log in");
}

#[test]
fn the_password_opens_the_door() {
    let server = Server::start(Behaviour { wants_password: true, ..Behaviour::default() });
    let report = load(&server, "--requests 20 --password secret").unwrap();
    assert_eq!((report.replies, report.errors), (20, 0));
    let error = load(&server, "--requests 20 --password wrong").unwrap_err().to_string();
    assert!(error.ends_with("refused the password: WRONGPASS invalid password"), "{error}");
}

#[test]
fn closed_connections_are_counted_and_opened_again() {
    let server = Server::start(Behaviour { closes_after: Some(10), ..Behaviour::default() });
    for pace in ["", "--rate 50000"] {
        let report = load(&server, &format!("--requests 95 --connections 1 {pace}")).unwrap();
        assert_eq!(report.replies + report.lost, 95, "{pace}");
        assert!(report.connections_closed >= 9, "{} closed", report.connections_closed);
    }
}

#[test]
fn no_server_is_one_sentence() {
    // A port that was free a moment ago: the listener is dropped at once.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = run(&flags(&format!("--port {free}"))).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot connect to 127.0.0.1:{free}: ")), "{error}");
    assert!(!error.contains('\n'), "{error}");
    let error = run(&flags("--unix /nowhere/socket")).unwrap_err().to_string();
    assert!(error.starts_with("cannot connect to /nowhere/socket: "), "{error}");
}
