//! Sockets: accepted ones, listening ones, and the table of open connections.

mod connections;
mod listeners;
mod options;
mod socket;

pub(crate) use connections::Connections;
pub(crate) use listeners::{Listener, Listeners, unix_is_answered};
pub use socket::Socket;
