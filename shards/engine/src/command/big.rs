//! Owns whole numbers of any length, as far as reading and printing other numbers needs them.

use std::cmp::Ordering;

const WORD_BITS: u32 = u64::BITS;
/// The largest powers that fit a word.
const TENS: u64 = 10_u64.pow(19);
const TENS_DIGITS: usize = 19;
const FIVES: u64 = 5_u64.pow(FIVES_POWER);
const FIVES_POWER: u32 = 27;
/// Bits of a quotient: what is kept of a number, the one that rounds it, and some more.
const QUOTIENT_BITS: u32 = 68;

/// A whole number; the lowest word comes first, the last one is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big(Vec<u64>);

impl Big {
    /// The number of decimal digits, each `0..=9`.
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut value = Self(Vec::new());
        for part in digits.chunks(TENS_DIGITS) {
            let (mut scale, mut word) = (1, 0);
            for &digit in part {
                scale *= 10;
                word = word * 10 + u64::from(digit);
            }
            value.multiply_word(scale, word);
        }
        value
    }

    pub(super) fn power_of_five(power: u32) -> Self {
        let mut value = Self(vec![1]);
        for _ in 0..power / FIVES_POWER {
            value.multiply_word(FIVES, 0);
        }
        value.multiply_word(5_u64.pow(power % FIVES_POWER), 0);
        value
    }

    /// `word` times 2 to the power of `bits`.
    pub(super) fn shifted(word: u64, bits: u32) -> Self {
        let mut value = Self(vec![word]);
        value.shift_left(bits);
        value
    }

    /// Times `factor`, and `add` more.
    fn multiply_word(&mut self, factor: u64, add: u64) {
        let mut carry = add;
        for word in &mut self.0 {
            (*word, carry) = word.carrying_mul_add(factor, carry, 0);
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    pub(super) fn multiply(&mut self, factor: &Self) {
        let mut product = vec![0_u64; self.0.len() + factor.0.len()];
        for (at, &left) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (place, &right) in product[at..].iter_mut().zip(&factor.0) {
                (*place, carry) = left.carrying_mul_add(right, *place, carry);
            }
            product[at + factor.0.len()] = carry;
        }
        self.0 = product;
        self.trim();
    }

    fn shift_left(&mut self, bits: u32) {
        let (words, bits) = ((bits / WORD_BITS) as usize, bits % WORD_BITS);
        if bits > 0 {
            let mut carry = 0;
            for word in &mut self.0 {
                (*word, carry) = (*word << bits | carry, *word >> (WORD_BITS - bits));
            }
            self.0.push(carry);
            self.trim();
        }
        self.0.splice(..0, std::iter::repeat_n(0, words));
    }

    fn trim(&mut self) {
        while self.0.pop_if(|word| *word == 0).is_some() {}
    }

    fn bits(&self) -> i32 {
        let words = i32::try_from(self.0.len()).expect("numbers here have some thousand bits");
        let zeros = self.0.last().map_or(0, |word| word.leading_zeros());
        words * WORD_BITS.cast_signed() - zeros.cast_signed()
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away `other`, which is not larger.
    fn subtract(&mut self, other: &Self) {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        let mut borrow = false;
        for (word, other) in self.0.iter_mut().zip(others) {
            (*word, borrow) = word.borrowing_sub(other, borrow);
        }
        self.trim();
    }

    /// The first two words as one, at least 65 bits unless that is all, whether one behind them is not zero, and the bits that
    /// were cut.
    pub(super) fn top(&self) -> (u128, bool, i32) {
        let (rest, top) = self.0.split_at(self.0.len().saturating_sub(2));
        let value = top.iter().rev().fold(0, |value, &word| value << WORD_BITS | u128::from(word));
        let shift = i32::try_from(rest.len()).expect("numbers here have some hundred words");
        (value, rest.iter().any(|&word| word > 0), shift * WORD_BITS.cast_signed())
    }

    /// The first 68 or 69 bits of the quotient, whether there is a rest, and the power of two that the last bit stands for.
    pub(super) fn divide(mut self, divisor: &Self) -> (u128, bool, i32) {
        let mut divisor = divisor.clone();
        // Side by side, both have the same first bit.
        let apart = self.bits() - divisor.bits();
        if apart >= 0 {
            divisor.shift_left(apart.unsigned_abs());
        } else {
            self.shift_left(apart.unsigned_abs());
        }
        let mut quotient = 0_u128;
        for _ in 0..=QUOTIENT_BITS {
            let fits = self.compare(&divisor) != Ordering::Less;
            quotient = quotient << 1 | u128::from(fits);
            if fits {
                self.subtract(&divisor);
            }
            self.shift_left(1);
        }
        (quotient, !self.0.is_empty(), apart - QUOTIENT_BITS.cast_signed())
    }

    /// Prints the number.
    pub(super) fn into_text(mut self) -> String {
        let mut parts = Vec::new();
        while !self.0.is_empty() {
            let mut rest = 0;
            for word in self.0.iter_mut().rev() {
                let value = u128::from(rest) << WORD_BITS | u128::from(*word);
                let within = "the rest is below the divisor, so the quotient fits a word";
                *word = u64::try_from(value / u128::from(TENS)).expect(within);
                rest = u64::try_from(value % u128::from(TENS)).expect(within);
            }
            self.trim();
            parts.push(rest);
        }
        let mut parts = parts.into_iter().rev();
        let first = parts.next().map_or_else(|| "0".to_owned(), |part| part.to_string());
        parts.fold(first, |text, part| text + &format!("{part:0TENS_DIGITS$}"))
    }
}
