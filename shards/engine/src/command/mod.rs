//! The commands: one table, and what each of them does to one core's store.

mod ahead;
mod big;
mod bits;
mod block;
mod block_parts;
mod category;
mod chance;
mod context;
mod counter;
mod describe;
mod encoding;
mod error;
mod expire;
mod extended;
mod fields;
mod fields_all;
mod fields_each;
mod fields_many;
mod fields_scan;
mod flags;
mod float;
mod gather;
mod geo;
mod glob;
mod hash;
mod hyperloglog;
mod key_words;
mod lcs;
mod list;
mod lookup;
mod memcached;
mod multiple;
mod object;
mod range;
mod rdb;
mod relocate;
mod rename;
mod scan;
mod set;
mod set_options;
mod sort;
mod sorted_set;
mod spec;
mod stream;
mod string;
mod subcommands;
mod table;
pub mod types;
mod usage;

#[cfg(test)]
mod tests;

pub use ahead::{Sought, prefetch_entries};
pub use bits::staged_growth;
pub use block::{Blocking, Nothing, Wait};
pub use block_parts::{is_move, part_words, source_words, time_to_wait, waited_keys, waits};
pub use category::{CATEGORIES, category, is_in, is_subcommand_in, members};
pub use context::{Context, reply_value};
pub use describe::describe;
pub use error::{CommandError, repeat};
pub use flags::Flags;
pub use gather::{Gather, Part, check, merge, part};
pub use glob::matches;
pub(crate) use hash::{bury_fields, field_expired};
pub use lookup::find;
pub use rdb::{dump_libraries, read_libraries, read_string, seal};
pub use relocate::{kept_words, move_target};
pub use rename::copy_options;
pub use scan::{parse_cursor, scan_count, scan_part};
pub(crate) use sort::{meets_others, met};
pub use spec::{
    CommandSpec, EntrySpec, FrontCommand, Group, Handler, KeySpec, More, Run, Spread, keys_of,
};
pub(crate) use stream::fixed_ids;
pub use subcommands::{
    SUBCOMMANDS, Subcommand, find_subcommand, subcommand_refusal, subcommands_of,
};
pub use table::{COMMANDS, MEMCACHED_CHANGE, MEMCACHED_READ, MEMCACHED_STORE, find_memcached};
pub(crate) use usage::debug_line;
