//! Scripts in Lua: EVAL and its kin.
//!
//! Each core has a machine of its own ([`Machine`]), the texts are the node's ([`Texts`]). A script runs in one turn. Where its core has all keys there
//! are it runs on the store itself; elsewhere its keys are locked and brought, it runs on copies, and what it has changed is written
//! back as one transaction. One that meets a key which it did not declare is begun anew with that key too.

mod bit;
mod cjson;
mod cmsgpack;
pub(crate) mod limits;
mod machine;
mod packed;
mod texts;
mod values;
mod work;

pub(crate) use machine::Machine;
pub(crate) use texts::{Texts, sha1_hex};
pub(crate) use work::{Published, ScriptWork};
