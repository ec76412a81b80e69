//! Owns what a value is, whoever holds it: how it is read, and its sum.

use hyperion_wire::reply::Reply;
use sha2::{Digest, Sha256};

/// The command that reads all of a value of a type; `None` for types that are not known.
pub(super) fn reader<'k>(value_type: &[u8], key: &'k [u8]) -> Option<Vec<&'k [u8]>> {
    Some(match value_type {
        b"string" => vec![b"GET", key],
        b"list" => vec![b"LRANGE", key, b"0", b"-1"],
        b"hash" => vec![b"HGETALL", key],
        b"set" => vec![b"SMEMBERS", key],
        b"zset" => vec![b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        b"stream" => vec![b"XRANGE", key, b"-", b"+"],
        _ => return None,
    })
}

/// The sum of a key with its type and its value; `None` where the answer is none of a value.
pub(super) fn sum(key: &[u8], value_type: &[u8], answer: &Reply) -> Option<u128> {
    let mut hasher = Sha256::new();
    word(&mut hasher, key);
    word(&mut hasher, value_type);
    match (value_type, answer) {
        (b"string", Reply::Bulk(bytes)) => word(&mut hasher, bytes),
        (_, Reply::Array(all)) | (b"set", Reply::Set(all)) if !all.is_empty() => {
            let mut items = items(value_type, all)?;
            if matches!(value_type, b"hash" | b"set" | b"zset") {
                items.sort_unstable();
            }
            items.iter().for_each(|item| word(&mut hasher, item));
        }
        (b"stream", Reply::Array(_)) => {}
        _ => return None,
    }
    hasher.finalize().first_chunk().map(|half| u128::from_le_bytes(*half))
}

/// Elements, fields with their values, members with their scores: each as one run of bytes.
fn items(value_type: &[u8], all: &[Reply]) -> Option<Vec<Vec<u8>>> {
    if !matches!(value_type, b"hash" | b"zset") {
        return all.iter().map(flat).collect();
    }
    let is_scored = value_type == b"zset";
    let pair = |pair: &[Reply]| {
        let [name, value] = pair else { return None };
        let mut item = flat(name)?;
        if is_scored {
            // Scores are printed in more than one way.
            let Reply::Bulk(score) = value else { return None };
            let score: f64 = std::str::from_utf8(score).ok()?.parse().ok()?;
            item.extend_from_slice(&(score + 0.0).to_bits().to_le_bytes());
        } else {
            item.extend_from_slice(&flat(value)?);
        }
        Some(item)
    };
    all.chunks(2).map(pair).collect()
}

/// A reply as bytes: no other reply has the same.
fn flat(reply: &Reply) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match reply {
        Reply::Bulk(text) | Reply::Simple(text) => {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text);
        }
        Reply::Array(all) => {
            bytes.extend_from_slice(&(all.len() as u64).to_le_bytes());
            for one in all {
                bytes.append(&mut flat(one)?);
            }
        }
        _ => return None,
    }
    Some(bytes)
}

fn word(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
