//! Owns the commands that every core answers a part of: what one core gives, and how the parts become one answer.

use super::context::is_word;
use super::error::CommandError;
use super::glob::matches;
use super::scan::{scan_among, scan_count};
use hyperion_model::{DatabaseId, ReplyWriter};
use hyperion_store::{ScanCursor, Store};

/// A command that every core answers a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// DBSIZE
    Dbsize,
    /// FLUSHDB and FLUSHALL, told apart by their names.
    Flush,
    /// KEYS pattern
    Keys,
    /// RANDOMKEY
    RandomKey,
    /// SCAN, which one core after the other answers until it has enough.
    Scan,
}

/// One core's part of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many.
    Count(u64),
    /// It is done.
    Done,
    /// Keys are flushed of which clients keep copies: these are to be told once all cores have done it.
    Kept,
    /// These keys.
    KeyList(Vec<Vec<u8>>),
    /// One key out of so many; none when there is none.
    Key {
        /// The key.
        key: Option<Vec<u8>>,
        /// How many there are on this core.
        count: u64,
    },
    /// A step of a scan.
    Scan {
        /// Where the next one begins.
        cursor: ScanCursor,
        /// Keys that were looked at.
        met: u64,
        /// Those that are asked for.
        keys: Vec<Vec<u8>>,
    },
    /// The error line of a core that could not do it.
    Refused(String),
}

/// Checks a command's words before any core is asked.
///
/// # Errors
/// When an option is not known.
pub fn check(gather: Gather, arguments: &[&[u8]]) -> Result<(), CommandError> {
    match (gather, arguments) {
        (Gather::Flush, [_]) | (Gather::Dbsize | Gather::Keys | Gather::RandomKey, _) => Ok(()),
        (Gather::Flush, [_, mode]) if is_word(mode, "async") || is_word(mode, "sync") => Ok(()),
        (Gather::Flush, _) => Err(CommandError::Syntax),
        (Gather::Scan, _) => scan_count(arguments).map(drop),
    }
}

/// One core's part, after [`check`]. `random` is of this core's own.
///
/// # Errors
/// When there is no room for the record of a flush; then nothing has changed.
pub fn part(
    gather: Gather,
    store: &mut Store,
    database: DatabaseId,
    arguments: &[&[u8]],
    random: u64,
) -> Result<Part, CommandError> {
    Ok(match gather {
        Gather::Dbsize => Part::Count(store.count(database)),
        Gather::Flush => {
            let is_all = arguments.first().is_some_and(|name| is_word(name, "flushall"));
            store.flush((!is_all).then_some(database))?;
            Part::Done
        }
        Gather::Keys => Part::KeyList(keys(store, database, arguments.get(1).unwrap_or(&&b""[..]))),
        Gather::RandomKey => {
            Part::Key { key: store.random_key(database, random), count: store.count(database) }
        }
        Gather::Scan => scan_among(store, database, arguments)?,
    })
}

fn keys(store: &Store, database: DatabaseId, pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut list = Vec::new();
    let mut cursor = ScanCursor(0);
    loop {
        cursor = store.scan(database, cursor, u64::MAX, |key| {
            if matches(pattern, key) {
                list.push(key.to_vec());
            }
        });
        if cursor == ScanCursor(0) {
            return list;
        }
    }
}

/// Answers with what all cores gave. `random` chooses among the keys of RANDOMKEY.
pub fn merge(gather: Gather, parts: Vec<Part>, random: u64, reply: &mut dyn ReplyWriter) {
    let refusal = parts.iter().find_map(|part| match part {
        Part::Refused(line) => Some(line),
        _ => None,
    });
    if let Some(line) = refusal {
        reply.error(line);
        return;
    }
    match gather {
        Gather::Dbsize => {
            let total: u64 = parts.iter().map(count_of).sum();
            reply.integer(i64::try_from(total).unwrap_or(i64::MAX));
        }
        Gather::Flush => reply.simple("OK"),
        Gather::Keys => {
            let lists: Vec<Vec<Vec<u8>>> = parts.into_iter().filter_map(list_of).collect();
            reply.array(lists.iter().map(Vec::len).sum());
            lists.iter().flatten().for_each(|key| reply.bulk(key));
        }
        Gather::RandomKey => match draw(&parts, random) {
            Some(key) => reply.bulk(key),
            None => reply.null(),
        },
        Gather::Scan => write_scanned(&parts, reply),
    }
}

/// The cursor of the last step, and the keys of all.
fn write_scanned(parts: &[Part], reply: &mut dyn ReplyWriter) {
    let steps = || {
        parts.iter().filter_map(|part| match part {
            Part::Scan { cursor, keys, .. } => Some((*cursor, keys)),
            _ => None,
        })
    };
    let cursor = steps().next_back().map_or(ScanCursor(0), |(cursor, _)| cursor);
    reply.array(2);
    reply.bulk(cursor.0.to_string().as_bytes());
    reply.array(steps().map(|(_, keys)| keys.len()).sum());
    steps().flat_map(|(_, keys)| keys).for_each(|key| reply.bulk(key));
}

fn count_of(part: &Part) -> u64 {
    match part {
        Part::Count(count) | Part::Key { count, .. } => *count,
        Part::Done | Part::Kept | Part::KeyList(_) | Part::Scan { .. } | Part::Refused(_) => 0,
    }
}

fn list_of(part: Part) -> Option<Vec<Vec<u8>>> {
    match part {
        Part::KeyList(list) => Some(list),
        Part::Count(_)
        | Part::Done
        | Part::Kept
        | Part::Key { .. }
        | Part::Scan { .. }
        | Part::Refused(_) => None,
    }
}

/// One of the offered keys; a core's offer is drawn as often as the core has keys.
fn draw(parts: &[Part], random: u64) -> Option<&[u8]> {
    let offers = || {
        parts.iter().filter_map(|part| match part {
            Part::Key { key: Some(key), count } => Some((key.as_slice(), (*count).max(1))),
            _ => None,
        })
    };
    let total: u64 = offers().map(|(_, count)| count).sum();
    let mut left = random.checked_rem(total)?;
    for (key, count) in offers() {
        if left < count {
            return Some(key);
        }
        left -= count;
    }
    None
}
