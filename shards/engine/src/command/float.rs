//! Owns the sum of two decimal numbers as text, the same to the last digit as Redis gives it.
//!
//! Redis adds in the 80 bits of x86's `long double`, where 0.1 + 0.2 is still 0.3 with 17 digits behind the point. Here the
//! same numbers are kept in whole ones.

use super::big::Big;
use super::error::CommandError;
use super::extended::Extended;

/// Longest text that is read as a number.
const TEXT_BYTES_MAX: usize = 5_119;
/// Every number whose first digit stands for 10 to this power or more is too large, and one whose first digit stands for less
/// than its negative too small.
const FIRST_DIGIT_POWER_MAX: i64 = 5_000;
/// Digits of a number that fits 64 bits.
const SHORT_DIGITS: usize = 19;
/// The largest power of five that fits 64 bits.
const SHORT_POWER_MAX: u32 = 27;

/// Adds two numbers given as text.
///
/// # Errors
/// When one is no number, or the sum is not finite.
pub(super) fn add(left: &[u8], right: &[u8]) -> Result<String, CommandError> {
    let parse = |text| parse(text).ok_or(CommandError::NotFloat);
    let (left, right) = (parse(left)?, parse(right)?);
    let sum = match (left, right) {
        (Number::Finite(left), Number::Finite(right)) => left.add(right),
        _ => None,
    };
    Ok(sum.ok_or(CommandError::NotFinite)?.to_text())
}

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Finite(Extended),
    Infinite,
}

/// Reads a number as C's `strtold` does; `None` when it is none, too large or too small.
pub(super) fn parse(text: &[u8]) -> Option<Number> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
        return Some(Number::Infinite);
    }
    let finite = |magnitude: Extended| {
        Number::Finite(if is_negative { magnitude.negated() } else { magnitude })
    };
    if let [b'0', b'x' | b'X', digits @ ..] = text {
        return hexadecimal(digits).map(finite);
    }
    let Decimal { digits, power } = Decimal::parse(text)?;
    let magnitude = match first_digit_power(&digits, power) {
        None => Extended::ZERO,
        Some(first) if first.abs() > FIRST_DIGIT_POWER_MAX => return None,
        Some(_) => {
            let power = i32::try_from(power).ok()?;
            let scale = power.unsigned_abs();
            if digits.len() <= SHORT_DIGITS && scale <= SHORT_POWER_MAX {
                short(&digits, power)?
            } else {
                long(&digits, power)?
            }
        }
    };
    Some(finite(magnitude))
}

/// Reads what stands behind `0x`: digits, a point among them, and behind a `p` a power of two.
fn hexadecimal(text: &[u8]) -> Option<Extended> {
    let mark = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (mantissa, mut power) = match mark {
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut value, mut is_inexact, mut is_behind, mut has_digit) = (0_u128, false, false, false);
    for &byte in mantissa {
        if byte == b'.' && !is_behind {
            is_behind = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        has_digit = true;
        if value >> 124 == 0 {
            value = value << 4 | u128::from(digit);
            power -= if is_behind { 4 } else { 0 };
        } else {
            // Too far behind to count, but for the rounding.
            is_inexact |= digit > 0;
            power += if is_behind { 0 } else { 4 };
        }
    }
    let power = i32::try_from(power).ok()?;
    if has_digit { Extended::round(value, is_inexact, power) } else { None }
}

/// Digits, `0..=9`, without zeros before and behind, times 10 to the power of `power`.
struct Decimal {
    digits: Vec<u8>,
    power: i64,
}

impl Decimal {
    fn parse(text: &[u8]) -> Option<Self> {
        let mark = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) = match mark {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (mut digits, mut behind_point, mut is_behind) = (Vec::new(), 0, false);
        for &byte in mantissa {
            match byte {
                b'.' if !is_behind => is_behind = true,
                b'0'..=b'9' => {
                    digits.push(byte - b'0');
                    behind_point += i64::from(is_behind);
                }
                _ => return None,
            }
        }
        let written = digits.len();
        if written == 0 {
            return None;
        }
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        digits.drain(..zeros);
        while digits.pop_if(|digit| *digit == 0).is_some() {
            behind_point -= 1;
        }
        Some(Self { digits, power: exponent - behind_point })
    }
}

/// Reads the digits behind the `e`; far out of reach they say no more than that.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append = |value: i64, digit: &u8| (value * 10 + i64::from(digit - b'0')).min(1_000_000_000);
    Some(sign * digits.iter().fold(0, append))
}

/// The power of ten that the first digit stands for; `None` for zero.
fn first_digit_power(digits: &[u8], power: i64) -> Option<i64> {
    let behind_first = i64::try_from(digits.len().checked_sub(1)?).ok()?;
    Some(power + behind_first)
}

/// A number whose digits and whose power of five fit 64 bits each, as most do.
pub(super) fn short(digits: &[u8], power: i32) -> Option<Extended> {
    let value = digits.iter().fold(0, |value, &digit| value * 10 + u128::from(digit));
    let fives = 5_u128.pow(power.unsigned_abs());
    if power >= 0 {
        return Extended::round(value * fives, false, power);
    }
    // Moved up as far as it goes, the value gives a quotient of at least 64 bits.
    let zeros = value.leading_zeros();
    let value = value << zeros;
    Extended::round(value / fives, value % fives > 0, power - zeros.cast_signed())
}

/// Any other number.
pub(super) fn long(digits: &[u8], power: i32) -> Option<Extended> {
    let mut value = Big::from_digits(digits);
    let fives = Big::power_of_five(power.unsigned_abs());
    if power >= 0 {
        value.multiply(&fives);
        let (top, is_inexact, shift) = value.top();
        return Extended::round(top, is_inexact, power + shift);
    }
    let (quotient, is_inexact, shift) = value.divide(&fives);
    Extended::round(quotient, is_inexact, power + shift)
}
