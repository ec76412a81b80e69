//! What one process may have open, and the priority of its threads.
#![expect(unsafe_code, reason = "resource limits and priorities have no safe wrapper in std")]

use std::io;

use crate::limits;

/// Raises the limit of open files to the most that the system allows this process, and gives it.
///
/// Errors: those of getrlimit. Where it cannot be raised it stays as it is.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    let before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    Ok(if set < 0 { before } else { limit.rlim_cur })
}

/// Nanoseconds since the machine was booted, sleep counted: a clock that no pause of the process stops.
#[must_use]
pub fn boot_time_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    assert_eq!(read, 0, "CLOCK_BOOTTIME is read on every Linux since 2.6.39");
    let part = |part: i64| u64::try_from(part).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

/// Gives the calling thread the lowest ordinary priority (nice 19) and the shortest time slice, for work that is to take what
/// others leave. Before Linux 6.12 the slice stays as it is.
///
/// Errors: those of sched_setattr.
pub fn lower_priority() -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0),
        sched_policy: libc::SCHED_OTHER.unsigned_abs(),
        sched_flags: 0,
        sched_nice: 19,
        sched_priority: 0,
        sched_runtime: limits::BACKGROUND_SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads one structure of the size that it names; 0 is the calling thread.
    let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
