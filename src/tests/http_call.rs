//! Owns one HTTP request of a test and its answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::harness::PATIENCE;

/// What the node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The first problem's pointer.
    pub(crate) fn pointer(&self) -> String {
        self.json()["errors"][0]["pointer"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
            .to_owned()
    }
}

/// Sends these bytes and reads until the node closes.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the node listens");
    exchange(stream, bytes).unwrap_or_else(|why| panic!("{why}"))
}

/// Asks a node that may not be there just now.
pub(crate) fn try_get(address: SocketAddr, path: &str) -> Option<Answer> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    exchange(stream, format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).ok()
}

/// Posts to a node that may end meanwhile.
pub(crate) fn try_post(address: SocketAddr, path: &str, body: &str) -> Option<Answer> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    exchange(stream, [head.as_bytes(), body.as_bytes()].concat().as_slice()).ok()
}

fn exchange(stream: TcpStream, bytes: &[u8]) -> Result<Answer, String> {
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    exchange_on(stream, bytes)
}

/// Asks on a connection that is there, and reads until the node closes.
pub(crate) fn exchange_on(mut stream: impl Read + Write, bytes: &[u8]) -> Result<Answer, String> {
    // The node may answer and close before it has read all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).expect("answers are text");
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(format!("no answer ({read:?}): {text:?}"));
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
}

/// The same with header lines, each with its end.
pub(crate) fn get_with(address: SocketAddr, path: &str, headers: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").as_bytes())
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    post_with(address, path, body, "")
}

pub(crate) fn post_with(address: SocketAddr, path: &str, body: &str, headers: &str) -> Answer {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n{headers}\r\n");
    raw(address, [head.as_bytes(), body.as_bytes()].concat().as_slice())
}

/// The config that would be next, with changes, by pointer; null takes a field out.
pub(crate) fn next_config(address: SocketAddr, changes: &[(&str, Value)], headers: &str) -> String {
    let answer = get_with(address, "/config?next=1", headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut config = answer.json();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer has a slash");
        let fields =
            config.pointer_mut(parent).and_then(Value::as_object_mut).expect("the parent is there");
        fields.insert(field.to_owned(), value.clone());
        fields.retain(|_, value| !value.is_null());
    }
    config.to_string()
}

/// Posts the next config with changes.
pub(crate) fn change(address: SocketAddr, changes: &[(&str, Value)]) -> Answer {
    post(address, "/config", &next_config(address, changes, ""))
}
