//! Tests of one core as a machine: turns are counted, and what each writes.

mod machine;
mod slices;
mod staging;
mod work;
