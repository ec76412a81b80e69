//! Owns the keys that the target does not take.

use super::error::ImportError;
use super::limits::NAMED_MAX;
use super::link::Link;

/// How many, and the first of them with what was said.
#[derive(Debug, Default)]
pub(super) struct Refused {
    count: u64,
    named: Vec<String>,
}

impl Refused {
    /// Notes one.
    ///
    /// # Errors
    /// When it is no use to go on with others.
    pub(super) fn note(
        &mut self,
        target: &Link,
        key: &[u8],
        text: &[u8],
    ) -> Result<(), ImportError> {
        if !is_of_the_value(text) {
            return Err(target.refused("RESTORE", text));
        }
        self.count += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(format!("{}: {}", key.escape_ascii(), String::from_utf8_lossy(text)));
        }
        Ok(())
    }

    pub(super) fn complaint(&self) -> Option<String> {
        let (count, named) = (self.count, self.named.join(", "));
        (count > 0).then(|| format!("{count} keys were refused, among them {named}"))
    }
}

/// Whether another key may be taken all the same.
fn is_of_the_value(text: &[u8]) -> bool {
    let ends = [&b"OOM"[..], b"NOAUTH", b"NOPERM", b"LOADING", b"CLUSTERDOWN", b"TRYAGAIN"];
    let is_unknown = text.starts_with(b"ERR unknown command");
    !is_unknown && !ends.iter().any(|code| text.starts_with(code))
}
