//! Which file system a path lies on.
#![expect(unsafe_code, reason = "statfs has no safe wrapper in std")]

use std::{ffi::CString, io, mem, os::unix::ffi::OsStrExt, path::Path};

/// The file system by its magic number: `ext4` (also ext2 and ext3), `xfs`, `btrfs`, `tmpfs`,
/// `overlayfs`, `nfs`, else `other`.
///
/// Errors: the path does not exist or cannot be reached.
pub fn file_system(path: &Path) -> io::Result<&'static str> {
    let text = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: zeros are a valid value.
    let mut found: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the path ends with a zero and the kernel writes one `statfs`.
    let result = unsafe { libc::statfs(text.as_ptr(), &raw mut found) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(match found.f_type {
        libc::EXT4_SUPER_MAGIC => "ext4",
        libc::XFS_SUPER_MAGIC => "xfs",
        libc::BTRFS_SUPER_MAGIC => "btrfs",
        libc::TMPFS_MAGIC => "tmpfs",
        libc::OVERLAYFS_SUPER_MAGIC => "overlayfs",
        libc::NFS_SUPER_MAGIC => "nfs",
        _ => "other",
    })
}
