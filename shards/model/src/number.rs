//! Owns the strict reading and the printing of numbers, as the Redis protocol's users know them.

/// Reads a decimal integer: an optional minus, no plus, no leading zeros, no spaces, within `i64`.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut value = 0_i64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Built downward, because i64::MIN has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Prints `value` into `buffer` and gives the digits.
pub fn print_integer(value: i64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut rest = value.unsigned_abs();
    let mut at = buffer.len();
    loop {
        at -= 1;
        let digit = (rest % 10) as u8;
        buffer[at] = b'0' + digit;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

/// Reads a floating point number: no spaces, no `nan`; `inf` with or without a sign is allowed.
#[must_use]
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.len() > 256 || text.contains(char::is_whitespace) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        for (text, value) in [
            (&b"0"[..], Some(0)),
            (b"-0", None),
            (b"01", None),
            (b"+1", None),
            (b" 1", None),
            (b"1 ", None),
            (b"", None),
            (b"-", None),
            (b"9223372036854775807", Some(i64::MAX)),
            (b"9223372036854775808", None),
            (b"-9223372036854775808", Some(i64::MIN)),
            (b"-9223372036854775809", None),
            (b"99999999999999999999", None),
            (b"12a", None),
        ] {
            assert_eq!(parse_integer(text), value, "text {}", text.escape_ascii());
        }
    }

    #[test]
    fn integers_are_printed_as_they_are_read() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, 1_234_567_890] {
            let mut buffer = [0; 20];
            assert_eq!(print_integer(value, &mut buffer), value.to_string().as_bytes());
        }
    }
}
