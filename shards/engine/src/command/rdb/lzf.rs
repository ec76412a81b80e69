//! Owns unpacking LZF, in which Redis packs long strings.
//!
//! ```text
//! 000nnnnn                     n + 1 bytes follow as they are
//! nnnooooo oooooooo            n + 2 bytes that stand o + 1 bytes back; n = 7: one byte more, added to n, stands in the middle
//! ```

use super::value::{Damaged, Read};

/// Bytes that one packed byte stands for, at most.
const EXPANSION_MAX: usize = 264;

/// Unpacks all of `packed`, which must give `bytes` bytes.
pub(super) fn unpack(packed: &[u8], bytes: usize) -> Read<Vec<u8>> {
    if bytes > packed.len().saturating_mul(EXPANSION_MAX) {
        return Err(Damaged);
    }
    let mut out = Vec::with_capacity(bytes);
    let mut rest = packed;
    while let [control, behind @ ..] = rest {
        rest = behind;
        let control = usize::from(*control);
        if control < 0x20 {
            let (plain, behind) = rest.split_at_checked(control + 1).ok_or(Damaged)?;
            out.extend_from_slice(plain);
            rest = behind;
        } else {
            let mut length = control >> 5;
            if length == 7 {
                let (more, behind) = rest.split_first().ok_or(Damaged)?;
                length += usize::from(*more);
                rest = behind;
            }
            let (low, behind) = rest.split_first().ok_or(Damaged)?;
            rest = behind;
            let back = ((control & 0x1f) << 8 | usize::from(*low)) + 1;
            let from = out.len().checked_sub(back).ok_or(Damaged)?;
            let length = length + 2;
            if out.len() + length > bytes {
                return Err(Damaged);
            }
            // What is copied may be what it writes.
            for at in from..from + length {
                out.push(out[at]);
            }
        }
        if out.len() > bytes {
            return Err(Damaged);
        }
    }
    if out.len() == bytes { Ok(out) } else { Err(Damaged) }
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn references_may_overlap_what_they_write() {
        for (packed, bytes, expected) in [
            (&b"\x01ab"[..], 2, Some("ab")),
            (b"\x00a\xe0\x03\x00", 13, Some("aaaaaaaaaaaaa")),
            (b"\x01ab\x20\x01", 5, Some("ababa")),
            (b"\x01ab\x20\x02", 5, None),
            (b"\x01ab\x20\x01", 4, None),
            (b"\x01ab\x20\x01", 6, None),
            (b"\x05ab", 2, None),
            (b"\x20", 2, None),
            (b"\xe0", 2, None),
            (b"", 0, Some("")),
            (b"\x00a", usize::MAX, None),
        ] {
            let unpacked = unpack(packed, bytes).ok();
            assert_eq!(unpacked.as_deref(), expected.map(str::as_bytes), "{packed:?} {bytes}");
        }
    }
}
