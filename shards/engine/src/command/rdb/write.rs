//! Owns writing a value in its plain form.

use super::stream_write;
use super::{kind, stream::StreamValue};
use crate::collection::View;
use crate::command::fields::name_of;
use crate::command::types::{HASH, LIST, SET, SORTED_SET};
use crate::command::{hash, list, set, sorted_set};
use hyperion_store::ValueType;

/// Bytes of a length, at most.
const LENGTH_BYTES_MAX: usize = 9;

pub(super) fn push_length(out: &mut Vec<u8>, length: u64) {
    match u32::try_from(length) {
        Ok(short @ 0..0x40) => out.push(short.to_le_bytes()[0]),
        Ok(short @ 0x40..0x4000) => {
            let [low, high, ..] = short.to_le_bytes();
            out.extend_from_slice(&[0x40 | high, low]);
        }
        Ok(long) => {
            out.push(0x80);
            out.extend_from_slice(&long.to_be_bytes());
        }
        Err(_) => {
            out.push(0x81);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

pub(super) fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    push_length(out, string.len() as u64);
    out.extend_from_slice(string);
}

/// What stands before the bytes of a string that is a value.
pub(super) fn string_head(bytes: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(1 + LENGTH_BYTES_MAX);
    head.push(kind::STRING);
    push_length(&mut head, bytes as u64);
    head
}

/// A collection, with its type before it; `None` for a type that has no form.
pub(super) fn collection(value_type: ValueType, view: &View<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match value_type {
        LIST => {
            out.push(kind::LIST);
            push_length(&mut out, view.count(list::ELEMENTS));
            for (_, entry) in view.all(list::ELEMENTS) {
                push_string(&mut out, &entry.value);
            }
        }
        SET => {
            out.push(kind::SET);
            push_length(&mut out, view.count(set::MEMBERS));
            for (_, entry) in view.all(set::MEMBERS) {
                push_string(&mut out, name_of(view, &entry.key));
            }
        }
        HASH => {
            out.push(kind::HASH);
            push_length(&mut out, view.count(hash::FIELDS));
            for (_, entry) in view.all(hash::FIELDS) {
                push_string(&mut out, name_of(view, &entry.key));
                push_string(&mut out, &entry.value);
            }
        }
        SORTED_SET => {
            out.push(kind::SORTED_SET_2);
            push_length(&mut out, view.count(sorted_set::RANKS));
            for (_, entry) in view.all(sorted_set::RANKS) {
                push_string(&mut out, sorted_set::member_of(&entry.key));
                out.extend_from_slice(&sorted_set::score_of(&entry).to_le_bytes());
            }
        }
        _ => return None,
    }
    Some(out)
}

/// A stream, with its type before it.
pub(super) fn stream(stream: &StreamValue) -> Vec<u8> {
    let mut out = vec![kind::STREAM_2];
    stream_write::stream(stream, &mut out);
    out
}
