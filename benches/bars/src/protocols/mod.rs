//! The bar of protocols: the frames of `io/wire` on the ring of `io/runtime` beside HTTP/1.1 by tiny_http and hyper.
//!
//! A server is a process of its own, so that its processor time can be told from the client's.

mod client;
mod frames;
mod http;
mod hyper_server;
mod ring_server;
mod run;
mod server;
mod tiny_server;

pub(crate) use run::run;
pub(crate) use server::{ServerKind, serve};

/// What comes back of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The same bytes.
    RoundTrip,
    /// A word that it is there.
    OneWay,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::RoundTrip, Self::OneWay];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trip",
            Self::OneWay => "one way",
        }
    }

    /// The path of a request over HTTP.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::RoundTrip => "/echo",
            Self::OneWay => "/take",
        }
    }
}
