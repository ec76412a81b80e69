//! How a core waits when nothing is left: a few yields, polling, its ring, or glommio where a guest waits there.
#![expect(unsafe_code, reason = "glommio takes the ring's eventfd as a raw descriptor")]

use std::{
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd},
    time::{Duration, Instant},
};

use glommio::io::BufferedFile;

use super::Driver;
use crate::{Core, RuntimeError, Stats, bell::Bell, limits};

/// The eventfd through which glommio hears of our ring.
pub(super) struct GlommioBell {
    fd: RawFd,
    file: BufferedFile,
    registered: bool,
}

impl<C: Core> Driver<C> {
    /// Time until the next timer of ours.
    fn until_due(&self) -> Duration {
        let due_ns = match self.io.accept_due_ns() {
            Some(accept_ns) => accept_ns.min(self.next_tick_ns),
            None => self.next_tick_ns,
        };
        let due_ns = due_ns.min(self.io.wake_at_ns);
        Duration::from_nanos(due_ns.saturating_sub(self.io.elapsed_ns()))
    }

    /// Polls for a while where that is wanted and has paid lately, then says "I sleep", looks once
    /// more, submits and waits in one call.
    pub(super) fn sleep_in_ring(&mut self) {
        if self.yielded() {
            return;
        }
        if self.spin.is_zero() {
            self.park();
            return;
        }
        let begin = Instant::now();
        let eager = self.gap < self.spin;
        if eager {
            self.io.ring.enter(0, None);
            let limit = self.spin.min(self.gap * 2 + Duration::from_micros(1));
            while begin.elapsed() < limit {
                if self.io.ring.pending() || self.inbox_full() {
                    self.gap = (self.gap * 7 + begin.elapsed()) / 8;
                    if !self.inbox_full() {
                        self.io.ring.enter(0, None);
                    }
                    return;
                }
                (0..16).for_each(|_| std::hint::spin_loop());
            }
        }
        self.park();
        self.gap = (self.gap * 7 + begin.elapsed().min(self.spin * 4)) / 8;
    }

    /// Lets whoever shares the cpu go first, before a core sleeps that owes others or is owed, and has had much to do since it slept
    /// last: what it waits for often comes meanwhile, without a sleep, a doorbell and a wake-up. True when something has come.
    fn yielded(&mut self) -> bool {
        let Stats { mail_sent, bytes_in, .. } = *self.io.stats();
        let is_owed = std::mem::replace(&mut self.mail_sent, mail_sent) != mail_sent;
        if !is_owed || bytes_in - self.slept_bytes_in < limits::YIELD_BYTES_MIN {
            return false;
        }
        self.io.ring.enter(0, None);
        for _ in 0..limits::YIELDS {
            if self.io.ring.pending() || self.inbox_full() {
                self.io.ring.enter(0, None);
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    fn park(&mut self) {
        self.slept_bytes_in = self.io.stats().bytes_in;
        let limit = self.until_due();
        self.io.cross.bell().flag.announce();
        let want = u32::from(!self.found_before_sleep());
        self.io.stats.parks += u64::from(want);
        self.io.ring.enter(want, Some(limit));
        self.io.cross.bell().flag.awake();
    }

    /// What wakers may have queued before they saw the flag.
    fn found_before_sleep(&mut self) -> bool {
        self.inbox_full() || self.io.cross.has_room_again() || self.io.cross.bell().stopping()
    }

    /// Gives glommio's reactor one pass while the ring is busy: waits for an eventfd that has just been rung.
    ///
    /// Not by yielding: glommio ends a pass at its preempt timer, and if the thread is off the processor for longer than that
    /// between arming it and running tasks, it parks with the task that yielded still queued (0.9). So that timer is long.
    pub(super) async fn look_at_glommio(
        &mut self,
        bell: &mut Option<GlommioBell>,
    ) -> Result<(), RuntimeError> {
        let own = self.io.cross.bell();
        let bell = match bell {
            Some(bell) => bell,
            None => bell.insert(GlommioBell::new(own)?),
        };
        own.ring_outer();
        bell.read().await
    }

    /// A guest waits on glommio, so glommio must sleep: it waits for our ring's eventfd beside its
    /// own work.
    pub(super) async fn sleep_in_glommio(
        &mut self,
        bell: &mut Option<GlommioBell>,
    ) -> Result<(), RuntimeError> {
        let bell = match bell {
            Some(bell) => bell,
            None => bell.insert(GlommioBell::new(self.io.cross.bell())?),
        };
        if !bell.registered {
            self.io.ring.register_event(bell.fd).map_err(registration)?;
            bell.registered = true;
        }
        if !self.timeout_armed {
            self.timeout_armed = true;
            let after = self.until_due();
            self.io.ring.set_timeout(after);
        }
        self.io.cross.bell().set_in_glommio(true);
        self.io.cross.bell().flag.announce();
        self.io.ring.enter(0, None);
        if !self.io.ring.pending() && !self.found_before_sleep() {
            self.io.stats.parks += 1;
            bell.read().await?;
        }
        self.io.cross.bell().flag.awake();
        self.io.cross.bell().set_in_glommio(false);
        // Runs the deferred work that the eventfd announced.
        self.io.ring.enter(0, None);
        Ok(())
    }

    /// While the eventfd is registered every completion signals it, so it goes when nobody waits on
    /// glommio.
    pub(super) fn leave_glommio(&self, bell: Option<&mut GlommioBell>) -> Result<(), RuntimeError> {
        if let Some(bell) = bell.filter(|bell| bell.registered) {
            self.io.ring.unregister_event().map_err(registration)?;
            bell.registered = false;
        }
        Ok(())
    }
}

impl GlommioBell {
    fn new(bell: &Bell) -> Result<GlommioBell, RuntimeError> {
        let event = bell
            .outer_event()
            .map_err(|source| RuntimeError::System { call: "eventfd", source })?;
        let fd = event.as_raw_fd();
        // SAFETY: `into_raw_fd` gives the descriptor up, so the file owns it alone.
        let file = unsafe { BufferedFile::from_raw_fd(event.into_raw_fd()) };
        Ok(GlommioBell { fd, file, registered: false })
    }

    /// Waits in glommio until the eventfd is rung. Never cancelled: a cancelled glommio future can stop the executor.
    async fn read(&self) -> Result<(), RuntimeError> {
        let failed = |error: glommio::GlommioError<()>| RuntimeError::System {
            call: "read of the ring's eventfd",
            source: std::io::Error::other(error.to_string()),
        };
        self.file.read_at(0, 8).await.map(drop).map_err(failed)
    }
}

fn registration(source: std::io::Error) -> RuntimeError {
    RuntimeError::System { call: "io_uring_register of an eventfd", source }
}
