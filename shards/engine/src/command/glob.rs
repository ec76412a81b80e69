//! Owns the patterns of KEYS and SCAN: `*`, `?`, `[a-z]`, `[^x]` and `\` before a letter that is meant as it is.

/// Whether `text` is what `pattern` describes, byte by byte. An empty text fits `*` and an empty pattern, and no other: not
/// `**`, as in Redis.
///
/// It takes at most as many steps as the product of the lengths: on a mismatch only the last `*` takes one byte more, which
/// is enough because everything else stands for exactly one byte.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        return matches!(pattern, [] | [b'*']);
    }
    let (mut at, mut letter) = (0, 0);
    // Behind the last star: the pattern's rest, and the first byte that the star did not take.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            star = Some((at, letter));
            continue;
        }
        let Some(&byte) = text.get(letter) else { return at == pattern.len() };
        let rest = &pattern[at..];
        if !rest.is_empty()
            && let Some(length) = one(rest, byte)
        {
            at += length;
            letter += 1;
            continue;
        }
        let Some((behind, taken)) = star else { return false };
        star = Some((behind, taken + 1));
        (at, letter) = (behind, taken + 1);
    }
}

/// Whether the first element of `pattern`, which is no star, stands for `byte`; gives the element's length then.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    let (fits, length) = match pattern {
        [b'?', ..] => (true, 1),
        [b'[', class @ ..] => {
            let (fits, length) = class_of(class, byte);
            (fits, length + 1)
        }
        [b'\\', meant, ..] => (*meant == byte, 2),
        [letter, ..] => (*letter == byte, 1),
        [] => (false, 0),
    };
    fits.then_some(length)
}

/// What stands between the brackets, and how long it is with the closing one. A class that is never closed ends with the
/// pattern; a range takes whatever byte follows its dash, a closing bracket too, as Redis does.
fn class_of(class: &[u8], byte: u8) -> (bool, usize) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut fits = false;
    loop {
        match &class[at..] {
            [b'\\', meant, ..] => {
                fits |= *meant == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [] => break,
            [first, b'-', last, ..] => {
                fits |= (*first.min(last)..=*first.max(last)).contains(&byte);
                at += 3;
            }
            [letter, ..] => {
                fits |= *letter == byte;
                at += 1;
            }
        }
    }
    (fits != is_negated, at)
}
