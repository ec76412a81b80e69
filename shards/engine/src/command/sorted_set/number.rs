//! Owns the reading of scores and of the ends of ranges of scores, as C's `strtod` reads them.

use crate::command::error::CommandError;

const RANGE: CommandError = CommandError::Says("ERR min or max is not a float");

/// What `strtod` makes of the beginning of a text.
struct Read {
    value: f64,
    /// Bytes that were read.
    bytes: usize,
    /// The number is too large or too small for a double.
    is_out_of_range: bool,
}

/// Digits of a number that a double holds as it is.
const DIGITS_MAX: usize = 15;

/// Reads a few digits and nothing else, which most scores are.
pub(in crate::command) fn whole_number(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    #[expect(clippy::cast_precision_loss, reason = "so many digits fit a double")]
    let number = number as f64;
    Some(number)
}

/// Reads a score.
///
/// # Errors
/// When it is no number.
pub(super) fn parse_score(text: &[u8]) -> Result<f64, CommandError> {
    read_score(text).ok_or(CommandError::NotFloat)
}

/// As [`parse_score`].
pub(in crate::command) fn read_score(text: &[u8]) -> Option<f64> {
    if let Some(number) = whole_number(text) {
        return Some(number);
    }
    if text.first().is_none_or(|&byte| is_space(byte)) {
        return None;
    }
    let read = strtod(text);
    let is_number = read.bytes == text.len() && !read.is_out_of_range && !read.value.is_nan();
    is_number.then_some(read.value)
}

/// Reads one end of a range: whether it is outside of it, and the score.
///
/// # Errors
/// When it is no number.
pub(super) fn parse_end(text: &[u8]) -> Result<(bool, f64), CommandError> {
    let (is_exclusive, text) = match text {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // What stands behind a zero byte is not looked at, and nothing is 0.
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let read = strtod(text);
    if read.bytes != text.len() || read.value.is_nan() {
        return Err(RANGE);
    }
    Ok((is_exclusive, read.value))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn strtod(text: &[u8]) -> Read {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    let (is_negative, begin) = match text.get(spaces) {
        Some(b'-') => (true, spaces + 1),
        Some(b'+') => (false, spaces + 1),
        _ => (false, spaces),
    };
    let Some(read) = magnitude(&text[begin..]) else {
        return Read { value: 0.0, bytes: 0, is_out_of_range: false };
    };
    let value = if is_negative { -read.value } else { read.value };
    Read { value, bytes: begin + read.bytes, ..read }
}

fn magnitude(text: &[u8]) -> Option<Read> {
    let begins = |word: &str| {
        text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    let word = |value, bytes| Some(Read { value, bytes, is_out_of_range: false });
    if begins("infinity") {
        return word(f64::INFINITY, 8);
    }
    if begins("inf") {
        return word(f64::INFINITY, 3);
    }
    if begins("nan") {
        return word(f64::NAN, 3);
    }
    if begins("0x")
        && let Some(read) = hexadecimal(text)
    {
        return Some(read);
    }
    decimal(text)
}

fn decimal(text: &[u8]) -> Option<Read> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut bytes = whole;
    let mut fraction = 0;
    if text.get(whole) == Some(&b'.') {
        fraction = digits(whole + 1);
        bytes += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mantissa = bytes;
    bytes += exponent_bytes(&text[bytes..], b'e');
    let number = std::str::from_utf8(&text[..bytes]).expect("ASCII");
    let value: f64 = number.parse().expect("it is a number as written");
    let has_digit = text[..mantissa].iter().any(|byte| matches!(byte, b'1'..=b'9'));
    Some(Read { value, bytes, is_out_of_range: value.is_infinite() || value == 0.0 && has_digit })
}

/// Bytes of an exponent, none where there is no digit behind its mark.
fn exponent_bytes(text: &[u8], mark: u8) -> usize {
    if text.first().is_none_or(|byte| !byte.eq_ignore_ascii_case(&mark)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    match text[1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// `0x1.8p3`.
fn hexadecimal(text: &[u8]) -> Option<Read> {
    let (mut mantissa, mut power, mut at) = (0_u128, 0_i64, 2);
    let (mut is_behind, mut has_digit) = (false, false);
    while let Some(&byte) = text.get(at) {
        if byte == b'.' && !is_behind {
            is_behind = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            has_digit = true;
            if mantissa >> 120 == 0 {
                mantissa = mantissa << 4 | u128::from(digit);
                power -= if is_behind { 4 } else { 0 };
            } else {
                // Too far behind to count, but for the rounding.
                mantissa |= u128::from(digit > 0);
                power += if is_behind { 0 } else { 4 };
            }
        } else {
            break;
        }
        at += 1;
    }
    if !has_digit {
        return None;
    }
    let exponent = exponent_bytes(&text[at..], b'p');
    if exponent > 0 {
        let written = std::str::from_utf8(&text[at + 1..at + exponent]).expect("ASCII");
        let most = if written.starts_with('-') { -100_000 } else { 100_000 };
        power += written.parse().unwrap_or(most).clamp(-100_000, 100_000);
    }
    #[expect(clippy::cast_precision_loss, reason = "it is rounded as strtod rounds")]
    let mut value = mantissa as f64;
    while power != 0 && value != 0.0 && value.is_finite() {
        let step = power.clamp(-1_000, 1_000);
        value *= 2_f64.powi(i32::try_from(step).expect("it is clamped"));
        power -= step;
    }
    let is_out_of_range = value.is_infinite() || value == 0.0 && mantissa > 0;
    Some(Read { value, bytes: at + exponent, is_out_of_range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_strtod_reads_them() {
        for (text, value) in [
            ("1", Some(1.0)),
            ("000000012345", Some(12345.0)),
            ("999999999999999", Some(999_999_999_999_999.0)),
            ("9007199254740993", Some(9_007_199_254_740_992.0)),
            ("12x", None),
            ("-1.5e3", Some(-1500.0)),
            ("+2", Some(2.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("0x1.8p1", Some(3.0)),
            ("-0x.8", Some(-0.5)),
            ("1e-310", Some(1e-310)),
            ("0e400", Some(0.0)),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("nan", None),
            ("1e400", None),
            ("1e-400", None),
            ("0x", None),
            ("1e", None),
            (".", None),
            ("-", None),
            ("infin", None),
            ("abc", None),
        ] {
            assert_eq!(read_score(text.as_bytes()), value, "{text:?}");
        }
        for (text, end) in [
            ("1", Some((false, 1.0))),
            ("(1", Some((true, 1.0))),
            ("", Some((false, 0.0))),
            ("(", Some((true, 0.0))),
            (" 1", Some((false, 1.0))),
            ("1e400", Some((false, f64::INFINITY))),
            ("(-inf", Some((true, f64::NEG_INFINITY))),
            ("((1", None),
            ("1 ", None),
            (" ", None),
            ("nan", None),
        ] {
            assert_eq!(parse_end(text.as_bytes()).ok(), end, "{text:?}");
        }
    }
}
