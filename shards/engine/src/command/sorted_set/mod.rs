//! Owns the commands of sorted sets.
//!
//! Section [`RANKS`] has an entry for each member, in the order of the set: its key is the score as eight bytes in the order of numbers
//! (see `score`), then the member. A packed sorted set has nothing else. As an object it has section [`MEMBERS`] as well, where a member is
//! found by eight bytes of its hash and itself, and its value is the score.

mod add;
mod algebra;
mod algebra_options;
mod blocking;
mod build;
mod choose;
mod each;
mod members;
mod number;
mod pop;
mod range;
mod range_store;
mod rank;
mod read;
mod remove;
mod score;
mod select;

pub(super) use add::{Options as AddOptions, add, zadd, zincrby};
pub(super) use algebra::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
pub(super) use blocking::{bzmpop, bzpopmax, bzpopmin};
pub(super) use build::{put_expiring, put_new};
pub(super) use choose::{zrandmember, zscan};
pub(super) use members::score;
pub(super) use number::{read_score, whole_number};
pub(super) use pop::{zmpop, zpopmax, zpopmin};
pub(super) use range::{
    zrange, zrangebylex, zrangebyscore, zrevrange, zrevrangebylex, zrevrangebyscore,
};
pub(super) use range_store::zrangestore;
pub(super) use rank::{zcount, zlexcount, zrank, zrevrank};
pub(super) use read::{zcard, zmscore, zscore};
pub(super) use remove::{zrem, zremrangebylex, zremrangebyrank, zremrangebyscore};
pub(super) use score::{Scored, member_of, score_of};

use super::context::Context;
use super::error::CommandError;
use super::types::SORTED_SET;
use crate::collection::{Edit, Entry, Layout, Section, View};
use hyperion_model::EventClass;
use hyperion_store::{Key, Store};
pub(super) use score::word;

/// Members with their scores, found by the member.
pub(super) const MEMBERS: Section = 0;
/// Members in order.
pub(super) const RANKS: Section = 1;

/// Tells that members were taken out, and that the key went with the last of them.
fn tell_removed(context: &mut Context<'_>, event: &'static str, key: &[u8], is_gone: bool) {
    context.notify(EventClass::SortedSet, event, key);
    if is_gone {
        context.notify(EventClass::Generic, "del", key);
    }
}

/// As [`put_new`], and tells of it.
///
/// # Errors
/// As [`put_new`].
pub(super) fn store_new(
    context: &mut Context<'_>,
    event: &'static str,
    key: &Key<'_>,
    all: Vec<Scored>,
) -> Result<u64, CommandError> {
    let was_there = all.is_empty() && context.store.peek(key).is_some();
    let count = put_new(context.store, key, all)?;
    if count > 0 {
        context.notify(EventClass::SortedSet, event, key.bytes);
    } else if was_there {
        context.notify(EventClass::Generic, "del", key.bytes);
    }
    Ok(count)
}

/// The sorted set under a key, if there is one.
pub(super) fn view<'s>(
    store: &'s mut Store,
    key: &Key<'_>,
) -> Result<Option<View<'s>>, CommandError> {
    View::open(store, key, SORTED_SET)
}

fn edit<'c, 'k>(
    context: &'c mut Context<'_>,
    key: &'k Key<'k>,
) -> Result<Edit<'c, 'k>, CommandError> {
    Edit::open(context.store, key, SORTED_SET, &Layout::KEYED)
}

/// Number of members.
fn card(view: &View<'_>) -> u64 {
    view.count(RANKS)
}

/// The ranks from a score on.
pub(super) fn from_score<'v>(
    view: &View<'v>,
    score: f64,
) -> impl Iterator<Item = Entry<'v>> + use<'v> {
    let begin = view.lower_bound(RANKS, &word(score).to_be_bytes());
    view.iter(RANKS, begin).map(|(_, entry)| entry)
}

/// A number of members as a reply's integer.
pub(super) fn told(count: u64) -> i64 {
    i64::try_from(count).expect("members are fewer than i64::MAX")
}
