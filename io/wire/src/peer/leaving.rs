//! That a node is about to stop.

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::LEAVING_MS_MAX;

/// The sender hands over what it leads and takes no lead, as long as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct Leaving {
    /// How long this holds unless it is said again, in ms; at most [`LEAVING_MS_MAX`].
    pub valid_ms: u32,
}

impl<'a> Body<'a> for Leaving {
    const KIND: Kind = Kind::Leaving;

    fn check(&self) -> Result<(), BodyError> {
        let [valid, most] =
            [self.valid_ms, LEAVING_MS_MAX].map(|ms| usize::try_from(ms).expect("32 bits fit"));
        within(Self::KIND, "time", valid, most)
    }
}
