//! What wakes one core from anywhere: its sleep flag, an eventfd that its ring reads, and one that
//! glommio reads while a guest waits on glommio.
//!
//! Why two: our ring signals the second for each completion, so one would seem enough. But a signal
//! that follows from an eventfd write inside another eventfd write is put off by the kernel, and
//! with deferred task work we saw it never come (6.18). So who rings writes the second itself.
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
    /// Wakes glommio. Registered with the ring too, while a guest waits.
    outer_event: File,
    /// The core sleeps in glommio, or may.
    in_glommio: AtomicBool,
    /// The core's ring for messages between rings; -1 until it stands or when the level has none.
    ring: AtomicI32,
    stop: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell {
            flag: SleepFlag::new(),
            event: File::from(event_descriptor()?),
            outer_event: File::from(event_descriptor()?),
            in_glommio: AtomicBool::new(false),
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
    pub(crate) fn ring_event(&self) {
        write_one(&self.event);
        if self.in_glommio.load(Ordering::Acquire) {
            write_one(&self.outer_event);
        }
    }

    /// Lets the next read of the outer eventfd complete at once.
    pub(crate) fn ring_outer(&self) {
        write_one(&self.outer_event);
    }

    /// Asks the core to leave its loop.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        write_one(&self.event);
        write_one(&self.outer_event);
    }

    /// Says where the core will sleep. Before the sleep flag is raised: its fence publishes this
    /// too.
    pub(crate) fn set_in_glommio(&self, value: bool) {
        self.in_glommio.store(value, Ordering::Release);
    }

    /// A descriptor of the eventfd that glommio is to read.
    pub(crate) fn outer_event(&self) -> io::Result<OwnedFd> {
        self.outer_event.try_clone().map(OwnedFd::from)
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

#[expect(clippy::host_endian_bytes, reason = "the kernel reads the counter in host order")]
fn write_one(mut event: &File) {
    // Blocks only at 2^64 - 2 unread rings; an eventfd that is open has no other error.
    let _ = event.write(&1_u64.to_ne_bytes());
}

/// A new eventfd, blocking (the ring itself never blocks on it).
fn event_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: the call has no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
