//! Doubles as the protocol writes them.

use std::io::Write as _;

use super::{parse_i64, write_i64};

/// First decimal exponent that `%.17g` writes in scientific form.
const EXPONENT_PLAIN_END: i32 = 17;
/// Smallest decimal exponent that `%.17g` writes in plain form.
const EXPONENT_PLAIN_MIN: i32 = -4;
/// Whole doubles below this are printed as integers; all of them are exact.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends `value` with the fewest digits that read back as the same double, laid out as `%.17g`
/// does: plain from 1e-4 to below 1e17, otherwise with a signed exponent of two digits or more.
/// Infinities and not-a-number are `inf`, `-inf` and `nan`.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53 in size")]
        return write_i64(out, value as i64);
    }
    let mut text = [0_u8; 32];
    let mut space = text.as_mut_slice();
    // The longest text is a sign, seventeen digits, a point and an exponent of five bytes.
    write!(space, "{value:e}").expect("32 bytes hold any double in scientific form");
    let unused = space.len();
    let written = text.len() - unused;
    layout_scientific(out, text.get(..written).unwrap_or_default());
}

/// Turns `-1.25e-7` into the layout of `%g`.
fn layout_scientific(out: &mut Vec<u8>, text: &[u8]) {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut parts = text.splitn(2, |&byte| byte == b'e');
    let mantissa = parts.next().unwrap_or_default();
    let exponent = parts.next().and_then(parse_i64).and_then(|e| i32::try_from(e).ok());
    let exponent = exponent.unwrap_or_default();
    let mut digits = mantissa.iter().copied().filter(|&byte| byte != b'.');
    let digit_count = mantissa.iter().filter(|&&byte| byte != b'.').count();
    if negative {
        out.push(b'-');
    }
    if !(EXPONENT_PLAIN_MIN..EXPONENT_PLAIN_END).contains(&exponent) {
        out.extend_from_slice(mantissa);
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        return write_i64(out, i64::from(exponent.abs()));
    }
    let Ok(exponent) = usize::try_from(exponent) else {
        out.extend_from_slice(b"0.");
        out.extend((1..exponent.unsigned_abs()).map(|_| b'0'));
        return out.extend(digits);
    };
    let whole_digits = exponent + 1;
    out.extend((0..whole_digits).map(|_| digits.next().unwrap_or(b'0')));
    if digit_count > whole_digits {
        out.push(b'.');
        out.extend(digits);
    }
}
