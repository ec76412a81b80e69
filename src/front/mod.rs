//! The door: what clients send becomes requests, and what engines answer becomes bytes in order.

pub(crate) mod batch;
mod blocked;
mod busy;
pub(crate) mod client;
mod commands;
mod elsewhere;
mod exec;
mod execute;
mod finished;
mod foreign;
mod forward;
mod http;
mod input;
mod kept;
pub(crate) mod limits;
mod long_input;
mod long_output;
mod memcached;
mod multi;
mod observe;
mod output;
mod peers;
mod placed;
mod placed_links;
mod placing;
mod replies;
mod rights;
mod scattered;
mod seldom;
mod spanning;
mod spare;
mod spent;
mod streams;
pub(crate) mod tls;
mod untaken;
mod waiting;
mod web;
mod whole;

pub(crate) use blocked::{BlockedCommands, Ending};
pub(crate) use busy::NO_REPLICAS;
pub(crate) use client::{Arrival, Client};
pub(crate) use commands::{
    Amended, CopyWait, FrontAsk, FrontPart, Scripts, Wake, shown_back_problems,
};
pub(crate) use foreign::{Foreign, ForeignCommand};
pub(crate) use forward::Forwarding;
pub(crate) use http::HttpDoor;
pub(crate) use input::Lines;
pub(crate) use observe::{Observer, Shown, Slow};
pub(crate) use peers::ParkedCommands;
pub(crate) use placed::PlacedCommands;
#[cfg(test)]
pub(crate) use replies::Replies;
pub(crate) use scattered::ScatteredCommands;
pub(crate) use seldom::Seldom;
pub(crate) use spare::SpareBuffers;
pub(crate) use spent::Spent;
pub(crate) use streams::StreamMail;
pub(crate) use whole::Wholes;
