//! Owns a whole request: the few parts of it that the routes need, and its way over the private
//! socket.

use std::fmt::Write as _;

/// The header that carries the client's `Authorization` over the private socket: in hexadecimal,
/// because passwords may hold bytes that the other side takes for a broken header.
pub(crate) const AUTHORIZATION_HEX: &str = "Authorization-Hex";
/// The header that tells where the client is.
pub(crate) const PEER: &str = "Peer";

/// A whole request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method, a token of letters.
    pub(crate) method: String,
    /// Path and query, visible ASCII that begins with a slash.
    pub(crate) target: String,
    /// The value of the `Authorization` header, as it came.
    pub(crate) authorization: Option<Vec<u8>>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Where the client is, as the log tells it; empty where nobody knows.
    pub(crate) peer: String,
}

impl Request {
    /// The request as it is written to `tiny_http`: made anew, so that no header of the client
    /// passes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.method,
            self.target,
            self.body.len()
        );
        if let Some(authorization) = &self.authorization {
            let _ = write!(head, "{AUTHORIZATION_HEX}: ");
            for byte in authorization {
                let _ = write!(head, "{byte:02x}");
            }
            head.push_str("\r\n");
        }
        if !self.peer.is_empty() {
            let _ = write!(head, "{PEER}: {}\r\n", self.peer);
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Reads the value of [`AUTHORIZATION_HEX`]; `None` when it is not hexadecimal.
pub(crate) fn decode_authorization(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
