//! Lists what of the config touches the machine: its file, its keeper, the flags over it. The document and its rules are
//! those of `hyperion_cluster`.

mod error;
mod file;
mod first;
mod growth;
mod keeper;
mod limits;
mod load;
mod look;
mod machine;
mod overrides;
mod password;
mod published;
mod reload;
mod resolve;
mod restored;
mod stopped;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod uuid;

pub(crate) use error::ConfigError;
pub(crate) use file::taken_ms;
pub(crate) use growth::Growth;
pub(crate) use keeper::{Accepted, Checked, Keeper, Refused};
pub(crate) use limits::NODE_BYTES;
pub(crate) use load::{Opened, http_address, load, open};
pub(crate) use machine::probe;
pub(crate) use password::hash_line;
pub(crate) use published::{Current, Published};
pub(crate) use resolve::Resolved;
pub(crate) use restored::{DATABASES_NAME, RESTORED_FUNCTIONS};
pub(crate) use stopped::{replace_file, write_file};
pub(crate) use tls::NodeTls;

pub(crate) use hyperion_cluster::config::{
    Config, CoreChoice, Durability, LogLevel, PasswordHash, Problem, PubsubOutput, Settings, Size,
    Storage, push_step,
};
