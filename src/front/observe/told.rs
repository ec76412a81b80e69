//! Owns how the words of a command are told to others: shortened, and without what is secret.

use std::borrow::Cow;

use hyperion_engine::command::CommandSpec;

const HIDDEN: &[u8] = b"(redacted)";
/// Words of a slow command that are kept, and bytes of each, as in Redis.
const SLOW_WORDS_MAX: usize = 32;
const SLOW_WORD_BYTES_MAX: usize = 128;

/// The words, secrets hidden: passwords, and hashes of them.
pub(crate) fn told<'a>(spec: &CommandSpec, words: &[&'a [u8]]) -> Vec<Cow<'a, [u8]>> {
    let is = |at: usize, name: &str| {
        words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut hidden = vec![false; words.len()];
    let mut hide = |from: usize, end: usize| {
        hidden.iter_mut().take(end).skip(from).for_each(|it| *it = true);
    };
    match spec.name {
        "auth" => hide(1, words.len()),
        "hello" => {
            for at in 2..words.len() {
                if is(at, "auth") {
                    hide(at + 1, at + 3);
                }
            }
        }
        "acl" if is(1, "setuser") => hide(2, words.len()),
        "config" if is(1, "set") => {
            for at in (2..words.len()).step_by(2) {
                let secrets = ["requirepass", "masterauth", "masteruser", "tls-key-file-pass"];
                if secrets.iter().any(|secret| is(at, secret)) {
                    hide(at + 1, at + 2);
                }
            }
        }
        "migrate" => {
            for at in 5..words.len() {
                if is(at, "auth") {
                    hide(at + 1, at + 2);
                } else if is(at, "auth2") {
                    hide(at + 1, at + 3);
                }
            }
        }
        _ => {}
    }
    let tell = |(word, is_hidden): (&&'a [u8], bool)| {
        Cow::Borrowed(if is_hidden { HIDDEN } else { *word })
    };
    words.iter().zip(hidden).map(tell).collect()
}

/// The words as the list of slow commands keeps them.
pub(crate) fn shortened(words: &[Cow<'_, [u8]>]) -> Vec<Vec<u8>> {
    let kept = if words.len() > SLOW_WORDS_MAX { SLOW_WORDS_MAX - 1 } else { words.len() };
    let mut short: Vec<Vec<u8>> =
        words[..kept].iter().map(|word| cut(word, SLOW_WORD_BYTES_MAX)).collect();
    if kept < words.len() {
        short.push(format!("... ({} more arguments)", words.len() - kept).into_bytes());
    }
    short
}

/// A word, or its beginning and how much is left out.
pub(crate) fn cut(word: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut kept = word[..word.len().min(bytes_max)].to_vec();
    if kept.len() < word.len() {
        let left = word.len() - kept.len();
        kept.extend_from_slice(format!("... ({left} more bytes)").as_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_engine::command::find;

    fn line(text: &str) -> String {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        let told = told(find(words[0]).expect("a command"), &words);
        let told: Vec<_> = told.iter().map(|word| String::from_utf8_lossy(word)).collect();
        told.join(" ")
    }

    #[test]
    fn what_is_secret_is_hidden() {
        for (text, expected) in [
            ("AUTH x", "AUTH (redacted)"),
            ("auth bob x", "auth (redacted) (redacted)"),
            ("HELLO 3 AUTH bob x SETNAME n", "HELLO 3 AUTH (redacted) (redacted) SETNAME n"),
            ("HELLO 3 SETNAME auth", "HELLO 3 SETNAME auth"),
            ("ACL SETUSER bob >x", "ACL SETUSER (redacted) (redacted)"),
            ("ACL GETUSER bob", "ACL GETUSER bob"),
            ("CONFIG SET timeout 1 requirepass x", "CONFIG SET timeout 1 requirepass (redacted)"),
            ("CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("SET auth x", "SET auth x"),
        ] {
            assert_eq!(line(text), expected);
        }
    }

    #[test]
    fn long_words_and_lines_are_shortened_as_in_redis() {
        let long = vec![b'a'; 130];
        let words: Vec<Cow<'_, [u8]>> =
            [&b"SET"[..], b"k", &long].into_iter().map(Cow::Borrowed).collect();
        let short = shortened(&words);
        assert_eq!(short[2], [&[b'a'; 128][..], b"... (2 more bytes)"].concat());
        let words: Vec<Cow<'_, [u8]>> = (0..32).map(|_| Cow::Borrowed(&b"x"[..])).collect();
        assert_eq!(shortened(&words).len(), 32);
        let words: Vec<Cow<'_, [u8]>> = (0..40).map(|_| Cow::Borrowed(&b"x"[..])).collect();
        let short = shortened(&words);
        assert_eq!((short.len(), short[31].as_slice()), (32, &b"... (9 more arguments)"[..]));
    }
}
