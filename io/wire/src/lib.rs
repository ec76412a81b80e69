//! Codecs without I/O: RESP2 and RESP3 requests, replies, the numbers in them, memcached's text, and the frames
//! between nodes.
//!
//! Bytes come in as slices and go out into a caller's buffer; nothing here reads, waits or keeps
//! a connection. [`Parser`] and [`Encoder`] are the server's side, [`reply::Decoder`] the client's;
//! [`memcached`] is the text protocol of memcached;
//! [`peer`] is what nodes of one cluster say to each other.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod limits;
pub mod memcached;
pub mod number;
pub mod peer;
pub mod reply;
pub mod resp;

pub use limits::Limits;
pub use resp::{Encoder, Parsed, Parser, Protocol, ProtocolError, Span};
