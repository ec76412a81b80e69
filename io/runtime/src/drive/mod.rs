//! The loop of one core: enter, reap, give the batch to the core, ring doorbells, sleep when
//! nothing is left.

mod sleep;

use std::time::{Duration, Instant};

use crate::{
    ConnectionId, Core, Io, Postbox, RuntimeError, guests,
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
    /// Mail sent, as far as was looked before a sleep.
    mail_sent: u64,
    /// Bytes received up to the last sleep.
    slept_bytes_in: u64,
    spin: Duration,
    /// Moving mean of the time between a turn's end and the next event: polling pays while it is
    /// short.
    gap: Duration,
    /// The ring timeout that wakes glommio's sleep is in flight.
    timeout_armed: bool,
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
            mail_sent: 0,
            slept_bytes_in: 0,
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
}
