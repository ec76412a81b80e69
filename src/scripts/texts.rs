//! Owns the texts of scripts, by the SHA1 of each: one for the whole node, looked at when a core does not know a script yet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha1::{Digest, Sha1};

use super::limits::{TEXTS_BYTES_MAX, TEXTS_MAX};

/// The SHA1 of a text as 40 small hexadecimal digits.
pub(crate) fn sha1_hex(text: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    Sha1::digest(text).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[derive(Debug, Default)]
struct Kept {
    texts: BTreeMap<String, Arc<[u8]>>,
    bytes: usize,
}

/// All scripts that were loaded or run.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    kept: Mutex<Kept>,
    /// How often all were forgotten.
    flushes: AtomicU64,
}

impl Texts {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a text.
    ///
    /// Errors: when there are too many; then the sentence that says so.
    pub(crate) fn keep(&self, name: &str, text: &[u8]) -> Result<(), String> {
        let mut kept = self.kept();
        if kept.texts.contains_key(name) {
            return Ok(());
        }
        if kept.texts.len() >= TEXTS_MAX || kept.bytes + text.len() > TEXTS_BYTES_MAX {
            return Err(format!(
                "ERR {TEXTS_MAX} scripts of {TEXTS_BYTES_MAX} bytes in all are kept at most; use arguments instead of texts that differ, or SCRIPT FLUSH"
            ));
        }
        kept.bytes += text.len();
        kept.texts.insert(name.to_owned(), text.into());
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<[u8]>> {
        self.kept().texts.get(name).cloned()
    }

    pub(crate) fn count(&self) -> usize {
        self.kept().texts.len()
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.kept().bytes
    }

    /// Forgets all.
    pub(crate) fn flush(&self) {
        *self.kept() = Kept::default();
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Differs when all were forgotten since.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }
}
