//! Owns how pages in browsers are kept from the database: such a page may send a node on loopback what it likes behind the head of a request.

use super::client::Client;
use super::execute::Progress;
use crate::node::{Io, NodeCore};

/// Whether a line, which is no command, is one of an HTTP request that may bring commands behind it. As with Redis, what comes is not answered.
pub(super) fn is_of_web(words: &[&[u8]]) -> bool {
    let Some(first) = words.first() else { return false };
    first.eq_ignore_ascii_case(b"POST") || first.eq_ignore_ascii_case(b"Host:")
}

/// As that, for a protocol whose commands are written small: the first line of any HTTP request.
pub(super) fn is_web_request(words: &[&[u8]]) -> bool {
    let [first, .., last] = words else { return is_of_web(words) };
    last.starts_with(b"HTTP/") && first.iter().all(u8::is_ascii_uppercase) || is_of_web(words)
}

impl NodeCore {
    /// Closes the connection before anything that follows; the log is told of it once in a while.
    #[cold]
    pub(super) fn refuse_web(&mut self, io: &Io, client: &mut Client) -> Progress {
        self.counters.protocol_errors += 1;
        client.is_closing = true;
        self.dirty(client);
        if let Some(told) = self.web_requests.tell(io.now_ns()) {
            tracing::warn!(
                "{} sent an HTTP request where databases are spoken to, and was closed: it may be a page in a browser that tries to \
                 reach the data{told}",
                io.peer(client.connection)
            );
        }
        Progress::Ran
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(str::as_bytes).collect()
    }

    #[test]
    fn lines_of_requests_are_known() {
        for line in ["POST / HTTP/1.1", "post", "Host: localhost:7379", "HOST:"] {
            assert!(is_of_web(&words(line)) && is_web_request(&words(line)), "{line}");
        }
        for line in ["GET / HTTP/1.1", "OPTIONS * HTTP/1.1"] {
            assert!(!is_of_web(&words(line)) && is_web_request(&words(line)), "{line}");
        }
        for line in ["", "postpone", "Host", "get HTTP/1.1", "GET HTTP"] {
            assert!(!is_of_web(&words(line)) && !is_web_request(&words(line)), "{line}");
        }
    }
}
