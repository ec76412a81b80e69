//! Owns faults that are planted to see that the simulation finds them.

use raft::eraftpb::Message;

/// What is done wrong on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::group) struct Faults {
    /// The lease counts from the receipt of an acknowledgement.
    pub(in crate::group) lease_at_receipt: bool,
    /// Votes are given inside the quiet time.
    pub(in crate::group) votes_inside_lease: bool,
}

impl Faults {
    pub(in crate::group) fn receipt_ns(self, stamp_ns: u64, now_ns: u64) -> u64 {
        if self.lease_at_receipt { now_ns } else { stamp_ns }
    }

    pub(in crate::group) fn receipt(self, message: &mut Message, now_ns: u64) {
        if self.lease_at_receipt {
            let mut context = message.context.to_vec();
            if context.len() >= 8 {
                context[..8].copy_from_slice(&now_ns.to_le_bytes());
            }
            message.context = context.into();
        }
    }
}
