//! Tests of the small values: sizes, cores, identifiers, passwords, the canonical form.

use serde_json::json;

use crate::config::{CoreChoice, PasswordHash, Size, canonical, from_random, is_uuid};

#[test]
fn sizes_are_read_and_written_back_as_given() {
    for (json, bytes) in [
        ("1024", Some(1024)),
        ("\"1024\"", Some(1024)),
        ("\"8GiB\"", Some(8 << 30)),
        ("\"64KiB\"", Some(64 << 10)),
        ("\"1024MiB\"", Some(1 << 30)),
        ("\"2TiB\"", Some(2 << 40)),
        ("\"8GB\"", None),
        ("\"8 GiB\"", None),
        ("\"GiB\"", None),
        ("\"-1\"", None),
        ("\"\"", None),
        ("\"99999999999999999999\"", None),
        ("\"99999999999TiB\"", None),
        ("-1", None),
        ("1.5", None),
        ("true", None),
    ] {
        let size: Option<Size> = serde_json::from_str(json).ok();
        assert_eq!(size.as_ref().map(Size::bytes), bytes, "{json}");
        if let Some(size) = size {
            assert_eq!(serde_json::to_string(&size).expect("a size"), json, "{json}");
        }
    }
    for (bytes, text) in [(64 << 20, "64MiB"), (1000, "1000"), (0, "0"), (3 << 30, "3GiB")] {
        assert_eq!(Size::from_bytes(bytes).to_string(), text);
    }
}

#[test]
fn lists_of_cores_are_read() {
    for (text, expected) in [
        ("all", Some(CoreChoice::All)),
        ("0", Some(CoreChoice::Listed(vec![0]))),
        ("0-3", Some(CoreChoice::Listed(vec![0, 1, 2, 3]))),
        ("0,2", Some(CoreChoice::Listed(vec![0, 2]))),
        ("4-5,1", Some(CoreChoice::Listed(vec![4, 5, 1]))),
        ("1-0", None),
        ("0,0", None),
        ("0-2,1", None),
        ("", None),
        ("0,", None),
        ("+1", None),
        ("-1", None),
        ("0-", None),
        ("0-99999", None),
        ("0-1024", None),
        ("ALL", None),
    ] {
        assert_eq!(CoreChoice::parse(text).ok(), expected, "{text:?}");
    }
    let allowed = [0, 1, 2];
    let listed = CoreChoice::parse("0,7").expect("a list");
    assert!(listed.pick(&allowed, 64).expect_err("no core 7").contains("core 7"));
    assert_eq!(CoreChoice::All.pick(&allowed, 2), Ok(vec![0, 1]));
}

#[test]
fn identifiers_are_version_4_and_differ() {
    let (first, second) = (from_random([0xa0; 16]), from_random([0x51; 16]));
    assert_ne!(first, second);
    for text in [&first, &second] {
        assert!(is_uuid(text), "{text}");
        assert_eq!(&text[14..15], "4", "{text}");
        assert!("89ab".contains(&text[19..20]), "{text}");
    }
    for text in ["", "x", &first.to_uppercase().replace(['0', '1'], "A"), &first[1..]] {
        assert!(!is_uuid(text), "{text}");
    }
}

#[test]
fn passwords_are_hashed_and_compared() {
    // `printf secret | sha256sum`
    const TEXT: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(PasswordHash::of(b"secret").to_text(), TEXT);
    let hash = PasswordHash::parse(TEXT).expect("a hash");
    assert_eq!(hash.to_text(), TEXT);
    assert!(hash.accepts(b"secret"));
    assert!(!hash.accepts(b"Secret"));
    assert!(!hash.accepts(b""));
    for text in ["", "secret", "sha256:", &TEXT[..70], &TEXT.to_uppercase(), &format!("{TEXT}0")] {
        assert!(PasswordHash::parse(text).is_err(), "{text}");
    }
    assert!(!format!("{hash:?}").contains("2bb8"), "the hash stays out of logs");
}

#[test]
fn the_canonical_form_is_that_of_rfc_8785() {
    let value = json!({
        "b": [1, 0, 9_007_199_254_740_991_u64, true, null],
        "a": "\u{20ac}$\u{f}\nA'\u{42}\"\\/\u{7f}\u{8}",
        "": {},
        // Sorted by UTF-16: the surrogates of the emoji come before the Hebrew presentation form.
        "\u{fb33}": 1,
        "\u{1f600}": 2,
        "A": []
    });
    let expected = "{\"\":{},\"A\":[],\"a\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\/\u{7f}\\b\",\
                    \"b\":[1,0,9007199254740991,true,null],\"\u{1f600}\":2,\"\u{fb33}\":1}";
    assert_eq!(canonical(&value), expected);
}
