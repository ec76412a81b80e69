//! Owns an entry's value: its fields one behind the other, and how they are told.
//!
//! ```text
//! value   number of words (LEB128), then each: length (LEB128), bytes       field, value, field, value ...
//! ```

use super::id::StreamId;
use hyperion_model::ReplyWriter;

/// Encodes the fields and values of an entry.
pub(super) fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    push_length(out, words.len());
    for word in words {
        push_length(out, word.len());
        out.extend_from_slice(word);
    }
}

/// Answers with an entry: its id, and its fields with their values.
pub(super) fn reply_entry(reply: &mut dyn ReplyWriter, id: StreamId, value: &[u8]) {
    reply.array(2);
    reply.bulk(id.text().bytes());
    let mut rest = value;
    let count = take_length(&mut rest);
    reply.array(count);
    for _ in 0..count {
        let length = take_length(&mut rest);
        let (word, behind) = rest.split_at(length);
        reply.bulk(word);
        rest = behind;
    }
}

/// The fields and values of an entry.
pub(super) fn words(value: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = value;
    let count = take_length(&mut rest);
    let word = |_| {
        let length = take_length(&mut rest);
        let (word, behind) = rest.split_at(length);
        rest = behind;
        word.to_vec()
    };
    (0..count).map(word).collect()
}

fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("seven bits"));
}

fn take_length(bytes: &mut &[u8]) -> usize {
    let (mut length, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().expect("an entry is whole");
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return length;
        }
        shift += 7;
    }
}
