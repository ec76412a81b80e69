//! Owns a value as it is read, before it is put into the store.

use super::stream::StreamValue;
use crate::command::hash::FieldValue;
use crate::command::sorted_set::Scored;
use std::borrow::Cow;
use thiserror::Error;

/// The bytes are no value, or none that may be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the value is damaged")]
pub(super) struct Damaged;

pub(super) type Read<T> = Result<T, Damaged>;

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    String(Cow<'a, [u8]>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    ExpiringHash(Vec<FieldValue>),
    SortedSet(Vec<Scored>),
    Stream(StreamValue),
}

impl Value<'_> {
    /// Takes out the fields of a hash that have expired. `true`: nothing is left of it.
    pub(super) fn forget_expired(&mut self, now_ms: u64) -> bool {
        let Self::ExpiringHash(fields) = self else { return false };
        fields.retain(|field| field.expiry_ms.is_none_or(|at_ms| at_ms > now_ms));
        fields.is_empty()
    }
}

/// Words as pairs.
pub(super) fn pairs(words: Vec<Vec<u8>>) -> Read<Vec<(Vec<u8>, Vec<u8>)>> {
    if !words.len().is_multiple_of(2) {
        return Err(Damaged);
    }
    let mut pairs = Vec::with_capacity(words.len() / 2);
    let mut words = words.into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Members, each with its score behind it, as a sorted set.
pub(super) fn scored(words: Vec<Vec<u8>>) -> Read<Vec<Scored>> {
    let pairs = pairs(words)?.into_iter();
    pairs.map(|(member, score)| Ok(Scored { score: score_of(&score)?, member })).collect()
}

/// A score that is text.
pub(super) fn score_of(text: &[u8]) -> Read<f64> {
    let text = std::str::from_utf8(text).map_err(|_| Damaged)?;
    checked_score(text.parse().map_err(|_| Damaged)?)
}

/// A score, which is a number.
pub(super) fn checked_score(score: f64) -> Read<f64> {
    if score.is_nan() { Err(Damaged) } else { Ok(score) }
}
