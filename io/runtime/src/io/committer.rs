//! The thread beside a core that waits for the disk: direct writes that are durable when they return.
//!
//! Why not the ring: there, what follows a direct write on a disk with a volatile cache (the flush) runs in a kernel worker of
//! ordinary priority on the cpu that took the disk's interrupt, and waits behind whatever computes there: 0.45 ms a commit
//! instead of 0.2 ms on a busy machine. This thread asks for short time slices, so that it is scheduled as soon as the disk answers.
#![expect(unsafe_code, reason = "pwritev2 and sched_setattr have no safe wrapper in std")]

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use crossbeam::queue::ArrayQueue;

use crate::{bell::Bell, limits};

/// One durable write of whole blocks of an arena.
pub(super) struct Commit {
    /// Open until the commit has ended.
    pub(super) file: RawFd,
    pub(super) offset: u64,
    pub(super) bytes: super::Source,
    /// The caller's name of it.
    pub(super) operation: u32,
}

// SAFETY: the address is of an arena, which lives until the program releases it; were one released meanwhile, the kernel would
// answer EFAULT. The thread itself never reads there.
unsafe impl Send for Commit {}

type Done = (u32, io::Result<()>);

struct Shared {
    commits: ArrayQueue<Commit>,
    done: ArrayQueue<Done>,
    stop: AtomicBool,
    bell: Arc<Bell>,
}

/// The thread and its two queues; both hold what the table of operations holds at most.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread on the caller's cpu; `bell` is rung when a commit is through.
    ///
    /// Errors: the system gives no thread.
    pub(super) fn start(core: usize, bell: Arc<Bell>) -> io::Result<Committer> {
        let shared = Arc::new(Shared {
            commits: ArrayQueue::new(limits::FILE_OPERATIONS_MAX),
            done: ArrayQueue::new(limits::FILE_OPERATIONS_MAX),
            stop: AtomicBool::new(false),
            bell,
        });
        let own = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name(format!("commit-{core}")).spawn(move || own.work())?;
        Ok(Committer { shared, thread: Some(thread) })
    }

    pub(super) fn begin(&self, commit: Commit) {
        if let Some(thread) = &self.thread {
            let taken = self.shared.commits.push(commit);
            assert!(taken.is_ok(), "the table of operations bounds the commits under way");
            thread.thread().unpark();
        }
    }

    pub(super) fn take(&self) -> Option<Done> {
        self.shared.done.pop()
    }

    pub(crate) fn has_done(&self) -> bool {
        !self.shared.done.is_empty()
    }

    /// Ends the thread after what was begun. False when a commit still hangs at the deadline.
    pub(super) fn end(mut self, deadline: Instant) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return true };
        thread.thread().unpark();
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(limits::DRAIN_STEP);
        }
        thread.is_finished() && thread.join().is_ok()
    }
}

impl Shared {
    fn work(&self) {
        ask_for_short_slices();
        loop {
            while let Some(commit) = self.commits.pop() {
                let result = commit.write();
                // As many places as operations: never full.
                let _ = self.done.push((commit.operation, result));
                self.bell.wake();
            }
            if self.stop.load(Ordering::Acquire) && self.commits.is_empty() {
                return;
            }
            thread::park();
        }
    }
}

impl Commit {
    fn write(&self) -> io::Result<()> {
        let (mut rest, mut offset) = (self.bytes, self.offset);
        while !rest.is_empty() {
            let written = match write_durable(&self.file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            rest = rest.after(written);
            offset += written as u64;
        }
        Ok(())
    }
}

/// Writes with RWF_DSYNC and gives how much was written.
///
/// Errors: those of pwritev2; `EOPNOTSUPP` where the kernel does not do that.
pub(crate) fn write_durable(
    file: &impl AsRawFd,
    bytes: super::Source,
    offset: u64,
) -> io::Result<usize> {
    let length = bytes.length.min(limits::TRANSFER_BYTES_MAX);
    let part = libc::iovec { iov_base: bytes.pointer.cast_mut().cast(), iov_len: length };
    let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: the one part names memory that is only read; were it gone, the kernel would answer EFAULT.
    let written =
        unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, offset, libc::RWF_DSYNC) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Asks the scheduler to run this thread soon and briefly (Linux 6.12 and later; before, nothing changes).
fn ask_for_short_slices() {
    let size = u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0);
    let attributes = libc::sched_attr {
        size,
        sched_policy: libc::SCHED_OTHER.unsigned_abs(),
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: limits::COMMIT_SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads one structure of the size that it names; 0 is the calling thread. A refusal is no harm.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}
