//! The bar of caches: GET and SET of values of 2 KB to 512 KB, over Redis' protocol and memcached's.
//!
//! The servers run already (`scripts/bars` starts them). Each repeat of a cell is a client process of its own, so that its memory can be told.

mod client;
mod protocol;
mod run;

pub(crate) use client::{ClientOptions, run_client};
pub(crate) use run::{Options, run};
