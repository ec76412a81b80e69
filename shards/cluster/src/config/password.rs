//! Owns passwords: their hash as text in the config, and the comparison that takes the same time
//! for all.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "sha256:";

/// The hash of a password; it never holds the password itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// Reads `sha256:` and 64 lower-case hexadecimal digits.
    ///
    /// Errors: a sentence that says how a hash looks; it does not repeat the text, which may be a
    /// password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const BAD: &str =
            "the password hash is not \"sha256:\" and 64 lower-case hexadecimal digits";
        let digits = text.strip_prefix(PREFIX).ok_or(BAD)?.as_bytes();
        if digits.len() != 64 {
            return Err(BAD);
        }
        let mut hash = [0_u8; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).ok_or(BAD)? << 4 | digit(pair[1]).ok_or(BAD)?;
        }
        Ok(Self(hash))
    }

    /// Hashes a password.
    #[must_use]
    pub fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// The text for the config.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(PREFIX);
        for byte in self.0 {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    /// Whether `candidate` is the password; the time does not tell how near it was.
    #[must_use]
    pub fn accepts(&self, candidate: &[u8]) -> bool {
        Self::of(candidate).0.ct_eq(&self.0).into()
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(hidden)")
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}
