//! What wakes one core from anywhere: its sleep flag and an eventfd that its ring reads.
#![expect(unsafe_code, reason = "eventfd has no safe wrapper in std")]

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
};

use crate::mesh::SleepFlag;

/// One core's bell, shared by all who may ring it.
#[derive(Debug)]
pub(crate) struct Bell {
    pub(crate) flag: SleepFlag,
    event: File,
    /// The core's ring for messages between rings; -1 until it stands or when the level has none.
    ring: AtomicI32,
    stop: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell {
            flag: SleepFlag::new(),
            event: File::from(event_descriptor()?),
            ring: AtomicI32::new(-1),
            stop: AtomicBool::new(false),
        })
    }

    /// Something was queued for the core: wakes it if it sleeps. Costs a system call only then.
    pub(crate) fn wake(&self) {
        if self.flag.claim() {
            self.ring_event();
        }
    }

    /// Wakes the core by its eventfd. The caller has claimed the flag.
    #[expect(clippy::host_endian_bytes, reason = "the kernel reads the counter in host order")]
    pub(crate) fn ring_event(&self) {
        // Blocks only at 2^64 - 2 unread rings; an eventfd that is open has no other error.
        let _ = (&self.event).write(&1_u64.to_ne_bytes());
    }

    /// Asks the core to leave its loop.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ring_event();
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn event_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    pub(crate) fn ring_fd(&self) -> Option<RawFd> {
        Some(self.ring.load(Ordering::Acquire)).filter(|fd| *fd >= 0)
    }

    pub(crate) fn set_ring_fd(&self, fd: RawFd) {
        self.ring.store(fd, Ordering::Release);
    }
}

/// A new eventfd, blocking (the ring itself never blocks on it).
pub(crate) fn event_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
