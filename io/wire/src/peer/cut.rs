//! One snapshot over all nodes: what its leader asks of the others, and what they answer.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;

/// The longest text of a step, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A step of a snapshot over all nodes.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ClusterCut<'a> {
    /// The snapshot: Unix ms at which it was begun.
    pub snapshot: u64,
    /// Which step; the nodes know what each means.
    pub step: u8,
    /// Of a cut: which try it is. Of the begin: the epoch of the config.
    pub number: u64,
    /// A sentence, or what a node has made, as JSON.
    pub text: Cow<'a, str>,
}

impl<'a> Body<'a> for ClusterCut<'a> {
    const KIND: Kind = Kind::ClusterCut;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "length of the text", self.text.len(), TEXT_BYTES_MAX)
    }
}
