//! Owns the step from a request to the commands that carry it out: one a key.

use std::borrow::Cow;

use hyperion_engine::command::{CommandSpec, MEMCACHED_CHANGE, MEMCACHED_READ, MEMCACHED_STORE};
use hyperion_engine::key_slot;
use hyperion_wire::limits::MEMCACHED_KEY_BYTES_MAX;
use hyperion_wire::memcached::decode_key;

use super::super::client::{Client, Hold, ReplyMode};
use super::super::execute::Progress;
use super::super::limits::OUTPUT_PAUSE_BYTES;
use super::super::web::is_web_request;
use crate::node::{Io, NodeCore};

/// Keys of a line between two looks at the time.
const KEYS_A_LOOK: usize = 64;
const BAD_LINE: &str = "CLIENT_ERROR bad command line format";

impl NodeCore {
    pub(super) fn run_request(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
        value: Option<&[u8]>,
    ) -> Progress {
        if is_web_request(words) {
            return self.refuse_web(io, client);
        }
        if !client.session.is_authenticated {
            return self.authenticate(io, client, words, value);
        }
        let (is_silent, words) = match words {
            [verb, middle @ .., b"noreply"] if !is_meta(verb) && !is_get(verb) => {
                (true, &words[..=middle.len()])
            }
            _ => (false, words),
        };
        if is_silent {
            client.session.reply_mode = ReplyMode::Skip;
        }
        let progress = self.run_words(io, client, words, value);
        // What was not answered by a command was answered here, and an answer that comes later is silenced by the mode.
        if !matches!(client.hold, Hold::Answer(_)) {
            client.session.reply_mode = ReplyMode::On;
        }
        progress
    }

    fn run_words(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
        value: Option<&[u8]>,
    ) -> Progress {
        match *words {
            [b"get" | b"gets", ..] => self.run_keys(io, client, words, None),
            [verb @ (b"gat" | b"gats"), seconds, ref keys @ ..] => {
                let line: Vec<&[u8]> = std::iter::once(verb).chain(keys.iter().copied()).collect();
                self.run_keys(io, client, &line, Some(seconds))
            }
            [verb, key, ref rest @ ..] => {
                let spec = match verb {
                    b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" | b"incr"
                    | b"decr" | b"ms" | b"ma" => &MEMCACHED_STORE,
                    b"mg" if rest.iter().any(|word| word.starts_with(b"N")) => &MEMCACHED_STORE,
                    b"mg" | b"md" | b"touch" | b"delete" => &MEMCACHED_CHANGE,
                    b"me" => &MEMCACHED_READ,
                    _ => return self.run_on_node(io, client, words),
                };
                let count = rest.len();
                let is_whole = match verb {
                    b"incr" | b"decr" | b"touch" => count == 1,
                    b"delete" => count == 0 || count == 1 && rest[0] == b"0",
                    b"me" => count == 0 || rest[0] == b"b",
                    _ => true,
                };
                if !is_whole {
                    return self.say(client, if verb == b"delete" { BAD_LINE } else { "ERROR" });
                }
                self.run_key(io, client, spec, (verb, key), rest, value)
            }
            _ => self.run_on_node(io, client, words),
        }
    }

    /// Asks for one key after the other; what came of them is told in their order, with a line behind.
    fn run_keys(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
        seconds: Option<&[u8]>,
    ) -> Progress {
        let &[verb, ref keys @ ..] = words else { return self.say(client, "ERROR") };
        if keys.is_empty() {
            return self.say(client, "ERROR");
        }
        if keys.iter().any(|key| key.len() > MEMCACHED_KEY_BYTES_MAX) {
            return self.say(client, BAD_LINE);
        }
        let is_time =
            |word: &[u8]| std::str::from_utf8(word).is_ok_and(|word| word.parse::<i64>().is_ok());
        if seconds.is_some_and(|seconds| !is_time(seconds)) {
            return self.say(client, "CLIENT_ERROR invalid exptime argument");
        }
        let spec = if seconds.is_some() { &MEMCACHED_CHANGE } else { &MEMCACHED_READ };
        let behind: &[&[u8]] = match &seconds {
            Some(seconds) => std::slice::from_ref(seconds),
            None => &[],
        };
        while let Some(&key) = keys.get(client.memcached.keys_done) {
            if client.output.len() > OUTPUT_PAUSE_BYTES {
                client.hold = Hold::Output;
                return Progress::Held;
            }
            let (before, is_next) = (client.output.ready_bytes(), client.output.is_in_order());
            client.output.asks_memcached = true;
            let progress = self.run_key(io, client, spec, (verb, key), behind, None);
            client.output.asks_memcached = false;
            if progress == Progress::Held {
                return Progress::Held;
            }
            if is_next {
                client.output.drop_memcached_error(before);
            }
            client.memcached.keys_done += 1;
            // Lines of thousands of keys are not the only ones of a turn.
            if client.memcached.keys_done.is_multiple_of(KEYS_A_LOOK) && io.is_part_over() {
                client.hold = Hold::Turn;
                self.late.push(client.connection);
                return Progress::Held;
            }
        }
        client.memcached.keys_done = 0;
        self.say(client, "END")
    }

    /// Sends a command where its key lies.
    fn run_key(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        (verb, written): (&[u8], &[u8]),
        rest: &[&[u8]],
        value: Option<&[u8]>,
    ) -> Progress {
        let is_coded = is_meta(verb) && rest.contains(&&b"b"[..]);
        let key = if is_coded {
            decode_key(written).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(written))
        };
        if key.is_none() {
            return self.say(client, "CLIENT_ERROR error decoding key");
        }
        let Some(key) = key.filter(|_| written.len() <= MEMCACHED_KEY_BYTES_MAX) else {
            return self.say(client, BAD_LINE);
        };
        let mut arguments: Vec<&[u8]> = vec![spec.name.as_bytes(), &key, verb, written];
        arguments.extend(rest.iter().copied().chain(value));
        self.run_line(io, client, Some(spec), key_slot(spec, &arguments), &arguments)
    }

    /// Answers with a line.
    pub(super) fn say(&mut self, client: &mut Client, line: &str) -> Progress {
        self.answer(client, |reply| reply.bulk(line.as_bytes()));
        Progress::Ran
    }
}

fn is_meta(verb: &[u8]) -> bool {
    matches!(verb, b"mg" | b"ms" | b"md" | b"ma" | b"mn" | b"me")
}

fn is_get(verb: &[u8]) -> bool {
    matches!(verb, b"get" | b"gets" | b"gat" | b"gats")
}
