//! Owns the categories of commands, by which users are given many at once.

use super::flags::Flags;
use super::lookup::find;
use super::spec::{CommandSpec, Group};
use super::subcommands::{SUBCOMMANDS, Subcommand, subcommands_of};

/// All categories, in the order in which ACL CAT tells them.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// Commands that are in a category beside those of their group and flags.
const MORE: [(&str, &[&str]); 4] = [
    ("connection", &["command", "asking", "readonly", "readwrite", "wait", "waitaof"]),
    ("keyspace", &["dbsize", "flushall", "flushdb", "swapdb"]),
    ("dangerous", &["lastsave", "sort", "sort_ro", "restore", "migrate", "swapdb", "role"]),
    ("admin", &["lastsave", "role"]),
];

/// Commands that work on several types: Redis puts them into the categories of those.
const TYPES: [(&str, &[&str]); 3] = [
    ("set", &["sort", "sort_ro"]),
    ("sortedset", &["sort", "sort_ro"]),
    ("list", &["sort", "sort_ro"]),
];

/// Whether something with these flags is in the category, by them alone.
fn by_flags(category: &str, flags: Flags) -> bool {
    match category {
        "read" => flags.has(Flags::READONLY),
        "write" => flags.has(Flags::WRITE),
        "pubsub" => flags.has(Flags::PUBSUB),
        "admin" => flags.has(Flags::ADMIN),
        "fast" => flags.has(Flags::FAST),
        "slow" => !flags.has(Flags::FAST),
        "blocking" => flags.has(Flags::BLOCKING),
        "dangerous" => flags.has(Flags::DANGEROUS) || flags.has(Flags::ADMIN),
        _ => false,
    }
}

fn by_group(category: &str, group: Group) -> bool {
    let of_group = match group {
        Group::Generic => "keyspace",
        Group::String => "string",
        Group::Connection => "connection",
        Group::Hash => "hash",
        Group::List => "list",
        Group::Set => "set",
        Group::SortedSet => "sortedset",
        Group::Stream => "stream",
        Group::Bitmap => "bitmap",
        Group::HyperLogLog => "hyperloglog",
        Group::Geo => "geo",
        Group::Pubsub => "pubsub",
        Group::Scripting => "scripting",
        Group::Transactions => "transaction",
        Group::Server | Group::Cluster => return false,
    };
    category == of_group
}

/// Whether a command is in a category. One with subcommands says nothing of itself: they are.
#[must_use]
pub fn is_in(spec: &CommandSpec, category: &str) -> bool {
    if !subcommands_of(spec).is_empty() && spec.name != "command" {
        return category == "slow";
    }
    let is_named = |lists: &[(&str, &[&str])]| {
        lists.iter().any(|(of, names)| *of == category && names.contains(&spec.name))
    };
    let on_keys = spec.writes() || spec.flags.has(Flags::READONLY);
    let is_of_keys = on_keys && !["sort", "sort_ro"].contains(&spec.name);
    let by_group = by_group(category, spec.group) && (category != "keyspace" || is_of_keys);
    // Who may read may not run scripts by that.
    if category == "read" && spec.group == Group::Scripting {
        return false;
    }
    by_group || by_flags(category, spec.flags) || is_named(&MORE) || is_named(&TYPES)
}

/// Whether a subcommand is in a category.
#[must_use]
pub fn is_subcommand_in(sub: &Subcommand, category: &str) -> bool {
    // HELP is about channels, and not about any.
    let by_group = category != "pubsub" && by_group(category, sub.group);
    by_group || by_flags(category, sub.flags)
}

/// The category of this name, whatever its case.
#[must_use]
pub fn category(name: &[u8]) -> Option<&'static str> {
    CATEGORIES.into_iter().find(|category| name.eq_ignore_ascii_case(category.as_bytes()))
}

/// The commands and subcommands in a category.
#[must_use]
pub fn members(category: &str) -> Vec<&'static str> {
    let commands =
        super::table::COMMANDS.iter().filter(|spec| is_in(spec, category)).map(|spec| spec.name);
    let is_known = |sub: &Subcommand| {
        sub.full_name.split_once('|').is_some_and(|(command, _)| find(command.as_bytes()).is_some())
    };
    let subcommands = SUBCOMMANDS
        .iter()
        .filter(|sub| is_known(sub) && is_subcommand_in(sub, category))
        .map(|sub| sub.full_name);
    commands.chain(subcommands).collect()
}
