//! The rim of one process: cores, their ring, sockets, files, the mesh between cores, and timers.
//!
//! A program gives one [`Core`] for each cpu to [`run()`]; all calls to a core come from that core's
//! own thread, and everything a core asks for goes through its [`Io`].
#![deny(unsafe_code)]
#![cfg_attr(
    loom,
    allow(
        dead_code,
        unused_imports,
        reason = "under loom only the mesh is built, and its users are not"
    )
)]

#[cfg(not(loom))]
pub mod arena;
#[cfg(not(loom))]
mod bell;
#[cfg(not(loom))]
mod core;
#[cfg(not(loom))]
mod drive;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
pub mod files;
#[cfg(not(loom))]
pub mod guests;
#[cfg(not(loom))]
mod ids;
#[cfg(not(loom))]
mod io;
#[cfg(not(loom))]
mod keeper;
pub mod limits;
mod mesh;
#[cfg(not(loom))]
mod net;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod postbox;
#[cfg(not(loom))]
pub mod process;
#[cfg(not(loom))]
mod ring;
#[cfg(not(loom))]
mod run;
#[cfg(not(loom))]
mod secure;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
#[cfg(not(loom))]
pub mod tls;
#[cfg(not(loom))]
mod turn_clock;

#[cfg(not(loom))]
pub use crate::{
    core::{CloseReason, Core},
    error::{CoreError, RuntimeError},
    ids::{ConnectionId, FileId, ListenerId},
    io::Io,
    keeper::{Busy, Keeper},
    net::Socket,
    options::RuntimeOptions,
    postbox::{Postbox, Postboxes},
    ring::RingLevel,
    run::{Handles, available_cpus, run},
    stats::Stats,
};
