//! Tables of sums of decimal numbers, as a C program with `long double` on x86 prints them.

use crate::command::CommandError;
use crate::command::float::{add, long, short};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn sums() {
    for (left, right, sum) in [
        ("0", "0", "0"),
        ("0.1", "0.2", "0.3"),
        ("1", "-1.1", "-0.1"),
        ("0.5", "-0.5", "0"),
        ("-0", "0", "0"),
        ("+1", "1", "2"),
        ("1.", ".5", "1.5"),
        ("100", "0", "100"),
        ("1.10", "1.90", "3"),
        ("0.00000000000000001", "0", "0.00000000000000001"),
        ("99999999999999999999", "0.00000000000000001", "100000000000000000000"),
        ("5.0e3", "2.0e2", "5200"),
        ("1e-5", "0", "0.00001"),
        ("1e20", "1", "100000000000000000000"),
        ("0.000000000000000001", "0", "0"),
        ("-0.000000000000000001", "0", "0"),
        ("3.0e-3", "2.25", "2.253"),
        ("1000.1", "0", "1000.09999999999999998"),
        ("123456789.123", "0.1", "123456789.22299999999813735"),
        ("0.5e-17", "0", "0"),
        ("1.5e-17", "0", "0.00000000000000002"),
        ("1e19", "0.5", "10000000000000000000"),
        ("1e19", "1.5", "10000000000000000002"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("18446744073709551617", "0", "18446744073709551616"),
        ("9007199254740993", "0.1", "9007199254740993.099609375"),
        ("1e22", "1e-22", "10000000000000000000000"),
        ("-1", "1e-20", "-1"),
        ("1e30", "1", "1000000000000000000024696061952"),
        ("1e400", "-1e400", "0"),
        ("0.1", "1e25", "10000000000000000000000000"),
        ("123456789012345678901234567890e-25", "0", "12345.6789012345678902"),
        ("1e-4932", "1", "1"),
        ("3.6e-4951", "0", "0"),
        ("0e99999999", "1", "1"),
        ("0x10", "1", "17"),
        ("-0X1.8", "0", "-1.5"),
        ("0x1p-2", "0x.8P0", "0.75"),
        ("0x10000000000000001", "0", "18446744073709551616"),
        ("0x10000000000000003", "0", "18446744073709551620"),
        ("0x100000000000000000000000000000000", "0", "340282366920938463463374607431768211456"),
        ("1.189731495357231765e4932", "-1.189731495357231765e4932", "0"),
    ] {
        let text = add(left.as_bytes(), right.as_bytes()).unwrap();
        assert_eq!(text, sum, "{left} + {right}");
    }
}

#[test]
fn what_is_no_number() {
    for (left, right, error) in [
        ("", "1", CommandError::NotFloat),
        ("1", ".", CommandError::NotFloat),
        ("1", "0x", CommandError::NotFloat),
        ("1", "0x.", CommandError::NotFloat),
        ("1", "0x1p", CommandError::NotFloat),
        ("1", "0x1g", CommandError::NotFloat),
        ("1", "0x1p16384", CommandError::NotFloat),
        ("1", "-", CommandError::NotFloat),
        ("1", "--1", CommandError::NotFloat),
        ("1", "1.1.1", CommandError::NotFloat),
        ("1", "1a", CommandError::NotFloat),
        ("1", "1e", CommandError::NotFloat),
        ("1", "1e+", CommandError::NotFloat),
        ("1", ".e1", CommandError::NotFloat),
        ("1", "1 ", CommandError::NotFloat),
        ("1.19e4932", "0", CommandError::NotFloat),
        ("1.8e-4951", "0", CommandError::NotFloat),
        ("1e-99999999999999999999", "0", CommandError::NotFloat),
        ("-infinity", "1", CommandError::NotFinite),
        ("nan", "1", CommandError::NotFloat),
        ("1", "inf", CommandError::NotFinite),
        ("inf", "-inf", CommandError::NotFinite),
        ("1.18e4932", "1.18e4932", CommandError::NotFinite),
    ] {
        assert_eq!(add(left.as_bytes(), right.as_bytes()), Err(error), "{left} + {right}");
    }
}

#[test]
fn large_numbers_are_printed_in_full() {
    let text = add(b"1e308", b"0").unwrap();
    assert!(text.starts_with("99999999999999999996685879655845645660560099847415567"), "{text}");
    assert_eq!(text.len(), 308);
    // 2 to the power of 16383, to the last digit.
    let mut power = vec![1_u8];
    for _ in 0..16_383 {
        let mut carry = 0;
        for digit in &mut power {
            (*digit, carry) = ((*digit * 2 + carry) % 10, (*digit * 2 + carry) / 10);
        }
        power.extend((carry > 0).then_some(carry));
    }
    let power: String = power.iter().rev().map(|digit| char::from(digit + b'0')).collect();
    assert_eq!(add(power.as_bytes(), b"0"), Ok(power.clone()));
    assert_eq!(add(power.as_bytes(), power.as_bytes()), Err(CommandError::NotFinite));
    assert_eq!(add(&b"1".repeat(5_120), b"0"), Err(CommandError::NotFloat), "too long to be read");
}

proptest! {
    /// Whole numbers and quarters need fewer than 64 bits: their sums are exact.
    #[test]
    fn short_sums_are_exact(left in -(1_i64 << 50)..1 << 50, right in -(1_i64 << 50)..1 << 50) {
        let text = |quarters: i64| {
            let sign = if quarters < 0 { "-" } else { "" };
            let fraction = ["", ".25", ".5", ".75"][(quarters.unsigned_abs() % 4) as usize];
            format!("{sign}{}{fraction}", quarters.unsigned_abs() / 4)
        };
        prop_assert_eq!(add(text(left).as_bytes(), text(right).as_bytes()), Ok(text(left + right)));
    }

    /// Short numbers are read in another way than long ones; where both can be gone they meet.
    #[test]
    fn both_ways_of_reading_agree(
        first in 1..10_u8,
        rest in vec(0..10_u8, 0..19),
        power in -27..=27_i32,
    ) {
        // Zero is read by neither: no digit is left of it.
        let digits: Vec<u8> = std::iter::once(first).chain(rest).collect();
        prop_assert_eq!(short(&digits, power), long(&digits, power));
    }
}
