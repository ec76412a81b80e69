//! Owns the strict reading and the printing of numbers, as the Redis protocol's users know them.

use std::io::Write as _;

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

/// Longest text of a double.
pub const DOUBLE_BYTES_MAX: usize = 32;

/// Prints `value` into `buffer` as Redis 7.2 does, and gives the text: the fewest digits that read back as the same double; whole numbers
/// up to half of `i64` as integers, others with a point where they have few zeros, else with an exponent.
///
/// Source: `d2string` and `fpconv_dtoa` of Redis 7.2.
pub fn print_double(value: f64, buffer: &mut [u8; DOUBLE_BYTES_MAX]) -> &str {
    const WHOLE_MAX: f64 = 4_611_686_018_427_387_904.0;
    let mut text = Printed { buffer, length: 0 };
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= WHOLE_MAX && value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
        text.push(print_integer(value as i64, &mut [0; 20]));
    } else {
        print_fraction(value, &mut text);
    }
    let Printed { buffer, length } = text;
    std::str::from_utf8(&buffer[..length]).expect("only ASCII was written")
}

struct Printed<'a> {
    buffer: &'a mut [u8; DOUBLE_BYTES_MAX],
    length: usize,
}

impl Printed<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

fn print_fraction(value: f64, text: &mut Printed<'_>) {
    const ZEROS: &[u8] = b"0000000000000000000000";
    let mut scientific = [0_u8; DOUBLE_BYTES_MAX];
    let mut left = &mut scientific[..];
    write!(left, "{:e}", value.abs()).expect("digits, a point and an exponent are shorter");
    let written = DOUBLE_BYTES_MAX - left.len();
    let mark = scientific.iter().position(|&byte| byte == b'e').expect("there is an exponent");
    let exponent = parse_integer(&scientific[mark + 1..written]).expect("an exponent is a number");
    let mut digits = [0_u8; 20];
    let mut count = 0;
    for &byte in scientific[..mark].iter().filter(|byte| **byte != b'.') {
        digits[count] = byte;
        count += 1;
    }
    let digits = &digits[..count];
    let count_signed = i64::try_from(count).expect("a double has 17 digits at most");
    // The number is `digits` times ten to the power of this.
    let power = exponent - count_signed + 1;
    let places = usize::try_from(power.unsigned_abs()).expect("exponents are small");
    if value < 0.0 {
        text.push(b"-");
    }
    if power >= 0 && exponent.abs() < count_signed + 7 {
        text.push(digits);
        text.push(&ZEROS[..places]);
    } else if power < 0 && (power > -7 || exponent.abs() < 4) {
        if places >= count {
            text.push(b"0.");
            text.push(&ZEROS[..places - count]);
            text.push(digits);
        } else {
            let (whole, fraction) = digits.split_at(count - places);
            text.push(whole);
            text.push(b".");
            text.push(fraction);
        }
    } else {
        text.push(&digits[..1]);
        if count > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        text.push(print_integer(exponent.abs(), &mut [0; 20]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_redis_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-3.5, "-3.5"),
            (3.1, "3.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "10000000000000000"),
            (4e18, "4000000000000000000"),
            (1e19, "1e+19"),
            (-1.5e300, "-1.5e+300"),
            (0.00001, "0.00001"),
            (0.000_001, "0.000001"),
            (0.000_001_5, "1.5e-6"),
            (1e-7, "1e-7"),
            (-1.25e-10, "-1.25e-10"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (123_456.789, "123456.789"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut buffer = [0; DOUBLE_BYTES_MAX];
            assert_eq!(print_double(value, &mut buffer), text);
        }
    }

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
