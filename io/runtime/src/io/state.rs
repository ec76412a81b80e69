//! The state behind `Io`: ring, tables, clocks, counters; and how it ends.
#![expect(
    unsafe_code,
    reason = "memory that the kernel writes may be dropped only when the ring is empty"
)]

use std::{
    collections::VecDeque,
    io,
    mem::ManuallyDrop,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{Committer, CrossCore, Securing, file_table::FileTable};
use crate::{
    CloseReason, ConnectionId, ListenerId, RingLevel, RuntimeError, RuntimeOptions, Socket, Stats,
    limits,
    net::{Connections, Listeners},
    ring::{Completion, Operation, ReceiveBuffers, Ring, Token},
};

/// What one core may ask of its ring, its mailboxes and its files. Lives on the core's thread.
pub struct Io<M> {
    pub(crate) memory: ManuallyDrop<Memory>,
    pub(crate) ring: ManuallyDrop<Ring>,
    pub(crate) options: RuntimeOptions,
    pub(crate) listeners: Listeners,
    /// Accepted sockets that wait for their turn.
    pub(crate) accepted: VecDeque<(ListenerId, Socket)>,
    /// Ends that the core has not been told of.
    pub(crate) closed: VecDeque<(ConnectionId, CloseReason)>,
    /// Results of writes that never reached the ring.
    pub(crate) file_results: VecDeque<(u64, io::Result<()>)>,
    /// From the first commit on.
    pub(crate) committer: Option<Committer>,
    pub(crate) cross: CrossCore<M>,
    pub(crate) stats: Stats,
    pub(crate) again: bool,
    /// What the ring brought and the core was not given yet: more than a turn may take goes on in the next.
    pub(crate) batch: VecDeque<Completion>,
    /// Sends that ended while the core looked in, of which it was not told.
    pub(crate) sent: VecDeque<ConnectionId>,
    /// When the next turn begins at the latest.
    pub(crate) wake_at_ns: u64,
    /// Connections whose receive found no buffer.
    pub(crate) starved: Vec<ConnectionId>,
    /// TLS handshakes that are under way.
    pub(crate) securing: Securing,
    /// Until when this part of the turn may go on.
    part_until_ns: u64,
    pub(crate) stopping: bool,
    now_unix_ms: u64,
    now_ns: u64,
    started: Instant,
}

/// What requests in flight point into. Dropped only when the ring has none left.
pub(crate) struct Memory {
    pub(crate) buffers: Option<Rc<ReceiveBuffers>>,
    pub(crate) connections: Connections,
    pub(crate) files: FileTable,
}

impl<M> Io<M> {
    pub(crate) fn new(
        options: &RuntimeOptions,
        cross: CrossCore<M>,
        started: Instant,
    ) -> Result<Io<M>, RuntimeError> {
        let ring = Ring::new(options)?;
        let buffers = ring.buffers(options)?.map(Rc::new);
        if let Some(fd) = ring.message_fd() {
            cross.bell().set_ring_fd(fd);
        }
        let memory = Memory {
            buffers,
            connections: Connections::new(options.connections_max),
            files: FileTable::default(),
        };
        let mut io = Io {
            memory: ManuallyDrop::new(memory),
            ring: ManuallyDrop::new(ring),
            options: options.clone(),
            listeners: Listeners::default(),
            accepted: VecDeque::new(),
            closed: VecDeque::new(),
            file_results: VecDeque::new(),
            committer: None,
            cross,
            stats: Stats::default(),
            again: false,
            batch: VecDeque::new(),
            sent: VecDeque::new(),
            wake_at_ns: u64::MAX,
            starved: Vec::new(),
            securing: Securing::default(),
            part_until_ns: 0,
            stopping: false,
            now_unix_ms: 0,
            now_ns: 0,
            started,
        };
        let event = io.cross.bell().event_fd();
        io.ring.read_event(event);
        io.refresh_clock();
        Ok(io)
    }

    /// This core, from 0.
    #[must_use]
    pub fn core(&self) -> usize {
        self.cross.core()
    }

    /// Number of cores.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.cross.cores()
    }

    /// Milliseconds since 1970, read once a turn.
    #[must_use]
    pub fn now_unix_ms(&self) -> u64 {
        self.now_unix_ms
    }

    /// Nanoseconds since the cores were started, the same for all cores, never going back; read
    /// once a turn.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Reads both clocks now, within a long turn.
    pub fn refresh_clock(&mut self) {
        self.now_ns = self.elapsed_ns();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.now_unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
    }

    pub(crate) fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A part of the turn begins that is bounded by `limits::INPUT_A_TURN`: given input, mail, or what the core retries.
    pub fn begin_part(&mut self) {
        self.begin_part_of(limits::INPUT_A_TURN);
    }

    /// The same with another bound.
    pub(crate) fn begin_part_of(&mut self, time: Duration) {
        let part_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.part_until_ns = self.elapsed_ns().saturating_add(part_ns);
    }

    /// Whether input and mail have taken what a turn has for them; what is left is for the next turn. Reads the clock.
    #[must_use]
    pub fn is_part_over(&self) -> bool {
        self.elapsed_ns() >= self.part_until_ns
    }

    /// Runs another turn without sleeping first.
    pub fn wake_again(&mut self) {
        self.again = true;
    }

    /// Begins a turn at this time of [`Io::now_ns`] at the latest. It holds until then.
    pub fn wake_at(&mut self, at_ns: u64) {
        self.wake_at_ns = self.wake_at_ns.min(at_ns);
    }

    /// Changes the time between two ticks of this core, from this turn on if its tick is still to come. Longer than zero.
    pub fn tick_every(&mut self, interval: Duration) {
        self.options.tick_interval = interval.max(Duration::from_nanos(1));
    }

    /// The time between two ticks, in ns.
    pub(crate) fn tick_ns(&self) -> u64 {
        u64::try_from(self.options.tick_interval.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether the kernel has something for the next turn already.
    pub fn has_more(&mut self) -> bool {
        self.ring.pending()
    }

    /// Leaves the loop of this core after this turn. What was queued is still submitted; sends get
    /// no more time than the kernel needs to take what fits, writes and syncs are waited for.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Counters of this core.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What is used of the ring.
    #[must_use]
    pub fn level(&self) -> RingLevel {
        self.ring.level()
    }

    /// Ends all that is in flight. True when the ring let go of everything.
    fn drain(&mut self) -> bool {
        self.ring.enter(0, None);
        self.memory.connections.shutdown_all();
        for id in self.listeners.ids() {
            self.close_listener(id);
        }
        self.ring.cancel(Token::new(Operation::Timeout, 0, 0));
        // The read of our own eventfd ends by ringing it.
        self.cross.bell().ring_event();
        let deadline = Instant::now() + limits::DRAIN;
        let mut batch: VecDeque<Completion> = VecDeque::new();
        while self.ring.in_flight() > 0 && Instant::now() < deadline {
            self.ring.enter(1, Some(Duration::from_millis(10)));
            self.ring.reap(&mut batch);
            batch.drain(..).for_each(Self::drop_completion);
        }
        let ended = self.committer.take().is_none_or(|committer| committer.end(deadline));
        ended && self.ring.in_flight() == 0
    }

    /// A completion after the end: a socket that was accepted is closed, listeners go.
    pub(crate) fn drop_completion(completion: Completion) {
        if completion.token.operation == Operation::Accept {
            drop(super::accepting::owned(completion.result));
        }
    }
}

impl<M> Drop for Io<M> {
    fn drop(&mut self) {
        if self.drain() {
            // SAFETY: this is the only place that drops it, and it is not used after.
            unsafe { ManuallyDrop::drop(&mut self.ring) };
            // SAFETY: as above; no request points into it, for none is in flight.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        } else {
            // Ring and memory are leaked: the kernel may still write there. In tests nothing takes
            // so long, so there it is a failure.
            #[cfg(test)]
            assert!(std::thread::panicking(), "the ring kept {} requests", self.ring.in_flight());
        }
    }
}
