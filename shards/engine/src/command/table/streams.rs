//! Owns the rows of streams.

use super::{GROW, GROW_FAST, ONE, READ, READ_FAST, SECOND, WRITE, WRITE_FAST, row};
use crate::command::flags::Flags;
use crate::command::spec::CommandSpec;
use crate::command::spec::Group::Stream;
use crate::command::spec::Run::{Key, Keys};
use crate::command::spec::{KeySpec, More, Spread};
use crate::command::stream;

const STREAMS: KeySpec = KeySpec::NONE.with(More::Streams);
const WAITS: Flags = Flags::BLOCKING.and(Flags::MOVABLE_KEYS);
const COLLECT: Spread = Spread::Collect;

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("xack", -4, WRITE_FAST, ONE, Key(stream::xack))
        .about(Stream, "5.0.0", "O(1) for each entry", "Acknowledges entries: they are not pending any more."),
    row("xadd", -5, GROW_FAST, ONE, Key(stream::xadd))
        .about(Stream, "5.0.0", "O(1), and O(N) with the entries trimmed", "Adds an entry behind all others."),
    row("xautoclaim", -6, WRITE_FAST, ONE, Key(stream::xautoclaim))
        .about(Stream, "6.2.0", "O(1) with a small count", "Gives a consumer what was pending for others for long."),
    row("xclaim", -6, WRITE_FAST, ONE, Key(stream::xclaim))
        .about(Stream, "5.0.0", "O(log N) for each entry", "Gives a consumer pending entries by their ids."),
    row("xdel", -3, WRITE_FAST, ONE, Key(stream::xdel))
        .about(Stream, "5.0.0", "O(log N) for each entry", "Removes entries and counts those that were there."),
    row("xgroup", -2, GROW, SECOND, Key(stream::xgroup))
        .about(Stream, "5.0.0", "O(1); O(N) with what is pending to remove", "Makes, changes and removes groups and consumers."),
    row("xinfo", -2, READ, SECOND, Key(stream::xinfo))
        .about(Stream, "5.0.0", "O(N) with what is told", "Tells about a stream, its groups, or the consumers of one."),
    row("xlen", 2, READ_FAST, ONE, Key(stream::xlen))
        .about(Stream, "5.0.0", "O(1)", "Counts the entries of a stream."),
    row("xpending", -3, READ, ONE, Key(stream::xpending))
        .about(Stream, "5.0.0", "O(N) with the entries looked at", "Tells what a group has given away and was not acknowledged."),
    row("xrange", -4, READ, ONE, Key(stream::xrange))
        .about(Stream, "5.0.0", "O(log N), and O(M) with the entries told", "Gives the entries of a range of ids."),
    row("xread", -4, READ.and(WAITS), STREAMS, Keys { local: stream::xread, spread: COLLECT })
        .about(Stream, "5.0.0", "O(log N) for each stream, and O(M) with the entries told", "Gives the entries behind an id, of several streams."),
    row("xreadgroup", -7, WRITE.and(WAITS), STREAMS, Keys { local: stream::xread, spread: COLLECT })
        .about(Stream, "5.0.0", "O(log N) for each stream, and O(M) with the entries told", "Gives a consumer entries that its group has not seen."),
    row("xrevrange", -4, READ, ONE, Key(stream::xrange))
        .about(Stream, "5.0.0", "O(log N), and O(M) with the entries told", "Gives the entries of a range of ids, the last one first."),
    row("xsetid", -3, GROW_FAST, ONE, Key(stream::xsetid))
        .about(Stream, "5.0.0", "O(1)", "Sets the last id of a stream, and its counters."),
    row("xtrim", -4, WRITE, ONE, Key(stream::xtrim))
        .about(Stream, "5.0.0", "O(N) with the entries removed", "Removes the oldest entries."),
];
