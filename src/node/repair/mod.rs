//! Data that may be damaged: read without a write, shown, put aside, and saved as far as it goes.

mod check;
mod offline;
mod quarantine;
mod replicas;
mod report;
mod saving;

pub(crate) use self::check::check_data;
pub(super) use self::quarantine::mend_manifest;
pub(super) use self::replicas::Belonging;
pub(super) use self::saving::repair;

/// The exit code for data that is damaged.
pub(super) const EXIT_DAMAGED: u8 = 65;
/// What the system says when a disk does not give its bytes.
const EIO: i32 = 5;
