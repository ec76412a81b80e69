//! Owns the putting together: what all cores said to a question as one answer.

use std::collections::BTreeSet;

use hyperion_model::ReplyWriter;

use super::super::observe::{
    Events, Refusal, Slow, join_events, merge_refusals, write_refusals, write_slow,
};
use super::asks::{After, Asker, FrontPart};
use crate::tracking::Target;

/// All parts together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Lines in the order of the clients' numbers.
    Text(String),
    Count(u64),
    Keys(Vec<Vec<u8>>),
    Copies(Option<u32>, bool),
    /// On stable storage here, and on so many other nodes.
    Pair(bool, u32),
    /// Where the client is.
    Place(Option<Target>),
    /// Whether the older form of CLIENT KILL found anybody.
    Found(bool),
    /// What was refused, the newest first.
    Refusals(Vec<Refusal>),
    /// So many of the slow commands.
    Slow(Vec<Slow>, usize),
    /// What took long.
    Events(Events),
    /// A line, if there is one.
    Line(Option<String>),
    /// Not all is on stable storage.
    NotDurable,
    Done,
}

/// All parts as one answer, and what the asking core kept.
pub(super) fn put_together(parts: Vec<FrontPart>) -> (Whole, Asker) {
    let mut asker = Asker::default();
    let mut whole = Whole::Done;
    let mut all_lines: Vec<(u64, String)> = Vec::new();
    let mut names: BTreeSet<&'static str> = BTreeSet::new();
    for part in parts {
        match part {
            FrontPart::Asker(kept) => asker = kept,
            FrontPart::Lines(lines) => {
                all_lines.extend(lines);
                whole = Whole::Text(String::new());
            }
            FrontPart::Count(count) => {
                let before = if let Whole::Count(before) = whole { before } else { 0 };
                whole = Whole::Count(before + count);
            }
            FrontPart::Keys(keys) => {
                let mut before = if let Whole::Keys(before) = whole { before } else { Vec::new() };
                before.extend(keys);
                whole = Whole::Keys(before);
            }
            FrontPart::Copies(others, is_durable) => {
                let before = if let Whole::Copies(before, durable) = whole {
                    (before, durable)
                } else {
                    (None, true)
                };
                let fewest = before.0.into_iter().chain(others).min();
                whole = Whole::Copies(fewest, before.1 && is_durable);
            }
            FrontPart::Refusals(more) => {
                let mut before =
                    if let Whole::Refusals(before) = whole { before } else { Vec::new() };
                before.extend(more);
                whole = Whole::Refusals(before);
            }
            FrontPart::Slow(more) => {
                let mut before =
                    if let Whole::Slow(before, _) = whole { before } else { Vec::new() };
                before.extend(more);
                whole = Whole::Slow(before, usize::MAX);
            }
            FrontPart::Events(more) => {
                let mut before =
                    if let Whole::Events(before) = whole { before } else { Events::new() };
                join_events(&mut before, more);
                whole = Whole::Events(before);
            }
            FrontPart::Names(more) => names.extend(more),
            FrontPart::Place(place) => {
                let before = if let Whole::Place(before) = whole { before } else { None };
                whole = Whole::Place(before.or(place));
            }
            FrontPart::Done => {}
        }
    }
    let whole = match (&asker.after, whole) {
        (After::Newest(count), Whole::Refusals(all)) => {
            let mut all = merge_refusals(all);
            all.truncate(*count);
            Whole::Refusals(all)
        }
        (After::Newest(count), Whole::Slow(all, _)) => Whole::Slow(all, *count),
        (After::AtMost(max), Whole::Count(count)) => Whole::Count(count.min(*max)),
        (After::Distinct, _) => Whole::Count(names.len() as u64),
        (After::WhenDurable, Whole::Copies(_, true)) => Whole::Done,
        (After::WhenDurable, _) => Whole::NotDurable,
        (After::KeyLine, _) => Whole::Line(all_lines.first().map(|(_, line)| line.clone())),
        (_, whole) => whole,
    };
    let whole = match whole {
        Whole::Text(_) => {
            all_lines.sort_unstable_by_key(|(number, _)| *number);
            Whole::Text(all_lines.into_iter().map(|(_, line)| line).collect())
        }
        Whole::Copies(others, is_durable) if asker.wants_pair => {
            Whole::Pair(is_durable, others.unwrap_or(0))
        }
        Whole::Count(count) if asker.wants_word => Whole::Found(count > 0),
        other => other,
    };
    (whole, asker)
}

impl Whole {
    pub(super) fn write(&self, now_ms: u64, reply: &mut dyn ReplyWriter) {
        match self {
            Self::Text(text) => reply.verbatim("txt", text.as_bytes()),
            Self::Count(count) => reply.integer(i64::try_from(*count).unwrap_or(i64::MAX)),
            Self::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            Self::Refusals(all) => write_refusals(all, now_ms, reply),
            Self::Slow(all, count) => write_slow(all.clone(), *count, reply),
            Self::Events(_) | Self::Line(None) => reply.error("ERR no such key"),
            Self::Line(Some(line)) => reply.simple(line),
            Self::NotDurable => {
                reply.error("ERR not all that was written is on stable storage yet; try again");
            }
            Self::Copies(others, _) => reply.integer(i64::from(others.unwrap_or(0))),
            Self::Pair(is_durable, others) => {
                reply.array(2);
                reply.integer(i64::from(*is_durable));
                reply.integer(i64::from(*others));
            }
            Self::Place(_) | Self::Found(true) | Self::Done => reply.simple("OK"),
            Self::Found(false) => reply.error("ERR No such client"),
        }
    }
}
