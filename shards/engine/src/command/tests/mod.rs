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
mod memcached;
mod model;
mod places;
mod recorder;
mod relocate;
mod scan;
mod sets;
mod sorted_sets;
mod stage;
mod streams;
mod streams_model;
mod strings;
