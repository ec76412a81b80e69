//! Being written.
#![forbid(unsafe_code)]

#[allow(dead_code, unused_imports, reason = "wired by main")]
mod config;
#[allow(dead_code, unused_imports, reason = "wired by main")]
mod flags;
#[allow(dead_code, unused_imports, reason = "wired by main")]
mod http;

fn main() {}
