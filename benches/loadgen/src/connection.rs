//! One connection of the load: what it has still to write, and what it waits for.

use std::collections::VecDeque;
use std::io;

use hdrhistogram::Histogram;
use mio::{Registry, Token};

use crate::connect::Stream;
use crate::limits::LATENCY_NS_MAX;
use crate::skipper::{Counted, NotResp, Skipper};

/// Requests in a row whose latency counts from the same time.
#[derive(Debug)]
struct Waiting {
    since_ns: u64,
    count: u64,
}

/// A socket, the requests not yet written to it, and those not yet answered.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    out: Vec<u8>,
    written: usize,
    waiting: VecDeque<Waiting>,
    skipper: Skipper,
    /// Requests that are not yet answered.
    pub(crate) outstanding: u64,
}

/// Why a connection cannot be used further.
#[derive(Debug)]
pub(crate) struct Closed(pub(crate) String);

impl From<NotResp> for Closed {
    fn from(error: NotResp) -> Self {
        Self(format!("the server sent {:?}, which is neither RESP nor memcached's", error.0))
    }
}

impl Connection {
    pub(crate) fn new(mut stream: Stream, registry: &Registry, index: usize) -> io::Result<Self> {
        stream.register(registry, Token(index))?;
        Ok(Self {
            stream,
            out: Vec::new(),
            written: 0,
            waiting: VecDeque::new(),
            skipper: Skipper::default(),
            outstanding: 0,
        })
    }

    /// Where requests are appended to; each is told to [`Self::expect`] and then flushed.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Counts `count` appended requests whose latency starts at `since_ns`.
    pub(crate) fn expect(&mut self, count: u64, since_ns: u64) {
        self.outstanding += count;
        match self.waiting.back_mut() {
            Some(last) if last.since_ns == since_ns => last.count += count,
            _ => self.waiting.push_back(Waiting { since_ns, count }),
        }
    }

    /// Writes as much as the socket takes; gives the bytes written.
    pub(crate) fn flush(&mut self) -> Result<u64, Closed> {
        let start = self.written;
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return Err(Closed("the server takes no more bytes".to_owned())),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Closed(error.to_string())),
            }
        }
        let bytes = (self.written - start) as u64;
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(bytes)
    }

    /// Reads once into `buffer`; gives the bytes read, or `None` when there are none now.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Closed> {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Err(Closed("the server closed the connection".to_owned())),
                Ok(length) => Ok(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(Closed(error.to_string())),
            };
        }
    }

    /// Counts the replies in `input`, read at `now_ns`, and records how long they took.
    pub(crate) fn count(
        &mut self,
        input: &[u8],
        now_ns: u64,
        latency: &mut Histogram<u64>,
    ) -> Result<Counted, Closed> {
        let counted = self.skipper.feed(input)?;
        let mut replies = counted.replies;
        if replies > self.outstanding {
            return Err(Closed("the server sent more replies than there were requests".to_owned()));
        }
        self.outstanding -= replies;
        while replies > 0
            && let Some(first) = self.waiting.front_mut()
        {
            let count = replies.min(first.count);
            let latency_ns = now_ns.saturating_sub(first.since_ns).clamp(1, LATENCY_NS_MAX);
            latency.saturating_record_n(latency_ns, count);
            first.count -= count;
            replies -= count;
            if first.count == 0 {
                self.waiting.pop_front();
            }
        }
        Ok(counted)
    }

    /// The text of the first error that was answered.
    pub(crate) fn take_first_error(&mut self) -> Option<String> {
        self.skipper.first_error.take()
    }
}
