//! The server's side of RESP: commands in, replies out.

mod arguments;
mod encoder;
mod error;
mod inline;
mod length;
mod parser;
#[cfg(test)]
mod tests;

pub use encoder::{Encoder, Protocol};
pub use error::ProtocolError;
pub use parser::{Parsed, Parser, Span};
