//! Links that open, and what a third party can do to one: nothing.

use super::framed;
use super::link::{
    DIALER_NONCE, LISTENER_NONCE, Link, dialer_identity, listener_identity, messages, secret,
    stranger,
};
use crate::peer::{
    Accepted, Body, Challenge, Established, Handshake, HandshakeError, Hello, Identity, Kind,
    Message, Ping, Progress, Proof, Purpose, Secret, SecretTooShort,
};

#[test]
fn both_ends_learn_who_the_other_is() {
    let mut link = Link::between(&listener_identity());
    let (purpose, protocol) = (Purpose::Bulk, 1);
    let listener =
        Established { node: 2, uuid: *b"uuid of node two", core: 3, cores: 4, protocol, purpose };
    let dialer =
        Established { node: 1, uuid: *b"uuid of node one", core: 0, cores: 2, protocol, purpose };
    assert_eq!(link.open(), Ok((listener, dialer)));
    let kinds = |bytes| messages(bytes).iter().map(Message::kind).collect::<Vec<_>>();
    assert_eq!(kinds(&link.dialer_said), [Kind::Hello, Kind::Proof]);
    assert_eq!(kinds(&link.listener_said), [Kind::Challenge, Kind::Accepted]);
}

#[test]
fn the_newest_version_that_both_speak_is_chosen() {
    let speaking = |identity: Identity, (protocol_min, protocol_max)| Identity {
        protocol_min,
        protocol_max,
        ..identity
    };
    for (dialer, listener, expected) in [
        ((1, 1), (1, 2), Some(1)),
        ((2, 3), (1, 2), Some(2)),
        ((4, 5), (4, 5), Some(5)),
        ((1, 9), (3, 4), Some(4)),
        ((1, 2), (3, 4), None),
        ((3, 4), (1, 2), None),
    ] {
        let mut link = Link::of(
            &speaking(dialer_identity(), dialer),
            &speaking(listener_identity(), listener),
            None,
            &secret(),
            &secret(),
        );
        match (link.open(), expected) {
            (Ok((one, other)), Some(expected)) => {
                assert_eq!((one.protocol, other.protocol), (expected, expected));
            }
            (Err(HandshakeError::OtherVersion { node: 1, peer, own }), None) => {
                assert_eq!((peer, own), (dialer.0..=dialer.1, listener.0..=listener.1));
            }
            (found, _) => panic!("{dialer:?} {listener:?}: {found:?}"),
        }
    }
}

#[test]
fn a_recorded_handshake_opens_nothing() {
    let mut recorded = Link::between(&listener_identity());
    recorded.open().expect("it is established");

    // To a listener: the same hello and proof, another nonce.
    let mut listener = Handshake::listener(&listener_identity(), &secret(), [0x16; 32]);
    let mut out = Vec::new();
    let said = &recorded.dialer_said[..];
    let Ok(Progress::Continue { consumed }) = listener.receive(said, &mut out) else {
        panic!("a hello is no proof");
    };
    let found = listener.receive(&said[consumed..], &mut out);
    assert_eq!(found, Err(HandshakeError::WrongSecret { node: 1 }));

    // To a dialer.
    let mut out = Vec::new();
    let (identity, secret) = (dialer_identity(), secret());
    let nonce = [0xd2; 32];
    let mut dialer = Handshake::dialer(&identity, Purpose::Bulk, None, &secret, nonce, &mut out);
    let said = &recorded.listener_said[..];
    let Ok(Progress::Continue { consumed }) = dialer.receive(said, &mut out) else {
        panic!("a challenge is no proof");
    };
    let found = dialer.receive(&said[consumed..], &mut out);
    assert_eq!(found, Err(HandshakeError::WrongSecret { node: 2 }));
}

/// An end without the secret gives the other's own proof back.
#[test]
fn a_reflected_proof_is_refused() {
    let mut out = Vec::new();
    let (identity, secret) = (dialer_identity(), secret());
    let mut dialer =
        Handshake::dialer(&identity, Purpose::Control, None, &secret, DIALER_NONCE, &mut out);
    let challenge = Challenge { hello: Hello { purpose: Purpose::Control, ..stranger() } };
    let mut said = Vec::new();
    challenge.encode(&mut said).expect("it fits");
    out.clear();
    assert!(dialer.receive(&said, &mut out).is_ok());
    let [Message::Proof(Proof { proof })] = messages(&out)[..] else { panic!("a proof is due") };
    let mut said = Vec::new();
    Accepted { protocol: 1, proof }.encode(&mut said).expect("it fits");
    let found = dialer.receive(&said, &mut out);
    assert_eq!(found, Err(HandshakeError::WrongSecret { node: 7 }));
}

/// Whatever a third party changes in either hello, in transit and with the checksums made right,
/// is noticed: both are part of both proofs.
#[test]
fn a_changed_hello_is_noticed() {
    let changes: [fn(&mut Hello); 7] = [
        |hello| hello.protocol_max = 2,
        |hello| hello.node += 1,
        |hello| hello.uuid[0] ^= 1,
        |hello| hello.core ^= 1,
        |hello| hello.cores += 1,
        |hello| hello.purpose = Purpose::Control,
        |hello| hello.nonce[31] ^= 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut link = Link::between(&listener_identity());
        let [Message::Hello(said)] = &messages(&link.dialer_said)[..] else { panic!("a hello") };
        let mut said = said.clone();
        change(&mut said);
        let changed = framed(&Message::Hello(said));
        link.listener.receive(&changed, &mut link.listener_said).expect("it may be so");
        let mut proof = Vec::new();
        // The dialer may notice the purpose, if nothing else, before it proves anything.
        let heard = link.dialer.receive(&link.listener_said, &mut proof);
        if index == 5 {
            assert_eq!(heard, Err(HandshakeError::NotAsAgreed { node: 2 }));
            continue;
        }
        heard.expect("the challenge is as it was");
        let found = link.listener.receive(&proof, &mut link.listener_said);
        let Err(HandshakeError::WrongSecret { .. }) = found else { panic!("{index}: {found:?}") };
    }
}

#[test]
fn bytes_may_come_one_by_one_and_more_may_follow() {
    let mut recorded = Link::between(&listener_identity());
    recorded.open().expect("it is established");
    let ping = framed(&Message::Ping(Ping { stamp_ns: 5 }));
    let stream = [&recorded.dialer_said[..], &ping].concat();
    let mut listener = Handshake::listener(&listener_identity(), &secret(), LISTENER_NONCE);
    let (mut out, mut start, mut end) = (Vec::new(), 0, 0);
    let peer = loop {
        match listener.receive(&stream[start..end], &mut out) {
            Ok(Progress::Incomplete { bytes_min }) => {
                assert!(bytes_min > end - start);
                end += 1;
            }
            Ok(Progress::Continue { consumed }) => start += consumed,
            Ok(Progress::Established { consumed, peer }) => {
                start += consumed;
                break peer;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((peer.node, out), (1, recorded.listener_said));
    assert_eq!(stream[start..], ping, "the link's first frame is left alone");
    assert_eq!(listener.receive(&ping, &mut Vec::new()), Err(HandshakeError::Over));
}

#[test]
fn a_secret_is_long_and_is_not_shown() {
    for bytes in [0, 15] {
        let found = Secret::new(&vec![b's'; bytes]).map(|_| ());
        assert_eq!(found, Err(SecretTooShort { bytes }));
    }
    assert_eq!(format!("{:?}", secret()), "Secret(..)");
}
