//! Any bytes: the parser of memcached's text must not panic, must take what it says, and must find in pieces what it finds in the whole.
#![no_main]

use hyperion_wire::memcached::{Parsed, decode_key, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [step, stream @ ..] = data else { return };
    let whole = requests(stream, stream.len().max(1));
    let pieces = requests(stream, usize::from(*step).max(1));
    assert_eq!(whole, pieces);
    if let Some(key) = decode_key(stream) {
        assert!(key.len() <= stream.len());
    }
});

/// Words and values of the requests in a stream that comes in pieces, and what was said of the others.
fn requests(stream: &[u8], step: usize) -> Vec<Vec<Vec<u8>>> {
    let (mut found, mut words) = (Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    while end < stream.len() {
        end = stream.len().min(end + step);
        while start < end {
            let input = &stream[start..end];
            match parse(input, 64, &mut words) {
                Parsed::Request { consumed, value } => {
                    assert!(consumed <= input.len());
                    let spans = words.iter().chain(&value);
                    found.push(spans.map(|span| span.of(input).to_vec()).collect());
                    start += consumed;
                }
                Parsed::Bad { consumed, answer, .. } => {
                    found.push(vec![answer.into()]);
                    start += consumed;
                }
                Parsed::Incomplete { bytes_min } => {
                    assert!(bytes_min > input.len());
                    break;
                }
                Parsed::Broken { answer } => {
                    found.push(vec![answer.into()]);
                    return found;
                }
            }
        }
    }
    found
}
