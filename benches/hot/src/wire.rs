//! Pipelines of RESP: commands parsed, and answers encoded.

use hyperion_wire::{Encoder, Limits, Parsed, Parser, Protocol, Span};

use crate::{TURN, key};

/// Bytes of the values that are set and answered.
pub const VALUE_BYTES: usize = 64;

/// A pipeline as a client sends it, and what is kept for one connection.
pub struct Pipeline {
    bytes: Vec<u8>,
    parser: Parser,
    spans: Vec<Span>,
    answers: Vec<u8>,
}

impl Default for Pipeline {
    /// SET and GET by turns, [`TURN`] commands.
    fn default() -> Self {
        let mut bytes = Vec::new();
        for number in 0..TURN as u64 {
            let key = key(number);
            let mut encoder = Encoder::new(&mut bytes, Protocol::Resp2);
            if number % 2 == 0 {
                encoder.array(3);
                encoder.bulk(b"SET");
                encoder.bulk(&key);
                encoder.bulk(&[b'v'; VALUE_BYTES]);
            } else {
                encoder.array(2);
                encoder.bulk(b"GET");
                encoder.bulk(&key);
            }
        }
        Self { bytes, parser: Parser::new(), spans: Vec::new(), answers: Vec::new() }
    }
}

impl Pipeline {
    /// Bytes that come in.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Parses all commands; gives how many there were, and how many words.
    ///
    /// # Panics
    /// When the parser finds anything but whole commands.
    pub fn parse(&mut self) -> (usize, usize) {
        let (mut rest, mut commands, mut words) = (self.bytes.as_slice(), 0, 0);
        while !rest.is_empty() {
            let parsed = self.parser.parse(rest, &Limits::DEFAULT, &mut self.spans);
            let Ok(Parsed::Command { consumed }) = parsed else { panic!("{parsed:?}") };
            commands += 1;
            words += self.spans.len();
            rest = &rest[consumed..];
        }
        (commands, words)
    }

    /// Encodes the answers of as many commands, a status and a value by turns; gives their bytes.
    pub fn encode(&mut self) -> usize {
        self.answers.clear();
        for number in 0..TURN {
            let mut encoder = Encoder::new(&mut self.answers, Protocol::Resp2);
            if number % 2 == 0 {
                encoder.simple("OK");
            } else {
                encoder.bulk(std::hint::black_box(&[b'v'; VALUE_BYTES]));
            }
        }
        self.answers.len()
    }
}
