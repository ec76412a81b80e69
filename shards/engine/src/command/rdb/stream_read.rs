//! Owns reading a stream.
//!
//! ```text
//! stream      nodes, each: id (a string of 16 bytes BE), listpack; entries, last id; [from 2: first id, greatest deleted id, added]; groups
//! id          ms, sequence (both lengths), but where it says 16 bytes
//! group       name, last id, [from 2: read], pending, each: id (16 bytes), given at ms u64 LE, times; consumers
//! consumer    name, seen at ms u64 LE, [from 3: active at ms u64 LE], pending, each: id (16 bytes)
//! listpack    live, deleted, fields of the node, each field, 0; then entries: flags, ms and sequence above those of the node,
//!             values (SAME_FIELDS), or number of fields, each field and value; number of elements before
//! ```

use super::input::Input;
use super::kind::{STREAM_2, STREAM_3};
use super::listpack;
use super::stream::{ConsumerValue, GroupValue, PendingValue, StreamValue};
use super::value::{Damaged, Read};
use hyperion_model::number::parse_integer;

/// Flags of an entry.
const DELETED: i64 = 1;
pub(super) const SAME_FIELDS: i64 = 2;
/// What stands for a time that never was, and for a number that is not known.
const NEVER: u64 = u64::MAX;
/// No consumer has it yet.
const NOBODY: usize = usize::MAX;

pub(super) fn id_of(ms: u64, sequence: u64) -> u128 {
    u128::from(ms) << 64 | u128::from(sequence)
}

pub(super) fn stream(form: u8, input: &mut Input<'_>) -> Read<StreamValue> {
    let mut stream = StreamValue::default();
    for _ in 0..input.count(2)? {
        let key = input.string()?;
        let key = key.first_chunk::<16>().filter(|_| key.len() == 16).ok_or(Damaged)?;
        let node = u128::from_be_bytes(*key);
        read_node(node, listpack::elements(&input.string()?)?, &mut stream.entries)?;
    }
    if input.number()? != stream.entries.len() as u64 {
        return Err(Damaged);
    }
    stream.last_id = id(input)?;
    let last = stream.entries.last().map_or(0, |(id, _)| *id);
    let are_rising = stream.entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if !are_rising || last > stream.last_id {
        return Err(Damaged);
    }
    stream.added = stream.entries.len() as u64;
    if form >= STREAM_2 {
        let _first = id(input)?;
        stream.deleted_id = id(input)?;
        stream.added = input.number()?;
        if stream.added < stream.entries.len() as u64 {
            return Err(Damaged);
        }
    }
    for _ in 0..input.count(5)? {
        let group = group(form, &stream, input)?;
        stream.groups.push(group);
    }
    let mut names: Vec<&[u8]> = stream.groups.iter().map(|group| &group.name[..]).collect();
    distinct(&mut names)?;
    Ok(stream)
}

fn distinct(names: &mut [&[u8]]) -> Read<()> {
    names.sort_unstable();
    if names.windows(2).all(|pair| pair[0] != pair[1]) { Ok(()) } else { Err(Damaged) }
}

fn id(input: &mut Input<'_>) -> Read<u128> {
    Ok(id_of(input.number()?, input.number()?))
}

fn read_node(
    node: u128,
    elements: Vec<Vec<u8>>,
    entries: &mut Vec<(u128, Vec<Vec<u8>>)>,
) -> Read<()> {
    let mut elements = elements.into_iter();
    let number = |elements: &mut std::vec::IntoIter<Vec<u8>>| {
        elements.next().and_then(|text| parse_integer(&text)).ok_or(Damaged)
    };
    let count = |number: i64, elements: &std::vec::IntoIter<Vec<u8>>| {
        usize::try_from(number).ok().filter(|&count| count <= elements.len()).ok_or(Damaged)
    };
    let (_live, _deleted) = (number(&mut elements)?, number(&mut elements)?);
    let fields = count(number(&mut elements)?, &elements)?;
    let fields: Vec<Vec<u8>> = elements.by_ref().take(fields).collect();
    if number(&mut elements)? != 0 {
        return Err(Damaged);
    }
    while elements.len() > 0 {
        let flags = number(&mut elements)?;
        let (ms, sequence) = (number(&mut elements)?, number(&mut elements)?);
        // Differences wrap, as they do where they are made.
        let [high, low] = [node >> 64, node].map(|half| u64::try_from(half & u128::from(u64::MAX)));
        let (Ok(high), Ok(low)) = (high, low) else { return Err(Damaged) };
        let id = id_of(
            high.wrapping_add(ms.cast_unsigned()),
            low.wrapping_add(sequence.cast_unsigned()),
        );
        let mut words = Vec::new();
        let elements_before = if flags & SAME_FIELDS != 0 {
            for field in &fields {
                words.push(field.clone());
                words.push(elements.next().ok_or(Damaged)?);
            }
            3 + fields.len()
        } else {
            let fields = count(number(&mut elements)?, &elements)?;
            words.extend(elements.by_ref().take(2 * fields));
            if words.len() != 2 * fields {
                return Err(Damaged);
            }
            4 + 2 * fields
        };
        if number(&mut elements)? != i64::try_from(elements_before).map_err(|_| Damaged)? {
            return Err(Damaged);
        }
        if flags & DELETED == 0 {
            if words.is_empty() {
                return Err(Damaged);
            }
            entries.push((id, words));
        }
    }
    Ok(())
}

fn group(form: u8, stream: &StreamValue, input: &mut Input<'_>) -> Read<GroupValue> {
    let name = input.owned()?;
    let last_id = id(input)?;
    let read = if form >= STREAM_2 {
        i64::try_from(input.number()?).ok()
    } else {
        estimated_read(stream, last_id)
    };
    let mut group = GroupValue { name, last_id, read, ..GroupValue::default() };
    for _ in 0..input.count(25)? {
        let id = u128::from_be_bytes(input.array()?);
        let given_ms = u64::from_le_bytes(input.array()?);
        let times = input.number()?;
        group.pending.push(PendingValue { id, given_ms, times, consumer: NOBODY });
    }
    group.pending.sort_unstable_by_key(|pending| pending.id);
    if group.pending.windows(2).any(|pair| pair[0].id == pair[1].id) {
        return Err(Damaged);
    }
    for consumer in 0..input.count(10)? {
        let name = input.owned()?;
        let seen_ms = u64::from_le_bytes(input.array()?);
        let active_ms = if form >= STREAM_3 {
            Some(u64::from_le_bytes(input.array()?)).filter(|&active| active != NEVER)
        } else {
            Some(seen_ms)
        };
        group.consumers.push(ConsumerValue { name, seen_ms, active_ms });
        for _ in 0..input.count(16)? {
            let id = u128::from_be_bytes(input.array()?);
            let place = group.pending.binary_search_by_key(&id, |pending| pending.id);
            let pending = &mut group.pending[place.map_err(|_| Damaged)?];
            if pending.consumer != NOBODY {
                return Err(Damaged);
            }
            pending.consumer = consumer;
        }
    }
    let mut names: Vec<&[u8]> = group.consumers.iter().map(|consumer| &consumer.name[..]).collect();
    distinct(&mut names)?;
    if group.pending.iter().any(|pending| pending.consumer == NOBODY) {
        return Err(Damaged);
    }
    Ok(group)
}

/// What the first form does not say, where it is plain: entries ever added up to an id, as if those that are there were all.
fn estimated_read(stream: &StreamValue, id: u128) -> Option<i64> {
    let first = stream.entries.first().map(|(id, _)| *id);
    match first {
        None => Some(0),
        _ if id == stream.last_id => i64::try_from(stream.added).ok(),
        Some(first) if id < first => Some(0),
        Some(first) if id == first => Some(1),
        Some(_) => None,
    }
}
