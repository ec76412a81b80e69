//! Owns numbers of 64 significant bits, the `long double` of x86: their rounding, their sum, and how they are printed.

use super::big::Big;

/// Digits behind the point that are printed.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10_u128.pow(17);
/// The power of two of the largest number's first bit.
const FIRST_BIT_POWER_MAX: i32 = 16_383;
/// A number whose first bit stands for less is nearer to zero than to anything else.
const FIRST_BIT_POWER_MIN: i32 = -16_446;

/// `significand` times 2 to the power of `power`. The significand's first bit is set, or the number is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extended {
    is_negative: bool,
    significand: u64,
    power: i32,
}

impl Extended {
    pub(super) const ZERO: Self = Self { is_negative: false, significand: 0, power: 0 };

    /// `value` times 2 to the power of `power`, rounded to the nearest number, to the even one of two. `is_inexact` says that
    /// the true value is larger by less than one; then `value` has at least 65 bits. `None` when the number is too large, or so small that it would be zero.
    pub(super) fn round(value: u128, is_inexact: bool, power: i32) -> Option<Self> {
        if value == 0 {
            return Some(Self::ZERO);
        }
        let zeros = value.leading_zeros();
        let (value, mut power) = (value << zeros, power - zeros.cast_signed() + 64);
        let mut significand = high(value);
        let rest = low(value);
        let half = 1 << 63;
        let is_tie = rest == half && !is_inexact;
        if (is_tie && significand & 1 == 1) || (rest >= half && !is_tie) {
            match significand.checked_add(1) {
                Some(next) => significand = next,
                None => (significand, power) = (half, power + 1),
            }
        }
        let first_bit_power = power + 63;
        let is_in_reach = (FIRST_BIT_POWER_MIN..=FIRST_BIT_POWER_MAX).contains(&first_bit_power);
        is_in_reach.then_some(Self { is_negative: false, significand, power })
    }

    pub(super) fn negated(self) -> Self {
        Self { is_negative: !self.is_negative, ..self }
    }

    /// The sum, rounded; `None` when it is too large.
    pub(super) fn add(self, other: Self) -> Option<Self> {
        if self.significand == 0 || other.significand == 0 {
            return Some(if self.significand == 0 { other } else { self });
        }
        let is_larger = (self.power, self.significand) >= (other.power, other.significand);
        let (large, small) = if is_larger { (self, other) } else { (other, self) };
        // One bit is left above for a carry, 63 below. What falls off behind them is kept as the last bit: when bits fall off,
        // the sum has at least 62 bits behind those that are kept, so that this one only breaks ties.
        let far = large.power.abs_diff(small.power);
        let (high, low) =
            (u128::from(large.significand) << 63, u128::from(small.significand) << 63);
        let moved = low.checked_shr(far).unwrap_or(0);
        let is_cut = moved.checked_shl(far).unwrap_or(0) != low;
        let low = moved | u128::from(is_cut);
        let sum = if large.is_negative == small.is_negative { high + low } else { high - low };
        let magnitude = match Self::round(sum, false, large.power - 63) {
            // Two numbers that all but cancel each other leave nothing that is printed.
            None if sum < high => Self::ZERO,
            rounded => rounded?,
        };
        Some(if large.is_negative { magnitude.negated() } else { magnitude })
    }

    /// The number with at most 17 digits behind the point, rounded to the even one of two, and no zeros at its end.
    pub(super) fn to_text(self) -> String {
        let whole = u128::from(self.significand);
        let digits = match self.power {
            0..64 => format!("{}", whole << self.power),
            64.. => Big::shifted(self.significand, self.power.unsigned_abs()).into_text(),
            _ => fraction_text(round_shift(whole * FRACTION_SCALE, self.power.unsigned_abs())),
        };
        if self.is_negative && digits != "0" { format!("-{digits}") } else { digits }
    }
}

/// `value` divided by 2 to the power of `shift`, rounded to the nearest, to the even one of two.
fn round_shift(value: u128, shift: u32) -> u128 {
    let Some(kept) = value.checked_shr(shift) else { return 0 };
    let rest = value & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

/// Prints a number of units of 10^-17.
fn fraction_text(units: u128) -> String {
    let (whole, fraction) = (units / FRACTION_SCALE, units % FRACTION_SCALE);
    let text = format!("{whole}.{fraction:0FRACTION_DIGITS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn high(value: u128) -> u64 {
    (value >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn low(value: u128) -> u64 {
    value as u64
}
