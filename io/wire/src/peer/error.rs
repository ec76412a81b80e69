//! What can be wrong with a frame and with the body in it.

use super::frame::FRAME_VERSION;
use super::kind::Kind;

/// Why the bytes of a link are not a frame. The link must be closed: where the next frame starts
/// is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first bytes are those of another protocol.
    #[error(
        "these bytes are no frame of a node (they begin with {found:02x?}); only nodes of the cluster may connect to the peer port"
    )]
    WrongMagic {
        /// The bytes in the place of the magic; zero where none have come.
        found: [u8; 4],
    },
    /// The head is of a format that this program does not know.
    #[error(
        "the frame has format version {found}, this program knows version {FRAME_VERSION}; run releases that are next to each other"
    )]
    OtherVersion {
        /// What the frame says.
        found: u8,
    },
    /// The head's checksum is wrong.
    #[error("the head of a frame is damaged: its crc32c is {computed:08x}, not {written:08x}")]
    HeadDamaged {
        /// What the frame says.
        written: u32,
        /// What its bytes come to.
        computed: u32,
    },
    /// The body's checksum is wrong.
    #[error("the body of a frame is damaged: its crc32c is {computed:08x}, not {written:08x}")]
    BodyDamaged {
        /// What the frame says.
        written: u32,
        /// What its bytes come to.
        computed: u32,
    },
    /// A kind that this program does not know.
    #[error("the frame is of kind {found}, which this program does not know; update this node")]
    UnknownKind {
        /// What the frame says.
        found: u8,
    },
    /// Flags that this program does not know, or that its kind must not have.
    #[error("a frame of kind {kind:?} has flags {found:#04x}, which it must not have")]
    WrongFlags {
        /// The frame's kind.
        kind: Kind,
        /// What the frame says.
        found: u8,
    },
    /// The body is longer than its kind, or the state of the link, allows.
    #[error("a frame of kind {kind:?} has {bytes} bytes; at most {bytes_max} are allowed")]
    TooLong {
        /// The frame's kind.
        kind: Kind,
        /// What the frame says.
        bytes: u32,
        /// What would be allowed.
        bytes_max: u32,
    },
}

/// Why a body cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The frame holds something else.
    #[error("the frame is of kind {found:?}, not {expected:?}")]
    OtherKind {
        /// What was asked for.
        expected: Kind,
        /// What the frame is.
        found: Kind,
    },
    /// The body is compressed.
    #[error("the body of {kind:?} is compressed; decompress it, then use `Message::decode_body`")]
    Compressed {
        /// The frame's kind.
        kind: Kind,
    },
    /// The body ends before its last field does: a length in it is wrong.
    #[error("the body of {kind:?} ends early: a length in it is wrong")]
    EndsEarly {
        /// The frame's kind.
        kind: Kind,
    },
    /// Bytes follow the last field.
    #[error("the body of {kind:?} has {bytes} bytes after its end")]
    TooManyBytes {
        /// The frame's kind.
        kind: Kind,
        /// How many there are.
        bytes: usize,
    },
    /// A field holds what this program does not know, or text that is not UTF-8.
    #[error("the body of {kind:?} holds a value that this program does not know")]
    UnknownValue {
        /// The frame's kind.
        kind: Kind,
    },
    /// A field is larger than it may be.
    #[error("the {field} of {kind:?} is {value}; at most {value_max} is allowed")]
    OutOfBounds {
        /// The frame's kind.
        kind: Kind,
        /// The field, in words.
        field: &'static str,
        /// Its value, length or count.
        value: u64,
        /// The largest that is allowed.
        value_max: u64,
    },
    /// The bytes of a chunk are not those that were sent.
    #[error("the chunk {sequence} of transfer {transfer} is damaged; ask for it again")]
    ChunkDamaged {
        /// The transfer.
        transfer: u64,
        /// The chunk.
        sequence: u64,
    },
    /// The body is longer than a frame may be.
    #[error("the body of {kind:?} takes {bytes} bytes; at most {bytes_max} fit, send less at once")]
    TooLong {
        /// The frame's kind.
        kind: Kind,
        /// What it would take.
        bytes: usize,
        /// What is allowed.
        bytes_max: u32,
    },
}
