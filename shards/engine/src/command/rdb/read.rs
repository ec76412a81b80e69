//! Owns reading a value in any of its forms.

use super::input::Input;
use super::stream_read;
use super::value::{Damaged, Read, Value, checked_score, pairs, score_of, scored};
use super::{expiring, intset, kind, listpack, ziplist, zipmap};
use crate::command::sorted_set::Scored;

/// A node of a list that is one element, and one that is a listpack.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// Reads a value with its type before it; there must be nothing behind it. Memory: some tens of bytes for each of `bytes`, and
/// `unpacked_max` at most for what strings unpack to.
pub(super) fn read(bytes: &[u8], unpacked_max: usize) -> Read<Value<'_>> {
    let mut input = Input::new(bytes, unpacked_max);
    let form = input.byte()?;
    let value = read_form(form, &mut input)?;
    let is_without_any = match &value {
        Value::String(_) | Value::Stream(_) => false,
        Value::List(all) | Value::Set(all) => all.is_empty(),
        Value::Hash(fields) => fields.is_empty(),
        Value::ExpiringHash(fields) => fields.is_empty(),
        Value::SortedSet(members) => members.is_empty(),
    };
    if is_without_any || !input.is_empty() { Err(Damaged) } else { Ok(value) }
}

fn read_form<'a>(form: u8, input: &mut Input<'a>) -> Read<Value<'a>> {
    Ok(match form {
        kind::STRING => Value::String(input.string()?),
        kind::LIST => {
            let count = input.count(1)?;
            Value::List(input.strings(count)?)
        }
        kind::LIST_ZIPLIST => Value::List(ziplist::entries(&input.string()?)?),
        kind::LIST_QUICKLIST => {
            let mut all = Vec::new();
            for _ in 0..input.count(1)? {
                all.append(&mut ziplist::entries(&input.string()?)?);
            }
            Value::List(all)
        }
        kind::LIST_QUICKLIST_2 => {
            let mut all = Vec::new();
            for _ in 0..input.count(2)? {
                match input.number()? {
                    PLAIN => all.push(input.owned()?),
                    PACKED => all.append(&mut listpack::elements(&input.string()?)?),
                    _ => return Err(Damaged),
                }
            }
            Value::List(all)
        }
        kind::SET => {
            let count = input.count(1)?;
            Value::Set(input.strings(count)?)
        }
        kind::SET_INTSET => Value::Set(intset::members(&input.string()?)?),
        kind::SET_LISTPACK => Value::Set(listpack::elements(&input.string()?)?),
        kind::HASH => {
            let count = input.count(2)?;
            Value::Hash(pairs(input.strings(2 * count)?)?)
        }
        kind::HASH_ZIPMAP => Value::Hash(zipmap::fields(&input.string()?)?),
        kind::HASH_ZIPLIST => Value::Hash(pairs(ziplist::entries(&input.string()?)?)?),
        kind::HASH_LISTPACK => Value::Hash(pairs(listpack::elements(&input.string()?)?)?),
        kind::EXPIRING_HASH | kind::EXPIRING_HASH_EARLY => {
            Value::ExpiringHash(expiring::fields(form, input)?)
        }
        kind::EXPIRING_HASH_LISTPACK | kind::EXPIRING_HASH_LISTPACK_EARLY => {
            Value::ExpiringHash(expiring::packed_fields(form, input)?)
        }
        kind::SORTED_SET => Value::SortedSet(members(input, 2, text_score)?),
        kind::SORTED_SET_2 => Value::SortedSet(members(input, 9, |input| {
            checked_score(f64::from_le_bytes(input.array()?))
        })?),
        kind::SORTED_SET_ZIPLIST => Value::SortedSet(scored(ziplist::entries(&input.string()?)?)?),
        kind::SORTED_SET_LISTPACK => {
            Value::SortedSet(scored(listpack::elements(&input.string()?)?)?)
        }
        kind::STREAM | kind::STREAM_2 | kind::STREAM_3 => {
            Value::Stream(stream_read::stream(form, input)?)
        }
        _ => return Err(Damaged),
    })
}

fn members<'a>(
    input: &mut Input<'a>,
    bytes_min: usize,
    score: impl Fn(&mut Input<'a>) -> Read<f64>,
) -> Read<Vec<Scored>> {
    let count = input.count(bytes_min)?;
    let member = |_| {
        let member = input.owned()?;
        Ok(Scored { score: score(input)?, member })
    };
    (0..count).map(member).collect()
}

/// A score as text behind its length; 253 to 255 are no lengths.
fn text_score(input: &mut Input<'_>) -> Read<f64> {
    match input.byte()? {
        253 => Err(Damaged),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        bytes => score_of(input.take(usize::from(bytes))?),
    }
}
