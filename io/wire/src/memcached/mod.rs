//! Memcached's text protocol: requests, and the lines that answer them.
//!
//! Source: memcached's `doc/protocol.txt`.

mod base64;
mod encoder;
mod parser;

#[cfg(test)]
mod tests;

pub use base64::decode_key;
pub use encoder::Encoder;
pub use parser::{Parsed, parse};
