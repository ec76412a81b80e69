//! Scripts in Lua: EVAL and its kin, and functions of libraries.
//!
//! Each core has a machine of its own ([`Machine`]), the texts are the node's ([`Texts`]). Libraries are in the config, so that they are on stable
//! storage and on every node; each core loads them into a second machine ([`Libraries`]) when one of their functions is called first. A script
//! runs in one turn. Where its core has all keys there are it runs on the store itself; elsewhere its keys are locked and brought, it runs on copies, and what it has changed is written
//! back as one transaction. One that meets a key which it did not declare is begun anew with that key too.

mod asides;
mod asking;
mod bit;
mod calls;
mod checked;
mod cjson;
mod cmsgpack;
mod failures;
mod flags;
mod json_read;
mod json_write;
mod library;
pub(crate) mod limits;
mod machine;
mod packed;
mod registering;
mod running;
#[cfg(test)]
mod tests;
mod texts;
mod values;
mod watch;
mod work;

pub(crate) use asides::{Asides, Reads};
pub(crate) use asking::Ask;
use failures::{error_text, first_line, place};
pub(crate) use flags::ScriptFlags;
pub(crate) use library::{Libraries, Library, Policy, add, restore};
pub(crate) use machine::{Compiled, Kind, Machine};
pub(crate) use running::{Running, Slow};
pub(crate) use texts::{Texts, sha1_hex};
pub(crate) use work::{Line, Script, ScriptWork};
