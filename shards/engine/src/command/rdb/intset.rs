//! Owns intsets: small sets of integers in Redis.
//!
//! ```text
//! intset     bytes of a number u32 LE (2, 4 or 8), numbers u32 LE, numbers LE
//! ```

use super::input::Input;
use super::value::{Damaged, Read};
use hyperion_model::number::print_integer;

/// The members as text.
pub(super) fn members(intset: &[u8]) -> Read<Vec<Vec<u8>>> {
    let mut input = Input::new(intset, 0);
    let width = u32::from_le_bytes(input.array()?);
    let count = u32::from_le_bytes(input.array()?) as usize;
    if !matches!(width, 2 | 4 | 8) || Some(intset.len() - 8) != count.checked_mul(width as usize) {
        return Err(Damaged);
    }
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        let number = match width {
            2 => i16::from_le_bytes(input.array()?).into(),
            4 => i32::from_le_bytes(input.array()?).into(),
            _ => i64::from_le_bytes(input.array()?),
        };
        members.push(print_integer(number, &mut [0; 20]).to_vec());
    }
    Ok(members)
}
