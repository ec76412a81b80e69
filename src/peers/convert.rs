//! Owns the step between Raft's messages and the frames that carry them.

use std::borrow::Cow;

use hyperion_cluster::group::{Message, MessageType, entry};
use hyperion_wire::peer::{ConfState, RaftEntry, RaftMessage, RaftSnapshot};

/// By their numbers in a frame.
const KINDS: [MessageType; 19] = [
    MessageType::MsgHup,
    MessageType::MsgBeat,
    MessageType::MsgPropose,
    MessageType::MsgAppend,
    MessageType::MsgAppendResponse,
    MessageType::MsgRequestVote,
    MessageType::MsgRequestVoteResponse,
    MessageType::MsgSnapshot,
    MessageType::MsgHeartbeat,
    MessageType::MsgHeartbeatResponse,
    MessageType::MsgUnreachable,
    MessageType::MsgSnapStatus,
    MessageType::MsgCheckQuorum,
    MessageType::MsgTransferLeader,
    MessageType::MsgTimeoutNow,
    MessageType::MsgReadIndex,
    MessageType::MsgReadIndexResp,
    MessageType::MsgRequestPreVote,
    MessageType::MsgRequestPreVoteResponse,
];

/// A message of a group as it goes into a frame; entries are borrowed.
pub(crate) fn to_wire(group: u32, message: &Message) -> RaftMessage<'_> {
    let kind = message.get_msg_type();
    let number = KINDS.iter().position(|&other| other == kind).expect("every kind is listed");
    RaftMessage {
        group,
        kind: u8::try_from(number).expect("there are 19 kinds"),
        to: message.to,
        from: message.from,
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        commit: message.commit,
        commit_term: message.commit_term,
        reject: message.reject,
        reject_hint: message.reject_hint,
        request_snapshot: message.request_snapshot,
        priority: message.priority,
        context: Cow::Borrowed(&message.context),
        entries: message
            .get_entries()
            .iter()
            .map(|entry| RaftEntry {
                entry_type: entry.get_entry_type() as u8,
                term: entry.term,
                index: entry.index,
                data: Cow::Borrowed(&entry.data),
                context: Cow::Borrowed(&entry.context),
            })
            .collect(),
        snapshot: message.has_snapshot().then(|| {
            let snapshot = message.get_snapshot();
            let metadata = snapshot.get_metadata();
            let members = metadata.get_conf_state();
            RaftSnapshot {
                index: metadata.index,
                term: metadata.term,
                conf_state: ConfState {
                    voters: members.get_voters().to_vec(),
                    learners: members.get_learners().to_vec(),
                    voters_outgoing: members.get_voters_outgoing().to_vec(),
                    learners_next: members.get_learners_next().to_vec(),
                    auto_leave: members.get_auto_leave(),
                },
                data: Cow::Borrowed(&snapshot.data),
            }
        }),
    }
}

/// The message of a frame; `None` for a kind that no node sends another.
pub(crate) fn from_wire(wire: RaftMessage<'_>) -> Option<Message> {
    let mut message = Message::default();
    message.set_msg_type(*KINDS.get(usize::from(wire.kind))?);
    message.to = wire.to;
    message.from = wire.from;
    message.term = wire.term;
    message.log_term = wire.log_term;
    message.index = wire.index;
    message.commit = wire.commit;
    message.commit_term = wire.commit_term;
    message.reject = wire.reject;
    message.reject_hint = wire.reject_hint;
    message.request_snapshot = wire.request_snapshot;
    message.priority = wire.priority;
    message.context = wire.context.into_owned().into();
    let entries: Vec<_> = wire
        .entries
        .into_iter()
        .map(|one| {
            let mut made = entry(one.index, one.term, one.entry_type, one.data.into_owned());
            made.context = one.context.into_owned().into();
            made
        })
        .collect();
    message.set_entries(entries.into());
    if let Some(wire) = wire.snapshot {
        let snapshot = message.mut_snapshot();
        snapshot.data = wire.data.into_owned().into();
        let metadata = snapshot.mut_metadata();
        metadata.index = wire.index;
        metadata.term = wire.term;
        let members = metadata.mut_conf_state();
        members.set_voters(wire.conf_state.voters);
        members.set_learners(wire.conf_state.learners);
        members.set_voters_outgoing(wire.conf_state.voters_outgoing);
        members.set_learners_next(wire.conf_state.learners_next);
        members.set_auto_leave(wire.conf_state.auto_leave);
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_went() {
        for (number, &kind) in KINDS.iter().enumerate() {
            let mut message = Message::default();
            message.set_msg_type(kind);
            (message.to, message.from, message.term, message.index) = (1, 2, 3, 4);
            (message.log_term, message.commit, message.commit_term) = (5, 6, 7);
            (message.reject, message.reject_hint, message.request_snapshot) = (true, 8, 9);
            message.priority = -1;
            message.context = b"stamp".to_vec().into();
            let entries = vec![entry(5, 3, 0, b"one".to_vec()), entry(6, 3, 2, b"two".to_vec())];
            message.set_entries(entries.into());
            let metadata = message.mut_snapshot().mut_metadata();
            (metadata.index, metadata.term) = (10, 11);
            metadata.mut_conf_state().set_voters(vec![1, 2, 3]);
            let wire = to_wire(12, &message);
            assert_eq!((wire.group, usize::from(wire.kind)), (12, number));
            assert_eq!(from_wire(wire), Some(message), "kind {number}");
        }
        let unknown = RaftMessage { kind: 19, ..RaftMessage::default() };
        assert_eq!(from_wire(unknown), None);
    }
}
