//! Owns commands that wait for keys which lie apart: what of them is asked where.

use super::block::{Nothing, Wait, timeout_ms};
use super::flags::Flags;
use super::spec::{CommandSpec, More, keys_of};
use super::stream::block_ms;
use super::types::LIST;

/// Whether a command moves an element from its first key to its second, and waits for the first alone.
#[must_use]
pub fn is_move(spec: &CommandSpec) -> bool {
    matches!(spec.name, "blmove" | "brpoplpush")
}

/// Whether a command waits where it finds nothing, if its words are right.
#[must_use]
pub fn waits(spec: &CommandSpec, arguments: &[&[u8]]) -> bool {
    let is_read = matches!(spec.name, "xread" | "xreadgroup");
    spec.flags.has(Flags::BLOCKING) && (!is_read || block_ms(arguments).is_some())
}

/// Indices of the words that are keys for which a command waits.
pub fn waited_keys(spec: &CommandSpec, arguments: &[&[u8]]) -> impl Iterator<Item = usize> + use<> {
    let count = if is_move(spec) { 1 } else { usize::MAX };
    keys_of(spec, arguments).take(count)
}

/// How long a command that finds nothing waits, in ms; 0: without end. `None`: it does not wait, or its words are wrong.
#[must_use]
pub fn time_to_wait(spec: &CommandSpec, arguments: &[&[u8]]) -> Option<u64> {
    match spec.name {
        "xread" | "xreadgroup" => block_ms(arguments),
        "blmpop" | "bzmpop" => timeout_ms(arguments.get(1)?).ok(),
        "blpop" | "brpop" | "bzpopmin" | "bzpopmax" | "blmove" | "brpoplpush" => {
            timeout_ms(arguments.last()?).ok()
        }
        _ => None,
    }
}

/// The words of a command for those of its keys that are `kept`, by their index; all else is as it was.
#[must_use]
pub fn part_words(
    spec: &CommandSpec,
    arguments: &[&[u8]],
    kept: impl Fn(usize) -> bool,
) -> Vec<Vec<u8>> {
    let keys: Vec<usize> = keys_of(spec, arguments).collect();
    let left = keys.iter().filter(|&&at| kept(at)).count();
    let is_dropped = |at: usize| {
        let key = match spec.keys.more {
            // The second half of what is behind STREAMS are their ids.
            More::Streams => at
                .checked_sub(keys.len())
                .filter(|key| keys.contains(key))
                .filter(|_| !keys.contains(&at)),
            _ => None,
        };
        let key = key.or_else(|| keys.contains(&at).then_some(at));
        key.is_some_and(|key| !kept(key))
    };
    let words = arguments.iter().enumerate().filter(|(at, _)| !is_dropped(*at));
    words
        .map(|(at, word)| match spec.keys.more {
            More::Counted { at: count } if usize::from(count) == at => {
                left.to_string().into_bytes()
            }
            _ => word.to_vec(),
        })
        .collect()
}

/// What waits for the source of a command that moves an element, and how.
#[must_use]
pub fn source_words(source: &[u8]) -> Vec<Vec<u8>> {
    [b"blpop", source, b"0"].map(<[u8]>::to_vec).into()
}

impl Wait {
    /// For an element of a list.
    #[must_use]
    pub fn for_list() -> Self {
        Self { value_type: LIST, timeout_ms: 0, nothing: Nothing::Array, minds_loss: false }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookup::find;
    use super::*;

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(str::as_bytes).collect()
    }

    #[test]
    fn a_part_has_its_keys_and_all_else() {
        for (line, keys, expected) in [
            ("blpop a b c 0", &[1, 3][..], "blpop a c 0"),
            ("blpop a b c 0.5", &[2], "blpop b 0.5"),
            ("bzpopmin a b 1", &[2], "bzpopmin b 1"),
            ("blmpop 0 3 a b c left count 2", &[3, 5], "blmpop 0 2 a c left count 2"),
            ("bzmpop 0 2 a b min", &[4], "bzmpop 0 1 b min"),
            ("xread block 0 streams a b 1-1 $", &[4], "xread block 0 streams a 1-1"),
            (
                "xread count 2 block 5 streams a b c 1 2 3",
                &[6, 8],
                "xread count 2 block 5 streams a c 1 3",
            ),
            ("xread block 0 streams a a 1 2", &[4, 5], "xread block 0 streams a a 1 2"),
            (
                "xreadgroup group g c block 0 streams a b > 0",
                &[8],
                "xreadgroup group g c block 0 streams b 0",
            ),
        ] {
            let arguments = words(line);
            let spec = find(arguments[0]).expect("a command");
            let part = part_words(spec, &arguments, |at| keys.contains(&at));
            assert_eq!(part.join(&b' '), expected.as_bytes(), "{line}");
        }
    }

    #[test]
    fn who_waits_says_for_how_long() {
        for (line, expected) in [
            ("blpop a b 0", Some(0)),
            ("brpop a 1.5", Some(1_500)),
            ("brpop a x", None),
            ("blmpop 2 1 a left", Some(2_000)),
            ("blmove a b left right 3", Some(3_000)),
            ("xread block 20 streams a 0", Some(20)),
            ("xread streams a 0", None),
            ("xreadgroup group g c block 7 streams a >", Some(7)),
            ("lpop a", None),
        ] {
            let arguments = words(line);
            let spec = find(arguments[0]).expect("a command");
            assert_eq!(time_to_wait(spec, &arguments), expected, "{line}");
            let waits_at_all = expected.is_some() || line == "brpop a x";
            assert_eq!(waits(spec, &arguments), waits_at_all, "{line}");
        }
        let arguments = words("blmove a b left right 0");
        let spec = find(b"blmove").expect("a command");
        assert_eq!(waited_keys(spec, &arguments).collect::<Vec<_>>(), [1], "not for the target");
    }
}
