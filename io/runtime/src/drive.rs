//! The loop of one core: enter, reap, give the batch to the core, ring doorbells, sleep when
//! nothing is left.
#![expect(unsafe_code, reason = "glommio takes the ring's eventfd as a raw descriptor")]

use std::{
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd},
    time::{Duration, Instant},
};

use glommio::io::BufferedFile;

use crate::{
    ConnectionId, Core, Io, Postbox, RuntimeError,
    bell::Bell,
    guests,
    io::Committer,
    limits,
    ring::{Completion, Operation},
    turn_clock::{TurnClock, TurnTime, thread_processor_ns},
};

/// One core, its `Io`, and what the loop remembers between turns.
pub(crate) struct Driver<C: Core> {
    // Before `io`: a core may hold sockets, never the other way round.
    pub(crate) core: C,
    pub(crate) io: Io<C::Mail>,
    postbox: Postbox<C::Note>,
    clock: TurnClock,
    next_tick_ns: u64,
    spin: Duration,
    /// Moving mean of the time between a turn's end and the next event: polling pays while it is
    /// short.
    gap: Duration,
    /// The ring timeout that wakes glommio's sleep is in flight.
    timeout_armed: bool,
}

/// The eventfd through which glommio hears of our ring.
struct GlommioBell {
    fd: RawFd,
    file: BufferedFile,
    registered: bool,
}

impl<C: Core> Driver<C> {
    pub(crate) fn new(core: C, io: Io<C::Mail>, postbox: Postbox<C::Note>) -> Driver<C> {
        let spin = Duration::from_micros(io.options.spin_us);
        let next_tick_ns = io.elapsed_ns().saturating_add(io.tick_ns());
        Driver {
            core,
            io,
            postbox,
            clock: TurnClock::default(),
            next_tick_ns,
            spin,
            gap: spin,
            timeout_armed: false,
        }
    }

    /// Runs until the core or somebody else says stop.
    pub(crate) async fn run(mut self) -> Result<(), RuntimeError> {
        let (mut bell, mut looked) = (None, Instant::now());
        while !self.io.stopping && !self.io.cross.bell().stopping() {
            let woken = guests::run_woken().await;
            let waits = guests::any_waits();
            if waits && looked.elapsed() >= limits::GUESTS_WAIT_MAX {
                self.look_at_glommio(&mut bell).await?;
                looked = Instant::now();
            }
            let busy = std::mem::take(&mut self.io.again) || woken || self.has_queued();
            if !self.io.batch.is_empty() {
                // What the ring brought is given first: what comes meanwhile stays in the sockets.
                self.io.ring.submit();
            } else if busy {
                self.io.ring.enter(0, None);
            } else if waits {
                self.sleep_in_glommio(&mut bell).await?;
            } else {
                self.leave_glommio(bell.as_mut())?;
                self.sleep_in_ring();
            }
            self.turn();
        }
        self.io.batch.drain(..).for_each(Io::<C::Mail>::drop_completion);
        Ok(())
    }

    /// Gives the core everything that is there, once.
    fn turn(&mut self) {
        self.io.refresh_clock();
        let begin_ns = self.io.now_ns();
        if self.io.wake_at_ns <= begin_ns {
            self.io.wake_at_ns = u64::MAX;
        }
        self.io.stats.turns += 1;
        self.io.stats.enters = self.io.ring.enters();
        self.clock.begin(begin_ns, thread_processor_ns);
        self.io.ring.reap(&mut self.io.batch);
        while let Some(id) = self.io.sent.pop_front() {
            self.core.sent(&mut self.io, id);
        }
        self.io.begin_part();
        let is_cut = self.give_completions() | self.give_mail();
        self.io.stats.turns_cut += u64::from(is_cut);
        self.give_handshakes();
        self.give_accepted();
        self.give_notes();
        while let Some((token, result)) = self.io.commit_completed() {
            self.core.file_done(&mut self.io, token, result);
        }
        for _ in 0..self.io.file_results.len() {
            if let Some((token, result)) = self.io.file_results.pop_front() {
                self.core.file_done(&mut self.io, token, result);
            }
        }
        let is_due = begin_ns >= self.next_tick_ns;
        let tick_ns = begin_ns.saturating_add(self.io.tick_ns());
        self.next_tick_ns = if is_due { tick_ns } else { tick_ns.min(self.next_tick_ns) };
        if is_due {
            self.core.tick(&mut self.io);
        }
        self.io.resume_accepting();
        self.give_closed();
        self.core.turn_end(&mut self.io);
        self.io.ring_bells();
        let end_ns = self.io.elapsed_ns();
        let time = self.clock.end(end_ns, &mut self.io.stats, thread_processor_ns);
        if let Some(TurnTime { wall_ns, processor_ns }) = time {
            self.core.stalled(&mut self.io, wall_ns, processor_ns);
        }
    }

    /// Gives what the ring brought, in order, until the time for it is up; true when something is left.
    fn give_completions(&mut self) -> bool {
        while let Some(completion) = self.io.batch.pop_front() {
            let is_input = completion.token.operation == Operation::Receive;
            self.complete(completion);
            if is_input && self.io.is_part_over() {
                break;
            }
        }
        // What was received and not given holds receive buffers: while it holds many, those who found none free go on waiting.
        if self.io.batch.len() <= usize::from(self.io.options.receive_buffers) / 2 {
            self.io.rearm_receives();
        }
        !self.io.batch.is_empty()
    }

    fn complete(&mut self, completion: Completion) {
        let token = completion.token;
        let id = ConnectionId { index: token.index, generation: token.generation };
        match token.operation {
            Operation::Receive => self.received(id, completion),
            Operation::Send => {
                if self.io.send_completed(id, completion.result) {
                    self.core.sent(&mut self.io, id);
                }
            }
            Operation::Accept => self.io.accept_completed(completion),
            Operation::Write | Operation::Sync => {
                if let Some((token, result)) = self.io.file_completed(completion) {
                    self.core.file_done(&mut self.io, token, result);
                }
            }
            Operation::Event => {
                let event = self.io.cross.bell().event_fd();
                self.io.ring.read_event(event);
            }
            // The message did not reach its ring: the eventfd does.
            Operation::MessageSent => {
                if completion.result < 0 {
                    self.io.cross.bell_of(token.index as usize).ring_event();
                }
            }
            Operation::Timeout => self.timeout_armed = false,
            Operation::Message | Operation::Cancel => {}
        }
    }

    fn received(&mut self, id: ConnectionId, completion: Completion) {
        let Completion { result, more, buffer, .. } = completion;
        let buffers = self.io.memory.buffers.clone();
        // Held to the end of this call: the buffer goes back to the kernel on every way out.
        let lent = buffers
            .as_ref()
            .zip(buffer)
            .map(|(buffers, buffer)| buffers.lend(buffer, usize::try_from(result).unwrap_or(0)));
        let filled = self.io.take_filled(id, result);
        let is_filled = filled.is_some();
        let seen = self.io.receive_completed(id, result, more);
        if let Some(buffer) = filled.filter(|_| seen) {
            self.core.filled(&mut self.io, id, buffer, usize::try_from(result).unwrap_or(0));
        }
        match usize::try_from(result) {
            _ if !seen => {}
            Ok(0) if self.io.may_be_secured(id) => self.ended_secured(id),
            Ok(0) => {
                if self.io.receive_ended(id) {
                    self.core.ended(&mut self.io, id);
                }
            }
            Ok(bytes) => {
                self.io.stats.receives += 1;
                self.io.stats.bytes_in += bytes as u64;
                if let Some(lent) = &lent {
                    self.give_received(id, lent);
                } else if !is_filled {
                    let buffer = self.io.take_buffer(id);
                    self.give_received(id, &buffer[..bytes]);
                    self.io.put_buffer(id, buffer);
                }
            }
            Err(_) => match -result {
                libc::ENOBUFS => {
                    if !buffers.as_ref().is_some_and(|buffers| buffers.give_more()) {
                        self.io.stats.receive_buffers_empty += 1;
                    }
                    self.io.rearm_receive_later(id);
                    return;
                }
                libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
                error => self.io.connection_failed(id, error),
            },
        }
        self.io.arm_receive(id);
    }

    fn give_received(&mut self, id: ConnectionId, bytes: &[u8]) {
        if self.io.may_be_secured(id) {
            self.received_secured(id, bytes);
        } else {
            self.core.received(&mut self.io, id, bytes);
        }
    }

    fn give_accepted(&mut self) {
        for _ in 0..self.io.options.accepts_a_turn {
            let Some((listener, socket)) = self.io.accepted.pop_front() else { return };
            self.core.accepted(&mut self.io, listener, socket);
        }
    }

    /// Gives the mail of all cores, each in order, until the time for it is up; true when something is left. Each core has one
    /// mail taken at least, and the rest of the mail is what makes the next turn come at once.
    fn give_mail(&mut self) -> bool {
        self.io.begin_part();
        let mut is_cut = false;
        for from in 0..self.io.cores() {
            let waiting = self.io.cross.waiting(from);
            for number in 0..waiting {
                if number > 0 && self.io.is_part_over() {
                    is_cut = true;
                    break;
                }
                let Some(mail) = self.io.cross.take(from) else { break };
                self.io.stats.mail_received += 1;
                self.core.mail(&mut self.io, from, mail);
            }
            if waiting > 0 {
                self.io.cross.tell_room(from);
            }
        }
        is_cut
    }

    fn give_notes(&mut self) {
        for _ in 0..self.postbox.len() {
            let Some(note) = self.postbox.take() else { return };
            self.io.stats.notes += 1;
            self.core.note(&mut self.io, note);
        }
    }

    fn give_closed(&mut self) {
        for _ in 0..self.io.closed.len() {
            if let Some((id, why)) = self.io.closed.pop_front() {
                self.core.closed(&mut self.io, id, why);
            }
        }
    }

    /// Whether the next turn has work without anything from the kernel.
    fn has_queued(&self) -> bool {
        !self.io.batch.is_empty()
            || !self.io.closed.is_empty()
            || !self.io.file_results.is_empty()
            || !self.io.accepted.is_empty()
            || !self.io.securing.waiting.is_empty()
            || self.inbox_full()
    }

    fn inbox_full(&self) -> bool {
        self.io.cross.has_mail()
            || self.postbox.len() > 0
            || self.io.committer.as_ref().is_some_and(Committer::has_done)
    }

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
    fn sleep_in_ring(&mut self) {
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

    fn park(&mut self) {
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
    async fn look_at_glommio(
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
    async fn sleep_in_glommio(
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
    fn leave_glommio(&self, bell: Option<&mut GlommioBell>) -> Result<(), RuntimeError> {
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
