//! Tables of frames, bodies and handshakes; hostile bytes; golden bytes; properties.

mod bodies;
mod frame;
mod golden;
mod handshake;
mod hostile;
mod link;
mod part;
mod properties;
mod refusals;
mod samples;

use super::{Frame, FrameParser, Framed, Message};
use samples::samples;

/// The frame of a message.
fn framed(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out).expect("it fits");
    out
}

/// The one whole frame that `bytes` are.
fn whole(bytes: &[u8]) -> Frame<'_> {
    match FrameParser::new().parse(bytes) {
        Ok(Framed::Frame { frame, consumed }) if consumed == bytes.len() => frame,
        other => panic!("{other:?} of {} bytes", bytes.len()),
    }
}
