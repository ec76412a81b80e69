//! Owns the 16 bytes in front: the magic word, the form, and the last estimate.
//!
//! `HYLL`, form u8 (0 dense, 1 sparse), 3 bytes zero, estimate u64 with its highest bit set when the registers have changed since.

use super::super::error::CommandError;
use super::dense;

pub(super) const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ESTIMATE_AT: usize = 8;
/// The byte with the bit that says the estimate is old, and that bit.
const OLD_AT: usize = 15;
const OLD: u8 = 0x80;

const NOT_ONE: CommandError =
    CommandError::Says("WRONGTYPE Key is not a valid HyperLogLog string value.");

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One after the other.
    Dense,
    /// As runs.
    Sparse,
}

/// Reads the form of a string that should be a sketch.
pub(super) fn form_of(bytes: &[u8]) -> Result<Form, CommandError> {
    let header = bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(MAGIC));
    match header.map(|header| header[MAGIC.len()]) {
        Some(0) if bytes.len() == HEADER_BYTES + dense::BYTES => Ok(Form::Dense),
        Some(1) => Ok(Form::Sparse),
        _ => Err(NOT_ONE),
    }
}

/// A header without an estimate that is old: 0.
pub(super) fn header(form: Form) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()] = u8::from(form == Form::Sparse);
    header
}

/// The estimate, if it is not old.
pub(super) fn estimate(bytes: &[u8]) -> Option<u64> {
    let estimate = bytes[ESTIMATE_AT..HEADER_BYTES].try_into().expect("it has eight bytes");
    (bytes[OLD_AT] & OLD == 0).then(|| u64::from_le_bytes(estimate))
}

pub(super) fn set_estimate(bytes: &mut [u8], estimate: u64) {
    bytes[ESTIMATE_AT..HEADER_BYTES].copy_from_slice(&estimate.to_le_bytes());
}

pub(super) fn make_old(bytes: &mut [u8]) {
    bytes[OLD_AT] |= OLD;
}
