//! Owns writing a stream; `stream_read` shows the form.

use super::listpack::Listpack;
use super::stream::StreamValue;
use super::stream_read::SAME_FIELDS;
use super::write::{push_length, push_string};

/// Entries and bytes of a node, about: Redis' own defaults.
const NODE_ENTRIES_MAX: usize = 100;
const NODE_BYTES_MAX: usize = 4096;

type Entry = (u128, Vec<Vec<u8>>);

fn halves(id: u128) -> [u64; 2] {
    let [ms, sequence] = [id >> 64, id & u128::from(u64::MAX)];
    [ms, sequence].map(|half| u64::try_from(half).expect("it is a half"))
}

fn push_id(out: &mut Vec<u8>, id: u128) {
    halves(id).into_iter().for_each(|half| push_length(out, half));
}

pub(super) fn stream(stream: &StreamValue, out: &mut Vec<u8>) {
    let (mut nodes, mut body, mut rest) = (0, Vec::new(), &stream.entries[..]);
    while let [(first, _), ..] = rest {
        let (node, taken) = node(rest);
        push_string(&mut body, &first.to_be_bytes());
        push_string(&mut body, &node);
        rest = &rest[taken..];
        nodes += 1;
    }
    push_length(out, nodes);
    out.append(&mut body);
    push_length(out, stream.entries.len() as u64);
    push_id(out, stream.last_id);
    push_id(out, stream.entries.first().map_or(0, |(id, _)| *id));
    push_id(out, stream.deleted_id);
    push_length(out, stream.added);
    push_length(out, stream.groups.len() as u64);
    for group in &stream.groups {
        push_string(out, &group.name);
        push_id(out, group.last_id);
        push_length(out, group.read.unwrap_or(-1).cast_unsigned());
        push_length(out, group.pending.len() as u64);
        for pending in &group.pending {
            out.extend_from_slice(&pending.id.to_be_bytes());
            out.extend_from_slice(&pending.given_ms.to_le_bytes());
            push_length(out, pending.times);
        }
        push_length(out, group.consumers.len() as u64);
        let mut pending_of = vec![Vec::new(); group.consumers.len()];
        for pending in &group.pending {
            pending_of[pending.consumer].push(pending.id);
        }
        for (consumer, ids) in group.consumers.iter().zip(&pending_of) {
            push_string(out, &consumer.name);
            out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
            push_length(out, ids.len() as u64);
            ids.iter().for_each(|id| out.extend_from_slice(&id.to_be_bytes()));
        }
    }
}

/// The first entries as a node, and how many they are.
fn node(entries: &[Entry]) -> (Vec<u8>, usize) {
    let (first, words) = &entries[0];
    let number = |count: usize| i64::try_from(count).expect("what is in memory is counted");
    let (mut taken, mut bytes) = (0, 0);
    while taken < entries.len().min(NODE_ENTRIES_MAX) && (taken == 0 || bytes < NODE_BYTES_MAX) {
        bytes += entries[taken].1.iter().map(Vec::len).sum::<usize>();
        taken += 1;
    }
    let mut node = Listpack::new();
    node.push_number(number(taken));
    node.push_number(0);
    node.push_number(number(words.len() / 2));
    words.iter().step_by(2).for_each(|field| node.push_string(field));
    node.push_number(0);
    let [first_ms, first_sequence] = halves(*first);
    for (id, words_here) in &entries[..taken] {
        let is_same = words.len() == words_here.len()
            && words.iter().step_by(2).eq(words_here.iter().step_by(2));
        let [ms, sequence] = halves(*id);
        node.push_number(if is_same { SAME_FIELDS } else { 0 });
        node.push_number(ms.wrapping_sub(first_ms).cast_signed());
        node.push_number(sequence.wrapping_sub(first_sequence).cast_signed());
        if is_same {
            words_here.iter().skip(1).step_by(2).for_each(|value| node.push_string(value));
            node.push_number(number(3 + words.len() / 2));
        } else {
            node.push_number(number(words_here.len() / 2));
            words_here.iter().for_each(|word| node.push_string(word));
            node.push_number(number(4 + words_here.len()));
        }
    }
    (node.finish(), taken)
}
