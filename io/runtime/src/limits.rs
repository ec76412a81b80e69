//! The maxima of this crate: every queue, ring, batch and wait has its bound here.

use std::time::Duration;

/// Entries of the submission queue; a full queue is submitted early, it never loses an entry.
pub const RING_ENTRIES: u32 = 4096;
/// Entries of the completion queue; what does not fit waits in the kernel.
pub const COMPLETION_ENTRIES: u32 = 16 * 1024;
/// What the executor sets aside and pins for reads and writes of its own, of which there are none: the least that it takes.
pub const EXECUTOR_IO_BYTES: usize = 64 * 1024;
/// Receive buffers of one core, shared by its connections. A power of two.
pub const RECEIVE_BUFFERS: u16 = 1024;
/// Those of them that the kernel is given at first; it is given as many more whenever it finds none free. It goes round all that it has,
/// so that a core with little to receive would else touch all of them sooner or later.
pub const RECEIVE_BUFFERS_FIRST: u16 = 64;
/// Bytes of one receive buffer: the most that one call of `received` brings.
pub const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;
/// Receives of a connection that are made one by one after the core has asked for one into its own buffer.
pub const SINGLE_RECEIVES: u8 = 16;
/// Messages one core may have on the way to one other core. A power of two.
pub const MAILBOX_CAPACITY: usize = 1024;
/// Notes that foreign threads may have on the way to one core.
pub const POSTBOX_CAPACITY: usize = 1024;
/// Sockets that are given to the core in one turn; more wait for the next turn.
pub const ACCEPTS_A_TURN: usize = 64;
/// Accepted sockets that may wait for a turn before accepting itself is stopped.
pub const ACCEPTED_WAITING_MAX: usize = 1024;
/// Open connections of one core.
pub const CONNECTIONS_MAX: usize = 65_536;
/// Connections that an index in a ring token can name.
pub const CONNECTION_INDEX_MAX: usize = 1 << 28;
/// Listening sockets of one core.
pub const LISTENERS_MAX: usize = 64;
/// Connections the kernel holds for a listener before they are accepted.
pub const LISTEN_BACKLOG: i32 = 1024;
/// Writes and syncs of one core that may be on the way to the disk.
pub const FILE_OPERATIONS_MAX: usize = 1024;
/// Bytes asked for in one system call of a write or send; longer ones are continued.
pub const TRANSFER_BYTES_MAX: usize = 1 << 30;
/// How long accepting rests when the process or the system has no descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often `Core::tick` is called unless the options say otherwise.
pub const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// How often a core that waits for others lets whoever shares its cpu go first before it sleeps, and the bytes that it must have received
/// since it slept last: one with little to do sleeps at once, since after a yield it waits for the other program's whole slice.
pub(crate) const YIELDS: u32 = 4;
pub(crate) const YIELD_BYTES_MIN: u64 = 1 << 10;
/// A turn that works longer than this is counted as a stall.
pub const STALL: Duration = Duration::from_millis(1);
/// A turn that works longer than this is told to the core.
pub const LONG_STALL: Duration = Duration::from_millis(10);
/// A turn that uses its processor longer than this is counted: no turn should.
pub const BUSY_TURN: Duration = Duration::from_millis(2);
/// How old the last reading of a thread's processor clock may be when a turn begins: by so much a turn's time may be overstated.
/// At most one reading in that time: 0.3 % of a core where it costs 0.7 us, as in a virtual machine.
pub const PROCESSOR_CLOCK: Duration = Duration::from_micros(250);
/// A turn that has worked so long gives the core nothing more of what was received; the same again for mail of other cores.
pub const INPUT_A_TURN: Duration = Duration::from_micros(500);
/// How long glommio's own reactor may be kept waiting by a busy ring while a guest waits on it.
pub const GUESTS_WAIT_MAX: Duration = Duration::from_millis(1);
/// glommio's preempt timer. Longer than a thread is ever kept off the processor: see `drive.rs`.
pub const PREEMPT: Duration = Duration::from_secs(10);
/// Rounds in which woken guests may run before the ring has its turn again.
pub const GUEST_ROUNDS: usize = 16;
/// Idle seconds before the kernel asks a silent peer whether it is still there.
pub const KEEPALIVE_IDLE_SECONDS: i32 = 300;
/// How long a core that ends waits for the kernel to let go of its buffers before it leaks them.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How often a core that ends looks whether its last commits are through.
pub const DRAIN_STEP: Duration = Duration::from_micros(100);
/// Time slice that the thread of the commits asks for: the shortest that Linux grants.
pub const COMMIT_SLICE_NS: u64 = 100_000;
/// Time slice of a thread that takes what others leave: the shortest that the kernel gives.
pub(crate) const BACKGROUND_SLICE_NS: u64 = 100_000;
/// Jobs that may wait for one keeper.
pub const KEEPER_JOBS: usize = 64;
/// Locked memory that glommio refuses to start below.
pub const LOCKED_MEMORY_BYTES_MIN: u64 = 512 * 1024;
/// How long a TLS handshake may take, from the socket's opening.
pub const TLS_HANDSHAKE: Duration = Duration::from_secs(10);
/// A turn that has given TLS handshakes so long begins no other step of one: about one full handshake with an RSA key, three with an
/// elliptic one. At least one step is made a turn.
pub const TLS_HANDSHAKES_A_TURN: Duration = Duration::from_micros(500);
/// Bytes received from one peer whose handshake waits for its turn, after which nothing more is received from it.
pub const TLS_HELD_BYTES_MAX: usize = 64 << 10;
/// Bytes out of records after which they are given to the core before the next records are opened.
pub const TLS_CLEAR_BYTES: usize = 32 << 10;
/// Bytes of the core that are made into records at once; the rest of its buffer follows when those have left.
pub const TLS_SEALED_BYTES: usize = 128 << 10;
/// The longest file of certificates, or of a key.
pub const TLS_FILE_BYTES_MAX: u64 = 1 << 20;

const _: () = assert!(RECEIVE_BUFFERS.is_power_of_two(), "the kernel masks buffer indexes");
const _: () = assert!(MAILBOX_CAPACITY.is_power_of_two(), "slots are found by a mask");
const _: () = assert!(CONNECTIONS_MAX <= CONNECTION_INDEX_MAX, "an index fits its token");
