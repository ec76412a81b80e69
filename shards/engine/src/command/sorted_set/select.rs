//! Owns what a range of a sorted set means: by rank, by score or by member.

use super::number::parse_end;
use super::score::{member_of, score_of, word};
use super::{RANKS, card};
use crate::collection::{Cursor, Entry, View};
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;
use std::borrow::Cow;
use std::ops::Range;

const NOT_A_MEMBER: CommandError = CommandError::Says("ERR min or max not valid string range item");

/// Ranks from the lowest score on, the end not among them.
pub(super) type Ranks = Range<u64>;

/// Which members.
#[derive(Clone, Copy, Debug)]
pub(super) enum Selection<'a> {
    /// From one rank to another; negative ones count from the end.
    Ranks(i64, i64),
    /// Scores from the word on, to before the other.
    Scores(u64, u64),
    /// Members, all of one score.
    Members(End<'a>, End<'a>),
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End<'a> {
    Lowest,
    Highest,
    At { member: &'a [u8], is_inside: bool },
}

impl<'a> Selection<'a> {
    /// `start stop`
    pub(super) fn ranks(first: &[u8], last: &[u8]) -> Result<Self, CommandError> {
        let read = |text| parse_integer(text).ok_or(CommandError::NotInteger);
        Ok(Self::Ranks(read(first)?, read(last)?))
    }

    /// `min max`
    pub(super) fn scores(least: &[u8], most: &[u8]) -> Result<Self, CommandError> {
        let (least, most) = (parse_end(least)?, parse_end(most)?);
        let begin = word(least.1) + u64::from(least.0);
        let end = word(most.1) + u64::from(!most.0);
        Ok(Self::Scores(begin, end))
    }

    /// `min max`
    pub(super) fn members(least: &'a [u8], most: &'a [u8]) -> Result<Self, CommandError> {
        Ok(Self::Members(End::parse(least)?, End::parse(most)?))
    }

    /// The ranks of those that are there. `is_reverse`: ranks are counted from the highest score on.
    pub(super) fn find(&self, view: &View<'_>, is_reverse: bool) -> Ranks {
        let found = match *self {
            Self::Ranks(first, last) => ranks(first, last, card(view), is_reverse),
            Self::Scores(begin, end) if begin < end => {
                let rank = |word: u64| rank_of(view, view.lower_bound(RANKS, &word.to_be_bytes()));
                rank(begin)..rank(end)
            }
            Self::Scores(..) => 0..0,
            Self::Members(least, most) => members(view, least, most, is_reverse),
        };
        if found.start < found.end { found } else { 0..0 }
    }
}

impl<'a> End<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, CommandError> {
        match text {
            [b'-'] => Ok(Self::Lowest),
            [b'+'] => Ok(Self::Highest),
            [b'[', member @ ..] => Ok(Self::At { member, is_inside: true }),
            [b'(', member @ ..] => Ok(Self::At { member, is_inside: false }),
            _ => Err(NOT_A_MEMBER),
        }
    }

    /// Whether a member is above this lower end.
    fn is_below(self, other: &[u8]) -> bool {
        match self {
            Self::Lowest => true,
            Self::Highest => false,
            Self::At { member, is_inside: true } => member <= other,
            Self::At { member, is_inside: false } => member < other,
        }
    }

    /// Whether a member is below this higher end.
    fn is_above(self, other: &[u8]) -> bool {
        match self {
            Self::Lowest => false,
            Self::Highest => true,
            Self::At { member, is_inside: true } => other <= member,
            Self::At { member, is_inside: false } => other < member,
        }
    }
}

/// Members from the one at a cursor to the end.
fn rank_of(view: &View<'_>, cursor: Option<Cursor>) -> u64 {
    cursor.map_or_else(|| card(view), |cursor| view.index_of(RANKS, cursor))
}

fn ranks(first: i64, last: i64, count: u64, is_reverse: bool) -> Ranks {
    let length = i64::try_from(count).expect("members are fewer than i64::MAX");
    let from_front = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let first = from_front(first).max(0);
    let last = from_front(last).min(length - 1);
    if first > last {
        return 0..0;
    }
    let (first, last) =
        if is_reverse { (length - 1 - last, length - 1 - first) } else { (first, last) };
    first.unsigned_abs()..last.unsigned_abs() + 1
}

/// Ranges of members are meant for sets of one score.
fn members(view: &View<'_>, least: End<'_>, most: End<'_>, is_reverse: bool) -> Ranks {
    let (first, last) = (view.first(RANKS), view.last(RANKS));
    let entry_at = |cursor: Option<Cursor>| view.entry(cursor?);
    let (Some(lowest), Some(highest)) = (entry_at(first), entry_at(last)) else { return 0..0 };
    let score = word(score_of(&lowest)).to_be_bytes();
    if score != word(score_of(&highest)).to_be_bytes() {
        let is_outside =
            !least.is_below(member_of(&highest.key)) || !most.is_above(member_of(&lowest.key));
        return if is_outside { 0..0 } else { members_of_scores(view, least, most, is_reverse) };
    }
    let rank = |end: End<'_>, is_least: bool| match end {
        End::Lowest => 0,
        End::Highest => card(view),
        End::At { member, is_inside } => {
            let mut key = [&score[..], member].concat();
            if is_inside != is_least {
                // The next member that there can be.
                key.push(0);
            }
            rank_of(view, view.lower_bound(RANKS, &key))
        }
    };
    rank(least, true)..rank(most, false)
}

/// Where there are several scores a range goes from the first member that is not below it to before the next one that is above, in reverse
/// from the other side, and is empty where the last member is below or the first one above: as in Redis while a set is small.
fn members_of_scores(view: &View<'_>, least: End<'_>, most: End<'_>, is_reverse: bool) -> Ranks {
    // Whether the range may begin at an entry, and whether it goes on there.
    let met = |entry: Entry<'_>| {
        let member = member_of(&entry.key);
        let (is_high, is_low) = (least.is_below(member), most.is_above(member));
        if is_reverse { (is_low, is_high) } else { (is_high, is_low) }
    };
    let count = card(view);
    let mut all = entries(view, &(0..count), is_reverse).map(met).zip(0..);
    let Some(((_, true), begin)) = all.find(|&((begins, _), _)| begins) else { return 0..0 };
    let end = all.find(|&((_, goes_on), _)| !goes_on).map_or(count, |(_, end)| end);
    if is_reverse { count - end..count - begin } else { begin..end }
}

/// The members of some ranks, from the lowest or from the highest on.
pub(super) fn entries<'v>(
    view: &View<'v>,
    ranks: &Ranks,
    is_reverse: bool,
) -> impl Iterator<Item = Entry<'v>> + use<'v> {
    let count = usize::try_from(ranks.end - ranks.start).expect("they are in memory");
    let view = *view;
    let first = if is_reverse { ranks.end.wrapping_sub(1) } else { ranks.start };
    let first = if count == 0 { None } else { view.at(RANKS, first) };
    let mut back = if is_reverse { first } else { None };
    let mut forth = (!is_reverse).then(|| view.iter(RANKS, first));
    let next = move || {
        if let Some(forth) = &mut forth {
            return forth.next().map(|(_, entry)| entry);
        }
        let cursor = back?;
        back = view.previous(RANKS, cursor);
        view.entry(cursor)
    };
    std::iter::from_fn(next).take(count)
}

/// The member of an entry, which may lie in the store.
pub(super) fn member<'v>(entry: Entry<'v>) -> Cow<'v, [u8]> {
    match entry.key {
        Cow::Borrowed(key) => Cow::Borrowed(member_of(key)),
        Cow::Owned(key) => Cow::Owned(member_of(&key).to_vec()),
    }
}
