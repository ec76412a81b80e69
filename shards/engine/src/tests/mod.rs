//! Tests of the whole machine of one core.

mod blocking;
mod clocks;
mod events;
mod full;
mod led;
mod machine;
mod memory;
mod slices;
mod staging;
mod three;
mod work;
