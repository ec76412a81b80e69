//! Owns HSCAN, SSCAN and ZSCAN: steps through fields and members whose cursors are places in the order of their hashes, so that every one that is
//! there from the first step to the last is told, however the collection grows meanwhile.

use super::context::is_word;
use super::error::CommandError;
use super::fields::HASH_BYTES;
use super::glob::matches;
use super::scan::parse_cursor;
use crate::collection::{Entry, Section, View};
use hyperion_model::ReplyWriter;
use hyperion_model::limits::SCAN_COUNT_MAX;
use hyperion_model::number::parse_integer;

const COUNT_DEFAULT: u64 = 10;

/// What a step is asked for.
pub(super) struct Step<'a> {
    cursor: u64,
    pattern: Option<&'a [u8]>,
    count: u64,
    without_values: bool,
}

impl<'a> Step<'a> {
    /// `cursor [MATCH pattern] [COUNT count] [NOVALUES]`
    pub(super) fn parse(words: &[&'a [u8]], takes_novalues: bool) -> Result<Self, CommandError> {
        let cursor = parse_cursor(words[0]).ok_or(CommandError::InvalidCursor)?.0;
        let mut step = Self { cursor, pattern: None, count: COUNT_DEFAULT, without_values: false };
        let mut words = words[1..].iter();
        while let Some(word) = words.next() {
            if is_word(word, "match") {
                let pattern = *words.next().ok_or(CommandError::Syntax)?;
                step.pattern = Some(pattern).filter(|&pattern| pattern != b"*");
            } else if is_word(word, "count") {
                let count = words.next().ok_or(CommandError::Syntax)?;
                let count = parse_integer(count).ok_or(CommandError::NotInteger)?;
                let count = u64::try_from(count).ok().filter(|&count| count > 0);
                step.count = count.ok_or(CommandError::Syntax)?.min(SCAN_COUNT_MAX);
            } else if takes_novalues && is_word(word, "novalues") {
                step.without_values = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(step)
    }

    /// Answers the step. `tells_values`: what entries hold is told too.
    pub(super) fn run(
        &self,
        view: Option<&View<'_>>,
        section: Section,
        tells_values: bool,
        reply: &mut dyn ReplyWriter,
    ) {
        self.run_where(view, section, tells_values, &|_| true, reply);
    }

    /// As [`Step::run`], without the entries whose keys `is_told` refuses.
    pub(super) fn run_where(
        &self,
        view: Option<&View<'_>>,
        section: Section,
        tells_values: bool,
        is_told: &dyn Fn(&[u8]) -> bool,
        reply: &mut dyn ReplyWriter,
    ) {
        let name_at = if view.is_none_or(View::is_packed) { 0 } else { HASH_BYTES };
        let (mut told, next) = self.entries(view, section, name_at);
        told.retain(|entry| is_told(&entry.key));
        let with_values = tells_values && !self.without_values;
        reply.array(2);
        reply.bulk(next.to_string().as_bytes());
        reply.array(told.len() * if with_values { 2 } else { 1 });
        for entry in &told {
            reply.bulk(&entry.key[name_at..]);
            if with_values {
                reply.bulk(&entry.value);
            }
        }
    }

    /// The entries of the step, and the next cursor. Names stand behind `name_at` bytes of the keys.
    pub(super) fn entries<'v>(
        &self,
        view: Option<&View<'v>>,
        section: Section,
        name_at: usize,
    ) -> (Vec<Entry<'v>>, u64) {
        let (mut told, mut next) = (Vec::new(), 0);
        if let Some(view) = view {
            let from = if view.is_packed() {
                view.first(section)
            } else {
                view.lower_bound(section, &self.cursor.to_be_bytes())
            };
            let (mut met, mut last) = (0, None);
            for (_, entry) in view.iter(section, from) {
                if !view.is_packed() {
                    let hash = entry.key[..HASH_BYTES].try_into().map(u64::from_be_bytes);
                    let hash = hash.expect("eight bytes come first");
                    // Those with one hash are told together.
                    if met >= self.count && last != Some(hash) {
                        next = hash;
                        break;
                    }
                    last = Some(hash);
                }
                met += 1;
                if self.pattern.is_none_or(|pattern| matches(pattern, &entry.key[name_at..])) {
                    told.push(entry);
                }
            }
        }
        (told, next)
    }
}
