//! The short way into Lua and out of it. See the README of this folder.
#![deny(unsafe_code)]

mod chance;
mod functions;
mod gate;
mod script;
mod stack;
#[cfg(test)]
mod tests;
mod values;
mod walk;

pub use chance::random;
pub use functions::{Guard, checked, guarded, pairs};
pub use gate::Gate;
pub use script::{Caller, Given, Outcome, Script, Way, Where};
pub use values::{Name, Values, number_text};
pub use walk::{Form, Met, Place, Seen, Visitor, walk};
