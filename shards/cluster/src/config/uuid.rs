//! Owns making and checking the random identifiers (RFC 9562, version 4) of clusters and nodes.

const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const TEXT_BYTES: usize = 36;

/// Writes 16 random bytes as an identifier of version 4.
#[must_use]
pub fn from_random(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(TEXT_BYTES);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Whether a text is an identifier: 8-4-4-4-12 lower-case hexadecimal digits, of any version.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    text.len() == TEXT_BYTES
        && text.bytes().enumerate().all(|(index, byte)| {
            if HYPHENS.contains(&index) {
                byte == b'-'
            } else {
                matches!(byte, b'0'..=b'9' | b'a'..=b'f')
            }
        })
}
