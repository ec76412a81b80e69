//! The tests of the commands, and what they run on.

mod bits;
mod collection;
mod describe;
mod expire;
mod floats;
mod gather;
mod generic;
mod glob;
mod hashes;
mod hyperloglog;
mod limits;
mod lists;
mod lookup;
mod model;
mod places;
mod rdb;
mod recorder;
mod relocate;
mod scan;
mod sets;
mod sorted_sets;
mod stage;
mod streams;
mod strings;
