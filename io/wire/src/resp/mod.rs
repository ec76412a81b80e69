//! The server's side of RESP: commands in, replies out.

mod encoder;
mod error;
mod inline;
mod parser;
#[cfg(test)]
mod tests;

pub use encoder::{Encoder, Protocol};
pub use error::ProtocolError;
pub use parser::{Parsed, Parser, Span};
