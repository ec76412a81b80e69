//! Owns the sum of two decimal numbers as text, without the noise of binary fractions.
//!
//! Numbers of up to 17 digits behind the point and 20 before it are added as decimals, exactly; others as `f64`. The result
//! has at most 17 digits behind the point and no zeros at its end.

use super::error::CommandError;
use hyperion_model::number::parse_float;

/// Digits behind the point that are kept.
const FRACTION_DIGITS: usize = 17;
/// Digits before the point that are added exactly.
const WHOLE_DIGITS: usize = 20;
const SCALE: i128 = 10_i128.pow(17);

/// Adds two numbers given as text.
///
/// # Errors
/// When one is no number, or the sum is not finite.
pub(super) fn add(left: &[u8], right: &[u8]) -> Result<String, CommandError> {
    if let (Some(left), Some(right)) = (parse_decimal(left), parse_decimal(right)) {
        return Ok(print_decimal(left + right));
    }
    let parse = |text| parse_float(text).ok_or(CommandError::NotFloat);
    let sum = parse(left)? + parse(right)?;
    if !sum.is_finite() {
        return Err(CommandError::NotFinite);
    }
    Ok(trim(format!("{sum:.FRACTION_DIGITS$}")))
}

/// Reads a plain decimal number in units of 10^-17; `None` when it has an exponent, too many digits, or is none at all.
fn parse_decimal(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    let is_empty = whole.is_empty() && fraction.is_empty();
    if is_empty || whole.len() > WHOLE_DIGITS || fraction.len() > FRACTION_DIGITS {
        return None;
    }
    let zeros = std::iter::repeat_n(&b'0', FRACTION_DIGITS - fraction.len());
    let mut value = 0_i128;
    for digit in whole.iter().chain(fraction).chain(zeros) {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i128::from(digit);
    }
    Some(if negative { -value } else { value })
}

fn print_decimal(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.abs() / SCALE, value.abs() % SCALE);
    trim(format!("{sign}{whole}.{fraction:0FRACTION_DIGITS$}"))
}

/// Cuts the zeros behind the last digit of a fraction, and the point when nothing is left behind it.
fn trim(mut text: String) -> String {
    let kept = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(kept);
    if text.is_empty() || text == "-" || text == "-0" { "0".to_owned() } else { text }
}
