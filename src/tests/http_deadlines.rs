//! Owns tests of the times that an HTTP request may take, with short seconds.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::harness::{Node, PATIENCE, Setup};
use super::http_call::get;

/// What the node takes for a second.
const SECOND: Duration = Duration::from_millis(250);

fn node() -> Node {
    let ms = SECOND.as_millis().to_string();
    Setup::new().environment("HYPERION_TEST_HTTP_SECOND_MS", &ms).start()
}

/// Sends each part after so many seconds. Gives the answer, and how many seconds after the last part it came.
fn after(node: &Node, parts: &[(u32, &str)]) -> (String, f64) {
    let mut stream = TcpStream::connect(node.http()).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    for (seconds, part) in parts {
        std::thread::sleep(SECOND * *seconds);
        stream.write_all(part.as_bytes()).expect("the node takes it");
    }
    let since = Instant::now();
    let mut answer = String::new();
    // The node closes with bytes unread, perhaps.
    let _ = stream.read_to_string(&mut answer);
    (answer, since.elapsed().as_secs_f64() / SECOND.as_secs_f64())
}

#[test]
fn what_does_not_come_in_time_is_answered_408() {
    let node = node();
    let node = &node;
    let body = "POST /config HTTP/1.1\r\nContent-Length: 9\r\n\r\n{";
    let cases = [
        (vec![(0, "")], 10.0),
        (vec![(0, "GET /health HTTP/1.1\r\nHo")], 10.0),
        // A byte now and then changes nothing.
        (vec![(0, "GET"), (3, " /"), (3, "h")], 4.0),
        (vec![(0, body)], 30.0),
        // The body's time begins behind the headers.
        (vec![(0, "POST /config HTTP/1.1\r\n"), (5, "Content-Length: 9\r\n\r\n")], 30.0),
        (vec![(0, body), (20, "}")], 10.0),
    ];
    std::thread::scope(|scope| {
        for (parts, least) in cases {
            scope.spawn(move || {
                let (answer, seconds) = after(node, &parts);
                assert!(answer.starts_with("HTTP/1.1 408 "), "{parts:?}: {answer:?}");
                assert!(answer.contains("did not come whole in time"), "{answer}");
                // It is looked at ten times a second, and the machine has other things to do.
                assert!((least - 2.0..least + 8.0).contains(&seconds), "{parts:?}: {seconds} s");
            });
        }
    });
    assert_eq!(get(node.http(), "/health").status, 200);
}

#[test]
fn what_comes_in_time_is_read_however_slowly() {
    let node = node();
    let head = "POST /config HTTP/1.1\r\nContent-Length: 2\r\n";
    let (answer, _) = after(&node, &[(0, head), (5, "\r\n{"), (20, "}")]);
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
}
