//! Tests of the whole machine of one core.

mod staging;
