//! Owns SORT and SORT_RO: the elements of a list, set or sorted set in an order of their own or of other keys.

mod met;
mod options;
mod pattern;

pub(crate) use met::{meets_others, met};

use super::block::Blocking;
use super::context::{Context, integer};
use super::error::CommandError;
use super::fields;
use super::types::{LIST, SET, SORTED_SET};
use crate::collection::{Edit, End, Layout, Section, View};
use hyperion_model::EventClass;
use hyperion_store::{Key, Store};
use options::Options;
use pattern::Pattern;
use std::cmp::Ordering;

type Done = Result<(), CommandError>;

/// Where the members of a sorted set stand in the order of their scores, and the bytes of a score before each.
const RANKS: Section = 1;
const SCORE_BYTES: usize = 8;
/// What a stored element takes beside its bytes, at most.
const ELEMENT_BYTES: usize = 16;

const NO_NUMBER: CommandError =
    CommandError::Says("ERR One or more scores can't be converted into double");

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA] [STORE target]`
pub(super) fn sort(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    run(context, arguments, true)
}

/// `SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA]`
pub(super) fn sort_ro(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    run(context, arguments, false)
}

fn run(context: &mut Context<'_>, arguments: &[&[u8]], may_store: bool) -> Done {
    let mut options = Options::parse(&arguments[2..], may_store)?;
    let key = context.key(arguments[1])?;
    let is_repeated = context.blocking == Blocking::Never;
    let elements = elements(context.store, &key, &mut options, is_repeated)?;
    let elements = match options.order {
        None => elements,
        Some(order) => sorted(context, &key, elements, &options, order)?,
    };
    let chosen = &elements[options.range(elements.len())];
    let mut values: Vec<Option<Vec<u8>>> = Vec::new();
    for element in chosen {
        if options.gets.is_empty() {
            values.push(Some(element.clone()));
        }
        for get in &options.gets {
            values.push(get.look_up(context, &key, element, pattern::GET_DENIED)?);
        }
    }
    match options.store {
        Some(target) => store(context, target, &values),
        None => {
            context.reply.array(values.len());
            for value in &values {
                match value {
                    Some(value) => context.reply.bulk(value),
                    None => context.reply.null(),
                }
            }
            Ok(())
        }
    }
}

/// The elements in the order in which they lie; those of a set in that of the alphabet, where the same is to come out again.
fn elements(
    store: &mut Store,
    key: &Key<'_>,
    options: &mut Options<'_>,
    is_repeated: bool,
) -> Result<Vec<Vec<u8>>, CommandError> {
    let Some(found) = store.find(key) else { return Ok(Vec::new()) };
    let value_type = store.value_type(&found);
    if ![LIST, SET, SORTED_SET].contains(&value_type) {
        return Err(CommandError::WrongType);
    }
    let view = View::new(store, &found);
    let section = if value_type == SORTED_SET { RANKS } else { 0 };
    let all = view.all(section).map(|(_, entry)| match value_type {
        LIST => entry.value.into_owned(),
        SET => fields::name_of(&view, &entry.key).to_vec(),
        _ => entry.key[SCORE_BYTES..].to_vec(),
    });
    let mut all: Vec<Vec<u8>> = all.collect();
    if options.order.is_none() {
        if value_type == SET && (options.store.is_some() || is_repeated) {
            // What is stored, and what scripts see, does not depend on how a set lies.
            options.order = Some(options::Order::Text);
            options.by = None;
        } else if value_type != SET && options.is_descending {
            all.reverse();
        }
    }
    Ok(all)
}

/// The elements in the order that was asked for.
fn sorted(
    context: &mut Context<'_>,
    key: &Key<'_>,
    elements: Vec<Vec<u8>>,
    options: &Options<'_>,
    order: options::Order,
) -> Result<Vec<Vec<u8>>, CommandError> {
    let mut weighed: Vec<(Option<Vec<u8>>, f64, Vec<u8>)> = Vec::with_capacity(elements.len());
    for element in elements {
        let text = match &options.by {
            Some(by) => by.look_up(context, key, &element, pattern::BY_DENIED)?,
            None => Some(element.clone()),
        };
        let score = match (&text, order) {
            (Some(text), options::Order::Number) => number(text).ok_or(NO_NUMBER)?,
            _ => 0.0,
        };
        weighed.push((text, score, element));
    }
    weighed.sort_by(|left, right| {
        let ordering = match order {
            options::Order::Text => left.0.cmp(&right.0),
            options::Order::Number => {
                let scores = left.1.partial_cmp(&right.1).unwrap_or(Ordering::Equal);
                scores.then_with(|| left.2.cmp(&right.2))
            }
        };
        if options.is_descending { ordering.reverse() } else { ordering }
    });
    Ok(weighed.into_iter().map(|(_, _, element)| element).collect())
}

/// Reads a number as C's `strtod` does, up to the first zero byte, but for hexadecimal ones; nothing is 0.
fn number(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let text = std::str::from_utf8(text).ok()?.trim_start();
    let number: f64 = text.parse().ok()?;
    let digits = || text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let is_too_large = number.is_infinite() && digits().any(|byte| byte.is_ascii_digit());
    let is_too_small = (number.is_subnormal() || number == 0.0)
        && digits().any(|byte| (b'1'..=b'9').contains(&byte));
    (!number.is_nan() && !is_too_large && !is_too_small).then_some(number)
}

fn store(context: &mut Context<'_>, target: &[u8], values: &[Option<Vec<u8>>]) -> Done {
    let key = context.key(target)?;
    if values.is_empty() {
        if context.store.delete(&key)? {
            context.notify(EventClass::Generic, "del", target);
        }
        context.reply.integer(0);
        return Ok(());
    }
    let values: Vec<&[u8]> =
        values.iter().map(|value| value.as_deref().unwrap_or_default()).collect();
    context.check_room(values.iter().map(|value| value.len() + ELEMENT_BYTES).sum())?;
    let mut edit = Edit::replacing(context.store, &key, LIST, &Layout::LISTED);
    edit.extend(0, End::Back, &values);
    edit.commit()?;
    context.notify(EventClass::List, "sortstore", target);
    context.reply.integer(integer(values.len()));
    Ok(())
}
