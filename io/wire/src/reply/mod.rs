//! The client's side of RESP: finds and reads one reply.

mod decoder;
mod error;
#[cfg(test)]
mod tests;
mod value;

pub use decoder::Decoder;
pub use error::ReplyError;
pub use value::Reply;
