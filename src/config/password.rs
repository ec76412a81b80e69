//! Owns reading a password from a person, to hash it for the config.

use std::io::BufRead;

use hyperion_cluster::config::PasswordHash;
use hyperion_cluster::config::limits::PASSWORD_BYTES_MAX;

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
