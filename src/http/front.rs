//! Owns the bounded reading of one request a connection, byte by byte if need be, before anything
//! answers.

use super::head::{self, Headers, Refusal, RequestLine};
use super::limits::HEAD_BYTES_MAX;
use super::request::Request;

/// What to send on [`Progress::Continue`].
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const HEAD_END: &[u8] = b"\r\n\r\n";

/// What came of the bytes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Read on.
    More,
    /// Send [`CONTINUE`], then read on: the client holds its body back until then.
    Continue,
    /// The request is whole; bytes after it are dropped.
    Complete(Request),
    /// Answer with this status and sentence ([`super::refusal`] makes the bytes) and close.
    Refuse(u16, String),
}

/// Reads one request; holds at most the longest head or the longest body.
#[derive(Debug, Default)]
pub(crate) struct RequestReader {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Line,
    Headers(RequestLine),
    Body(RequestLine, Headers, usize),
    Done,
}

impl RequestReader {
    /// Whether the head is whole and the body is under way: the body's deadline holds then, not the
    /// head's.
    pub(crate) fn in_body(&self) -> bool {
        matches!(self.state, State::Body(..))
    }

    /// Takes the next bytes. After [`Progress::Complete`] or [`Progress::Refuse`] more bytes are
    /// dropped.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Progress {
        match self.advance(bytes) {
            Ok(progress) => progress,
            Err((status, sentence)) => {
                self.state = State::Done;
                self.bytes = Vec::new();
                Progress::Refuse(status, sentence)
            }
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Progress, Refusal> {
        match self.state {
            State::Done => return Ok(Progress::More),
            State::Body(_, _, length) => {
                let missing = length - self.bytes.len();
                self.bytes.extend_from_slice(&bytes[..missing.min(bytes.len())]);
                return Ok(self.body_progress(false));
            }
            State::Line | State::Headers(_) => {}
        }
        let room = HEAD_BYTES_MAX - self.bytes.len();
        let seen = self.bytes.len();
        let taken = room.min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        let end = find(&self.bytes, HEAD_END, seen.saturating_sub(HEAD_END.len() - 1));
        check_bytes(&self.bytes[..end.unwrap_or(self.bytes.len())], seen)?;
        self.take_line()?;
        let Some(end) = end else {
            if self.bytes.len() == HEAD_BYTES_MAX {
                return Err((
                    431,
                    format!(
                        "the head of the request is too long; send at most {HEAD_BYTES_MAX} bytes"
                    ),
                ));
            }
            return Ok(Progress::More);
        };
        let State::Headers(line) = std::mem::take(&mut self.state) else {
            return Err((400, "the request line is empty; begin with the method".to_owned()));
        };
        let lines = lines(&self.bytes[..end]).skip(1);
        let headers = head::headers(lines)?;
        let length = headers.body_bytes.unwrap_or(0);
        let expects_continue = headers.expects_continue;
        self.bytes.drain(..end + HEAD_END.len());
        // The head may have ended inside these bytes and the body begun, even past the head's
        // bound.
        let rest = length.saturating_sub(self.bytes.len()).min(bytes.len() - taken);
        self.bytes.truncate(length);
        self.bytes.extend_from_slice(&bytes[taken..taken + rest]);
        self.state = State::Body(line, headers, length);
        Ok(self.body_progress(expects_continue))
    }

    /// Reads the request line as soon as it is there, so that other protocols are told at once.
    fn take_line(&mut self) -> Result<(), Refusal> {
        if matches!(self.state, State::Line)
            && let Some(end) = find(&self.bytes, b"\r\n", 0)
        {
            self.state = State::Headers(head::request_line(&self.bytes[..end])?);
        }
        Ok(())
    }

    fn body_progress(&mut self, expects_continue: bool) -> Progress {
        let State::Body(_, _, length) = &self.state else { return Progress::More };
        if self.bytes.len() < *length {
            let nothing_yet = self.bytes.is_empty();
            return if expects_continue && nothing_yet {
                Progress::Continue
            } else {
                Progress::More
            };
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Body(line, headers, _) => Progress::Complete(Request {
                method: line.method,
                target: line.target,
                authorization: headers.authorization,
                body: std::mem::take(&mut self.bytes),
                peer: String::new(),
            }),
            _ => Progress::More,
        }
    }
}

/// Refuses bytes that no head holds, looking at those from `seen` on and the one before.
fn check_bytes(head: &[u8], seen: usize) -> Result<(), Refusal> {
    for (index, byte) in head.iter().enumerate().skip(seen.saturating_sub(1)) {
        let fits = match byte {
            b'\n' => index > 0 && head[index - 1] == b'\r',
            b'\r' => head.get(index + 1).is_none_or(|next| *next == b'\n'),
            b'\t' => true,
            byte => *byte >= b' ' && *byte != 0x7f,
        };
        if !fits {
            return Err((400, "the head of the request holds a byte that HTTP does not allow; speak plain HTTP/1.1 here, without TLS".to_owned()));
        }
    }
    Ok(())
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let from = from.min(bytes.len());
    bytes[from..].windows(wanted.len()).position(|window| window == wanted).map(|at| at + from)
}
