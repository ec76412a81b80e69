//! The tests of the commands, and what they run on.

mod collection;
mod describe;
mod expire;
mod floats;
mod gather;
mod generic;
mod glob;
mod hashes;
mod limits;
mod lists;
mod lookup;
mod model;
mod recorder;
mod scan;
mod sets;
mod stage;
mod strings;
