//! Owns the HTTP port's connections: bounded reading on our ring, answers by the side thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyperion_runtime::{ConnectionId, Socket};

use crate::http::{
    ANSWER_DEADLINE_S, BODY_DEADLINE_S, CONTINUE, HEADER_DEADLINE_S, HTTP_CONNECTIONS_MAX,
    HttpSide, Progress, RequestReader, refusal,
};
use crate::node::{Io, NodeCore};

use super::tls::NO_TLS_HTTP;

/// One HTTP connection.
#[derive(Debug)]
struct Caller {
    number: u64,
    reader: RequestReader,
    /// When what it is at began: the head, the body, or the answer.
    since_ns: u64,
    waits_for_answer: bool,
}

impl Caller {
    /// How long that may take, in seconds.
    fn deadline_s(&self) -> u64 {
        if self.waits_for_answer {
            // The side thread gives up first, and says so.
            2 * ANSWER_DEADLINE_S
        } else if self.reader.in_body() {
            BODY_DEADLINE_S
        } else {
            HEADER_DEADLINE_S
        }
    }
}

/// The HTTP connections of this node; they live on core 0.
#[derive(Default)]
pub(crate) struct HttpDoor {
    side: Option<Arc<HttpSide>>,
    callers: BTreeMap<ConnectionId, Caller>,
    numbers: BTreeMap<u64, ConnectionId>,
    next_number: u64,
    /// How long a second of the deadlines is.
    second_ns: u64,
}

impl HttpDoor {
    pub(crate) fn new(side: Option<Arc<HttpSide>>) -> Self {
        Self { side, second_ns: second_ns(), ..Self::default() }
    }

    pub(crate) fn holds(&self, connection: ConnectionId) -> bool {
        self.callers.contains_key(&connection)
    }
}

/// A second, but in a test that has no time; builds for use know no such thing.
fn second_ns() -> u64 {
    let ms = std::env::var("HYPERION_TEST_HTTP_SECOND_MS").ok().and_then(|text| text.parse().ok());
    ms.filter(|_| cfg!(debug_assertions)).unwrap_or(1_000_u64) * 1_000_000
}

impl NodeCore {
    pub(crate) fn open_http(&mut self, io: &mut Io, socket: Socket, is_secured: bool) {
        let is_full = self.http.callers.len() >= HTTP_CONNECTIONS_MAX && !self.end_slowest(io);
        if is_secured && is_full {
            return drop(socket);
        }
        if is_full {
            io.refuse(socket, &refusal(503, "too many connections to the HTTP port; try again"));
            return;
        }
        let opened = if is_secured {
            self.open_secured(io, socket, &refusal(400, NO_TLS_HTTP))
        } else {
            io.open(socket)
        };
        let Ok(connection) = opened else { return };
        self.http.next_number += 1;
        let number = self.http.next_number;
        let since_ns = io.now_ns();
        let caller =
            Caller { number, reader: RequestReader::default(), since_ns, waits_for_answer: false };
        self.http.callers.insert(connection, caller);
        self.http.numbers.insert(number, connection);
    }

    /// Ends the connection that has been at its request for longest, so that who sends none keeps nobody out. `false`: all wait for answers.
    fn end_slowest(&mut self, io: &mut Io) -> bool {
        let callers = self.http.callers.iter().filter(|(_, caller)| !caller.waits_for_answer);
        let Some(connection) = callers.min_by_key(|(_, caller)| caller.since_ns).map(|(at, _)| *at)
        else {
            return false;
        };
        self.closed_http(connection);
        io.close(connection);
        true
    }

    pub(crate) fn feed_http(&mut self, io: &mut Io, connection: ConnectionId, bytes: &[u8]) {
        let Some(caller) = self.http.callers.get_mut(&connection) else { return };
        if caller.waits_for_answer {
            return;
        }
        let was_in_body = caller.reader.in_body();
        let progress = caller.reader.feed(bytes);
        if caller.reader.in_body() && !was_in_body {
            caller.since_ns = io.now_ns();
        }
        match progress {
            Progress::More => {}
            Progress::Continue => drop(io.send(connection, &mut CONTINUE.to_vec())),
            Progress::Refuse(status, sentence) => {
                self.end_http(io, connection, refusal(status, &sentence));
            }
            Progress::Complete(mut request) => {
                request.peer = io.peer(connection).to_owned();
                (caller.waits_for_answer, caller.since_ns) = (true, io.now_ns());
                let number = caller.number;
                let taken = self.http.side.as_ref().map(|side| side.submit(number, request));
                if !matches!(taken, Some(Ok(()))) {
                    self.end_http(
                        io,
                        connection,
                        refusal(503, "too many requests wait; try again"),
                    );
                }
            }
        }
    }

    /// The caller will send nothing more: half a request will never be whole.
    pub(crate) fn ended_http(&mut self, io: &mut Io, connection: ConnectionId) {
        if self.http.callers.get(&connection).is_some_and(|caller| !caller.waits_for_answer) {
            io.close(connection);
        }
    }

    /// The side thread has answered a request.
    pub(crate) fn answer_http(&mut self, io: &mut Io, number: u64, bytes: Vec<u8>) {
        if let Some(&connection) = self.http.numbers.get(&number) {
            self.end_http(io, connection, bytes);
        }
    }

    fn end_http(&mut self, io: &mut Io, connection: ConnectionId, mut bytes: Vec<u8>) {
        if let Some(caller) = self.http.callers.get_mut(&connection)
            && !caller.waits_for_answer
        {
            (caller.waits_for_answer, caller.since_ns) = (true, io.now_ns());
        }
        if io.is_sending(connection) {
            // Only the short word that lets a body follow can be in flight; it will have left by the next tick.
            self.http_late.push((connection, bytes));
            return;
        }
        io.send(connection, &mut bytes);
        io.close_after_send(connection);
    }

    pub(crate) fn closed_http(&mut self, connection: ConnectionId) {
        if let Some(caller) = self.http.callers.remove(&connection) {
            self.http.numbers.remove(&caller.number);
        }
    }

    /// Ends what takes too long, and sends what could not be sent before.
    pub(crate) fn tick_http(&mut self, io: &mut Io) {
        for (connection, bytes) in std::mem::take(&mut self.http_late) {
            self.end_http(io, connection, bytes);
        }
        let now_ns = io.now_ns();
        let late: Vec<ConnectionId> = self
            .http
            .callers
            .iter()
            .filter(|(_, caller)| {
                let allowed_ns = caller.deadline_s() * self.http.second_ns;
                now_ns.saturating_sub(caller.since_ns) > allowed_ns
            })
            .map(|(&connection, _)| connection)
            .collect();
        for connection in late {
            let waits =
                self.http.callers.get(&connection).is_some_and(|caller| caller.waits_for_answer);
            if waits {
                io.close(connection);
            } else {
                self.end_http(
                    io,
                    connection,
                    refusal(408, "the request did not come whole in time; send it at once"),
                );
            }
        }
    }
}
