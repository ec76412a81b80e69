//! Tests that the bytes on the wire stay what they are: produced and read.

use super::link::{Link, listener_identity};
use super::{framed, samples};
use crate::peer::{FrameParser, Framed, Message};

const GOLDEN: &[u8] = include_bytes!("../../../testdata/peer-v1.bin");
const GOLDEN_HANDSHAKE: &[u8] = include_bytes!("../../../testdata/handshake-v1.bin");

/// To write the files anew, after the format's version was raised: `HYPERION_GOLDEN=write cargo test -p hyperion-wire golden`.
fn is_written(file: &str, bytes: &[u8]) -> bool {
    if std::env::var_os("HYPERION_GOLDEN").is_none() {
        return false;
    }
    let path = format!("{}/testdata/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(path, bytes).expect("the folder is there");
    true
}

#[test]
fn the_golden_frames_are_written_and_read() {
    let written: Vec<u8> = samples().iter().flat_map(framed).collect();
    if is_written("peer-v1.bin", &written) {
        return;
    }
    let differs = written.iter().zip(GOLDEN).position(|(new, old)| new != old);
    assert_eq!((written.len(), differs), (GOLDEN.len(), None), "length, first byte that differs");

    let (mut rest, mut found) = (GOLDEN, Vec::new());
    while let Ok(Framed::Frame { frame, consumed }) = FrameParser::new().parse(rest) {
        found.push(Message::decode(&frame).expect("a body"));
        rest = &rest[consumed..];
    }
    assert_eq!((found, rest.len()), (samples(), 0));
}

/// What the dialer sends, then what the listener sends.
#[test]
fn the_golden_handshake_is_said_again() {
    let mut link = Link::between(&listener_identity());
    link.open().expect("it is established");
    let written = [&link.dialer_said[..], &link.listener_said[..]].concat();
    if is_written("handshake-v1.bin", &written) {
        return;
    }
    assert_eq!(written, GOLDEN_HANDSHAKE);
}
