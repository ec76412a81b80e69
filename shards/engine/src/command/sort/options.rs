//! Owns the words behind SORT's key.

use super::Pattern;
use crate::command::context::is_word;
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;
use std::ops::Range;

/// What elements are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Number,
    Text,
}

/// What is asked for.
pub(super) struct Options<'a> {
    /// What they are compared by; themselves if there is none.
    pub(super) by: Option<Pattern<'a>>,
    /// `None`: they are not sorted.
    pub(super) order: Option<Order>,
    pub(super) is_descending: bool,
    pub(super) gets: Vec<Pattern<'a>>,
    pub(super) store: Option<&'a [u8]>,
    limit: (i64, i64),
}

impl<'a> Options<'a> {
    pub(super) fn parse(words: &[&'a [u8]], may_store: bool) -> Result<Self, CommandError> {
        let integer = |word: &[u8]| parse_integer(word).ok_or(CommandError::NotInteger);
        let mut options = Self {
            by: None,
            order: Some(Order::Number),
            is_descending: false,
            gets: Vec::new(),
            store: None,
            limit: (0, -1),
        };
        let (mut is_text, mut is_sorted) = (false, true);
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            match behind {
                _ if is_word(word, "asc") => options.is_descending = false,
                _ if is_word(word, "desc") => options.is_descending = true,
                _ if is_word(word, "alpha") => is_text = true,
                [start, count, behind @ ..] if is_word(word, "limit") => {
                    options.limit = (integer(start)?, integer(count)?);
                    rest = behind;
                }
                [target, behind @ ..] if may_store && is_word(word, "store") => {
                    options.store = Some(target);
                    rest = behind;
                }
                [pattern, behind @ ..] if is_word(word, "by") => {
                    // One without a place for the element is the same for all.
                    is_sorted &= pattern.contains(&b'*');
                    options.by = Some(Pattern::new(pattern));
                    rest = behind;
                }
                [pattern, behind @ ..] if is_word(word, "get") => {
                    options.gets.push(Pattern::new(pattern));
                    rest = behind;
                }
                _ => return Err(CommandError::Syntax),
            }
        }
        options.order = match (is_sorted, is_text) {
            (false, _) => None,
            (true, true) => Some(Order::Text),
            (true, false) => Some(Order::Number),
        };
        Ok(options)
    }

    /// Which of `count` elements are given.
    pub(super) fn range(&self, count: usize) -> Range<usize> {
        let (start, wanted) = self.limit;
        let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX).min(count);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        start..start.saturating_add(wanted).min(count)
    }
}
