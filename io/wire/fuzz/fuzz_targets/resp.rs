//! Any bytes, cut anywhere: the command parser must not panic, must hold little, and must find in
//! pieces what it finds in the whole; the reply decoder must not panic.
#![no_main]

use hyperion_wire::reply::Decoder;
use hyperion_wire::{Limits, Parsed, Parser, ProtocolError};
use libfuzzer_sys::fuzz_target;

/// What a stream comes to: its commands, and the error that ended it.
type Found = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fuzz_target!(|data: &[u8]| {
    // The first two bytes choose the limits and the size of the pieces.
    let [choice, step, stream @ ..] = data else { return };
    let small = Limits {
        bulk_bytes_max: 64,
        arguments_max: 8,
        inline_bytes_max: 32,
        command_bytes_max: 256,
        authenticated: true,
    };
    let limits = match choice % 3 {
        0 => Limits::DEFAULT,
        1 => Limits::UNAUTHENTICATED,
        _ => small,
    };
    let whole = commands(stream, stream.len().max(1), &limits);
    let pieces = commands(stream, usize::from(*step).max(1), &limits);
    assert_eq!(whole, pieces);

    let mut decoder = Decoder::new();
    let mut rest = stream;
    while let Ok(Some((length, _))) = decoder.decode(rest) {
        assert!(length > 0 && length <= rest.len());
        rest = &rest[length..];
    }
});

fn commands(stream: &[u8], step: usize, limits: &Limits) -> Found {
    let mut parser = Parser::new();
    let (mut spans, mut found) = (Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    while end < stream.len() {
        end = stream.len().min(end + step);
        while start < end {
            let input = &stream[start..end];
            let parsed = match parser.parse(input, limits, &mut spans) {
                Ok(parsed) => parsed,
                Err(error) => return (found, Some(error)),
            };
            assert!(parser.held_bytes() <= 64 + input.len() * 4);
            let read = |bytes: &[u8]| spans.iter().map(|span| span.of(bytes).to_vec()).collect();
            let consumed = match parsed {
                Parsed::Command { consumed } => {
                    found.push(read(input));
                    consumed
                }
                Parsed::Unquoted { consumed, bytes } => {
                    found.push(read(&bytes));
                    consumed
                }
                Parsed::Nothing { consumed } => consumed,
                Parsed::Incomplete { bytes_min } => {
                    assert!(bytes_min > input.len());
                    break;
                }
            };
            assert!(consumed > 0 && consumed <= input.len());
            start += consumed;
        }
    }
    (found, None)
}
