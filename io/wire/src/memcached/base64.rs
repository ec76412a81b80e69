//! Owns keys that are written in base64.

/// Decodes a key that is written in base64, with its padding. `None`: it is none, or has bits left over.
#[must_use]
pub fn decode_key(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|&&letter| letter == b'=').count();
    if padding > 2 {
        return None;
    }
    let letters = text.get(..text.len() - padding)?;
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &letter in letters {
        bits = bits << 6 | u32::from(value_of(letter)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [byte, ..] = (bits >> count).to_le_bytes();
            bytes.push(byte);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

fn value_of(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
