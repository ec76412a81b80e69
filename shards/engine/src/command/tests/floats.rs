//! Tables of sums of decimal numbers.

use crate::command::CommandError;
use crate::command::float::add;

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
        ("99999999999999999999", "0.00000000000000001", "99999999999999999999.00000000000000001"),
        ("5.0e3", "2.0e2", "5200"),
        ("1e-5", "0", "0.00001"),
        ("1e20", "1", "100000000000000000000"),
        ("0.000000000000000001", "0", "0"),
        ("-0.000000000000000001", "0", "0"),
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
        ("1", "-", CommandError::NotFloat),
        ("1", "--1", CommandError::NotFloat),
        ("1", "1.1.1", CommandError::NotFloat),
        ("1", "1a", CommandError::NotFloat),
        ("nan", "1", CommandError::NotFloat),
        ("1", "inf", CommandError::NotFinite),
        ("inf", "-inf", CommandError::NotFinite),
        ("1.7e308", "1.7e308", CommandError::NotFinite),
    ] {
        assert_eq!(add(left.as_bytes(), right.as_bytes()), Err(error), "{left} + {right}");
    }
}
