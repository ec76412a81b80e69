//! Lists the parts of the config: its document, its rules, its file and its keeper.

mod addresses;
mod canonical;
mod cores;
mod difference;
mod document;
mod error;
mod file;
mod keeper;
mod limits;
mod live;
mod load;
mod machine;
mod overrides;
mod parse;
mod password;
mod problem;
mod published;
mod resolve;
mod settings;
mod size;
#[cfg(test)]
pub(crate) mod tests;
mod uuid;

pub(crate) use cores::CoreChoice;
#[cfg(test)]
pub(crate) use document::Config;
pub(crate) use error::ConfigError;
pub(crate) use keeper::{Accepted, Keeper, Refused};
pub(crate) use load::{Opened, open};
pub(crate) use machine::Machine;
pub(crate) use password::{PasswordHash, hash_line};
pub(crate) use problem::Problem;
pub(crate) use published::{Current, Published};
pub(crate) use resolve::Resolved;
pub(crate) use settings::{Durability, LogLevel, Settings, Storage};
pub(crate) use size::Size;
