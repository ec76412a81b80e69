//! What was written is read, however it is cut; random bytes do no harm.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::framed;
use super::samples::hello;
use crate::peer::{
    Answer, ConfState, Forwarded, ForwardedCommand, ForwardedReply, FrameParser, Framed, Handshake,
    Heartbeat, Heartbeats, Identity, Kind, Message, RaftEntry, RaftMessage, RaftMessages,
    RaftSnapshot, Replies, Secret, SnapshotChunk,
};

fn bytes() -> impl Strategy<Value = std::borrow::Cow<'static, [u8]>> {
    vec(any::<u8>(), 0..40).prop_map(Into::into)
}

fn entry() -> impl Strategy<Value = RaftEntry<'static>> {
    (0..3_u8, any::<u64>(), any::<u64>(), bytes(), bytes()).prop_map(
        |(entry_type, term, index, data, context)| RaftEntry {
            entry_type,
            term,
            index,
            data,
            context,
        },
    )
}

fn snapshot() -> impl Strategy<Value = RaftSnapshot<'static>> {
    let nodes = || vec(any::<u64>(), 0..4);
    let conf_state = (nodes(), nodes(), nodes(), nodes(), any::<bool>()).prop_map(
        |(voters, learners, voters_outgoing, learners_next, auto_leave)| ConfState {
            voters,
            learners,
            voters_outgoing,
            learners_next,
            auto_leave,
        },
    );
    (any::<u64>(), any::<u64>(), conf_state, bytes())
        .prop_map(|(index, term, conf_state, data)| RaftSnapshot { index, term, conf_state, data })
}

fn raft_message() -> impl Strategy<Value = RaftMessage<'static>> {
    let kind = prop_oneof![2..10_u8, 13..19_u8];
    let ids = (any::<u32>(), kind, any::<[u64; 7]>(), any::<bool>());
    let rest = (any::<[u64; 2]>(), any::<i64>(), bytes(), vec(entry(), 0..4));
    (ids, rest, option::of(snapshot())).prop_map(|(ids, rest, snapshot)| {
        let (group, kind, [to, from, term, log_term, index, commit, commit_term], reject) = ids;
        let ([reject_hint, request_snapshot], priority, context, entries) = rest;
        RaftMessage {
            group,
            kind,
            to,
            from,
            term,
            log_term,
            index,
            commit,
            commit_term,
            reject,
            reject_hint,
            request_snapshot,
            priority,
            context,
            entries,
            snapshot,
        }
    })
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let raft = vec(raft_message(), 0..5)
        .prop_map(|messages| Message::RaftMessages(RaftMessages { messages }));
    let heartbeat = any::<(u32, u64, u64, u64)>()
        .prop_map(|(group, term, commit, stamp_ns)| Heartbeat { group, term, commit, stamp_ns });
    let heartbeats =
        vec(heartbeat, 0..9).prop_map(|heartbeats| Message::Heartbeats(Heartbeats { heartbeats }));
    let command = (any::<(u64, u8, u8)>(), 2..4_u8, vec(bytes(), 0..6)).prop_map(
        |((request, database, flags), protocol, arguments)| ForwardedCommand {
            request,
            database,
            protocol,
            flags,
            arguments,
        },
    );
    let forwarded =
        vec(command, 0..5).prop_map(|commands| Message::Forwarded(Forwarded { commands }));
    let answer = prop_oneof![
        bytes().prop_map(|resp| Answer::Done { resp }),
        any::<(u16, u32, u16)>().prop_map(|(slot, node, core)| Answer::Moved { slot, node, core }),
        "\\PC{0,20}".prop_map(|sentence| Answer::Refused { sentence: sentence.into() }),
        Just(Answer::Lost),
        vec(bytes(), 0..6).prop_map(|words| Answer::Still { words }),
        any::<(u32, u16)>().prop_map(|(node, slot)| Answer::Offer { node, slot }),
    ];
    let reply =
        (any::<u64>(), answer).prop_map(|(request, answer)| ForwardedReply { request, answer });
    let replies = vec(reply, 0..5).prop_map(|replies| Message::Replies(Replies { replies }));
    let chunk =
        (any::<(u64, u32, u64)>(), bytes()).prop_map(|((transfer, group, place), bytes)| {
            let crc = crc_fast::crc32_iscsi(&bytes);
            Message::SnapshotChunk(SnapshotChunk { transfer, group, sequence: place, crc, bytes })
        });
    prop_oneof![raft, heartbeats, forwarded, replies, chunk]
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        messages in vec(message(), 1..6),
        seeds in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(framed).collect();
        let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(stream.len())).collect();
        cuts.sort_unstable();
        let (mut start, mut found) = (0, Vec::new());
        for end in cuts.into_iter().chain([stream.len()]) {
            while start < end {
                match FrameParser::new().parse(&stream[start..end]) {
                    Ok(Framed::Frame { frame, consumed }) => {
                        found.push(Message::decode(&frame).expect("a body"));
                        start += consumed;
                    }
                    Ok(Framed::Incomplete { bytes_min }) => {
                        prop_assert!(bytes_min > end - start);
                        break;
                    }
                    Err(error) => prop_assert!(false, "{}", error),
                }
            }
        }
        prop_assert_eq!(found, messages);
    }

    /// Bytes that are read as a body are a body: written again they are read as the same.
    #[test]
    fn random_bodies_do_no_harm(kind in 0..Kind::ALL.len(), bytes in vec(
        prop_oneof![3 => Just(0_u8), 2 => 0..6_u8, 1 => any::<u8>()], 0..300,
    )) {
        if let Ok(message) = Message::decode_body(Kind::ALL[kind], &bytes) {
            let again = framed(&message);
            prop_assert_eq!(Message::decode(&super::whole(&again)), Ok(message));
        }
    }

    #[test]
    fn a_changed_body_is_another_or_none(
        message in message(), at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let mut body = super::whole(&framed(&message)).body.to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(other) = Message::decode_body(message.kind(), &body) {
            prop_assert!(framed(&other).len() <= framed(&message).len());
        }
    }

    #[test]
    fn random_bytes_open_no_link(bytes in vec(any::<u8>(), 0..200), frames in vec(message(), 0..3)) {
        let own = hello();
        let identity = Identity {
            protocol_min: own.protocol_min,
            protocol_max: own.protocol_max,
            cluster_id: own.cluster_id,
            node: own.node,
            uuid: own.uuid,
            core: own.core,
            cores: own.cores,
        };
        let secret = Secret::new(b"a secret of the tests").expect("it is long enough");
        let mut stream: Vec<u8> = frames.iter().flat_map(framed).collect();
        stream.extend(bytes);
        let mut listener = Handshake::listener(&identity, &secret, own.nonce);
        let found = listener.receive(&stream, &mut Vec::new());
        let waits = matches!(found, Ok(crate::peer::Progress::Incomplete { .. }));
        prop_assert!(waits || found.is_err(), "{:?}", found);
    }
}
