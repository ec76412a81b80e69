//! Every maximum of the codecs, and the set of them that one connection is held to.

/// Longest single argument by default, in bytes.
pub const BULK_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most arguments of one command by default.
pub const ARGUMENTS_MAX: u32 = 1_048_576;
/// Longest inline command and longest length line by default, in bytes without the line end.
pub const INLINE_BYTES_MAX: u32 = 64 * 1024;
/// Longest whole command by default, in bytes; a [`crate::Span`] cannot reach past `u32::MAX`.
pub const COMMAND_BYTES_MAX: u32 = 1024 * 1024 * 1024;

/// Longest single argument before authentication, in bytes.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: u64 = 16 * 1024;
/// Most arguments of one command before authentication.
pub const UNAUTHENTICATED_ARGUMENTS_MAX: u32 = 10;

/// Longest line of memcached's protocol, in bytes without the line end: thousands of keys.
pub const MEMCACHED_LINE_BYTES_MAX: usize = 256 * 1024;
/// The same, with a value behind it, before the password was told.
pub const MEMCACHED_UNAUTHENTICATED_BYTES_MAX: usize = 64 * 1024;
/// Longest key of memcached's protocol, in bytes, as it is written and as it is meant.
pub const MEMCACHED_KEY_BYTES_MAX: usize = 250;
/// Longest value that memcached's protocol takes by default, in bytes.
pub const MEMCACHED_VALUE_BYTES_MAX: usize = 1024 * 1024;

/// Fewest bytes one further argument takes on the wire: `$0`, CRLF, CRLF.
pub(crate) const ARGUMENT_BYTES_MIN: usize = 6;

/// Deepest nesting of a reply that the client side accepts.
pub const REPLY_DEPTH_MAX: usize = 32;
/// Most elements of one reply, over all its levels.
pub const REPLY_ELEMENTS_MAX: u64 = 16 * 1_048_576;
/// Longest whole reply, in bytes.
pub const REPLY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest line of a reply, in bytes without the line end.
pub const REPLY_LINE_BYTES_MAX: usize = 64 * 1024;

/// Longest body of a frame between nodes, in bytes.
pub const FRAME_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Longest body of a frame before both sides have proved the secret, in bytes.
pub const HANDSHAKE_BYTES_MAX: u32 = 4 * 1024;
/// Most bytes of a snapshot in one chunk, and of a long body in one part.
pub const BULK_CHUNK_BYTES: usize = 1024 * 1024;
/// Longest body that is sent in parts: a whole command, and what stands around it.
pub const LONG_BODY_BYTES_MAX: u32 = COMMAND_BYTES_MAX + 1024 * 1024;
/// Longest body of a frame with a chunk or a part: its bytes and what says where they belong.
pub const BULK_FRAME_BYTES_MAX: u32 = 1024 * 1024 + 64;
/// Most Raft messages in one frame.
pub const RAFT_MESSAGES_MAX: usize = 65_536;
/// Most entries of one Raft message.
pub const RAFT_ENTRIES_MAX: usize = 262_144;
/// Most nodes in one list of a group's configuration.
pub const RAFT_NODES_MAX: usize = 1_024;
/// Longest context of a Raft message or an entry, in bytes.
pub const RAFT_CONTEXT_BYTES_MAX: usize = 64 * 1024;
/// Most groups in one frame of heartbeats.
pub const HEARTBEATS_MAX: usize = 262_144;
/// Most commands or replies in one frame.
pub const FORWARDED_MAX: usize = 65_536;
/// Most messages of channels in one frame.
pub const PUBLISHED_MAX: usize = 262_144;
/// Most earlier configs named in one frame.
pub const CONFIG_HISTORY_MAX: usize = 65_536;
/// Longest sentence that a node tells another, in bytes.
pub const SENTENCE_BYTES_MAX: usize = 1_024;
/// Longest time for which a node says that it is about to stop, in ms.
pub const LEAVING_MS_MAX: u32 = 60_000;
/// Shortest secret that nodes may share, in bytes.
pub const SECRET_BYTES_MIN: usize = 16;

const _: () = assert!(BULK_FRAME_BYTES_MAX as usize > BULK_CHUNK_BYTES, "a chunk has a head");
const _: () = assert!(BULK_FRAME_BYTES_MAX <= FRAME_BYTES_MAX, "a chunk is a frame");
const _: () = assert!(SENTENCE_BYTES_MAX < HANDSHAKE_BYTES_MAX as usize, "a refusal fits");

/// What one connection may send. Small enough to be passed by reference on every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest single argument, in bytes.
    pub bulk_bytes_max: u64,
    /// Most arguments of one command.
    pub arguments_max: u32,
    /// Longest inline command and longest length line, in bytes without the line end.
    pub inline_bytes_max: u32,
    /// Longest whole command, in bytes.
    pub command_bytes_max: u32,
    /// Whether the client has authenticated; decides only which error a passed limit gives.
    pub authenticated: bool,
}

impl Limits {
    /// The limits of a client that may run commands.
    pub const DEFAULT: Self = Self {
        bulk_bytes_max: BULK_BYTES_MAX,
        arguments_max: ARGUMENTS_MAX,
        inline_bytes_max: INLINE_BYTES_MAX,
        command_bytes_max: COMMAND_BYTES_MAX,
        authenticated: true,
    };

    /// The limits of a client that still has to authenticate.
    pub const UNAUTHENTICATED: Self = Self {
        bulk_bytes_max: UNAUTHENTICATED_BULK_BYTES_MAX,
        arguments_max: UNAUTHENTICATED_ARGUMENTS_MAX,
        authenticated: false,
        ..Self::DEFAULT
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
