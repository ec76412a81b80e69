//! The commands that concern the connection or the node: what the front carries out itself.

mod acl;
mod amend;
mod art;
mod asks;
mod client;
mod client_filter;
mod client_line;
mod cluster;
mod config;
mod connection;
mod copies;
mod debug;
mod functions;
mod info;
mod info_sections;
mod instead;
mod latency;
mod limits;
#[cfg(test)]
mod listed;
mod memory;
mod monitor;
mod parameter_values;
mod parameters;
mod parameters_redis;
mod process;
mod pubsub;
mod run;
mod save;
mod scripting;
mod server;
mod shown_back;
mod slowlog;
mod swapdb;
#[cfg(test)]
mod tests;
mod tracking;
mod whole;

pub(crate) use amend::Amended;
pub(crate) use asks::{FrontAsk, FrontPart};
pub(super) use client_line::{Whereabouts, client_line};
pub(super) use connection::database;
pub(crate) use copies::CopyWait;
pub(crate) use debug::Wake;
pub(super) use functions::write_function_stats;
pub(super) use pubsub::check_listening;
pub(super) use run::Carried;
pub(crate) use scripting::Scripts;
pub(crate) use shown_back::shown_back_problems;
