//! Owns the way from received bytes to requests that run, and of new connections to their core.

use hyperion_runtime::Socket;
use hyperion_wire::Protocol;
use hyperion_wire::limits::{
    MEMCACHED_UNAUTHENTICATED_BYTES_MAX, MEMCACHED_VALUE_BYTES_MAX, UNAUTHENTICATED_BULK_BYTES_MAX,
};
use hyperion_wire::memcached::{Parsed, parse};

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::super::limits::{INPUT_LATE_BYTES, OUTPUT_PAUSE_BYTES};
use crate::front::Arrival;
use crate::node::{Io, Mail, NodeCore};

const TOO_LONG: &[u8] = b"CLIENT_ERROR line too long";

impl NodeCore {
    /// Gives a new client of memcached to the cores in turn.
    pub(crate) fn spread_memcached(&mut self, io: &mut Io, socket: Socket) {
        let core = self.next_core;
        self.next_core = (self.next_core + 1) % io.cores();
        if core == usize::from(self.index) {
            self.open_memcached(io, socket);
        } else {
            self.links[core].backlog.push_back(Mail::MemcachedSocket(socket));
        }
    }

    pub(crate) fn open_memcached(&mut self, io: &mut Io, socket: Socket) {
        let connection = self.open_client(io, socket, Arrival::Plain);
        if let Some(client) = connection.and_then(|connection| self.clients.get(connection)) {
            client.session.protocol = Protocol::Memcached;
        }
    }

    /// Runs the requests in `input`, as far as they are whole and may run. Gives the bytes that are done with.
    pub(in crate::front) fn run_requests(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        input: &[u8],
    ) -> usize {
        let (mut words, mut at) = (Vec::new(), 0);
        client.input_needed = 0;
        loop {
            let dropped = client.memcached.dropped_bytes.min(input.len() - at);
            client.memcached.dropped_bytes -= dropped;
            at += dropped;
            if at == input.len() {
                return at;
            }
            match parse(&input[at..], self.value_bytes_max(client), &mut words) {
                Parsed::Incomplete { .. }
                    if !client.session.is_authenticated
                        && input.len() - at > MEMCACHED_UNAUTHENTICATED_BYTES_MAX =>
                {
                    self.counters.protocol_errors += 1;
                    self.answer(client, |reply| reply.bulk(TOO_LONG));
                    client.is_closing = true;
                    return input.len();
                }
                Parsed::Incomplete { bytes_min } => {
                    client.input_needed = bytes_min;
                    return at;
                }
                Parsed::Bad { consumed, answer, is_silent } => {
                    client.memcached.dropped_bytes = consumed;
                    self.counters.errors += 1;
                    if !is_silent {
                        self.answer(client, |reply| reply.bulk(answer.as_bytes()));
                    }
                }
                Parsed::Broken { answer } => {
                    self.counters.protocol_errors += 1;
                    self.answer(client, |reply| reply.bulk(answer.as_bytes()));
                    client.is_closing = true;
                    return input.len();
                }
                Parsed::Request { consumed, value } => {
                    let request = &input[at..at + consumed];
                    let value = value.map(|value| value.of(request));
                    let words: Vec<&[u8]> = words.iter().map(|word| word.of(request)).collect();
                    if self.run_request(io, client, &words, value) == Progress::Held {
                        return at;
                    }
                    at += consumed;
                }
            }
            if client.is_closing {
                return input.len();
            }
            if client.output.len() > OUTPUT_PAUSE_BYTES && client.hold == Hold::None {
                client.hold = Hold::Output;
            }
            if client.hold == Hold::None && input.len() - at > INPUT_LATE_BYTES && io.is_part_over()
            {
                client.hold = Hold::Turn;
                self.late.push(client.connection);
            }
            if client.hold != Hold::None {
                return at;
            }
        }
    }

    fn value_bytes_max(&self, client: &Client) -> usize {
        let max = usize::try_from(self.limits.bulk_bytes_max).unwrap_or(usize::MAX);
        if client.session.is_authenticated {
            max.min(MEMCACHED_VALUE_BYTES_MAX)
        } else {
            max.min(usize::try_from(UNAUTHENTICATED_BULK_BYTES_MAX).unwrap_or(usize::MAX))
        }
    }
}
