//! Owns SCAN: its cursor, its options, and the step that one core makes.

use super::context::{Context, is_word};
use super::error::CommandError;
use super::gather::Part;
use super::glob::matches;
use super::types::name_of;
use hyperion_model::DatabaseId;
use hyperion_model::limits::{PARTITIONS_MAX, SCAN_COUNT_MAX};
use hyperion_model::number::parse_integer;
use hyperion_store::{ScanCursor, Store};

const COUNT_DEFAULT: u64 = 10;

/// Reads a cursor: what an earlier step answered, or 0. As in Redis nothing is 0 too, what follows a zero byte is not read, and
/// a sign is allowed.
#[must_use]
pub fn parse_cursor(text: &[u8]) -> Option<ScanCursor> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let (is_negative, digits) = match text {
        [] => return Some(ScanCursor(0)),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(ScanCursor(if is_negative { number.wrapping_neg() } else { number }))
}

struct Options<'a> {
    pattern: Option<&'a [u8]>,
    count: u64,
    /// The name of the type that is asked for.
    type_name: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Self, CommandError> {
        let mut options = Self { pattern: None, count: COUNT_DEFAULT, type_name: None };
        let (pairs, rest) = words.as_chunks::<2>();
        for &[word, value] in pairs {
            if is_word(word, "match") {
                options.pattern = Some(value).filter(|&pattern| pattern != b"*");
            } else if is_word(word, "count") {
                let count = parse_integer(value).ok_or(CommandError::NotInteger)?;
                let count = u64::try_from(count).ok().filter(|&count| count > 0);
                options.count = count.ok_or(CommandError::Syntax)?.min(SCAN_COUNT_MAX);
            } else if is_word(word, "type") {
                options.type_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if rest.is_empty() { Ok(options) } else { Err(CommandError::Syntax) }
    }
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`, on the core that owns the cursor's partition.
///
/// With `own_core_only` the partitions of other cores are passed over, so that the scan ends with this core's keys.
///
/// # Errors
/// When the cursor or an option cannot be read.
pub fn scan_part(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    own_core_only: bool,
) -> Result<(), CommandError> {
    let cursor = parse_cursor(arguments[1]).ok_or(CommandError::InvalidCursor)?;
    let options = Options::parse(&arguments[2..])?;
    let Context { store, database, reply, scratch, .. } = context;
    let Step { cursor, found, .. } =
        step(store, *database, cursor, &options, own_core_only, scratch);
    reply.array(2);
    reply.bulk(cursor.0.to_string().as_bytes());
    reply.array(found);
    each_word(scratch, |key| reply.bulk(key));
    Ok(())
}

/// The step of one core in a scan that goes on at others.
///
/// # Errors
/// When the cursor or an option cannot be read.
pub(super) fn scan_among(
    store: &mut Store,
    database: DatabaseId,
    arguments: &[&[u8]],
) -> Result<Part, CommandError> {
    let cursor = parse_cursor(arguments[1]).ok_or(CommandError::InvalidCursor)?;
    let options = Options::parse(&arguments[2..])?;
    let mut list = Vec::new();
    let Step { cursor, met, .. } = step(store, database, cursor, &options, false, &mut list);
    let mut keys = Vec::new();
    each_word(&list, |key| keys.push(key.to_vec()));
    Ok(Part::Scan { cursor, met, keys })
}

/// How many keys a scan is to look at.
///
/// # Errors
/// When the cursor or an option cannot be read.
pub fn scan_count(arguments: &[&[u8]]) -> Result<u64, CommandError> {
    parse_cursor(arguments[1]).ok_or(CommandError::InvalidCursor)?;
    Ok(Options::parse(&arguments[2..])?.count)
}

/// What a step has come to.
struct Step {
    cursor: ScanCursor,
    /// Keys that were looked at.
    met: u64,
    /// Keys that are in the list.
    found: usize,
}

/// One step; what it finds lies in `list`, each key behind its length.
fn step(
    store: &mut Store,
    database: DatabaseId,
    mut cursor: ScanCursor,
    options: &Options<'_>,
    own_core_only: bool,
    list: &mut Vec<u8>,
) -> Step {
    list.clear();
    let (mut found, mut met) = (0, 0);
    let mut take = |key: &[u8]| {
        met += 1;
        if options.pattern.is_some_and(|pattern| !matches(pattern, key)) {
            return;
        }
        let bytes = u32::try_from(key.len()).expect("keys are below KEY_BYTES_MAX");
        list.extend_from_slice(&bytes.to_le_bytes());
        list.extend_from_slice(key);
        found += 1;
    };
    // A cursor that was never given out names no partition: the scan is over.
    if cursor.partition().0 >= PARTITIONS_MAX {
        cursor = ScanCursor(0);
    } else if own_core_only {
        cursor = scan_own(store, database, cursor, options.count, &mut take);
    } else {
        cursor = store.scan(database, cursor, options.count, &mut take);
    }
    if let Some(name) = options.type_name {
        found = keep_type(store, database, list, name);
    }
    Step { cursor, met, found }
}

/// The words of a list in which each stands behind its length.
fn each_word(mut rest: &[u8], mut take: impl FnMut(&[u8])) {
    while let Some((bytes, behind)) = rest.split_first_chunk::<4>() {
        let (key, behind) = behind.split_at(u32::from_le_bytes(*bytes) as usize);
        take(key);
        rest = behind;
    }
}

/// Leaves the keys of one type in a list of keys, and counts them.
fn keep_type(store: &mut Store, database: DatabaseId, keys: &mut Vec<u8>, name: &[u8]) -> usize {
    let (all, mut count) = (std::mem::take(keys), 0);
    let lookups = store.lookups();
    each_word(&all, |bytes| {
        let key = store.key(database, bytes);
        let found = store.peek(&key);
        if found.is_some_and(|found| is_word(name, name_of(store.value_type(&found)))) {
            let length = u32::try_from(bytes.len()).expect("keys are below KEY_BYTES_MAX");
            keys.extend_from_slice(&length.to_le_bytes());
            keys.extend_from_slice(bytes);
            count += 1;
        }
    });
    store.set_lookups(lookups);
    count
}

/// A step that goes on over the partitions of other cores, which hold nothing here, to the next of this core.
fn scan_own(
    store: &Store,
    database: DatabaseId,
    mut cursor: ScanCursor,
    count: u64,
    take: &mut impl FnMut(&[u8]),
) -> ScanCursor {
    let mut met = 0;
    loop {
        cursor = store.scan(database, cursor, count, |key| {
            met += 1;
            take(key);
        });
        let is_at_start = cursor == ScanCursor::at_partition(cursor.partition());
        if cursor == ScanCursor(0) || met >= count || !is_at_start {
            return cursor;
        }
    }
}
