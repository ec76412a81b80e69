//! What a core notes of the work it does: refusals now, and for those who ask later.

mod refusals;

pub(crate) use refusals::{Reason, Refusal, Refusals, merge_refusals, write_refusals};

/// All that one core notes.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    /// Commands and passwords that were refused.
    pub(crate) refusals: Refusals,
}
