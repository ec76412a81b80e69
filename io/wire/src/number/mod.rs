//! Numbers as the protocol writes them.

mod double;
mod integer;
#[cfg(test)]
mod tests;

pub use double::write_f64;
pub use integer::{Decimal, I64_TEXT_BYTES_MAX, parse_i64, write_i64};
