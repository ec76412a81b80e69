//! One body of every kind, with something in every field.

use crate::peer::{
    Accepted, Answer, Challenge, ClusterCut, ConfState, ConfigCurrent, ConfigFetch, ConfigPast,
    ConfigPropose, ConfigProposed, Forwarded, ForwardedCommand, ForwardedReply, Fullness,
    GroupReport, GroupReports, Heartbeat, HeartbeatAnswer, HeartbeatAnswers, Heartbeats, Hello,
    Kind, Leaving, Message, NodeFacts, Part, Ping, Pong, Proof, Published, PublishedMessage,
    Purpose, RaftEntry, RaftMessage, RaftMessages, RaftSnapshot, RefusalCode, Refused, Replies,
    ReportsAsOf, SnapshotAbort, SnapshotAck, SnapshotBegin, SnapshotChunk, SnapshotEnd,
};

pub(super) fn hello() -> Hello {
    Hello {
        protocol_min: 1,
        protocol_max: 2,
        cluster_id: *b"cluster of tests",
        node: 7,
        uuid: *b"uuid of a dialer",
        core: 3,
        cores: 8,
        purpose: Purpose::Bulk,
        nonce: *b"a nonce that is never used twice",
    }
}

pub(super) fn conf_state() -> ConfState {
    ConfState {
        voters: vec![1, 2, 3],
        learners: vec![4],
        voters_outgoing: vec![1, 2, 5],
        learners_next: vec![5],
        auto_leave: true,
    }
}

pub(super) fn raft_message() -> RaftMessage<'static> {
    let entry = |entry_type, index, data: &'static [u8], context: &'static [u8]| RaftEntry {
        entry_type,
        term: 6,
        index,
        data: data.into(),
        context: context.into(),
    };
    RaftMessage {
        group: 65,
        kind: 3,
        to: 2,
        from: 1,
        term: 6,
        log_term: 5,
        index: 99,
        commit: 98,
        commit_term: 4,
        reject: true,
        reject_hint: 90,
        request_snapshot: 12,
        priority: -3,
        context: b"read 17"[..].into(),
        entries: vec![entry(0, 100, b"a change", b""), entry(2, 101, b"", b"why")],
        snapshot: Some(RaftSnapshot {
            index: 80,
            term: 4,
            conf_state: conf_state(),
            data: b"transfer 9"[..].into(),
        }),
    }
}

fn forwarded() -> Vec<Message<'static>> {
    let command = |request, arguments: &[&'static [u8]]| ForwardedCommand {
        request,
        database: 15,
        protocol: 3,
        flags: 1,
        arguments: arguments.iter().map(|&argument| argument.into()).collect(),
    };
    let commands = vec![command(1, &[b"SET", b"key", b"\0\r\n"]), command(1 << 40, &[])];
    let reply = |request, answer| ForwardedReply { request, answer };
    let replies = vec![
        reply(1, Answer::Done { resp: b"+OK\r\n"[..].into() }),
        reply(2, Answer::Moved { slot: 16_383, node: 3, core: 1 }),
        reply(3, Answer::Refused { sentence: "CLUSTERDOWN no leader is known".into() }),
        reply(4, Answer::Still { words: vec![b"xread"[..].into(), b""[..].into()] }),
        reply(5, Answer::Offer { node: 3, slot: 16_383 }),
    ];
    let message = |is_shard, payload: &'static [u8]| PublishedMessage {
        is_shard,
        channel: b"news"[..].into(),
        payload: payload.into(),
    };
    let messages = vec![message(false, b"it rains"), message(true, b"")];
    vec![
        Message::Forwarded(Forwarded { commands }),
        Message::Replies(Replies { replies }),
        Message::Published(Published { messages }),
    ]
}

fn config() -> Vec<Message<'static>> {
    let past = |epoch, byte| ConfigPast { epoch, hash: [byte; 32] };
    vec![
        Message::ConfigPropose(ConfigPropose { request: 5, config: b"{}"[..].into() }),
        Message::ConfigProposed(ConfigProposed {
            request: 5,
            status: 409,
            body: b"{\"epoch\":7}"[..].into(),
        }),
        Message::ConfigFetch(ConfigFetch { request: 6, epoch_min: 3 }),
        Message::ConfigCurrent(ConfigCurrent {
            request: 6,
            epoch: 7,
            hash: [0xab; 32],
            config: b"{\"epoch\":7}"[..].into(),
            history: vec![past(5, 5), past(6, 6)],
        }),
    ]
}

fn snapshot() -> Vec<Message<'static>> {
    let (transfer, group) = (9, 65);
    vec![
        Message::SnapshotBegin(SnapshotBegin {
            transfer,
            group,
            index: 80,
            term: 4,
            conf_state: conf_state(),
            bytes_estimate: 1 << 33,
        }),
        Message::SnapshotChunk(SnapshotChunk::new(transfer, group, 2, b"some records")),
        Message::SnapshotAck(SnapshotAck { transfer, group, sequence_next: 3 }),
        Message::SnapshotEnd(SnapshotEnd { transfer, group, count: 3 }),
        Message::SnapshotAbort(SnapshotAbort { transfer, group, sentence: "no room".into() }),
    ]
}

/// In the order of [`crate::peer::Kind::ALL`].
pub(super) fn samples() -> Vec<Message<'static>> {
    let heartbeat = |group| Heartbeat { group, term: 6, commit: 98, stamp_ns: 1 << 50 };
    let answer = |group| HeartbeatAnswer { group, term: 6, commit: 97, stamp_ns: 1 << 50 };
    let mut all = vec![
        Message::Hello(hello()),
        Message::Challenge(Challenge { hello: Hello { node: 8, ..hello() } }),
        Message::Proof(Proof { proof: [0xcd; 32] }),
        Message::Accepted(Accepted { protocol: 1, proof: [0xef; 32] }),
        Message::Refused(Refused::new(RefusalCode::Busy, "this node stops; try another")),
        Message::RaftMessages(RaftMessages {
            messages: vec![raft_message(), RaftMessage { kind: 9, ..RaftMessage::default() }],
        }),
        Message::Heartbeats(Heartbeats { heartbeats: vec![heartbeat(1), heartbeat(64)] }),
        Message::HeartbeatAnswers(HeartbeatAnswers { answers: vec![answer(1), answer(64)] }),
    ];
    all.extend(forwarded());
    all.extend(config());
    all.extend(snapshot());
    all.extend([Message::Ping(Ping { stamp_ns: 1 }), Message::Pong(Pong { stamp_ns: 1 })]);
    let (kind, bytes) = (Kind::RaftMessages as u8, b"the second of three"[..].into());
    all.push(Message::Part(Part { kind, stream: 4, offset: 19, total: 50, bytes }));
    let report = |group, voters: &[u32], is_joint| GroupReport {
        group,
        term: 6,
        conf_index: 91,
        bytes: 1 << 33,
        voters: voters.to_vec(),
        learners: vec![4],
        is_joint,
    };
    let reports = vec![report(1, &[2, 1, 3], false), report(64, &[2], true)];
    all.push(Message::GroupReports(GroupReports { reports: reports.clone() }));
    all.push(Message::Leaving(Leaving { valid_ms: 1_000 }));
    all.push(Message::ReportsAsOf(ReportsAsOf { epoch: 1 << 33, reports }));
    all.push(Message::NodeFacts(NodeFacts { unix_ms: 1 << 40, memory_bytes: 1 << 33 }));
    all.push(Message::Fullness(Fullness { permille: 1_004 }));
    let text = "it did not answer".into();
    all.push(Message::ClusterCut(ClusterCut { snapshot: 1 << 40, step: 3, number: 7, text }));
    all
}
