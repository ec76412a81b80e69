//! The bodies: what comes back, what is borrowed, and what is out of bounds.

use std::borrow::Cow;

use super::samples::{conf_state, hello, raft_message};
use super::{framed, samples, whole};
use crate::limits::{
    BULK_CHUNK_BYTES, FRAME_BYTES_MAX, RAFT_CONTEXT_BYTES_MAX, RAFT_NODES_MAX, SENTENCE_BYTES_MAX,
};
use crate::peer::{
    Answer, Body, BodyError, ConfState, Forwarded, ForwardedCommand, ForwardedReply, Hello, Kind,
    Message, Ping, Pong, RaftEntry, RaftMessage, RaftMessages, RefusalCode, Refused, Replies,
    SnapshotBegin, SnapshotChunk,
};

#[test]
fn every_kind_comes_back_as_it_went() {
    for message in samples() {
        let bytes = framed(&message);
        assert_eq!(Message::decode(&whole(&bytes)), Ok(message));
    }
}

#[test]
fn payloads_are_borrowed_from_the_frame() {
    let borrowed = |bytes: &Cow<'_, [u8]>| matches!(bytes, Cow::Borrowed(_));
    for message in samples() {
        let bytes = framed(&message);
        match Message::decode(&whole(&bytes)).expect("a body") {
            Message::RaftMessages(raft) => {
                let message = &raft.messages[0];
                assert!(message.entries.iter().all(|entry| borrowed(&entry.data)));
                assert!(borrowed(&message.context));
                assert!(borrowed(&message.snapshot.as_ref().expect("it has one").data));
            }
            Message::Forwarded(forwarded) => {
                assert!(forwarded.commands[0].arguments.iter().all(borrowed));
            }
            Message::SnapshotChunk(chunk) => assert!(borrowed(&chunk.bytes)),
            Message::ConfigCurrent(current) => assert!(borrowed(&current.config)),
            _ => {}
        }
    }
}

/// A list with one of it.
fn raft(message: RaftMessage<'static>) -> Message<'static> {
    Message::RaftMessages(RaftMessages { messages: vec![message] })
}

fn entry(entry: RaftEntry<'static>) -> Message<'static> {
    raft(RaftMessage { entries: vec![entry], ..raft_message() })
}

#[test]
fn a_field_out_of_bounds_is_neither_written_nor_read() {
    let bounds = |kind, field, value: usize, value_max: usize| BodyError::OutOfBounds {
        kind,
        field,
        value: value as u64,
        value_max: value_max as u64,
    };
    let (long, longest) = (RAFT_CONTEXT_BYTES_MAX + 1, RAFT_CONTEXT_BYTES_MAX);
    let voters = vec![1; RAFT_NODES_MAX + 1];
    let begin = SnapshotBegin {
        transfer: 1,
        group: 1,
        index: 1,
        term: 1,
        conf_state: ConfState { learners_next: voters, ..conf_state() },
        bytes_estimate: 0,
    };
    let command =
        ForwardedCommand { request: 1, database: 0, protocol: 1, flags: 0, arguments: vec![] };
    let refused = Answer::Refused { sentence: "x".repeat(SENTENCE_BYTES_MAX + 1).into() };
    let chunk = SnapshotChunk { crc: 1, ..SnapshotChunk::new(9, 65, 2, b"some records") };
    let bulk = vec![0; BULK_CHUNK_BYTES + 1];
    for (message, expected) in [
        (
            raft(RaftMessage { kind: 19, ..raft_message() }),
            bounds(Kind::RaftMessages, "message's kind", 19, 18),
        ),
        (
            raft(RaftMessage { kind: 12, ..raft_message() }),
            BodyError::UnknownValue { kind: Kind::RaftMessages },
        ),
        (
            raft(RaftMessage { context: vec![0; long].into(), ..raft_message() }),
            bounds(Kind::RaftMessages, "context's length", long, longest),
        ),
        (
            entry(RaftEntry { entry_type: 3, ..RaftEntry::default() }),
            bounds(Kind::RaftMessages, "entry's type", 3, 2),
        ),
        (
            entry(RaftEntry { context: vec![0; long].into(), ..RaftEntry::default() }),
            bounds(Kind::RaftMessages, "context's length", long, longest),
        ),
        (
            Message::SnapshotBegin(begin),
            bounds(Kind::SnapshotBegin, "count of nodes", RAFT_NODES_MAX + 1, RAFT_NODES_MAX),
        ),
        (
            Message::Forwarded(Forwarded { commands: vec![command] }),
            BodyError::UnknownValue { kind: Kind::Forwarded },
        ),
        (
            Message::Replies(Replies {
                replies: vec![ForwardedReply { request: 1, answer: refused }],
            }),
            bounds(Kind::Replies, "sentence's length", SENTENCE_BYTES_MAX + 1, SENTENCE_BYTES_MAX),
        ),
        (Message::Hello(Hello { core: 8, ..hello() }), bounds(Kind::Hello, "core", 8, 7)),
        (
            Message::Hello(Hello { protocol_min: 3, ..hello() }),
            bounds(Kind::Hello, "oldest protocol version", 3, 2),
        ),
        (Message::SnapshotChunk(chunk), BodyError::ChunkDamaged { transfer: 9, sequence: 2 }),
        (
            Message::SnapshotChunk(SnapshotChunk::new(9, 65, 2, &bulk)),
            bounds(
                Kind::SnapshotChunk,
                "length of the bytes",
                BULK_CHUNK_BYTES + 1,
                BULK_CHUNK_BYTES,
            ),
        ),
    ] {
        let mut out = b"before".to_vec();
        assert_eq!(message.encode(&mut out), Err(expected));
        assert_eq!(out, b"before", "a refusal leaves the buffer as it was");
        // What a peer without the check would send.
        let bytes = unchecked(&message);
        assert_eq!(Message::decode_body(message.kind(), &bytes), Err(expected));
    }
}

/// The bytes of a body that its own check refuses.
fn unchecked(message: &Message<'_>) -> Vec<u8> {
    use speedy::Writable;
    let written = match message {
        Message::RaftMessages(body) => body.write_to_vec(),
        Message::SnapshotBegin(body) => body.write_to_vec(),
        Message::SnapshotChunk(body) => body.write_to_vec(),
        Message::Forwarded(body) => body.write_to_vec(),
        Message::Replies(body) => body.write_to_vec(),
        Message::Hello(body) => body.write_to_vec(),
        other => panic!("{other:?} has no bounds"),
    };
    written.expect("its lengths fit their field")
}

#[test]
fn a_whole_chunk_fits_and_a_whole_frame_does_not_pass_its_limit() {
    let bytes = vec![7; BULK_CHUNK_BYTES];
    let chunk = Message::SnapshotChunk(SnapshotChunk::new(u64::MAX, u32::MAX, u64::MAX, &bytes));
    assert_eq!(Message::decode(&whole(&framed(&chunk))), Ok(chunk));

    let fixed = framed(&entry(RaftEntry::default())).len() - crate::peer::FRAME_HEAD_BYTES;
    let room = FRAME_BYTES_MAX as usize - fixed;
    let of = |length| entry(RaftEntry { data: vec![1; length].into(), ..RaftEntry::default() });
    let largest = framed(&of(room));
    assert_eq!(whole(&largest).body.len(), FRAME_BYTES_MAX as usize);
    let (kind, bytes) = (Kind::RaftMessages, FRAME_BYTES_MAX as usize + 1);
    let expected = BodyError::TooLong { kind, bytes, bytes_max: FRAME_BYTES_MAX };
    assert_eq!(of(room + 1).encode(&mut Vec::new()), Err(expected));
}

#[test]
fn another_kind_is_not_read() {
    let bytes = framed(&Message::Ping(Ping { stamp_ns: 1 }));
    let (expected, found) = (Kind::Pong, Kind::Ping);
    assert_eq!(Pong::decode(&whole(&bytes)), Err(BodyError::OtherKind { expected, found }));
}

#[test]
fn a_sentence_that_is_too_long_is_cut_between_characters() {
    let long = "ä".repeat(SENTENCE_BYTES_MAX);
    let refused = Refused::new(RefusalCode::Busy, &long);
    assert_eq!(refused.sentence.len(), SENTENCE_BYTES_MAX);
    let odd = format!("x{long}");
    assert_eq!(Refused::new(RefusalCode::Busy, &odd).sentence.len(), SENTENCE_BYTES_MAX - 1);
    for number in 0..=u8::MAX {
        assert!(RefusalCode::of(number).is_none_or(|code| code as u8 == number), "{number}");
    }
}
