//! A cut changes nothing; random bytes never panic and never make the parser keep much.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Arguments, Outcome, Parser, parse_with};
use crate::Limits;

/// The bytes of one command and what they mean.
fn written() -> impl Strategy<Value = (Vec<u8>, Option<Arguments>)> {
    let bulk = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 95..1100)];
    let multibulk = vec(bulk, 1..13).prop_map(|arguments| {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in &arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        (bytes, Some(arguments))
    });
    let words = vec("[a-z$:0-9]{1,9}", 1..5);
    let inline = (words, any::<bool>(), any::<bool>()).prop_map(|(words, quoted, carriage)| {
        let words: Arguments = words.into_iter().map(String::into_bytes).collect();
        let (quote, end) = (if quoted { "\"" } else { "" }, if carriage { "\r\n" } else { "\n" });
        let mut bytes = Vec::new();
        for word in &words {
            bytes.extend_from_slice(quote.as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(quote.as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(end.as_bytes());
        (bytes, Some(words))
    });
    let nothing = prop_oneof![Just("\r\n"), Just("\n"), Just("*0\r\n"), Just("*-1\r\n")]
        .prop_map(|text| (text.as_bytes().to_vec(), None));
    prop_oneof![4 => multibulk, 2 => inline, 1 => nothing]
}

/// Feeds `stream` cut at `cuts`, as a connection does: bytes are kept until they are consumed.
fn feed(stream: &[u8], cuts: &[usize], mind_hint: bool) -> Result<Vec<Arguments>, String> {
    let mut parser = Parser::new();
    let mut commands = Vec::new();
    let (mut start, mut tried_from) = (0, 0);
    for end in cuts.iter().copied().chain([stream.len()]) {
        while start < end && end >= tried_from {
            match parse_with(&mut parser, &stream[start..end], &Limits::DEFAULT) {
                Outcome::Command(arguments, consumed) => {
                    commands.push(arguments);
                    start += consumed;
                }
                Outcome::Nothing(consumed) => start += consumed,
                Outcome::Incomplete(bytes_min) => {
                    tried_from = if mind_hint { start + bytes_min } else { 0 };
                    break;
                }
                Outcome::Error(error) => return Err(error.to_string()),
            }
        }
    }
    if start == stream.len() && parser.is_idle() {
        Ok(commands)
    } else {
        Err(format!("stopped at {start} of {}", stream.len()))
    }
}

fn cuts(seeds: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_commands(
        pipeline in vec(written(), 1..8),
        seeds in vec(any::<prop::sample::Index>(), 0..40),
        mind_hint: bool,
    ) {
        let stream: Vec<u8> = pipeline.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let expected: Vec<Arguments> =
            pipeline.into_iter().filter_map(|(_, arguments)| arguments).collect();
        let cuts = cuts(&seeds, stream.len());
        prop_assert_eq!(feed(&stream, &cuts, mind_hint), Ok(expected.clone()));
        let every: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(feed(&stream, &every, mind_hint), Ok(expected));
    }

    #[test]
    fn random_bytes_do_no_harm(
        stream in vec(prop_oneof![
            Just(b"*3\r\n".to_vec()),
            Just(b"$3\r\nabc\r\n".to_vec()),
            Just(b"*1048576\r\n".to_vec()),
            Just(b"$536870912\r\n".to_vec()),
            Just(b"'".to_vec()),
            vec(any::<u8>(), 0..6),
            "[-*$0-9\r\n\"'\\\\x ]{0,9}".prop_map(String::into_bytes),
        ], 0..30).prop_map(|pieces| pieces.concat()),
        seeds in vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut parser = Parser::new();
        let whole = outcomes(&mut parser, &stream, &[]);
        // Whatever the bytes are, a span and its share of a doubling vector is all they cost.
        let kept = parser.held_bytes();
        prop_assert!(kept <= 64 + stream.len() * 4, "{} bytes kept for {}", kept, stream.len());
        let cut = outcomes(&mut Parser::new(), &stream, &cuts(&seeds, stream.len()));
        prop_assert_eq!(whole, cut);
    }
}

/// What the stream comes to, up to its first error or its last whole command.
fn outcomes(parser: &mut Parser, stream: &[u8], cuts: &[usize]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        while start < end {
            match parse_with(parser, &stream[start..end], &Limits::DEFAULT) {
                Outcome::Incomplete(_) => break,
                Outcome::Error(error) => {
                    outcomes.push(Outcome::Error(error));
                    return outcomes;
                }
                Outcome::Command(arguments, consumed) => {
                    outcomes.push(Outcome::Command(arguments, consumed));
                    start += consumed;
                }
                Outcome::Nothing(consumed) => start += consumed,
            }
        }
    }
    outcomes
}
