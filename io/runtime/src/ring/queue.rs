//! The two queues: requests in, completions out, one system call a turn.
#![expect(unsafe_code, reason = "requests carry pointers that the kernel uses later")]

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

use io_uring::{
    IoUring, cqueue, opcode,
    squeue::{Entry, Flags},
    types::{Fd, FsyncFlags, SubmitArgs, Timespec},
};

use super::{Operation, ReceiveBuffers, RingLevel, Token, level};
use crate::{RuntimeError, RuntimeOptions, io::Source, limits};

/// IORING_ENTER_GETEVENTS: run deferred work and look for completions.
const ENTER_GETEVENTS: u32 = 1;
/// IORING_ENTER_EXT_ARG: the argument carries a timeout.
const ENTER_EXT_ARG: u32 = 8;

/// One completion, copied out of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    pub(crate) token: Token,
    /// What the call would have returned, or the negative error number.
    pub(crate) result: i32,
    /// The request stays and will complete again.
    pub(crate) more: bool,
    /// The receive buffer that was filled.
    pub(crate) buffer: Option<u16>,
}

/// A ring of one thread.
pub(crate) struct Ring {
    ring: IoUring,
    level: RingLevel,
    messages: bool,
    /// Requests that will still complete: until it is 0 the kernel may use memory of ours.
    in_flight: usize,
    /// Completions taken early, because a full completion queue kept requests from being submitted.
    early: VecDeque<Completion>,
    enters: u64,
    /// Where the read of the eventfd puts its count.
    event_count: Box<u64>,
    /// The time of the one timeout in flight.
    timeout: Box<Timespec>,
}

impl Ring {
    pub(crate) fn new(options: &RuntimeOptions) -> Result<Ring, RuntimeError> {
        let (ring, level, messages) = level::build(options)?;
        let (event_count, timeout) = (Box::new(0), Box::default());
        Ok(Ring {
            ring,
            level,
            messages,
            in_flight: 0,
            early: VecDeque::new(),
            enters: 0,
            event_count,
            timeout,
        })
    }

    /// The receive buffers, where the level has them.
    pub(crate) fn buffers(
        &self,
        options: &RuntimeOptions,
    ) -> Result<Option<ReceiveBuffers>, RuntimeError> {
        if self.level < RingLevel::V6_1 {
            return Ok(None);
        }
        ReceiveBuffers::new(&self.ring, options.receive_buffers, options.receive_buffer_bytes)
            .map(Some)
            .map_err(|source| RuntimeError::System { call: "io_uring_register", source })
    }

    pub(crate) fn level(&self) -> RingLevel {
        self.level
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn enters(&self) -> u64 {
        self.enters
    }

    /// The descriptor for messages of other rings, where there are messages.
    pub(crate) fn message_fd(&self) -> Option<RawFd> {
        self.messages.then(|| self.ring.as_raw_fd())
    }

    pub(crate) fn accept(&mut self, listener: RawFd, token: Token) {
        let entry = if self.level >= RingLevel::V6_1 {
            opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build()
        } else {
            opcode::Accept::new(Fd(listener), std::ptr::null_mut(), std::ptr::null_mut())
                .flags(libc::SOCK_CLOEXEC)
                .build()
        };
        // SAFETY: the request has no pointers.
        unsafe { self.push(entry, token) };
    }

    /// Receives again and again into the registered buffers.
    pub(crate) fn receive_multishot(&mut self, socket: RawFd, token: Token) {
        let entry = opcode::RecvMulti::new(Fd(socket), 0).build();
        // SAFETY: the request has no pointers of its own; the registered buffers outlive the ring's
        // requests.
        unsafe { self.push(entry, token) };
    }

    /// Receives once into a registered buffer of `bytes`.
    pub(crate) fn receive_single(&mut self, socket: RawFd, bytes: u32, token: Token) {
        let entry = opcode::Recv::new(Fd(socket), std::ptr::null_mut(), bytes)
            .buf_group(0)
            .build()
            .flags(Flags::BUFFER_SELECT);
        // SAFETY: the request has no pointers of its own; the registered buffers outlive the ring's
        // requests.
        unsafe { self.push(entry, token) };
    }

    /// Receives once into the `length` bytes at `start`.
    ///
    /// # Safety
    /// They are the caller's, stay where they are, and nobody uses them, until the request completes.
    pub(crate) unsafe fn receive_once(
        &mut self,
        socket: RawFd,
        (start, length): (*mut u8, usize),
        token: Token,
    ) {
        let entry = opcode::Recv::new(Fd(socket), start, transfer_length(length)).build();
        // SAFETY: the caller keeps the buffer.
        unsafe { self.push(entry, token) };
    }

    /// Sends `bytes`, or the first part of them.
    ///
    /// # Safety
    /// `bytes` stay where they are, unchanged, until the request completes.
    pub(crate) unsafe fn send(&mut self, socket: RawFd, bytes: &[u8], token: Token) {
        let entry = opcode::Send::new(Fd(socket), bytes.as_ptr(), transfer_length(bytes.len()))
            .flags(libc::MSG_NOSIGNAL)
            .build();
        // SAFETY: the caller keeps the bytes.
        unsafe { self.push(entry, token) };
    }

    /// Writes `bytes`, and syncs the file's data after it when asked, as one chain.
    pub(crate) fn write(
        &mut self,
        file: RawFd,
        offset: u64,
        bytes: Source,
        sync_token: Option<Token>,
        token: Token,
    ) {
        // A chain must be submitted whole.
        self.reserve(2);
        let mut entry = opcode::Write::new(Fd(file), bytes.pointer, transfer_length(bytes.length))
            .offset(offset)
            .build();
        if sync_token.is_some() {
            entry = entry.flags(Flags::IO_LINK);
        }
        // SAFETY: the bytes are static.
        unsafe { self.push(entry, token) };
        if let Some(token) = sync_token {
            self.sync(file, token);
        }
    }

    /// Syncs the file's data.
    pub(crate) fn sync(&mut self, file: RawFd, token: Token) {
        let entry = opcode::Fsync::new(Fd(file)).flags(FsyncFlags::DATASYNC).build();
        // SAFETY: the request has no pointers.
        unsafe { self.push(entry, token) };
    }

    /// Asks the kernel to end the request with the token `target`.
    pub(crate) fn cancel(&mut self, target: Token) {
        let entry = opcode::AsyncCancel::new(target.to_bits()).build();
        // SAFETY: the request has no pointers.
        unsafe { self.push(entry, Token::new(Operation::Cancel, 0, 0)) };
    }

    /// Reads the eventfd once; it completes when somebody rings.
    pub(crate) fn read_event(&mut self, event: RawFd) {
        let count: *mut u64 = &raw mut *self.event_count;
        let entry = opcode::Read::new(Fd(event), count.cast(), 8).build();
        // SAFETY: the count is boxed and lives as long as the ring; one such read is in flight at a
        // time.
        unsafe { self.push(entry, Token::new(Operation::Event, 0, 0)) };
    }

    /// Completes after `after`. One at a time.
    pub(crate) fn set_timeout(&mut self, after: Duration) {
        *self.timeout = timespec(after);
        let entry = opcode::Timeout::new(&raw const *self.timeout).build();
        // SAFETY: the time is boxed and lives as long as the ring; the caller has one in flight at
        // a time.
        unsafe { self.push(entry, Token::new(Operation::Timeout, 0, 0)) };
    }

    /// Wakes the core whose ring has this descriptor. A success leaves no completion.
    pub(crate) fn send_message(&mut self, ring: RawFd, core: u32) {
        let bits = Token::new(Operation::Message, 0, 0).to_bits();
        let token = Token::new(Operation::MessageSent, core, 0);
        let entry =
            opcode::MsgRingData::new(Fd(ring), 0, bits, None).build().flags(Flags::SKIP_SUCCESS);
        // SAFETY: the request has no pointers.
        unsafe { self.push(entry, token) };
    }

    /// Has the kernel signal `event` for each completion.
    pub(crate) fn register_event(&self, event: RawFd) -> io::Result<()> {
        self.ring.submitter().register_eventfd(event)
    }

    pub(crate) fn unregister_event(&self) -> io::Result<()> {
        self.ring.submitter().unregister_eventfd()
    }

    /// The one system call of a turn: submits everything, runs deferred work, and waits for `want`
    /// completions or the time limit.
    pub(crate) fn enter(&mut self, want: u32, limit: Option<Duration>) {
        self.enter_with(ENTER_GETEVENTS, want, limit);
    }

    fn enter_with(&mut self, flags: u32, want: u32, limit: Option<Duration>) {
        let submitted = {
            let mut queue = self.ring.submission();
            queue.sync();
            u32::try_from(queue.len()).unwrap_or(u32::MAX)
        };
        self.enters += 1;
        let submitter = self.ring.submitter();
        let result = match limit {
            Some(limit) => {
                let time = timespec(limit);
                let argument = SubmitArgs::new().timespec(&time);
                // SAFETY: the argument and its time live through the call; entries are valid by
                // `push`.
                unsafe { submitter.enter(submitted, want, flags | ENTER_EXT_ARG, Some(&argument)) }
            }
            // SAFETY: no argument; entries are valid by `push`.
            None => unsafe { submitter.enter::<libc::sigset_t>(submitted, want, flags, None) },
        };
        if let Err(error) = result {
            match error.raw_os_error() {
                // Time is over, a signal came, or the kernel wants completions taken first.
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => {}
                _ => panic!("io_uring_enter failed: {error}; the ring cannot go on"),
            }
        }
    }

    /// Submits everything and looks for nothing: where work is deferred, no receive fills a buffer meanwhile.
    pub(crate) fn submit(&mut self) {
        self.enter_with(0, 0, None);
    }

    /// Whether completions or deferred work wait, seen in shared memory alone.
    pub(crate) fn pending(&mut self) -> bool {
        let taskrun = self.ring.submission().taskrun();
        taskrun || !self.early.is_empty() || !self.ring.completion().is_empty()
    }

    /// Takes the completions that are there now, behind those that `batch` holds.
    pub(crate) fn reap(&mut self, batch: &mut VecDeque<Completion>) {
        batch.append(&mut self.early);
        self.collect(batch);
    }

    fn collect(&mut self, batch: &mut VecDeque<Completion>) {
        let from = batch.len();
        batch.extend(self.ring.completion().map(|entry| Completion {
            token: Token::from_bits(entry.user_data()),
            result: entry.result(),
            more: cqueue::more(entry.flags()),
            buffer: cqueue::buffer_select(entry.flags()),
        }));
        let counted = |completion: &&Completion| {
            !completion.more
                && !matches!(
                    completion.token.operation,
                    Operation::Message | Operation::MessageSent
                )
        };
        let ended = batch.range(from..).filter(counted).count();
        assert!(ended <= self.in_flight, "{ended} requests ended of {}", self.in_flight);
        self.in_flight -= ended;
    }

    /// The submission queue is full: submits it, and makes room for completions where the kernel
    /// asks for that first.
    fn make_room(&mut self) {
        self.enter(0, None);
        if self.ring.submission().is_full() {
            let mut early = std::mem::take(&mut self.early);
            self.collect(&mut early);
            self.early = early;
        }
    }

    /// Makes room for `count` requests that must be submitted together.
    fn reserve(&mut self, count: usize) {
        loop {
            let queue = self.ring.submission();
            if queue.capacity() - queue.len() >= count {
                return;
            }
            drop(queue);
            self.make_room();
        }
    }

    /// # Safety
    /// What the entry points to stays valid until it completes.
    unsafe fn push(&mut self, entry: Entry, token: Token) {
        if token.operation != Operation::MessageSent {
            self.in_flight += 1;
        }
        let entry = entry.user_data(token.to_bits());
        loop {
            // SAFETY: the caller keeps what the entry points to.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            self.make_room();
        }
    }
}

fn transfer_length(length: usize) -> u32 {
    u32::try_from(length.min(limits::TRANSFER_BYTES_MAX)).unwrap_or(u32::MAX)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::new().sec(duration.as_secs()).nsec(duration.subsec_nanos())
}
