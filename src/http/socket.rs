//! Owns the place of the private socket between the ring's front and `tiny_http`.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::config::random_id;

/// The longest path of a socket, in bytes.
const PATH_BYTES_MAX: usize = 107;

/// Where the socket is; dropping it removes a folder that was made for it.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    path: PathBuf,
    own_folder: Option<PathBuf>,
}

impl SocketPlace {
    /// Chooses the data folder, or a new folder for this user alone when there is none or its path
    /// is too long.
    ///
    /// Errors: those of making the folder, and a temporary folder whose path is too long.
    pub(crate) fn choose(data: Option<&Path>) -> io::Result<Self> {
        let in_data = data.map(|folder| folder.join("http.sock"));
        if let Some(path) = in_data.filter(|path| fits(path)) {
            return Ok(Self { path, own_folder: None });
        }
        let folder = std::env::temp_dir().join(format!("hyperion-{}", random_id()?));
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
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { path, own_folder: Some(folder) })
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
        if let Some(folder) = &self.own_folder {
            // Nothing depends on it any more; what stays behind is an empty folder.
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(folder);
        }
    }
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_BYTES_MAX
}
