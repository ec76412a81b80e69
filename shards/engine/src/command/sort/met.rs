//! Owns the keys that SORT meets on its way: those that its patterns name with the elements.

use super::elements;
use super::options::Options;
use crate::command::{CommandError, CommandSpec};
use hyperion_model::{DatabaseId, slot_of};
use hyperion_store::Store;

/// Whether a command is SORT with patterns whose keys may lie elsewhere than its own.
pub(crate) fn meets_others(spec: &CommandSpec, arguments: &[&[u8]]) -> bool {
    if !matches!(spec.name, "sort" | "sort_ro") || arguments.len() < 4 {
        return false;
    }
    // What is wrong with the words is told by the command.
    let Ok(options) = Options::parse(&arguments[2..], true) else { return false };
    let own = slot_of(arguments[1]);
    let mut patterns = options.by.iter().chain(&options.gets);
    patterns.any(|pattern| pattern.slot().is_none_or(|slot| slot.is_some_and(|slot| slot != own)))
}

/// The keys that SORT meets as its key is now, with repeats.
///
/// # Errors
/// When the command itself would fail: it tells of it.
pub(crate) fn met(
    store: &mut Store,
    database: DatabaseId,
    arguments: &[&[u8]],
) -> Result<Vec<Vec<u8>>, CommandError> {
    let mut options = Options::parse(&arguments[2..], true)?;
    let key = store.key(database, arguments[1]);
    // In scripts a set is sorted, and any of it may be given.
    let elements = elements(store, &key, &mut options, true)?;
    // Which of them are given is known where they are not sorted.
    let given = match options.order {
        None => &elements[options.range(elements.len())],
        Some(_) => &elements[..],
    };
    let by = options.by.iter().filter(|_| options.order.is_some());
    let by = by.flat_map(|by| elements.iter().filter_map(|element| by.key(element)));
    let gets = options.gets.iter();
    let gets = gets.flat_map(|get| given.iter().filter_map(|element| get.key(element)));
    Ok(by.chain(gets).collect())
}
