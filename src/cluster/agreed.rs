//! Owns what this node knows to be agreed: the newest state of the cluster that it was told, kept in its data folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::{fs, io};

use hyperion_cluster::state::ClusterState;
use hyperion_runtime::files;

/// The file in the data folder.
const FILE: &str = "cluster.json";

/// The state that was last agreed on, in memory and on disk. The locks are held to copy a pointer, and by the one writer.
#[derive(Debug)]
pub(crate) struct Agreed {
    path: PathBuf,
    place: RwLock<Option<Arc<ClusterState>>>,
    writing: Mutex<()>,
}

impl Agreed {
    /// Reads what the data folder has.
    ///
    /// Errors: the file cannot be read, or is none.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FILE);
        let state = read(&path)?.map(Arc::new);
        Ok(Self { path, place: RwLock::new(state), writing: Mutex::new(()) })
    }

    /// What is agreed; `None` before the node belongs to a cluster.
    pub(crate) fn get(&self) -> Option<Arc<ClusterState>> {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a state on disk and in memory; an older one than is known changes nothing.
    ///
    /// Errors: it cannot be written; what was known stands.
    pub(crate) fn set(&self, state: ClusterState) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.get().is_some_and(|known| known.config().epoch > state.config().epoch) {
            return Ok(());
        }
        files::replace(&self.path, &state.to_bytes())?;
        *self.place.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(state));
        Ok(())
    }
}

/// What a data folder knows of the cluster; `None` when it belongs to none.
///
/// Errors: the file cannot be read, or is none.
pub(crate) fn agreed_in(data: &Path) -> io::Result<Option<ClusterState>> {
    read(&data.join(FILE))
}

/// Writes down what a stopped node's data folder is to know of the cluster.
///
/// Errors: it cannot be written.
pub(crate) fn keep_agreed(data: &Path, state: &ClusterState) -> io::Result<()> {
    files::replace(&data.join(FILE), &state.to_bytes())
}

fn read(path: &Path) -> io::Result<Option<ClusterState>> {
    match fs::read(path) {
        Ok(bytes) => ClusterState::from_bytes(&bytes)
            .map(Some)
            .map_err(|error| io::Error::other(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
