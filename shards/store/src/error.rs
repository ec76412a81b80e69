//! Owns what can go wrong in the store.

use thiserror::Error;

/// Why a change was not made. Nothing of it was written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// No segment is ready; the caller waits for one and tries again.
    #[error("no segment is ready for {bytes} more bytes; wait for the next one")]
    NoRoom {
        /// What was asked for.
        bytes: usize,
    },
    /// More than one batch can hold at once.
    #[error(
        "{bytes} bytes are more than the {bytes_max} that one command may write at once; send it in parts"
    )]
    TooLarge {
        /// What was asked for.
        bytes: usize,
        /// What fits.
        bytes_max: usize,
    },
    /// An entry of another replica that is none.
    #[error("an entry does not read back at {offset}; ask the leader for it once more")]
    BadEntry {
        /// Byte of its payload, or number of the change, that is wrong.
        offset: usize,
    },
    /// More chunks than one value may have.
    #[error("a value may have {chunks_max} chunks at most; use several keys")]
    TooManyChunks {
        /// How many it may have.
        chunks_max: usize,
    },
}

/// Durable data that does not read back as it was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "segment {segment} is damaged at offset {offset}: {what}; up to {records} records there are concerned; \
     restore the file from a backup, or start with --repair to save what can be saved"
)]
pub struct Damage {
    /// The file's id.
    pub segment: u64,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Records at this place that cannot be read, at most, as far as the rest of the log tells.
    pub records: u64,
    /// What was found.
    pub what: &'static str,
}
