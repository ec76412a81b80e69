//! Owns the place of the private socket between the ring's front and `tiny_http`.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use hyperion_runtime::files::{self, FileLock};
use sha2::{Digest, Sha256};

/// The longest path of a socket, in bytes.
const PATH_BYTES_MAX: usize = 107;
/// Temporary folders that are tried: nodes without data share a name.
const FOLDERS_MAX: usize = 256;
/// Bytes of the hash in a temporary folder's name.
const NAME_BYTES: usize = 8;
/// Says in a temporary folder that a process lives which uses it.
const LOCK: &str = "LOCK";

/// Where the socket is; dropping it removes a folder that was made for it.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    path: PathBuf,
    /// With the lock that keeps other nodes from it.
    own_folder: Option<(PathBuf, FileLock)>,
}

impl SocketPlace {
    /// Chooses the data folder, or a folder for this user alone when there is none or its path is too long. The name of that
    /// one follows from the path, so that what a killed process leaves is used again and does not pile up.
    ///
    /// Errors: those of making the folder, and a temporary folder whose path is too long.
    pub(crate) fn choose(data: Option<&Path>) -> io::Result<Self> {
        let in_data = data.map(|folder| folder.join("http.sock"));
        if let Some(path) = in_data.filter(|path| fits(path)) {
            return Ok(Self { path, own_folder: None });
        }
        let whole = |data: &Path| fs::canonicalize(data).or_else(|_| std::path::absolute(data));
        let key = data.map(whole).transpose()?.unwrap_or_default();
        let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
        for attempt in 0..FOLDERS_MAX {
            match Self::in_folder(&temporary_folder(&key, attempt)) {
                Ok(place) => return Ok(place),
                // Another node's, or another user's.
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Takes a folder, made when it is not there: it must belong to this user alone, and to no process that lives.
    fn in_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join("http.sock");
        if !fits(&path) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} is too long for a socket; set TMPDIR to a shorter folder",
                    path.display()
                ),
            ));
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let found = fs::symlink_metadata(folder)?;
        let own = fs::metadata("/proc/self")?.uid();
        if !found.is_dir() || found.uid() != own || found.mode() & 0o077 != 0 {
            let text = format!("{} is not this user's alone; remove it", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let lock = files::lock(&folder.join(LOCK)).map_err(io::Error::other)?;
        Ok(Self { path, own_folder: Some((folder.to_path_buf(), lock)) })
    }

    /// The path of the socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the socket for this user alone; one that an earlier process left is replaced.
    ///
    /// Errors: those of binding, and another kind of file at the path, which is left alone.
    pub(crate) fn bind(&self) -> io::Result<UnixListener> {
        match fs::symlink_metadata(&self.path) {
            Ok(meta) if meta.file_type().is_socket() => fs::remove_file(&self.path)?,
            Ok(_) => {
                let text = format!("{} is there and no socket; move it away", self.path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&self.path)?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o600))?;
        Ok(listener)
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        if let Some((folder, _lock)) = &self.own_folder {
            // Nothing depends on it any more; what stays behind is found by the next start.
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(folder.join(LOCK));
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The temporary folder for this data, or for a node without: the first that no other node holds.
fn temporary_folder(key: &Path, attempt: usize) -> PathBuf {
    let digest = Sha256::digest(key.as_os_str().as_bytes());
    let name: String = digest.iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
    std::env::temp_dir().join(format!("hyperion-{name}-{attempt}"))
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_BYTES_MAX
}
