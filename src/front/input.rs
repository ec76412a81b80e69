//! Owns the way from received bytes to commands that run.

use hyperion_engine::command::{CommandSpec, FrontCommand, Run, Sought, find};
use hyperion_engine::{Key, key_slot};
use hyperion_model::{DatabaseId, ReplyWriter, slot_of};
use hyperion_runtime::ConnectionId;
use hyperion_wire::{Limits, Parsed, Protocol, Span};

use super::client::{Client, Hold};
use super::execute::Progress;
use super::limits::{
    ARGUMENTS_INLINE, INPUT_LATE_BYTES, INPUT_PAUSE_BYTES, INPUT_TOTAL_BYTES_MAX,
    INPUT_TOTAL_BYTES_MIN, LINES_AHEAD, OUTPUT_PAUSE_BYTES, PREFETCH_KEYS_MIN,
};
use super::tls::is_tls;
use crate::node::{Io, NodeCore};

/// One command, read and not yet run.
#[derive(Debug, Default)]
pub(crate) struct Line {
    spans: Vec<Span>,
    start: usize,
    end: usize,
    /// Arguments without their quotes, for inline commands that had some.
    unquoted: Option<Vec<u8>>,
    spec: Option<&'static CommandSpec>,
    /// The slot of its key, if it has one key.
    slot: Option<u16>,
}

/// Space for the commands that are read ahead.
pub(crate) type Lines = [Line; LINES_AHEAD];

impl Line {
    /// Calls `run` with the arguments.
    fn with_arguments<R>(&self, input: &[u8], run: impl FnOnce(&[&[u8]]) -> R) -> R {
        let base = match &self.unquoted {
            Some(bytes) => bytes.as_slice(),
            None => &input[self.start..self.end],
        };
        if self.spans.len() <= ARGUMENTS_INLINE {
            let mut arguments: [&[u8]; ARGUMENTS_INLINE] = [&[]; ARGUMENTS_INLINE];
            for (argument, span) in arguments.iter_mut().zip(&self.spans) {
                *argument = span.of(base);
            }
            return run(&arguments[..self.spans.len()]);
        }
        let arguments: Vec<&[u8]> = self.spans.iter().map(|span| span.of(base)).collect();
        run(&arguments)
    }

    fn word<'a>(&'a self, input: &'a [u8], number: usize) -> Option<&'a [u8]> {
        let base = self.unquoted.as_deref().unwrap_or(&input[self.start..self.end]);
        self.spans.get(number).map(|span| span.of(base))
    }
}

impl Line {
    /// The key that it begins with, and its slot: its one key, or the first that a script names.
    fn place<'a>(&'a self, input: &'a [u8]) -> Option<(u16, &'a [u8])> {
        if let Some(slot) = self.slot {
            return Some((slot, self.word(input, 1)?));
        }
        let names_keys = is_script(self.spec?) && self.word(input, 2)? != b"0";
        let key = self.word(input, 3).filter(|_| names_keys)?;
        Some((slot_of(key), key))
    }
}

/// Whether it runs a script or a function, which change nothing that other lines are read by.
fn is_script(spec: &CommandSpec) -> bool {
    matches!(spec.run, Run::Front(FrontCommand::Eval | FrontCommand::Evalsha | FrontCommand::Fcall))
}

/// How reading ahead ended.
enum Ahead {
    /// There may be more.
    Full,
    /// The rest is not a whole command.
    Dry,
    /// The rest is no command.
    Broken(String),
}

impl NodeCore {
    /// Bytes of a client came in.
    pub(crate) fn feed(&mut self, io: &mut Io, connection: ConnectionId, bytes: &[u8]) {
        let Some(mut client) = self.clients.take(connection) else { return };
        if client.is_closing {
            self.clients.put_back(client);
            return;
        }
        if client.input.is_empty() && client.hold == Hold::None {
            if is_tls(bytes) && !client.is_secured {
                self.refuse_tls(&mut client);
                return self.clients.put_back(client);
            }
            let used = self.run_input(io, &mut client, bytes);
            if used < bytes.len() {
                self.keep_input(&mut client, &bytes[used..]);
            }
        } else {
            self.keep_input(&mut client, bytes);
            if client.input.len() >= client.input_needed {
                self.run_kept(io, &mut client);
            }
        }
        self.after_input(io, &mut client);
        self.clients.put_back(client);
    }

    /// What has come was run as far as it goes.
    #[inline]
    pub(super) fn after_input(&mut self, io: &mut Io, client: &mut Client) {
        if client.input.is_empty() {
            return;
        }
        let memory = self.config.memory_bytes_max;
        let total_max = memory.clamp(INPUT_TOTAL_BYTES_MIN, INPUT_TOTAL_BYTES_MAX);
        if self.input_bytes as u64 > total_max {
            let sentence = format!(
                "ERR clients have sent more than {total_max} bytes of commands that are not whole yet; send this one later, or in parts"
            );
            self.refuse_client(client, &sentence);
        }
        if client.hold != Hold::None && client.input.len() > INPUT_PAUSE_BYTES && !client.is_paused
        {
            client.is_paused = true;
            io.pause_receive(client.connection);
        }
        self.fill_input(io, client);
    }

    /// Runs what a client has sent and could not run before.
    pub(crate) fn run_kept(&mut self, io: &mut Io, client: &mut Client) {
        if client.hold != Hold::None || client.is_closing {
            return;
        }
        if client.exec.is_some() {
            self.go_on_exec(io, client);
            if client.hold != Hold::None {
                return;
            }
        }
        if !client.input.is_empty() {
            let input = std::mem::take(&mut client.input);
            let used = self.run_input(io, client, &input);
            self.input_bytes -= used;
            client.input = input;
            client.input.drain(..used);
            self.trim_input(client);
        }
        if client.is_paused && client.hold == Hold::None {
            client.is_paused = false;
            io.resume_receive(client.connection);
        }
        if client.has_ended && client.hold == Hold::None {
            client.is_closing = true;
            self.dirty(client);
        }
    }

    /// Goes on with the clients for whom the last turn had no time, in order.
    pub(crate) fn run_late(&mut self, io: &mut Io) {
        for connection in std::mem::take(&mut self.late) {
            self.unhold(io, connection, Hold::Turn);
        }
    }

    /// Runs the commands in `input`, as far as they are whole and may run. Gives the bytes that are done with.
    fn run_input(&mut self, io: &mut Io, client: &mut Client, input: &[u8]) -> usize {
        self.expect_answers(client);
        if client.session.protocol == Protocol::Memcached {
            let used = self.run_requests(io, client, input);
            self.unexpect_answers(client);
            self.dirty(client);
            return used;
        }
        let mut lines = std::mem::take(&mut self.lines);
        let used = self.run_lines(io, client, input, &mut lines);
        self.lines = lines;
        self.unexpect_answers(client);
        self.dirty(client);
        used
    }

    fn run_lines(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        input: &[u8],
        lines: &mut Lines,
    ) -> usize {
        let mut at = 0;
        client.input_needed = 0;
        loop {
            let (count, end, ahead) = self.read_ahead(client, input, at, lines);
            if count > 1 {
                self.prefetch(client, input, &lines[..count]);
            }
            for line in &lines[..count] {
                let progress = line.with_arguments(input, |arguments| {
                    self.run_line(io, client, line.spec, line.slot, arguments)
                });
                if progress == Progress::Held {
                    client.parser.reset();
                    client.input_needed = 0;
                    return at;
                }
                at = line.end;
                if client.is_closing {
                    return input.len();
                }
                if client.output.len() > OUTPUT_PAUSE_BYTES && client.hold == Hold::None {
                    client.hold = Hold::Output;
                }
                if client.hold != Hold::None {
                    client.parser.reset();
                    client.input_needed = 0;
                    return at;
                }
            }
            at = end;
            match ahead {
                // What one receive brings is run whole.
                Ahead::Full if input.len() - at > INPUT_LATE_BYTES && io.is_part_over() => {
                    client.parser.reset();
                    client.hold = Hold::Turn;
                    self.late.push(client.connection);
                    return at;
                }
                Ahead::Full => {}
                Ahead::Dry => return at,
                Ahead::Broken(error) => {
                    self.refuse_client(client, &error);
                    return input.len();
                }
            }
        }
    }

    /// Reads commands from `start` on. Gives their number and the end of what was read.
    fn read_ahead(
        &self,
        client: &mut Client,
        input: &[u8],
        start: usize,
        lines: &mut Lines,
    ) -> (usize, usize, Ahead) {
        let limits =
            if client.session.is_authenticated { &self.limits } else { &Limits::UNAUTHENTICATED };
        let (mut count, mut at) = (0, start);
        while let Some(line) = lines.get_mut(count) {
            line.unquoted = None;
            let consumed = match client.parser.parse(&input[at..], limits, &mut line.spans) {
                Ok(Parsed::Command { consumed }) => consumed,
                Ok(Parsed::Unquoted { consumed, bytes }) => {
                    line.unquoted = Some(bytes);
                    consumed
                }
                Ok(Parsed::Nothing { consumed }) => {
                    at += consumed;
                    continue;
                }
                Ok(Parsed::Incomplete { bytes_min }) => {
                    client.input_needed = bytes_min;
                    return (count, at, Ahead::Dry);
                }
                Err(error) => return (count, at, Ahead::Broken(format!("ERR {error}"))),
            };
            (line.start, line.end) = (at, at + consumed);
            at += consumed;
            line.spec = find(line.word(input, 0).unwrap_or_default());
            line.slot = line
                .spec
                .and_then(|spec| line.with_arguments(input, |words| key_slot(spec, words)));
            count += 1;
            // What such a command changes, the next may be read by.
            if line.spec.is_none_or(|spec| matches!(spec.run, Run::Front(_)) && !is_script(spec)) {
                break;
            }
        }
        (count, at, Ahead::Full)
    }

    /// Asks the memory for what the commands will touch, where it is likely to be no longer in the caches.
    fn prefetch(&self, client: &Client, input: &[u8], lines: &[Line]) {
        let database = client.session.database;
        if self.keys > PREFETCH_KEYS_MIN {
            self.prefetch_records(database, input, lines);
        }
        if self.engine.has_large_collections() {
            self.prefetch_entries(database, input, lines);
        }
    }

    /// Entries of large collections.
    fn prefetch_entries(&self, database: DatabaseId, input: &[u8], lines: &[Line]) {
        let sought = lines.iter().filter_map(|line| {
            let word = |number| line.word(input, number);
            Sought::of(line.spec?, line.slot?, line.spans.len(), word)
        });
        self.engine.prefetch_entries(database, sought);
    }

    /// First all places, then all records.
    fn prefetch_records(&self, database: DatabaseId, input: &[u8], lines: &[Line]) {
        let mut keys: [Option<Key<'_>>; LINES_AHEAD] = [None; LINES_AHEAD];
        for (key, line) in keys.iter_mut().zip(lines) {
            if let Some((slot, bytes)) = line.place(input) {
                *key = self.engine.prefetch_bucket(database, bytes, slot);
            }
        }
        keys.iter().flatten().for_each(|key| self.engine.prefetch_record(key));
    }

    /// Says why, and closes when that has left.
    pub(crate) fn refuse_client(&mut self, client: &mut Client, error: &str) {
        self.counters.protocol_errors += 1;
        self.input_bytes -= client.input.len();
        self.drop_input(client);
        self.answer(client, |reply| reply.error(error));
        client.is_closing = true;
        self.dirty(client);
    }

    /// Writes an answer in order.
    pub(crate) fn answer(&mut self, client: &mut Client, write: impl FnOnce(&mut dyn ReplyWriter)) {
        self.answer_observing(client, 0, write);
    }
}
