//! Owns where a snapshot's bytes come from: the files of segments, read beside the cores, or the cores' memory, a piece at a time.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use hyperion_runtime::Postboxes;
use hyperion_store::{SegmentHeader, SegmentInUse};

use super::core_part::{CoreList, SnapshotNote};
use super::cut::{tell, tell_all};
use super::error::{SnapshotError, failed};
use super::limits::{ANSWER_S, PIECE_BYTES};
use crate::node::{Note, core_folder, segment_path};

/// Where the bytes are.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) postboxes: Postboxes<Note>,
    /// The data folder; none where there are no files.
    pub(super) data: Option<PathBuf>,
}

/// A segment that is being read.
pub(super) enum Reading {
    File(File, PathBuf),
    Memory(usize),
}

impl Source {
    /// What all cores have in use, by core.
    ///
    /// Errors: [`SnapshotError::NoAnswer`].
    pub(super) fn lists(&self) -> Result<Vec<CoreList>, SnapshotError> {
        let (to, lists) = mpsc::channel();
        tell_all(&self.postboxes, || SnapshotNote::List(to.clone()))?;
        let mut found = Vec::new();
        while found.len() < self.postboxes.cores() {
            found.push(answer(&lists)?);
        }
        found.sort_by_key(|list: &CoreList| list.core);
        Ok(found)
    }

    /// Begins to read a segment; none when its file is gone.
    ///
    /// Errors: those of the system.
    pub(super) fn open(
        &self,
        core: u16,
        segment: &SegmentInUse,
    ) -> Result<Option<Reading>, SnapshotError> {
        let Some(data) = &self.data else {
            return Ok(Some(Reading::Memory(usize::from(core))));
        };
        let path = segment_path(&core_folder(data, core), segment.header.id);
        match File::open(&path) {
            Ok(file) => Ok(Some(Reading::File(file, path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    /// Puts this part of the segment into `out`; `false`: it is not in this use any more.
    ///
    /// Errors: those of the system, or of a core that does not answer.
    pub(super) fn read(
        &self,
        reading: &Reading,
        segment: &SegmentInUse,
        part: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<bool, SnapshotError> {
        out.clear();
        match reading {
            Reading::File(file, path) => {
                out.resize(part.len(), 0);
                file.read_exact_at(out, part.start as u64).map_err(failed(path))?;
            }
            Reading::Memory(core) => {
                while out.len() < part.len() {
                    let start = part.start + out.len();
                    let end = part.end.min(start + PIECE_BYTES);
                    let (to, pieces) = mpsc::channel();
                    tell(&self.postboxes, *core, SnapshotNote::Piece(*segment, start..end, to))?;
                    let Some(piece) = answer(&pieces)? else { return Ok(false) };
                    out.extend_from_slice(&piece);
                }
            }
        }
        Ok(true)
    }

    /// Whether the segment is still in the use that it was in.
    ///
    /// Errors: as [`Source::read`].
    pub(super) fn is_same_use(
        &self,
        reading: &Reading,
        segment: &SegmentInUse,
    ) -> Result<bool, SnapshotError> {
        match reading {
            Reading::File(file, path) => {
                let mut bytes = vec![0; hyperion_store::HEADER_BYTES];
                file.read_exact_at(&mut bytes, 0).map_err(failed(path))?;
                let header = SegmentHeader::read(&bytes).ok().flatten();
                Ok(header.is_some_and(|header| segment.is_same_use(&header)))
            }
            Reading::Memory(_) => self.read(reading, segment, 0..1, &mut Vec::new()),
        }
    }
}

impl Reading {
    /// The file, where there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(_, path) => Some(path),
            Self::Memory(_) => None,
        }
    }
}

fn answer<T>(answers: &mpsc::Receiver<T>) -> Result<T, SnapshotError> {
    answers.recv_timeout(Duration::from_secs(ANSWER_S)).map_err(|_| SnapshotError::NoAnswer)
}
