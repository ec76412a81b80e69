//! Integers as the protocol writes them: one canonical text for each, in and out.

/// Longest text of an `i64`: a sign and nineteen digits.
pub const I64_TEXT_BYTES_MAX: usize = 20;
/// Most digits that cannot overflow a `u64` while they are summed up.
const DIGITS_MAX: usize = 19;

/// Reads an integer in its one canonical form.
///
/// `None` for the empty text, a plus sign, leading zeros, `-0`, spaces, anything that is not a
/// digit, and values outside `i64`.
#[inline]
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'0'] => Some(0),
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(parse_digits(digits)?),
        digits => i64::try_from(parse_digits(digits)?).ok(),
    }
}

/// Reads digits that start with 1 to 9, at most nineteen of them.
#[inline]
fn parse_digits(text: &[u8]) -> Option<u64> {
    if !matches!(text.first(), Some(b'1'..=b'9')) || text.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// The decimal text of an integer on the stack.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    bytes: [u8; I64_TEXT_BYTES_MAX],
    start: u8,
}

impl Decimal {
    /// Formats a signed integer.
    #[inline]
    #[must_use]
    pub fn signed(value: i64) -> Self {
        let mut decimal = Self::unsigned(value.unsigned_abs());
        if value < 0 {
            // The text of a negative `i64` is at most nineteen digits, so a place is left.
            decimal.start = decimal.start.saturating_sub(1);
            if let Some(place) = decimal.bytes.get_mut(usize::from(decimal.start)) {
                *place = b'-';
            }
        }
        decimal
    }

    /// Formats an unsigned integer; `u64::MAX` has twenty digits and fits.
    #[inline]
    #[must_use]
    pub fn unsigned(value: u64) -> Self {
        let mut decimal = Self { bytes: [b'0'; I64_TEXT_BYTES_MAX], start: 20 };
        let mut rest = value;
        // Two digits a step: the divisions wait for one another and are what this costs.
        for pair in decimal.bytes.as_chunks_mut::<2>().0.iter_mut().rev() {
            let digits = (rest % 100) as u8;
            *pair = [b'0' + digits / 10, b'0' + digits % 10];
            decimal.start -= 2;
            rest /= 100;
            if rest == 0 {
                decimal.start += u8::from(digits < 10);
                break;
            }
        }
        decimal
    }

    /// The text, without a sign when not negative.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    if let Ok(digit @ 0..=9) = u8::try_from(value) {
        out.push(b'0' + digit);
    } else {
        out.extend_from_slice(Decimal::signed(value).as_bytes());
    }
}
