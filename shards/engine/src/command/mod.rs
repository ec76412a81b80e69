//! The commands: one table, and what each of them does to one core's store.

mod big;
mod bits;
mod category;
mod chance;
mod context;
mod counter;
mod describe;
mod error;
mod expire;
mod extended;
mod fields;
mod fields_scan;
mod flags;
mod float;
mod gather;
mod geo;
mod glob;
mod hash;
mod hyperloglog;
mod lookup;
mod multiple;
mod object;
mod range;
mod rename;
mod scan;
mod set;
mod set_options;
mod sorted_set;
mod spec;
mod string;
mod subcommands;
mod table;
pub mod types;

#[cfg(test)]
mod tests;

pub use bits::staged_growth;
pub use category::{CATEGORIES, category, is_in, is_subcommand_in, members};
pub use context::{Context, reply_value};
pub use describe::describe;
pub use error::{CommandError, repeat};
pub use flags::Flags;
pub use gather::{Gather, Part, check, merge, part};
pub use glob::matches;
pub use lookup::find;
pub use rename::copy_options;
pub use scan::{parse_cursor, scan_part};
pub use spec::{CommandSpec, FrontCommand, Group, Handler, KeySpec, More, Run, Spread, keys_of};
pub use subcommands::{SUBCOMMANDS, Subcommand, find_subcommand, subcommands_of};
pub use table::COMMANDS;
