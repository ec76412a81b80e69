//! The flag by which a core says that it sleeps, so that only sleepers are woken.
//!
//! The sleeper: `announce`, look at all queues, sleep if they are empty, `awake`. The waker: put
//! something in a queue, `claim`, ring if that gave true. The two fences order "flag, then look"
//! against "put, then flag", so at least one side sees the other.

use super::sync::{AtomicBool, Ordering, fence};

/// One core's flag, on a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct SleepFlag {
    asleep: AtomicBool,
}

impl SleepFlag {
    pub(crate) fn new() -> SleepFlag {
        SleepFlag { asleep: AtomicBool::new(false) }
    }

    /// Says "I sleep from now"; the queues must be looked at once more after this.
    pub(crate) fn announce(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Says "I am awake".
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// After something was put in a queue: true for the one waker that has to ring.
    pub(crate) fn claim(&self) -> bool {
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel)
    }
}
