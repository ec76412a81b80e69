//! Which file system a path lies on, and how much room it has.
#![expect(unsafe_code, reason = "statfs has no safe wrapper in std")]

use std::{ffi::CString, io, mem, os::unix::ffi::OsStrExt, path::Path};

/// The file system by its magic number: `ext4` (also ext2 and ext3), `xfs`, `btrfs`, `tmpfs`,
/// `overlayfs`, `nfs`, else `other`.
///
/// Errors: the path does not exist or cannot be reached.
pub fn file_system(path: &Path) -> io::Result<&'static str> {
    Ok(match look(path)?.f_type {
        libc::EXT4_SUPER_MAGIC => "ext4",
        libc::XFS_SUPER_MAGIC => "xfs",
        libc::BTRFS_SUPER_MAGIC => "btrfs",
        libc::TMPFS_MAGIC => "tmpfs",
        libc::OVERLAYFS_SUPER_MAGIC => "overlayfs",
        libc::NFS_SUPER_MAGIC => "nfs",
        _ => "other",
    })
}

/// Bytes of the file system of a path: all of them, and those that this process may still write.
///
/// Errors: the path does not exist or cannot be reached.
pub fn disk_room(path: &Path) -> io::Result<(u64, u64)> {
    let found = look(path)?;
    let block_bytes = u64::try_from(found.f_bsize).map_err(io::Error::other)?;
    Ok((found.f_blocks * block_bytes, found.f_bavail * block_bytes))
}

fn look(path: &Path) -> io::Result<libc::statfs> {
    let text = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: zeros are a valid value.
    let mut found: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the path ends with a zero and the kernel writes one `statfs`.
    let result = unsafe { libc::statfs(text.as_ptr(), &raw mut found) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(found) }
}
