//! Owns how what groups say goes to one peer: short messages together in a frame, long ones in parts, and what belongs to a log in order.

use hyperion_cluster::group::MessageType;
use hyperion_engine::Outgoing;
use hyperion_wire::peer::{Body, Kind, RaftMessages};

use crate::peers::{Peers, to_wire};

/// Messages, and bytes of entries, that go into one frame, about.
const FRAME_MESSAGES: usize = 256;
const FRAME_BYTES: usize = 1 << 20;
/// A message with more bytes of entries goes in parts, so that heartbeats get through between them.
const LONG_BYTES: usize = 2 << 20;

/// Queues messages for one peer. Short ones would overtake the parts of a long one: an append that comes before another one that it
/// follows would be refused, and its leader would send the long one anew, again and again while that takes longer than a heartbeat. So
/// appends of a group are dropped while a long one is under way, and Raft says them again when that is answered.
pub(super) fn say(peers: &mut Peers, messages: &[Outgoing]) {
    let Some(node) = messages.first().map(|one| one.to) else { return };
    let mut short = Vec::new();
    for one in messages {
        let what = (Kind::RaftMessages, one.group.0);
        if entry_bytes(one) > LONG_BYTES {
            peers.queue_long(node, what, || long_body(one));
        } else if !is_append(one) || !peers.is_under_way(node, what) {
            short.push(one);
        }
    }
    for part in parts(&short) {
        let wire = part.iter().map(|one| to_wire(one.group.0, &one.message)).collect();
        let frame = RaftMessages { messages: wire };
        peers.queue(node, |out| {
            if let Err(error) = frame.encode(out) {
                tracing::error!("messages for node {node} do not fit: {error}");
            }
        });
    }
}

fn is_append(one: &Outgoing) -> bool {
    one.message.get_msg_type() == MessageType::MsgAppend
}

fn long_body(one: &Outgoing) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let messages = vec![to_wire(one.group.0, &one.message)];
    let written = RaftMessages { messages }.encode_body(&mut body);
    written
        .inspect_err(|error| {
            tracing::error!("a message for node {} does not fit: {error}", one.to);
        })
        .ok()?;
    Some(body)
}

fn entry_bytes(one: &Outgoing) -> usize {
    one.message.get_entries().iter().map(|it| it.data.len()).sum()
}

/// Cuts messages into runs that fit a frame.
fn parts<'a, 'b>(messages: &'b [&'a Outgoing]) -> impl Iterator<Item = &'b [&'a Outgoing]> {
    let mut rest = messages;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut bytes = 0;
        let count = rest
            .iter()
            .take(FRAME_MESSAGES)
            .take_while(|one| {
                let fits = bytes < FRAME_BYTES;
                bytes += entry_bytes(one);
                fits
            })
            .count();
        let (part, left) = rest.split_at(count.max(1));
        rest = left;
        Some(part)
    })
}
