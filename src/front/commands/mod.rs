//! The commands that concern the connection or the node: what the front carries out itself.

mod art;
mod asks;
mod client;
mod client_filter;
mod client_line;
mod cluster;
mod config;
mod connection;
mod copies;
mod info;
mod info_sections;
mod limits;
mod parameters;
mod process;
mod pubsub;
mod run;
mod save;
mod server;
#[cfg(test)]
mod tests;
mod tracking;

pub(crate) use asks::{FrontAsk, FrontPart};
pub(crate) use copies::CopyWait;
pub(super) use pubsub::check_listening;
