//! Frequencies against theory, the skipper against the decoder, the schedule, the flags, and whole
//! runs against a server in a thread.

mod arguments;
mod end_to_end;
mod keys;
mod plot;
mod requests;
mod schedule;
mod server;
mod skipper;

use clap::Parser as _;

use crate::arguments::Arguments;

/// The flags of a command line given as words apart by spaces.
fn flags(line: &str) -> Arguments {
    Arguments::parse_from(["loadgen"].into_iter().chain(line.split_whitespace()))
}
