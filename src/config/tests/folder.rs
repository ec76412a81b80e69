//! Owns a folder that is there for one test.

use std::path::{Path, PathBuf};

/// A new empty folder, removed when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    pub(crate) fn new() -> Self {
        let id = crate::config::uuid::generate().expect("random numbers");
        let path = std::env::temp_dir().join(format!("hyperion-test-{id}"));
        std::fs::create_dir(&path).expect("a new name");
        Self(path)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
