//! What a node says of itself from time to time, for warnings.

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
