//! Owns integers of any width in bytes, the highest bit first, and sums that do not fit them.

use std::cmp::Ordering;

/// Bits of an integer, and whether the first is a sign: i1 to i64, u1 to u63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntegerType {
    pub(super) is_signed: bool,
    pub(super) bits: u32,
}

/// What is done with a number that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its low bits stay.
    Wrap,
    /// It becomes the nearest that fits.
    Saturate,
    /// It is not written.
    Fail,
}

impl IntegerType {
    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The number that low bits stand for.
    fn of_bits(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.is_signed {
            (bits << unused).cast_signed() >> unused
        } else {
            (bits & self.mask()).cast_signed()
        }
    }

    /// Reads the integer at bit `offset`. What lies behind the end of `bytes` is zeros.
    pub(super) fn read(self, bytes: &[u8], offset: usize) -> i64 {
        let first = offset >> 3;
        let mut window = [0; 16];
        let taken = bytes.get(first..).unwrap_or_default();
        let taken = &taken[..taken.len().min(9)];
        window[..taken.len()].copy_from_slice(taken);
        let shifted = u128::from_be_bytes(window) << (offset & 7) >> (128 - self.bits);
        self.of_bits(u64::try_from(shifted).expect("it has no more than 64 bits"))
    }

    /// Writes the low bits of a number at bit `offset`, where `bytes` has room for them.
    pub(super) fn write(self, bytes: &mut [u8], offset: usize, number: i64) {
        let (first, end) = (offset >> 3, (offset + self.bits as usize).div_ceil(8));
        let place = 128 - (offset & 7) - self.bits as usize;
        let mut window = [0; 16];
        window[..end - first].copy_from_slice(&bytes[first..end]);
        let mask = u128::from(self.mask()) << place;
        let number = u128::from(number.cast_unsigned() & self.mask()) << place;
        let changed = u128::from_be_bytes(window) & !mask | number;
        bytes[first..end].copy_from_slice(&changed.to_be_bytes()[..end - first]);
    }

    /// A number to be set, as it fits. One for an unsigned integer is taken as unsigned, so that a negative one is very large.
    pub(super) fn fit(self, number: i64, overflow: Overflow) -> Option<i64> {
        let most = (self.mask() >> 1).cast_signed();
        let is_far_below = self.is_signed && self.bits < 64 && most.checked_sub(number).is_none();
        if is_far_below && overflow == Overflow::Saturate {
            // Redis takes what is further below than 64 bits tell for something above.
            return Some(most);
        }
        let number =
            if self.is_signed { number.into() } else { i128::from(number.cast_unsigned()) };
        self.fit_wide(number, overflow)
    }

    /// The sum of a number of this type and another, as it fits.
    pub(super) fn add(self, number: i64, amount: i64, overflow: Overflow) -> Option<i64> {
        self.fit_wide(i128::from(number) + i128::from(amount), overflow)
    }

    fn fit_wide(self, number: i128, overflow: Overflow) -> Option<i64> {
        let most = if self.is_signed { self.mask() >> 1 } else { self.mask() };
        let most = i128::from(most);
        let least = if self.is_signed { -most - 1 } else { 0 };
        let beyond = match (number.cmp(&least), number.cmp(&most)) {
            (Ordering::Less, _) => least,
            (_, Ordering::Greater) => most,
            _ => return i64::try_from(number).ok(),
        };
        match overflow {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
            Overflow::Wrap => Some(self.of_bits(number as u64)),
            Overflow::Saturate => i64::try_from(beyond).ok(),
            Overflow::Fail => None,
        }
    }
}
