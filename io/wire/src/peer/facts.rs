//! What a node says of itself from time to time: for warnings, and for who leads groups that it has copies of.

use speedy::{Readable, Writable};

use super::body::Body;
use super::error::BodyError;
use super::kind::Kind;

/// What the others cannot know of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct NodeFacts {
    /// Its wall clock when this was sent, in ms since 1970.
    pub unix_ms: u64,
    /// The memory that its data may take, in bytes.
    pub memory_bytes: u64,
}

impl<'a> Body<'a> for NodeFacts {
    const KIND: Kind = Kind::NodeFacts;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

/// How full a node's memory is. It is told while that is much; who hears nothing takes it to have room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct Fullness {
    /// What it holds, in thousandths of what it may hold.
    pub permille: u32,
}

impl<'a> Body<'a> for Fullness {
    const KIND: Kind = Kind::Fullness;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}
