//! A table of patterns, and the bound on their work.

use crate::command::matches;

#[test]
fn patterns() {
    for (pattern, text, fits) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "anything", true),
        ("**", "anything", true),
        ("**", "", false),
        ("a**", "a", true),
        ("a", "a", true),
        ("a", "A", false),
        ("a", "ab", false),
        ("ab", "a", false),
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("?", "", false),
        ("h*llo", "hllo", true),
        ("h*llo", "heeeello", true),
        ("h*llo", "heeeell", false),
        ("*a", "ba", true),
        ("*a", "", false),
        ("a*", "a", true),
        ("a*b*c", "a1b2c", true),
        ("a*b*c", "a1c2b", false),
        ("*ab*ab*", "xabyab", true),
        ("*aab", "aaab", true),
        ("h[ae]llo", "hello", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[a-c]llo", "hbllo", true),
        ("h[c-a]llo", "hbllo", true),
        ("h[a-c]llo", "hdllo", false),
        ("[a\\]b]", "]", true),
        ("[a\\]b]", "b", true),
        ("[\\^a]", "^", true),
        ("[a-]", "-", false),
        ("[abc", "b", true),
        ("[abc", "d", false),
        ("[", "[", false),
        ("[]", "]", false),
        ("[^]", "x", true),
        ("*[0-9]", "key7", true),
        ("*[0-9]", "key", false),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("\\?x", "?x", true),
        ("a\\", "a\\", true),
        ("a\\bc", "abc", true),
        ("*\\*", "ab*", true),
    ] {
        assert_eq!(
            matches(pattern.as_bytes(), text.as_bytes()),
            fits,
            "pattern {pattern}, text {text}"
        );
    }
}

#[test]
fn many_stars_take_no_exponential_time() {
    let pattern = b"*a".repeat(200);
    let mut text = b"a".repeat(5_000);
    text.push(b'b');
    assert!(!matches(&pattern, &text));
}
