//! Tests of the whole machine of one core.

mod machine;
mod slices;
mod staging;
