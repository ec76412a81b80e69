//! What one process may have open.
#![expect(unsafe_code, reason = "resource limits have no safe wrapper in std")]

use std::io;

/// Raises the limit of open files to the most that the system allows this process, and gives it.
///
/// Errors: those of getrlimit and setrlimit.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}
