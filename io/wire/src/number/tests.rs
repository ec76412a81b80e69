//! Canonical forms, ends of the ranges, and round trips.

use proptest::prelude::*;

use super::{Decimal, parse_i64, write_f64, write_i64};

#[test]
fn integers_have_one_text() {
    for (text, expected) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("10", Some(10)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("9999999999999999999", None),
        ("18446744073709551616", None),
        ("99999999999999999999", None),
        ("", None),
        ("-", None),
        ("+", None),
        ("+1", None),
        ("-0", None),
        ("00", None),
        ("01", None),
        ("-01", None),
        (" 1", None),
        ("1 ", None),
        ("1a", None),
        ("/", None),
        (":", None),
        ("0x1", None),
        ("1.0", None),
        ("1e3", None),
        ("inf", None),
        ("+inf", None),
        ("--1", None),
    ] {
        assert_eq!(parse_i64(text.as_bytes()), expected, "text {text:?}");
    }
}

#[test]
fn doubles_have_the_fewest_digits() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (3.0, "3"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (-0.1, "-0.1"),
        (1.5, "1.5"),
        (123.456, "123.456"),
        (0.0001, "0.0001"),
        (0.00012345, "0.00012345"),
        (0.00001, "1e-05"),
        (1.25e-7, "1.25e-07"),
        (1e16, "10000000000000000"),
        (1e17, "1e+17"),
        (1.5e100, "1.5e+100"),
        (9_007_199_254_740_993.0, "9007199254740992"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (-5e-324, "-5e-324"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
    ] {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        assert_eq!(String::from_utf8_lossy(&out), expected, "value {value:e}");
    }
}

#[test]
fn unsigned_reaches_its_maximum() {
    for value in [0, 9, 10, 99, 100, 101, u64::MAX] {
        assert_eq!(Decimal::unsigned(value).as_bytes(), value.to_string().as_bytes());
    }
}

proptest! {
    #[test]
    fn integers_come_back(value: i64, shift in 0_u32..64) {
        let value = value >> shift;
        let mut out = Vec::new();
        write_i64(&mut out, value);
        prop_assert_eq!(String::from_utf8_lossy(&out), value.to_string());
        prop_assert_eq!(parse_i64(&out), Some(value));
    }

    #[test]
    fn doubles_come_back(bits: u64) {
        let value = f64::from_bits(bits);
        let mut out = Vec::new();
        write_f64(&mut out, value);
        let back: f64 = std::str::from_utf8(&out).unwrap().parse().unwrap();
        prop_assert!(back == value || (back.is_nan() && value.is_nan()), "{:?}", out);
    }

    #[test]
    fn only_canonical_text_is_read(text in "[-+ ]?[0-9]{0,21}") {
        if let Some(value) = parse_i64(text.as_bytes()) {
            prop_assert_eq!(value.to_string(), text);
        }
    }
}
