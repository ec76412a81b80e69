//! Owns passwords: their hash as text in the config, and the comparison that takes the same time
//! for all.

use std::io::BufRead;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::limits::PASSWORD_BYTES_MAX;

const PREFIX: &str = "sha256:";

/// The hash of a password; it never holds the password itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// Reads `sha256:` and 64 lower-case hexadecimal digits.
    ///
    /// Errors: a sentence that says how a hash looks; it does not repeat the text, which may be a
    /// password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
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
    pub(crate) fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// The text for the config.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from(PREFIX);
        for byte in self.0 {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    /// Whether `candidate` is the password; the time does not tell how near it was.
    pub(crate) fn accepts(&self, candidate: &[u8]) -> bool {
        Self::of(candidate).0.ct_eq(&self.0).into()
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(hidden)")
    }
}

/// Reads one line, the password, and returns its hash as text.
///
/// Errors: a sentence when the line is missing, empty, too long or cannot be read.
pub(crate) fn hash_line(input: impl BufRead) -> Result<String, String> {
    let mut line = Vec::new();
    let bound = PASSWORD_BYTES_MAX as u64 + 2;
    input
        .take(bound)
        .read_until(b'\n', &mut line)
        .map_err(|error| format!("the password cannot be read: {error}"))?;
    let password = line.strip_suffix(b"\n").unwrap_or(&line);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    match password.len() {
        0 => Err("no password came; write it on one line of standard input".to_owned()),
        1..=PASSWORD_BYTES_MAX => Ok(PasswordHash::of(password).to_text()),
        _ => Err(format!("the password is too long; use at most {PASSWORD_BYTES_MAX} bytes")),
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}
