//! One thread of the load: an event loop over its connections.
//!
//! Closed loop: a connection whose replies are all in sends its next pipeline at once. Open loop:
//! requests are given, when due, to connections with room, in turn. The backlog of an open loop is
//! the schedule itself, so a server that is too slow costs no memory here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::connection::{Closed, Connection};
use crate::error::LoadError;
use crate::limits::{DRAIN_TIME_MAX, POLL_TIME_MAX, READ_BYTES, RECONNECTS_MAX, SILENCE_NS_MAX};
use crate::plan::{Outcome, Plan};

/// Below this the poll's millisecond clock is too coarse for an open loop, which then spins.
const SPIN_BELOW: Duration = Duration::from_millis(2);

/// The event loop's state.
pub(crate) struct Worker<'a> {
    plan: Plan,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    /// Open loop: connections with room, each once, longest without a request first.
    free: VecDeque<usize>,
    buffer: Vec<u8>,
    outcome: Outcome,
    start: Instant,
    sent: u64,
    reconnects_left: u32,
    progress: &'a AtomicU64,
}

impl<'a> Worker<'a> {
    /// Opens the plan's connections. `progress` is raised by each reply.
    pub(crate) fn new(plan: Plan, progress: &'a AtomicU64) -> Result<Self, LoadError> {
        let poll = Poll::new().map_err(LoadError::Poll)?;
        let mut connections = Vec::new();
        for index in 0..plan.connections as usize {
            let stream = plan.endpoint.connect()?;
            let connection = Connection::new(stream, poll.registry(), index);
            connections.push(Some(connection.map_err(LoadError::Poll)?));
        }
        Ok(Self {
            free: (0..connections.len()).collect(),
            plan,
            poll,
            connections,
            buffer: vec![0; READ_BYTES],
            outcome: Outcome::new(),
            start: Instant::now(),
            sent: 0,
            reconnects_left: RECONNECTS_MAX,
            progress,
        })
    }

    /// Sends until requests or time are used up, then waits for the last replies.
    pub(crate) fn run(mut self, start: Instant) -> Result<Outcome, LoadError> {
        self.start = start;
        let mut events = Events::with_capacity(1024);
        if self.plan.schedule.is_none() {
            for index in 0..self.connections.len() {
                self.send_pipeline(index);
            }
        }
        let mut last_reply_ns = 0;
        let mut drain_until = None;
        loop {
            if self.is_over() {
                if drain_until.is_none() {
                    self.outcome.unsent = self.behind();
                }
                let until = *drain_until.get_or_insert_with(|| Instant::now() + DRAIN_TIME_MAX);
                if self.outstanding() == 0 || Instant::now() >= until {
                    break;
                }
            } else if self.plan.schedule.is_some() {
                self.send_due();
            }
            let silent_ns = self.now_ns().saturating_sub(last_reply_ns);
            let is_silent = self.plan.time.is_none() && silent_ns > SILENCE_NS_MAX;
            if is_silent || self.connections.iter().all(Option::is_none) {
                break;
            }
            let timeout = self.timeout();
            match self.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(LoadError::Poll(error)),
            }
            let replies = self.outcome.replies;
            for event in &events {
                self.serve(event.token().0, event.is_writable(), event.is_read_closed());
            }
            if self.outcome.replies > replies {
                last_reply_ns = self.now_ns();
            }
        }
        self.outcome.lost += self.outstanding();
        self.outcome.elapsed_ns = last_reply_ns.max(1);
        self.outcome.all_lost = self.connections.iter().all(Option::is_none);
        for connection in self.connections.iter_mut().flatten() {
            let text = connection.take_first_error();
            self.outcome.first_error = self.outcome.first_error.take().or(text);
        }
        Ok(self.outcome)
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn is_over(&self) -> bool {
        self.sent >= self.plan.requests
            || self.plan.time.is_some_and(|time| self.start.elapsed() >= time)
    }

    fn outstanding(&self) -> u64 {
        self.connections.iter().flatten().map(|connection| connection.outstanding).sum()
    }

    /// Requests that are due by the end of the run and were not sent.
    fn behind(&self) -> u64 {
        let Some(schedule) = &self.plan.schedule else { return 0 };
        let time_ns = self
            .plan
            .time
            .map_or(u64::MAX, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let due = schedule.due(self.now_ns().min(time_ns)).min(self.plan.requests);
        due.saturating_sub(self.sent)
    }

    /// How long the poll may sleep.
    fn timeout(&self) -> Duration {
        let left = match self.plan.time {
            Some(time) => time.saturating_sub(self.start.elapsed()).max(Duration::from_millis(1)),
            None => POLL_TIME_MAX,
        };
        let timeout = left.min(POLL_TIME_MAX);
        let Some(schedule) = &self.plan.schedule else { return timeout };
        if self.free.is_empty() || self.is_over() {
            return timeout;
        }
        let wait_ns = schedule.intended_ns(self.sent).saturating_sub(self.now_ns());
        let wait = Duration::from_nanos(wait_ns);
        if wait < SPIN_BELOW { Duration::ZERO } else { timeout.min(wait - SPIN_BELOW / 2) }
    }

    /// Reads what has come on a connection, and writes what waits or is next.
    fn serve(&mut self, index: usize, is_writable: bool, is_read_closed: bool) {
        match self.receive(index, is_read_closed) {
            Ok(()) if is_writable => self.flush(index),
            Ok(()) => {}
            Err(closed) => return self.reopen(index, &closed),
        }
        let Some(connection) = &self.connections[index] else { return };
        if connection.outstanding == 0 && self.plan.schedule.is_none() && !self.is_over() {
            self.send_pipeline(index);
        }
    }

    /// A read that does not fill the buffer has emptied the socket: what comes later is a new
    /// event, so the read that would find nothing is saved.
    fn receive(&mut self, index: usize, is_read_closed: bool) -> Result<(), Closed> {
        loop {
            let Some(connection) = &mut self.connections[index] else { return Ok(()) };
            let Some(length) = connection.read(&mut self.buffer)? else { return Ok(()) };
            let now_ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let room_before = connection.outstanding < u64::from(self.plan.pipeline);
            let input = &self.buffer[..length];
            let counted = connection.count(input, now_ns, &mut self.outcome.latency)?;
            let room_after = connection.outstanding < u64::from(self.plan.pipeline);
            if self.plan.schedule.is_some() && room_after && !room_before {
                self.free.push_back(index);
            }
            self.outcome.replies += counted.replies;
            self.outcome.errors += counted.errors;
            self.outcome.nulls += counted.nulls;
            self.outcome.bytes_received += length as u64;
            self.progress.fetch_add(counted.replies, Ordering::Relaxed);
            if length < self.buffer.len() && !is_read_closed {
                return Ok(());
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        match connection.flush() {
            Ok(bytes) => self.outcome.bytes_sent += bytes,
            Err(closed) => self.reopen(index, &closed),
        }
    }

    /// Closed loop: sends the next pipeline of a connection.
    fn send_pipeline(&mut self, index: usize) {
        let count = u64::from(self.plan.pipeline).min(self.plan.requests - self.sent);
        let now_ns = self.now_ns();
        let Some(connection) = &mut self.connections[index] else { return };
        if count == 0 {
            return;
        }
        for _ in 0..count {
            self.plan.source.append(connection.out());
        }
        connection.expect(count, now_ns);
        self.sent += count;
        self.flush(index);
    }

    /// Open loop: gives the requests that are due to connections with room.
    fn send_due(&mut self) {
        let Some(schedule) = self.plan.schedule else { return };
        let due = schedule.due(self.now_ns()).min(self.plan.requests);
        let mut touched = Vec::new();
        while self.sent < due
            && let Some(index) = self.free.pop_front()
        {
            let Some(connection) = &mut self.connections[index] else { continue };
            if connection.out().is_empty() {
                touched.push(index);
            }
            self.plan.source.append(connection.out());
            connection.expect(1, schedule.intended_ns(self.sent));
            self.sent += 1;
            if connection.outstanding < u64::from(self.plan.pipeline) {
                self.free.push_back(index);
            }
        }
        for index in touched {
            self.flush(index);
        }
    }

    /// Counts a lost connection and opens it anew, as long as the server lets it.
    fn reopen(&mut self, index: usize, closed: &Closed) {
        let Some(mut connection) = self.connections[index].take() else { return };
        self.outcome.closed += 1;
        self.outcome.lost += connection.outstanding;
        let text = connection.take_first_error().unwrap_or_else(|| closed.0.clone());
        self.outcome.first_error.get_or_insert(text);
        let was_free = connection.outstanding < u64::from(self.plan.pipeline);
        drop(connection);
        if self.reconnects_left == 0 {
            return;
        }
        self.reconnects_left -= 1;
        let Ok(stream) = self.plan.endpoint.connect() else { return };
        let Ok(connection) = Connection::new(stream, self.poll.registry(), index) else { return };
        self.connections[index] = Some(connection);
        if self.plan.schedule.is_none() {
            if !self.is_over() {
                self.send_pipeline(index);
            }
        } else if !was_free {
            self.free.push_back(index);
        }
    }
}
