//! Owns scores as bytes, and the keys of the ranks.

use crate::collection::Entry;

/// Bytes of a score.
pub(super) const SCORE_BYTES: usize = 8;

/// The value of a rank whose score is -0, which stands where 0 does.
const NEGATIVE_ZERO: &[u8] = b"-";

/// A member with its score.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::command) struct Scored {
    pub(in crate::command) score: f64,
    pub(in crate::command) member: Vec<u8>,
}

/// A score as a number in the order of scores; -0 is below 0.
pub(super) fn exact_word(score: f64) -> u64 {
    let bits = score.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// As [`exact_word`], and -0 is 0.
pub(in crate::command) fn word(score: f64) -> u64 {
    exact_word(score + 0.0)
}

fn score_of_word(word: u64) -> f64 {
    f64::from_bits(if word >> 63 == 1 { word & !(1 << 63) } else { !word })
}

/// What a member's entry holds.
pub(super) fn value(score: f64) -> [u8; SCORE_BYTES] {
    exact_word(score).to_be_bytes()
}

/// The score that a member's entry holds.
pub(super) fn score_of_value(value: &[u8]) -> f64 {
    score_of_word(crate::collection::prefix(value))
}

/// The key of a rank, in `out`.
pub(super) fn rank_key(score: f64, member: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&word(score).to_be_bytes());
    out.extend_from_slice(member);
}

/// The value of a rank.
pub(super) fn rank_value(score: f64) -> &'static [u8] {
    if score == 0.0 && score.is_sign_negative() { NEGATIVE_ZERO } else { &[] }
}

/// The score of a rank.
pub(in crate::command) fn score_of(entry: &Entry<'_>) -> f64 {
    score_of_entry(&entry.key, &entry.value)
}

/// As [`score_of`], of its key and its value.
pub(super) fn score_of_entry(key: &[u8], value: &[u8]) -> f64 {
    let score = score_of_value(key);
    if value.is_empty() { score } else { -score }
}

/// The member in the key of a rank.
pub(in crate::command) fn member_of(key: &[u8]) -> &[u8] {
    &key[SCORE_BYTES..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_scores() {
        let scores = [
            f64::NEG_INFINITY,
            -1e300,
            -1.5,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            1.000_000_1,
            1e300,
            f64::INFINITY,
        ];
        for pair in scores.windows(2) {
            assert!(word(pair[0]) < word(pair[1]), "{pair:?}");
        }
        assert_eq!(word(-0.0), word(0.0));
        for score in scores {
            assert_eq!(score_of_value(&value(score)).to_bits(), score.to_bits(), "{score}");
        }
        assert!(score_of_value(&value(-0.0)).is_sign_negative());
    }
}
