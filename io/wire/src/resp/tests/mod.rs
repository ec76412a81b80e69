//! Tables of frames and errors; properties over cuts and over random bytes.

mod encoder;
mod inline;
mod parser;
mod properties;

use super::{Parsed, Parser, ProtocolError, Span};
use crate::Limits;

/// The arguments of one command.
type Arguments = Vec<Vec<u8>>;

/// What one call of the parser came to, with the arguments as bytes.
#[derive(Debug, PartialEq)]
enum Outcome {
    Command(Arguments, usize),
    Nothing(usize),
    Incomplete(usize),
    Error(ProtocolError),
}

fn parse_with(parser: &mut Parser, input: &[u8], limits: &Limits) -> Outcome {
    let mut spans = vec![Span { start: 9, end: 99 }];
    let parsed = parser.parse(input, limits, &mut spans);
    let read = |bytes: &[u8]| spans.iter().map(|span| span.of(bytes).to_vec()).collect();
    match parsed {
        Ok(Parsed::Command { consumed }) => Outcome::Command(read(input), consumed),
        Ok(Parsed::Unquoted { consumed, bytes }) => Outcome::Command(read(&bytes), consumed),
        Ok(Parsed::Nothing { consumed }) => Outcome::Nothing(consumed),
        Ok(Parsed::Incomplete { bytes_min }) => {
            assert_eq!(spans, [], "an incomplete command gives no arguments");
            assert!(bytes_min > input.len(), "{bytes_min} bytes are there already");
            Outcome::Incomplete(bytes_min)
        }
        Err(error) => {
            assert_eq!(spans, [], "an error gives no arguments");
            Outcome::Error(error)
        }
    }
}

fn parse(input: &[u8]) -> Outcome {
    parse_with(&mut Parser::new(), input, &Limits::DEFAULT)
}

fn command(arguments: &[&[u8]], consumed: usize) -> Outcome {
    Outcome::Command(arguments.iter().map(|argument| argument.to_vec()).collect(), consumed)
}
