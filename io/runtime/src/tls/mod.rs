//! TLS between the ring and a core: what the files say, and one connection's records. Nothing here knows a socket.

mod client;
mod error;
mod files;
mod server;
mod session;

pub use client::TlsClient;
pub use error::{TlsError, TlsFile};
pub use files::{TlsFiles, TlsMaterial};
pub use server::{ClientAuth, TlsServer};
pub(crate) use session::{Fed, Secured};

/// First bytes of a record that begins a handshake, of every version of TLS that is still spoken.
pub const HANDSHAKE_RECORD: [u8; 2] = [0x16, 0x03];

/// The alert that ends a handshake where no TLS is spoken: fatal, handshake_failure.
/// Source: RFC 8446, section 6.
pub const NO_TLS_ALERT: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 40];

/// What is done with a peer that begins without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsecured {
    /// It is taken as it comes.
    Accept,
    /// It is told these bytes, and closed.
    Refuse(Vec<u8>),
}
