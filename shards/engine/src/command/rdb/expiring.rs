//! Owns hashes some of whose fields expire, in the forms that Redis has since 7.4.
//!
//! ```text
//! hash       the first expiry (Unix ms, u64 LE), count, fields
//! field      expiry (a length: 0 for none, else ms behind the first and 1), name, value
//! listpack   the first expiry, a string: name, value, expiry (Unix ms, 0 for none) of each field
//! early      without the first expiry; those of fields are Unix ms
//! ```

use super::footer::{VERSION_EXPIRING, seal_as};
use super::input::Input;
use super::kind;
use super::listpack;
use super::value::{Damaged, Read};
use super::write::{push_length, push_string};
use crate::command::hash::FieldValue;
use hyperion_model::number::parse_integer;

/// The latest time that a field may have in a dump, Unix ms, as in Redis.
const TIME_MS_MAX: u64 = (1 << 48) - 2;

fn checked_time(at_ms: u64) -> Read<Option<u64>> {
    if at_ms > TIME_MS_MAX { Err(Damaged) } else { Ok(Some(at_ms).filter(|at_ms| *at_ms > 0)) }
}

/// Reads fields that lie one behind the other.
pub(super) fn fields(form: u8, input: &mut Input<'_>) -> Read<Vec<FieldValue>> {
    let first_ms = match form {
        kind::EXPIRING_HASH => Some(u64::from_le_bytes(input.array()?)),
        _ => None,
    };
    let count = input.count(3)?;
    let field = |_| {
        let time = input.number()?;
        let at_ms = match first_ms {
            Some(first_ms) if time > 0 => first_ms.checked_add(time - 1).ok_or(Damaged)?,
            _ => time,
        };
        Ok(FieldValue {
            expiry_ms: checked_time(at_ms)?,
            name: input.owned()?,
            value: input.owned()?,
        })
    };
    (0..count).map(field).collect()
}

/// Reads fields that lie in a listpack.
pub(super) fn packed_fields(form: u8, input: &mut Input<'_>) -> Read<Vec<FieldValue>> {
    if form == kind::EXPIRING_HASH_LISTPACK {
        input.take(size_of::<u64>())?;
    }
    let words = listpack::elements(&input.string()?)?;
    let (fields, []) = words.as_chunks::<3>() else { return Err(Damaged) };
    let field = |[name, value, time]: &[Vec<u8>; 3]| {
        let at_ms = parse_integer(time).and_then(|at_ms| u64::try_from(at_ms).ok());
        Ok(FieldValue {
            expiry_ms: checked_time(at_ms.ok_or(Damaged)?)?,
            name: name.clone(),
            value: value.clone(),
        })
    };
    fields.iter().map(field).collect()
}

/// The payload of a hash: in the form that all versions know where none of its fields expires. `None`: there are no fields.
pub(super) fn write(fields: &[FieldValue]) -> Option<Vec<u8>> {
    let first_ms = fields.iter().filter_map(|field| field.expiry_ms).min();
    let mut out = Vec::new();
    match first_ms {
        _ if fields.is_empty() => return None,
        None => out.push(kind::HASH),
        Some(first_ms) => {
            out.push(kind::EXPIRING_HASH);
            out.extend_from_slice(&first_ms.to_le_bytes());
        }
    }
    push_length(&mut out, fields.len() as u64);
    for field in fields {
        if let Some(first_ms) = first_ms {
            push_length(&mut out, field.expiry_ms.map_or(0, |at_ms| at_ms - first_ms + 1));
        }
        push_string(&mut out, &field.name);
        push_string(&mut out, &field.value);
    }
    match first_ms {
        Some(_) => seal_as(VERSION_EXPIRING, &mut out),
        None => super::seal(&mut out),
    }
    Some(out)
}
