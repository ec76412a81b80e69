//! Owns the file that says how far an import has come.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ImportError;
use super::limits::STATE_BYTES_MAX;
use super::url::Url;

/// What was asked for, and how much of it is done.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Kept {
    from: String,
    to: String,
    database: u32,
    /// Of the source when the cursor was given.
    run_id: String,
    cursor: u64,
    keys: u64,
    bytes: u64,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    kept: Kept,
    is_resumed: bool,
}

impl State {
    /// Goes on with the file if there is one, from the beginning where the source has started anew since.
    pub(super) fn begin(
        path: &Path,
        from: &Url,
        to: &Url,
        run_id: &str,
    ) -> Result<Self, ImportError> {
        let fresh = Kept {
            from: from.address.clone(),
            to: to.address.clone(),
            database: from.database,
            run_id: run_id.to_owned(),
            cursor: 0,
            keys: 0,
            bytes: 0,
        };
        let (path, wrong) =
            (path.to_owned(), |why: String| ImportError::State { path: path.to_owned(), why });
        let kept: Option<Kept> = match read(&path) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|_| {
                wrong("this is no file of an import; name another one with --state".to_owned())
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(ImportError::state(&path, &error)),
        };
        let Some(kept) = kept else { return Ok(Self { path, kept: fresh, is_resumed: false }) };
        let what = |kept: &Kept| (kept.from.clone(), kept.to.clone(), kept.database);
        if what(&kept) != what(&fresh) {
            return Err(wrong(format!(
                "this is an import from {}/{} to {}; finish it, remove the file, or name another one with --state",
                kept.from, kept.database, kept.to
            )));
        }
        let is_same_run = kept.run_id == fresh.run_id && !fresh.run_id.is_empty();
        let is_resumed = is_same_run && kept.cursor > 0;
        Ok(Self { path, kept: if is_resumed { kept } else { fresh }, is_resumed })
    }

    /// What was done before is not there any more: somebody has emptied the target.
    pub(super) fn begin_anew(&mut self) {
        (self.kept.cursor, self.kept.keys, self.kept.bytes) = (0, 0, 0);
        self.is_resumed = false;
    }

    /// What to say of what was done before; nothing if there was nothing.
    pub(super) fn resumed_sentence(&self) -> String {
        if self.is_resumed {
            format!("went on after {} keys of the run before\n", self.kept.keys)
        } else {
            String::new()
        }
    }

    pub(super) fn cursor(&self) -> u64 {
        self.kept.cursor
    }

    /// Keys and bytes that were taken over, those of runs before among them.
    pub(super) fn done(&self) -> (u64, u64) {
        (self.kept.keys, self.kept.bytes)
    }

    /// Notes that all keys before a cursor are taken over.
    pub(super) fn advance(
        &mut self,
        cursor: u64,
        keys: u64,
        bytes: u64,
    ) -> Result<(), ImportError> {
        self.kept.cursor = cursor;
        self.kept.keys += keys;
        self.kept.bytes += bytes;
        let beside = self.path.with_extension("new");
        let text = serde_json::to_vec_pretty(&self.kept).expect("it is text and numbers");
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, &self.path))
            .map_err(|error| ImportError::state(&self.path, &error))
    }

    /// There is nothing to go on with.
    pub(super) fn finish(&self) -> Result<(), ImportError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ImportError::state(&self.path, &error))
            }
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(STATE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}
