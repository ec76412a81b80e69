//! Every reason why a link does not open, and what the other end is told.

use super::framed;
use super::link::{
    LISTENER_NONCE, Link, dialer_identity, listener_identity, messages, secret, stranger,
};
use crate::limits::HANDSHAKE_BYTES_MAX;
use crate::peer::{
    BodyError, FrameError, Handshake, HandshakeError, Identity, Kind, Message, Ping, Progress,
    Proof, RaftEntry, RaftMessage, RaftMessages, RefusalCode, Refused, Secret,
};

#[test]
fn a_refusal_is_told_to_the_other_end() {
    let other = Secret::new(b"another secret, as long as it is").expect("it is long enough");
    let elsewhere = Identity { cluster_id: *b"another cluster.", ..listener_identity() };
    let twin = Identity { uuid: dialer_identity().uuid, ..listener_identity() };
    let newer = Identity { protocol_min: 2, protocol_max: 3, ..listener_identity() };
    let (own, right) = (secret(), listener_identity());
    for (listener, expected_uuid, listener_secret, code, words) in [
        (&elsewhere, None, &own, RefusalCode::OtherCluster, "another cluster"),
        (&twin, None, &own, RefusalCode::Itself, "reached itself"),
        (&newer, None, &own, RefusalCode::OtherVersion, "versions 1 to 1, this node 2 to 3"),
        (&right, None, &other, RefusalCode::WrongSecret, "the same peer_secret_file"),
        (&right, Some([9; 16]), &own, RefusalCode::OtherNode, "where another was expected"),
    ] {
        let dialer = dialer_identity();
        let mut link = Link::of(&dialer, listener, expected_uuid, &own, listener_secret);
        let error = link.open().expect_err("it is refused");
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        // The end that was told says so, and does not answer a refusal with another.
        let (told, said) = if code == RefusalCode::OtherNode {
            (&mut link.listener, &link.dialer_said[link.heard.0..])
        } else {
            (&mut link.dialer, &link.listener_said[link.heard.1..])
        };
        let (mut out, mut input) = (Vec::new(), said);
        let told = loop {
            match told.receive(input, &mut out) {
                Ok(Progress::Continue { consumed }) => input = &input[consumed..],
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        let HandshakeError::RefusedByPeer { code: found, sentence } = told else {
            panic!("{told:?}");
        };
        assert_eq!((found, sentence), (code as u8, error.to_string()));
        assert!(!messages(&out).iter().any(|message| message.kind() == Kind::Refused));
    }
    let mut link = Link::of(&dialer_identity(), &right, Some(right.uuid), &own, &own);
    assert!(link.open().is_ok(), "the one that was expected");
}

#[test]
fn a_frame_that_does_not_belong_there_is_refused() {
    let said = |message: Message<'_>| framed(&message);
    let proof = || said(Message::Proof(Proof { proof: [0; 32] }));
    let unexpected = |expected, found| HandshakeError::UnexpectedFrame { expected, found };
    let data = vec![0; HANDSHAKE_BYTES_MAX as usize];
    let entries = vec![RaftEntry { data: data.into(), ..RaftEntry::default() }];
    let raft = RaftMessage { kind: 3, entries, ..RaftMessage::default() };
    let raft = said(Message::RaftMessages(RaftMessages { messages: vec![raft] }));
    let (kind, bytes_max) = (Kind::RaftMessages, HANDSHAKE_BYTES_MAX);
    let bytes = u32::from_le_bytes([raft[8], raft[9], raft[10], raft[11]]);
    let mut damaged = said(Message::Hello(stranger()));
    damaged[30] ^= 1;
    let mut newer = said(Message::Hello(stranger()));
    newer[4] = 2;
    for (input, expected, code) in [
        (proof(), unexpected(Kind::Hello, Kind::Proof), Some(RefusalCode::BadFrame)),
        (
            said(Message::Ping(Ping { stamp_ns: 0 })),
            unexpected(Kind::Hello, Kind::Ping),
            Some(RefusalCode::BadFrame),
        ),
        (
            raft,
            HandshakeError::Frame(FrameError::TooLong { kind, bytes, bytes_max }),
            Some(RefusalCode::BadFrame),
        ),
        (
            newer,
            HandshakeError::Frame(FrameError::OtherVersion { found: 2 }),
            Some(RefusalCode::OtherVersion),
        ),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            HandshakeError::Frame(FrameError::WrongMagic { found: *b"GET " }),
            None,
        ),
    ] {
        let mut listener = Handshake::listener(&listener_identity(), &secret(), LISTENER_NONCE);
        let mut out = Vec::new();
        let found = listener.receive(&input, &mut out).expect_err("it is refused");
        assert_eq!((&found, found.code()), (&expected, code));
        let sentence = found.to_string();
        let told: Vec<Message<'_>> =
            code.map(|code| Message::Refused(Refused::new(code, &sentence))).into_iter().collect();
        assert_eq!(messages(&out), told);
        assert_eq!(listener.receive(&input, &mut out), Err(HandshakeError::Over));
    }
    let mut listener = Handshake::listener(&listener_identity(), &secret(), LISTENER_NONCE);
    let found = listener.receive(&damaged, &mut Vec::new());
    assert!(matches!(found, Err(HandshakeError::Frame(FrameError::BodyDamaged { .. }))));
    let kind = Kind::Hello;
    assert_eq!(
        HandshakeError::Body(BodyError::EndsEarly { kind }).code(),
        Some(RefusalCode::BadFrame)
    );
}

#[test]
fn a_repeated_frame_is_refused() {
    let mut link = Link::between(&listener_identity());
    let hello = link.dialer_said.clone();
    let mut out = Vec::new();
    assert!(link.listener.receive(&hello, &mut out).is_ok());
    let found = link.listener.receive(&hello, &mut out);
    let (expected, found_kind) = (Kind::Proof, Kind::Hello);
    let unexpected = HandshakeError::UnexpectedFrame { expected, found: found_kind };
    assert_eq!(found, Err(unexpected));
}
