//! Who this node is, and who has proved to be at the other end of a link.

use super::hello::{Hello, Purpose};

/// Who this node is. The same for all its links, except for the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Oldest protocol version to offer: [`super::PROTOCOL_VERSION_MIN`] outside tests.
    pub protocol_min: u16,
    /// Newest protocol version to offer: [`super::PROTOCOL_VERSION`] outside tests.
    pub protocol_max: u16,
    /// The cluster.
    pub cluster_id: [u8; 16],
    /// The node's id in the config.
    pub node: u32,
    /// The node's own identity.
    pub uuid: [u8; 16],
    /// The core that this end of the link is on; less than `cores`.
    pub core: u16,
    /// How many cores the node has.
    pub cores: u16,
}

impl Identity {
    pub(super) fn hello(&self, purpose: Purpose, nonce: [u8; 32]) -> Hello {
        Hello {
            protocol_min: self.protocol_min,
            protocol_max: self.protocol_max,
            cluster_id: self.cluster_id,
            node: self.node,
            uuid: self.uuid,
            core: self.core,
            cores: self.cores,
            purpose,
            nonce,
        }
    }
}

/// Who is at the other end, proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Established {
    /// The peer's id in the config. That the config names this id with this uuid is the caller's
    /// to check.
    pub node: u32,
    /// The peer's own identity.
    pub uuid: [u8; 16],
    /// The core of the peer that the link ends on.
    pub core: u16,
    /// How many cores the peer has.
    pub cores: u16,
    /// The protocol version that both speak from here on.
    pub protocol: u16,
    /// What the link is for.
    pub purpose: Purpose,
}

impl Established {
    pub(super) const fn of(peer: &Hello, protocol: u16) -> Self {
        let Hello { node, uuid, core, cores, purpose, .. } = *peer;
        Self { node, uuid, core, cores, protocol, purpose }
    }
}
