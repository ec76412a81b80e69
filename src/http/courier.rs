//! Owns the hop of one request over the private socket and of its answer back, within a time and a
//! size.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::limits::ANSWER_BYTES_MAX;
use super::request::Request;

/// Tries to reach a server that is being started again, and the pause between two.
const CONNECT_TRIES: u32 = 5;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Carries a request and returns the whole answer as bytes; every failure is an answer too.
pub(crate) fn carry(socket: &Path, request: &Request, time: Duration) -> Vec<u8> {
    let answer = match exchange(socket, request, time) {
        Ok(bytes) => match closing(&bytes) {
            Some(bytes) => return bytes,
            None => Answer::error(
                500,
                "the request was not answered",
                "look into the log of the node; GET /config tells whether a change was made",
            ),
        },
        Err(error) if is_timeout(&error) => Answer::busy(
            "the node did not answer in time",
            "try again; GET /config tells whether a change was made",
        ),
        Err(error) => {
            tracing::warn!("a request did not reach the HTTP side: {error}");
            Answer::busy("the HTTP side of the node is starting again", "try again in a second")
        }
    };
    answer.to_bytes()
}

fn exchange(socket: &Path, request: &Request, time: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + time;
    let mut stream = connect(socket)?;
    stream.set_write_timeout(Some(time))?;
    stream.write_all(&request.to_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(answer),
            Ok(count) if answer.len() + count > ANSWER_BYTES_MAX => {
                let text = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Connects, and waits a little for a server that is just being started again: nothing was sent
/// yet.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    for _ in 1..CONNECT_TRIES {
        if let Ok(stream) = UnixStream::connect(socket) {
            return Ok(stream);
        }
        std::thread::sleep(CONNECT_PAUSE);
    }
    UnixStream::connect(socket)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Says in the answer that the connection closes; `None` when it is no whole answer.
fn closing(answer: &[u8]) -> Option<Vec<u8>> {
    let line_end = answer.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let (line, rest) = answer.split_at(line_end);
    line.starts_with(b"HTTP/1.1 ").then(|| [line, b"Connection: close\r\n", rest].concat())
}
