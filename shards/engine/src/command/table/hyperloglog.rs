//! Owns the rows of strings that count distinct things.

use super::{ALL, GROW, GROW_FAST, NONE, ONE, READ, SECOND, row};
use crate::command::flags::Flags;
use crate::command::hyperloglog;
use crate::command::spec::Group::HyperLogLog;
use crate::command::spec::Run::{self, Key, Keys};
use crate::command::spec::{CommandSpec, Spread};

const PFCOUNT: Run = Keys { local: hyperloglog::pfcount, spread: Spread::Collect };
const PFMERGE: Run = Keys { local: hyperloglog::pfmerge, spread: Spread::Collect };
const PFSELFTEST: Run = Keys { local: hyperloglog::pfselftest, spread: Spread::Collect };

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("pfadd", -2, GROW_FAST, ONE, Key(hyperloglog::pfadd))
        .about(HyperLogLog, "2.8.9", "O(1) for each element", "Counts elements; tells whether the estimate may have changed."),
    row("pfcount", -2, READ, ALL, PFCOUNT)
        .about(HyperLogLog, "2.8.9", "O(1) for one key, O(N) for N", "Estimates how many different elements were counted under the keys together."),
    row("pfdebug", 3, GROW.and(Flags::ADMIN), SECOND, Key(hyperloglog::pfdebug))
        .about(HyperLogLog, "2.8.9", "O(1)", "Shows how a sketch is written, for tests."),
    row("pfmerge", -2, GROW, ALL, PFMERGE)
        .about(HyperLogLog, "2.8.9", "O(N) with the number of keys", "Puts sketches together under the first key."),
    row("pfselftest", 1, Flags::ADMIN, NONE, PFSELFTEST)
        .about(HyperLogLog, "2.8.9", "O(1)", "Checks the code that counts, for tests."),
];
