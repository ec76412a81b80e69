//! Owns the client of HTTP/1.1: the least that keeps a connection, so that the servers are compared and not clients.

use std::error::Error;
use std::net::SocketAddr;

use super::Way;
use super::client::{Client, Connection};

/// Bodies up to this length go in one write with their head.
const TOGETHER_BYTES_MAX: usize = 64 << 10;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A client of an HTTP server.
pub(super) struct HttpClient {
    connection: Connection,
    output: Vec<u8>,
}

impl HttpClient {
    pub(super) fn open(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { connection: Connection::open(address)?, output: Vec::new() })
    }
}

impl Client for HttpClient {
    fn send(&mut self, way: Way, body: &[u8]) -> Result<(), Box<dyn Error>> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n",
            way.path(),
            body.len()
        );
        if body.len() <= TOGETHER_BYTES_MAX {
            self.output.clear();
            self.output.extend_from_slice(head.as_bytes());
            self.output.extend_from_slice(body);
            self.connection.write(&self.output)?;
        } else {
            self.connection.write(head.as_bytes())?;
            self.connection.write(body)?;
        }
        Ok(())
    }

    fn receive(&mut self, _: Way) -> Result<usize, Box<dyn Error>> {
        let head_bytes = loop {
            let input = &self.connection.input;
            if let Some(at) = input.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) {
                break at + HEAD_END.len();
            }
            self.connection.read_more()?;
        };
        let body_bytes = body_bytes(&self.connection.input[..head_bytes])?;
        while self.connection.input.len() < head_bytes + body_bytes {
            self.connection.read_more()?;
        }
        // The caller's copy, as the other client makes one.
        let body = self.connection.input[head_bytes..head_bytes + body_bytes].to_vec();
        self.connection.input.drain(..head_bytes + body_bytes);
        Ok(std::hint::black_box(body).len())
    }
}

/// The length of the body after this head.
///
/// Errors: it is no head, or that of a refusal.
fn body_bytes(head: &[u8]) -> Result<usize, Box<dyn Error>> {
    let head = std::str::from_utf8(head)?;
    let status = head.split(' ').nth(1).ok_or("an answer without a status")?;
    if status == "204" {
        return Ok(0);
    }
    if status != "200" {
        return Err(format!("the server answered {status}").into());
    }
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, bytes) = length.next().ok_or("an answer without a length")?;
    Ok(bytes.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_length() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", Some(12)),
            ("HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n", Some(0)),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some(0)),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("HTTP/1.1 500 No\r\ncontent-length: 12\r\n\r\n", None),
        ] {
            assert_eq!(body_bytes(head.as_bytes()).ok(), expected, "{head:?}");
        }
    }
}
