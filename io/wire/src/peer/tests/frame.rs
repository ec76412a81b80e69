//! The head and the checksums: what is taken, what is waited for, and what is refused.

use super::{framed, samples, whole};
use crate::limits::{FRAME_BYTES_MAX, HANDSHAKE_BYTES_MAX};
use crate::peer::frame::checksum;
use crate::peer::{Body, Frame};
use crate::peer::{
    BodyError, FRAME_HEAD_BYTES, FrameError, FrameParser, Framed, Kind, Message, Ping,
    SnapshotChunk, encode_compressed,
};

/// A head as the table of the format says, with its checksum made right.
fn head(kind: u8, flags: u8, zero: u8, bytes: u32, crc: u32) -> Vec<u8> {
    let mut head = b"HYPN\x01".to_vec();
    head.extend([kind, flags, zero]);
    head.extend(bytes.to_le_bytes());
    head.extend(crc.to_le_bytes());
    let checked = checksum(&head);
    head.extend(checked.to_le_bytes());
    head
}

#[test]
fn a_kind_has_one_number_and_a_sample() {
    let named: Vec<Kind> = (0..=u8::MAX).filter_map(Kind::of).collect();
    assert_eq!(named, Kind::ALL);
    assert_eq!(samples().iter().map(Message::kind).collect::<Vec<_>>(), Kind::ALL);
    for kind in Kind::ALL {
        assert!(kind.bytes_max() <= FRAME_BYTES_MAX, "{kind:?}");
    }
}

#[test]
fn a_frame_is_laid_out_as_the_table_says() {
    let body = 0x0102_0304_0506_0708_u64.to_le_bytes();
    let expected = [head(80, 0, 0, 8, checksum(&body)), body.to_vec()].concat();
    let found = framed(&Message::Ping(Ping { stamp_ns: 0x0102_0304_0506_0708 }));
    assert_eq!(found, expected);
    let frame = Frame { kind: Kind::Ping, is_compressed: false, body: &body };
    assert_eq!(whole(&found), frame);
}

#[test]
fn a_cut_frame_is_waited_for_at_every_byte() {
    for message in samples() {
        let bytes = framed(&message);
        for end in 0..bytes.len() {
            let bytes_min = if end < FRAME_HEAD_BYTES { FRAME_HEAD_BYTES } else { bytes.len() };
            let found = FrameParser::new().parse(&bytes[..end]);
            assert_eq!(found, Ok(Framed::Incomplete { bytes_min }), "{:?} {end}", message.kind());
        }
    }
}

#[test]
fn every_flipped_bit_is_refused_without_waiting_for_more() {
    for message in samples() {
        let bytes = framed(&message);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = FrameParser::new().parse(&flipped);
            assert!(found.is_err(), "{:?} bit {bit}: {found:?}", message.kind());
            // A flip in the head is known before the body is there.
            if bit < FRAME_HEAD_BYTES * 8 {
                let found = FrameParser::new().parse(&flipped[..FRAME_HEAD_BYTES]);
                assert!(found.is_err(), "{:?} bit {bit}: {found:?}", message.kind());
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_head_is_told_apart() {
    let too_long = |kind: Kind, bytes, bytes_max| FrameError::TooLong { kind, bytes, bytes_max };
    let mut other_version = head(80, 0, 0, 8, 0);
    other_version[4] = 2;
    let mut damaged = head(80, 0, 0, 8, 0);
    damaged[9] ^= 1;
    let (written, computed) = (checksum(&head(80, 0, 0, 8, 0)[..16]), checksum(&damaged[..16]));
    let chunk_max = Kind::SnapshotChunk.bytes_max();
    for (input, expected) in [
        (b"G".to_vec(), FrameError::WrongMagic { found: *b"G\0\0\0" }),
        (b"GET / HTTP/1.1\r\n".to_vec(), FrameError::WrongMagic { found: *b"GET " }),
        (b"HYPR".to_vec(), FrameError::WrongMagic { found: *b"HYPR" }),
        (b"HYPN\x02".to_vec(), FrameError::OtherVersion { found: 2 }),
        (other_version, FrameError::OtherVersion { found: 2 }),
        (damaged, FrameError::HeadDamaged { written, computed }),
        (head(0, 0, 0, 0, 0), FrameError::UnknownKind { found: 0 }),
        (head(255, 0, 0, 0, 0), FrameError::UnknownKind { found: 255 }),
        (head(80, 1, 0, 8, 0), FrameError::WrongFlags { kind: Kind::Ping, found: 1 }),
        (head(65, 3, 0, 8, 0), FrameError::WrongFlags { kind: Kind::SnapshotChunk, found: 3 }),
        (head(65, 0, 4, 8, 0), FrameError::WrongFlags { kind: Kind::SnapshotChunk, found: 4 }),
        (head(1, 0, 0, 1 << 31, 0), too_long(Kind::Hello, 1 << 31, HANDSHAKE_BYTES_MAX)),
        (head(16, 0, 0, u32::MAX, 0), too_long(Kind::RaftMessages, u32::MAX, FRAME_BYTES_MAX)),
        (
            head(16, 0, 0, FRAME_BYTES_MAX + 1, 0),
            too_long(Kind::RaftMessages, FRAME_BYTES_MAX + 1, FRAME_BYTES_MAX),
        ),
        (head(65, 1, 0, chunk_max + 1, 0), too_long(Kind::SnapshotChunk, chunk_max + 1, chunk_max)),
        (
            [head(80, 0, 0, 1, 7), b"x".to_vec()].concat(),
            FrameError::BodyDamaged { written: 7, computed: checksum(b"x") },
        ),
    ] {
        let found = FrameParser::new().parse(&input);
        assert_eq!(found, Err(expected), "{}", input.escape_ascii());
        let sentence = expected.to_string();
        assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn a_stranger_is_held_to_less() {
    let parser = FrameParser::with_bytes_max(HANDSHAKE_BYTES_MAX);
    let (bytes, bytes_max) = (HANDSHAKE_BYTES_MAX + 1, HANDSHAKE_BYTES_MAX);
    let expected = FrameError::TooLong { kind: Kind::RaftMessages, bytes, bytes_max };
    assert_eq!(parser.parse(&head(16, 0, 0, bytes, 0)), Err(expected));
}

#[test]
fn frames_repeated_and_in_any_order_are_each_found() {
    let mut messages = samples();
    messages.extend(samples().into_iter().rev());
    let stream: Vec<u8> = messages.iter().flat_map(framed).collect();
    let (mut rest, mut found) = (&stream[..], Vec::new());
    while let Ok(Framed::Frame { frame, consumed }) = FrameParser::new().parse(rest) {
        found.push(Message::decode(&frame).expect("a body"));
        rest = &rest[consumed..];
    }
    assert_eq!((found, rest.len()), (messages, 0));
}

#[test]
fn a_compressed_chunk_goes_through_and_nothing_else_does() {
    let chunk = SnapshotChunk::new(9, 65, 2, b"some records");
    let mut body = Vec::new();
    chunk.encode_body(&mut body).expect("it fits");
    // The compressor is the caller's: reversing stands for it.
    let compressed: Vec<u8> = body.iter().rev().copied().collect();
    let mut out = b"before".to_vec();
    encode_compressed(Kind::SnapshotChunk, &compressed, &mut out).expect("it fits");
    let frame = whole(&out[6..]);
    assert!(frame.is_compressed);
    assert_eq!(Message::decode(&frame), Err(BodyError::Compressed { kind: Kind::SnapshotChunk }));
    let kind = Kind::SnapshotChunk;
    assert_eq!(SnapshotChunk::decode(&frame), Err(BodyError::Compressed { kind }));
    let restored: Vec<u8> = frame.body.iter().rev().copied().collect();
    assert_eq!(Message::decode_body(kind, &restored), Ok(Message::SnapshotChunk(chunk)));

    let length = out.len();
    let refused = encode_compressed(Kind::RaftMessages, b"", &mut out);
    let (expected, found) = (Kind::SnapshotChunk, Kind::RaftMessages);
    assert_eq!(refused, Err(BodyError::OtherKind { expected, found }));
    let bytes = kind.bytes_max() as usize + 1;
    let refused = encode_compressed(kind, &vec![0; bytes], &mut out);
    assert_eq!(refused, Err(BodyError::TooLong { kind, bytes, bytes_max: kind.bytes_max() }));
    assert_eq!(out.len(), length, "a refusal leaves the buffer as it was");
}
