//! Owns what stands behind a value in a payload: the version and the sum.

use super::crc64::crc64;

/// Bytes of a footer.
pub(super) const FOOTER_BYTES: usize = 10;

/// The version that is written: that of Redis 7.0, which has all forms that are written but one.
pub(super) const VERSION: u16 = 10;
/// The version of hashes some of whose fields expire: that of Redis 7.4.
pub(super) const VERSION_EXPIRING: u16 = 12;
/// The greatest version that is read: no form has changed since, there are only more of them; Valkey counts from 80.
const VERSION_MAX: u16 = 80;

/// The footer of a value whose sum so far is `sum`.
pub(super) fn footer(version: u16, sum: u64) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    footer[..2].copy_from_slice(&version.to_le_bytes());
    let sum = crc64(sum, &footer[..2]);
    footer[2..].copy_from_slice(&sum.to_le_bytes());
    footer
}

/// Puts a footer behind a value.
pub fn seal(value: &mut Vec<u8>) {
    seal_as(VERSION, value);
}

/// Puts a footer of a version behind a value.
pub(super) fn seal_as(version: u16, value: &mut Vec<u8>) {
    let footer = footer(version, crc64(0, value));
    value.extend_from_slice(&footer);
}

/// The value in a payload; `None` when the sum or the version is wrong.
pub(super) fn open(payload: &[u8]) -> Option<&[u8]> {
    let (summed, sum) = payload.split_last_chunk::<8>()?;
    let (value, version) = summed.split_last_chunk::<2>()?;
    let is_known = u16::from_le_bytes(*version) <= VERSION_MAX;
    (is_known && crc64(0, summed) == u64::from_le_bytes(*sum)).then_some(value)
}
