//! Owns which keys of a command that has written count as changed, for those who keep copies of their values.

use crate::acl::{Access, access_of};
use crate::command::{CommandSpec, keys_of};

/// Change groups, consumers and pending entries of a stream, of which nobody keeps copies, and no entry.
const KEEP_ENTRIES: [&str; 5] = ["xack", "xautoclaim", "xclaim", "xreadgroup", "xsetid"];

/// Whether a command may change keys at all.
pub(crate) fn may_change(spec: &CommandSpec) -> bool {
    spec.writes() || spec.name == "pfcount"
}

/// The places of the keys of a line that its command has changed, once it has written: not of those that it reads to write others.
pub(crate) fn changed_keys(spec: &CommandSpec, line: &[&[u8]]) -> impl Iterator<Item = usize> {
    let is_changed = move |number| match spec.name {
        // It keeps its estimate in the value.
        "pfcount" => true,
        "xgroup" => line.iter().any(|word| word.eq_ignore_ascii_case(b"mkstream")),
        name => !KEEP_ENTRIES.contains(&name) && access_of(spec, line, number).has(Access::WRITE),
    };
    keys_of(spec, line).enumerate().filter(move |(number, _)| is_changed(*number)).map(|(_, at)| at)
}
