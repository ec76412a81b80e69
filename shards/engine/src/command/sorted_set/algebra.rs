//! Owns what is made of several sorted sets, and of sets, whose members count with the score 1: union, intersection, difference.

use super::algebra_options::{Options, Takes, no_nan, split_keys};
use super::score::{Scored, member_of, score_of};
use super::{MEMBERS, RANKS, members, store_new, told};
use crate::collection::View;
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields::{self, name_of};
use crate::command::types::{SET, SORTED_SET};
use hyperion_model::DatabaseId;
use hyperion_store::Store;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

type Done = Result<(), CommandError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// `ZUNION count key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`
pub(in crate::command) fn zunion(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, "zunion", Operation::Union, arguments)
}

/// `ZINTER count key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`
pub(in crate::command) fn zinter(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, "zinter", Operation::Intersection, arguments)
}

/// `ZDIFF count key [key ...] [WITHSCORES]`
pub(in crate::command) fn zdiff(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, "zdiff", Operation::Difference, arguments)
}

/// `ZUNIONSTORE target count key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]`
pub(in crate::command) fn zunionstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, "zunionstore", Operation::Union, arguments)
}

/// `ZINTERSTORE target count key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]`
pub(in crate::command) fn zinterstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, "zinterstore", Operation::Intersection, arguments)
}

/// `ZDIFFSTORE target count key [key ...]`
pub(in crate::command) fn zdiffstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, "zdiffstore", Operation::Difference, arguments)
}

/// `ZINTERCARD count key [key ...] [LIMIT limit]`
pub(in crate::command) fn zintercard(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (keys, words) = split_keys("zintercard", &arguments[1..])?;
    check(context, keys)?;
    let takes = Takes { weights: false, scores: false, limit: true };
    let options = Options::parse(takes, keys.len(), words)?;
    let sources = sources(context.store, context.database, keys, &options);
    let count = intersect(sources, &options).len();
    context.reply.integer(integer(count));
    Ok(())
}

fn tell(
    context: &mut Context<'_>,
    name: &'static str,
    operation: Operation,
    arguments: &[&[u8]],
) -> Done {
    let (keys, words) = split_keys(name, &arguments[1..])?;
    check(context, keys)?;
    let weights = operation != Operation::Difference;
    let options = Options::parse(Takes { weights, scores: true, limit: false }, keys.len(), words)?;
    let Context { store, database, reply, .. } = context;
    let mut all = combine(sources(store, *database, keys, &options), operation, &options);
    all.sort_unstable_by(|left, right| {
        // -0 and 0 are alike.
        let order = (left.score + 0.0).total_cmp(&(right.score + 0.0));
        order.then_with(|| left.member.cmp(&right.member))
    });
    reply.pairs(all.len(), options.with_scores);
    for Scored { score, member } in &all {
        if options.with_scores {
            reply.pair();
        }
        reply.bulk(member);
        if options.with_scores {
            reply.double(*score);
        }
    }
    Ok(())
}

fn store_in(
    context: &mut Context<'_>,
    name: &'static str,
    operation: Operation,
    arguments: &[&[u8]],
) -> Done {
    let target = context.key(arguments[1])?;
    let (keys, words) = split_keys(name, &arguments[2..])?;
    check(context, keys)?;
    let weights = operation != Operation::Difference;
    let options =
        Options::parse(Takes { weights, scores: false, limit: false }, keys.len(), words)?;
    let all =
        combine(sources(context.store, context.database, keys, &options), operation, &options);
    let count = store_new(context, name, &target, all)?;
    context.reply.integer(told(count));
    Ok(())
}

/// One of the sets.
#[derive(Clone, Copy)]
struct Source<'v> {
    /// `None`: nothing is there.
    view: Option<View<'v>>,
    is_sorted: bool,
    weight: f64,
}

impl Source<'_> {
    fn count(&self) -> u64 {
        self.view.map_or(0, |view| view.count(if self.is_sorted { RANKS } else { MEMBERS }))
    }

    /// The weighted score of a member, or what is no number.
    fn score(&self, member: &[u8]) -> Option<f64> {
        let view = self.view?;
        let score = if self.is_sorted {
            members::score(&view, member)?
        } else {
            fields::find(&view, MEMBERS, member).map(|_| 1.0)?
        };
        Some(score * self.weight)
    }

    fn each(&self, mut with: impl FnMut(&[u8], f64)) {
        let Some(view) = self.view else { return };
        if self.is_sorted {
            for (_, entry) in view.all(RANKS) {
                with(member_of(&entry.key), no_nan(score_of(&entry) * self.weight));
            }
        } else {
            for (_, entry) in view.all(MEMBERS) {
                with(name_of(&view, &entry.key), no_nan(self.weight));
            }
        }
    }
}

/// Sees to it that all keys are sorted sets, sets or nothing, and that what has expired is gone: from then on nothing changes.
fn check(context: &mut Context<'_>, keys: &[&[u8]]) -> Done {
    for bytes in keys {
        let key = context.key(bytes)?;
        if let Some(found) = context.store.find(&key) {
            if ![SORTED_SET, SET].contains(&context.store.value_type(&found)) {
                return Err(CommandError::WrongType);
            }
            View::prepare(context.store, &found);
        }
    }
    Ok(())
}

fn sources<'s>(
    store: &'s mut Store,
    database: DatabaseId,
    keys: &[&[u8]],
    options: &Options,
) -> Vec<Source<'s>> {
    let found: Vec<_> = keys.iter().map(|bytes| store.peek(&store.key(database, bytes))).collect();
    let store = &*store;
    let source = |(found, weight): (&Option<_>, &f64)| Source {
        view: found.as_ref().map(|found| View::again(store, found)),
        is_sorted: found.as_ref().is_some_and(|found| store.value_type(found) == SORTED_SET),
        weight: *weight,
    };
    found.iter().zip(&options.weights).map(source).collect()
}

fn combine(mut sources: Vec<Source<'_>>, operation: Operation, options: &Options) -> Vec<Scored> {
    match operation {
        Operation::Intersection => intersect(sources, options),
        Operation::Union => {
            // The order in which scores are added up is Redis', the smallest set first.
            sources.sort_by_key(Source::count);
            let mut all: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
            for source in &sources {
                source.each(|member, score| match all.entry(member.to_vec()) {
                    Entry::Vacant(place) => drop(place.insert(score)),
                    Entry::Occupied(mut sum) => {
                        let both = options.aggregate.of(*sum.get(), score);
                        sum.insert(both);
                    }
                });
            }
            all.into_iter().map(|(member, score)| Scored { score, member }).collect()
        }
        Operation::Difference => {
            let mut all = Vec::new();
            let Some((first, others)) = sources.split_first() else { return all };
            first.each(|member, score| {
                if others.iter().all(|other| other.score(member).is_none()) {
                    all.push(Scored { score, member: member.to_vec() });
                }
            });
            all
        }
    }
}

fn intersect(mut sources: Vec<Source<'_>>, options: &Options) -> Vec<Scored> {
    sources.sort_by_key(Source::count);
    let mut all = Vec::new();
    let Some((first, others)) = sources.split_first() else { return all };
    first.each(|member, score| {
        if all.len() as u64 >= options.limit {
            return;
        }
        let mut scores = others.iter().map(|other| other.score(member));
        let sum = scores.try_fold(score, |sum, score| Some(options.aggregate.of(sum, score?)));
        if let Some(score) = sum {
            all.push(Scored { score, member: member.to_vec() });
        }
    });
    all
}
