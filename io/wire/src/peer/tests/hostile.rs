//! Bodies whose checksums are right and whose lengths are lies.
//!
//! `speedy` 0.8 multiplies a declared count by the fewest bytes that an element can take and
//! compares that with what is left, before it allocates; a type whose fewest bytes were zero would
//! have no guard. It ignores what follows a body; we do not.

use std::borrow::Cow;

use speedy::{LittleEndian, Readable, Writable};

use super::{framed, samples, whole};
use crate::peer::{
    Body, BodyError, ConfigPast, ForwardedCommand, ForwardedReply, Heartbeat, HeartbeatAnswer,
    Heartbeats, Kind, Message, Ping, RaftEntry, RaftMessage, RaftMessages,
};

#[test]
fn a_length_that_lies_is_refused_wherever_it_stands() {
    for message in samples() {
        let bytes = framed(&message);
        let body = whole(&bytes).body;
        for at in 0..body.len().saturating_sub(3) {
            for length in [1_u32 << 31, u32::MAX, u32::MAX >> 3, 1 << 24] {
                let mut hostile = body.to_vec();
                hostile[at..at + 4].copy_from_slice(&length.to_le_bytes());
                // Where no length stands another value is read; where one stands it is refused.
                let found = Message::decode_body(message.kind(), &hostile);
                if let Ok(other) = &found {
                    assert!(framed(other).len() <= bytes.len(), "{at} of {:?}", message.kind());
                }
            }
        }
    }
}

#[test]
fn counts_of_billions_in_a_few_bytes_end_early() {
    let kinds = [
        Kind::RaftMessages,
        Kind::Heartbeats,
        Kind::HeartbeatAnswers,
        Kind::Forwarded,
        Kind::Replies,
    ];
    for kind in kinds {
        for count in [1_u32, 2, 1 << 20, 1 << 31, u32::MAX] {
            let body = count.to_le_bytes();
            let expected = Err(BodyError::EndsEarly { kind });
            assert_eq!(Message::decode_body(kind, &body), expected, "{kind:?} {count}");
            let body = [&body[..], &[0xff; 7]].concat();
            assert_eq!(Message::decode_body(kind, &body), expected, "{kind:?} {count}");
        }
    }
}

/// The most memory that a list of `T` takes for each byte received.
fn memory_a_byte<'a, T: Readable<'a, LittleEndian>>() -> usize {
    let bytes_min = T::minimum_bytes_needed();
    assert_ne!(bytes_min, 0, "a count of such elements would not be checked");
    size_of::<T>().div_ceil(bytes_min)
}

#[test]
fn a_list_takes_at_most_six_times_the_memory_of_its_bytes() {
    for (name, times) in [
        ("messages", memory_a_byte::<RaftMessage<'_>>()),
        ("entries", memory_a_byte::<RaftEntry<'_>>()),
        ("nodes", memory_a_byte::<u64>()),
        ("heartbeats", memory_a_byte::<Heartbeat>()),
        ("answers", memory_a_byte::<HeartbeatAnswer>()),
        ("commands", memory_a_byte::<ForwardedCommand<'_>>()),
        ("arguments", memory_a_byte::<Cow<'_, [u8]>>()),
        ("replies", memory_a_byte::<ForwardedReply<'_>>()),
        ("history", memory_a_byte::<ConfigPast>()),
    ] {
        assert!(times <= 6, "{name}: {times}");
    }
}

#[test]
fn a_body_that_is_cut_ends_early_and_one_with_more_is_refused() {
    for message in samples() {
        let kind = message.kind();
        let bytes = framed(&message);
        let body = whole(&bytes).body;
        for end in 0..body.len() {
            let found = Message::decode_body(kind, &body[..end]);
            assert_eq!(found, Err(BodyError::EndsEarly { kind }), "{kind:?} {end}");
        }
        let more = [body, b"xyz"].concat();
        let expected = Err(BodyError::TooManyBytes { kind, bytes: 3 });
        assert_eq!(Message::decode_body(kind, &more), expected);
    }
}

#[test]
fn values_that_this_version_does_not_know_are_refused() {
    let edited = |kind: Kind, at: usize, byte: u8| {
        let sample = samples().into_iter().find(|sample| sample.kind() == kind).expect("one");
        let bytes = framed(&sample);
        let mut body = whole(&bytes).body.to_vec();
        body[at] = byte;
        Message::decode_body(kind, &body).map(|_| ())
    };
    for (what, kind, at, byte) in [
        ("purpose", Kind::Hello, 44, 3),
        ("purpose", Kind::Hello, 44, 0),
        ("text", Kind::Refused, 6, 0xff),
        ("answer", Kind::Replies, 12, 9),
    ] {
        assert_eq!(edited(kind, at, byte), Err(BodyError::UnknownValue { kind }), "{what}");
    }
}

#[test]
fn a_body_longer_than_its_kind_is_not_looked_at() {
    let bytes = vec![0; Kind::Ping.bytes_max() as usize + 1];
    let expected = BodyError::TooLong {
        kind: Kind::Ping,
        bytes: bytes.len(),
        bytes_max: Kind::Ping.bytes_max(),
    };
    assert_eq!(Ping::decode_body(&bytes), Err(expected));
}

/// Frames of the largest size with the smallest elements: read within their bounds, or refused.
#[test]
fn frames_full_of_the_smallest_elements_are_bounded() {
    let count = Kind::Heartbeats.bytes_max() / 28;
    let mut body = count.to_le_bytes().to_vec();
    body.resize(4 + count as usize * 28, 0);
    assert!(matches!(Heartbeats::decode_body(&body), Err(BodyError::OutOfBounds { .. })));

    let empty = RaftMessage { kind: 9, ..RaftMessage::default() };
    let bytes = empty.write_to_vec().expect("it is small");
    let count = Kind::RaftMessages.bytes_max() as usize / bytes.len() - 1;
    let mut body = u32::try_from(count).expect("it is small").to_le_bytes().to_vec();
    body.extend(bytes.iter().copied().cycle().take(count * bytes.len()));
    assert!(matches!(RaftMessages::decode_body(&body), Err(BodyError::OutOfBounds { .. })));
}
