//! Long bodies: cut, sent between other frames, and put together again.

use super::{framed, whole};
use crate::limits::{BULK_CHUNK_BYTES, FRAME_BYTES_MAX};
use crate::peer::{
    Body, BodyError, Kind, Message, Part, PartError, Parts, PartsReader, RaftEntry, RaftMessage,
    RaftMessages,
};

fn long(bytes: usize) -> Message<'static> {
    let data: Vec<u8> = (0..bytes).map(|index| u8::try_from(index % 251).expect("small")).collect();
    let entries = vec![RaftEntry { data: data.into(), ..RaftEntry::default() }];
    let message = RaftMessage { kind: 3, entries, ..RaftMessage::default() };
    Message::RaftMessages(RaftMessages { messages: vec![message] })
}

fn body_of(message: &Message<'_>) -> Vec<u8> {
    let Message::RaftMessages(raft) = message else { panic!("{message:?}") };
    let mut body = Vec::new();
    raft.encode_body(&mut body).expect("it fits its parts");
    body
}

/// The frames of a body's parts.
fn frames(body: Vec<u8>, stream: u64) -> Vec<Vec<u8>> {
    let mut parts = Parts::new(Kind::RaftMessages, stream, body).expect("it may be cut");
    let mut frames = Vec::new();
    while !parts.is_done() {
        let mut frame = Vec::new();
        parts.encode_next(&mut frame);
        frames.push(frame);
    }
    let mut nothing = Vec::new();
    parts.encode_next(&mut nothing);
    assert!(nothing.is_empty());
    frames
}

#[test]
fn a_long_body_comes_back_from_its_parts() {
    for bytes in [0, 1, BULK_CHUNK_BYTES, 3 * BULK_CHUNK_BYTES, FRAME_BYTES_MAX as usize + 5] {
        let message = long(bytes);
        let is_short = message.encode(&mut Vec::new()).is_ok();
        assert_eq!(is_short, bytes < FRAME_BYTES_MAX as usize);
        let body = body_of(&message);
        let frames = frames(body.clone(), 4);
        assert_eq!(frames.len(), body.len().div_ceil(BULK_CHUNK_BYTES));
        let (mut reader, mut found) = (PartsReader::new(), None);
        for frame in &frames {
            assert_eq!(found, None, "the last part ends it");
            found = reader.take(&Part::decode(&whole(frame)).expect("a part")).expect("in order");
        }
        let (kind, bytes) = found.expect("the last part ends it");
        assert_eq!(Message::decode_body(kind, &bytes), Ok(message));
    }
}

#[test]
fn parts_lost_repeated_or_mixed_are_refused() {
    let frames = frames(body_of(&long(3 * BULK_CHUNK_BYTES)), 4);
    let part = |index: usize| Part::decode(&whole(&frames[index])).expect("a part");
    let chunk = u32::try_from(BULK_CHUNK_BYTES).expect("it is small");
    let out_of_order = |offset, expected| PartError::OutOfOrder { stream: 4, offset, expected };
    for (first, second, expected) in [
        (part(0), part(0), out_of_order(0, chunk)),
        (part(0), part(2), out_of_order(2 * chunk, chunk)),
        (part(0), Part { stream: 5, ..part(1) }, PartError::OtherStream { open: 4, found: 5 }),
        (
            part(0),
            Part { total: part(0).total - 1, ..part(1) },
            PartError::OtherStream { open: 4, found: 4 },
        ),
    ] {
        let mut reader = PartsReader::new();
        assert_eq!(reader.take(&first), Ok(None));
        assert_eq!(reader.take(&second), Err(expected));
    }
    assert_eq!(PartsReader::new().take(&part(1)), Err(out_of_order(chunk, 0)));
}

#[test]
fn a_part_that_cannot_be_is_refused() {
    let kind = Kind::Part;
    let right = Part {
        kind: Kind::Forwarded as u8,
        stream: 1,
        offset: 5,
        total: 10,
        bytes: b"12345"[..].into(),
    };
    assert_eq!(right.check(), Ok(()));
    for (part, expected) in [
        (Part { kind: Kind::Ping as u8, ..right.clone() }, Some(BodyError::UnknownValue { kind })),
        (Part { kind: Kind::Part as u8, ..right.clone() }, Some(BodyError::UnknownValue { kind })),
        (Part { kind: 0, ..right.clone() }, Some(BodyError::UnknownValue { kind })),
        (Part { bytes: [][..].into(), ..right.clone() }, Some(BodyError::UnknownValue { kind })),
        (Part { total: u32::MAX, ..right.clone() }, None),
        (Part { offset: 6, ..right.clone() }, None),
        (Part { offset: u32::MAX, ..right.clone() }, None),
        (Part { bytes: vec![0; BULK_CHUNK_BYTES + 1].into(), ..right.clone() }, None),
    ] {
        let found = part.encode(&mut Vec::new()).expect_err("it is refused");
        let is_bound = matches!(found, BodyError::OutOfBounds { kind: Kind::Part, .. });
        assert!(expected.map_or(is_bound, |expected| found == expected), "{found}");
    }
    assert!(Parts::new(Kind::RaftMessages, 1, Vec::new()).is_err());
    assert!(Parts::new(Kind::Ping, 1, vec![1]).is_err());
    assert_eq!(framed(&Message::Part(right.clone())).len(), 20 + 1 + 8 + 4 + 4 + 4 + 5);
}
