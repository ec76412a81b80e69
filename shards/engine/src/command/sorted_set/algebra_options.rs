//! Owns the words of ZUNION, ZINTER, ZDIFF and their like.

use super::number::read_score;
use crate::command::context::is_word;
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;

const WEIGHT: CommandError = CommandError::Says("ERR weight value is not a float");

type Words<'w, 'a> = &'w [&'a [u8]];

/// What is made of the scores of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Least,
    Greatest,
}

impl Aggregate {
    pub(super) fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Sum => no_nan(left + right),
            Self::Least => {
                if right < left {
                    right
                } else {
                    left
                }
            }
            Self::Greatest => {
                if right > left {
                    right
                } else {
                    left
                }
            }
        }
    }
}

/// Infinities that cancel each other out, and infinity times 0, are 0.
pub(super) fn no_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which words a command takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Takes {
    /// WEIGHTS and AGGREGATE.
    pub(super) weights: bool,
    /// WITHSCORES.
    pub(super) scores: bool,
    /// LIMIT.
    pub(super) limit: bool,
}

/// The words of a command.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) weights: Vec<f64>,
    pub(super) aggregate: Aggregate,
    pub(super) with_scores: bool,
    pub(super) limit: u64,
}

/// Reads the number of keys, and gives them and what is behind.
///
/// # Errors
/// When it is no number, none, or too high.
pub(super) fn split_keys<'w, 'a>(
    name: &'static str,
    words: Words<'w, 'a>,
) -> Result<(Words<'w, 'a>, Words<'w, 'a>), CommandError> {
    let count = parse_integer(words[0]).ok_or(CommandError::NotInteger)?;
    if count < 1 {
        return Err(CommandError::NoInputKey(name));
    }
    let count = usize::try_from(count).ok().filter(|&count| count < words.len());
    Ok(words[1..].split_at(count.ok_or(CommandError::Syntax)?))
}

impl Options {
    /// Reads what stands behind so many keys.
    pub(super) fn parse(takes: Takes, keys: usize, words: &[&[u8]]) -> Result<Self, CommandError> {
        let mut options = Self {
            weights: vec![1.0; keys],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: u64::MAX,
        };
        let mut rest = words;
        while let [word, behind @ ..] = rest {
            rest = behind;
            if takes.weights && rest.len() >= keys && is_word(word, "weights") {
                let (weights, behind) = rest.split_at(keys);
                for (weight, text) in options.weights.iter_mut().zip(weights) {
                    *weight = read_score(text).ok_or(WEIGHT)?;
                }
                rest = behind;
            } else if takes.weights
                && is_word(word, "aggregate")
                && let [how, behind @ ..] = rest
            {
                options.aggregate = match how {
                    _ if is_word(how, "sum") => Aggregate::Sum,
                    _ if is_word(how, "min") => Aggregate::Least,
                    _ if is_word(how, "max") => Aggregate::Greatest,
                    _ => return Err(CommandError::Syntax),
                };
                rest = behind;
            } else if takes.scores && is_word(word, "withscores") {
                options.with_scores = true;
            } else if takes.limit
                && is_word(word, "limit")
                && let [limit, behind @ ..] = rest
            {
                let limit = parse_integer(limit).ok_or(CommandError::LimitNegative)?;
                let limit = u64::try_from(limit).map_err(|_| CommandError::LimitNegative)?;
                options.limit = if limit == 0 { u64::MAX } else { limit };
                rest = behind;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}
