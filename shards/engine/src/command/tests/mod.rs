//! The tests of the commands, and what they run on.

mod bits;
mod collection;
mod describe;
mod expire;
mod floats;
mod gather;
mod generic;
mod glob;
mod hash_expiry;
mod hashes;
mod hyperloglog;
mod limits;
mod lists;
mod lookup;
mod model;
mod recorder;
mod relocate;
mod scan;
mod sets;
mod stage;
mod streams;
mod strings;
