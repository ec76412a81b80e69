//! Owns joining the append messages of one turn to one follower.
//!
//! Raft 0.7 can do so itself (`batch_append`), but joins entries onto an empty append whatever its index is: after a
//! rejection in the same turn the follower would get entries that do not follow on the message's index, and stop.

use raft::eraftpb::{Message, MessageType};

use super::limits::MESSAGE_BYTES_MAX;
use super::tail::entry_bytes;

/// Joins appends that follow on each other; the order of all others to one node stays.
pub(super) fn join(messages: Vec<Message>) -> Vec<Message> {
    if messages.len() < 2 {
        return messages;
    }
    let mut joined: Vec<Message> = Vec::with_capacity(messages.len());
    // For each follower its last append, with its bytes.
    let mut last: Vec<(u64, usize, u64)> = Vec::new();
    for mut message in messages {
        let kind = message.get_msg_type();
        if kind == MessageType::MsgHeartbeat {
            joined.push(message);
            continue;
        }
        let bytes = message.entries.iter().map(|entry| entry_bytes(entry) as u64).sum::<u64>();
        let slot = last.iter().position(|(to, _, _)| *to == message.to);
        if kind != MessageType::MsgAppend {
            if let Some(slot) = slot {
                last.swap_remove(slot);
            }
            joined.push(message);
            continue;
        }
        if let Some(slot) = slot {
            let (_, at, before) = &mut last[slot];
            let into = &mut joined[*at];
            let follows = into.index + into.entries.len() as u64 == message.index;
            if follows && into.term == message.term && *before + bytes <= MESSAGE_BYTES_MAX {
                into.commit = into.commit.max(message.commit);
                into.mut_entries().extend(message.take_entries());
                *before += bytes;
                continue;
            }
            (*at, *before) = (joined.len(), bytes);
        } else {
            last.push((message.to, joined.len(), bytes));
        }
        joined.push(message);
    }
    joined
}
