//! Owns the mark of a data folder: whose it is, which one it is, and with which ones the cluster was formed.
//!
//! Each data folder draws an incarnation at its first start. Who forms the cluster writes down whose incarnations it counted on. A folder
//! that was emptied later has another incarnation, so it is known for what it is: a voter that has lost its memory, which must not vote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hyperion_runtime::files;
use serde::{Deserialize, Serialize};

/// The file in the data folder.
const FILE: &str = "formation.json";

/// The nodes that the cluster was formed with, by uuid, each with its folder's incarnation.
pub(crate) type Members = BTreeMap<String, String>;

/// What a folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The node.
    pub(crate) uuid: String,
    /// The folder.
    pub(crate) incarnation: String,
    /// Once the node belongs to a cluster: with whom that was formed.
    pub(crate) members: Option<Members>,
    /// Of a node that was alone with its data before: the epoch of the config that made it a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grown_epoch: Option<u64>,
}

/// The mark and its folder.
#[derive(Debug)]
pub(crate) struct Formation {
    data: PathBuf,
    mark: Mark,
}

impl Formation {
    /// Reads the mark of the data folder, or draws one.
    ///
    /// Errors: the file cannot be read or written, or is none.
    pub(crate) fn open(data: &Path, uuid: &str, random: u128) -> io::Result<Self> {
        let mark = mark_in(data)?.unwrap_or_else(|| Mark {
            uuid: uuid.to_owned(),
            incarnation: format!("{random:032x}"),
            members: None,
            grown_epoch: None,
        });
        let formation = Self { data: data.to_path_buf(), mark };
        formation.write()?;
        Ok(formation)
    }

    fn write(&self) -> io::Result<()> {
        keep_mark(&self.data, &self.mark)
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Whether the node belongs to a cluster.
    pub(crate) fn is_formed(&self) -> bool {
        self.mark.members.is_some()
    }

    /// The node belongs to a cluster from now on.
    ///
    /// Errors: the mark cannot be written.
    pub(crate) fn join(&mut self, members: Members) -> io::Result<()> {
        self.mark.members = Some(members);
        self.write()
    }

    /// The node, alone until now, is a cluster from the config of this epoch on.
    ///
    /// Errors: the mark cannot be written.
    pub(crate) fn grow(&mut self, epoch: u64) -> io::Result<()> {
        self.mark.grown_epoch = Some(epoch);
        let own = (self.mark.uuid.clone(), self.mark.incarnation.clone());
        self.join(Members::from([own]))
    }
}

/// Puts a mark into a data folder.
///
/// Errors: it cannot be written.
pub(crate) fn keep_mark(data: &Path, mark: &Mark) -> io::Result<()> {
    files::replace(&data.join(FILE), &serde_json::to_vec_pretty(mark)?)
}

/// The mark of a data folder; `None` when it was never one of a cluster's.
///
/// Errors: the file cannot be read, or is none.
pub(crate) fn mark_in(data: &Path) -> io::Result<Option<Mark>> {
    match fs::read(data.join(FILE)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
