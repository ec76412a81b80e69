//! Files in a folder of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{LockError, create_filled, file_system, lock, map, replace, sync_directory};

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A fresh folder, removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let count = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("hyperion-runtime-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn filled_files_are_zero_and_whole() {
    let folder = Folder::new("filled");
    for bytes in [0, 1, 4095, 4096, 4097, 3 << 20, (3 << 20) + 5] {
        let path = folder.path(&format!("{bytes}"));
        drop(create_filled(&path, bytes).unwrap());
        let found = fs::read(&path).unwrap();
        assert_eq!(found.len() as u64, bytes);
        assert!(found.iter().all(|byte| *byte == 0), "{bytes} bytes are not zero");
        assert!(create_filled(&path, bytes).is_err(), "{bytes}: made twice");
        assert!(path.exists(), "{bytes}: a file of somebody else was removed");
    }
    sync_directory(&folder.0).unwrap();
}

/// Filling fails, as on a full disk: the file must be gone again.
#[test]
fn a_file_that_cannot_be_filled_is_removed() {
    let folder = Folder::new("unfilled");
    let path = folder.path("limited");
    let file = fs::File::create_new(&path).unwrap();
    let result = super::create::fill_or_remove(file, &path, |_| {
        Err(std::io::Error::from_raw_os_error(libc::ENOSPC))
    });
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    assert!(!path.exists(), "what could not be filled stayed");
}

#[test]
fn replace_is_whole() {
    let folder = Folder::new("replace");
    let path = folder.path("config.json");
    for bytes in [&b"one"[..], b"", b"a longer third one"] {
        replace(&path, bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert!(!folder.path("config.json.new").exists());
    assert!(replace(&folder.path("missing/config.json"), b"x").is_err());
}

#[test]
fn a_lock_names_its_holder() {
    let folder = Folder::new("lock");
    let path = folder.path("LOCK");
    let held = lock(&path).unwrap();
    match lock(&path) {
        Err(LockError::Held { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
    drop(held);
    drop(lock(&path).unwrap());
    assert!(matches!(lock(&folder.path("missing/LOCK")), Err(LockError::Failed { .. })));
}

#[test]
fn mappings_show_the_file() {
    let folder = Folder::new("map");
    for bytes in [vec![], vec![1; 5], vec![9; 100_000]] {
        let path = folder.path("mapped");
        fs::write(&path, &bytes).unwrap();
        let mapping = map(&fs::File::open(&path).unwrap()).unwrap();
        assert!(*mapping == *bytes, "{} bytes", bytes.len());
    }
}

#[test]
fn file_systems_have_names() {
    assert!(["tmpfs", "other"].contains(&file_system(Path::new("/dev")).unwrap()));
    assert_eq!(file_system(Path::new("/proc")).unwrap(), "other");
    assert!(file_system(Path::new("/does/not/exist")).is_err());
}
