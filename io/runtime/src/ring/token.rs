//! What a completion says about its request: the kind, a place in a table, and that place's
//! generation.

/// Kinds of requests. The number is part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Operation {
    Accept = 0,
    Receive = 1,
    Send = 2,
    /// The read of the eventfd: a foreign thread or a core without ring messages woke us.
    Event = 3,
    /// A message of another core's ring; no request of ours.
    Message = 4,
    /// Our message to another ring failed; a success leaves no completion.
    MessageSent = 5,
    Timeout = 6,
    Cancel = 7,
    Write = 8,
    Sync = 9,
}

/// The 64 bits that travel with a request: 4 of the kind, 28 of the index, 32 of the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) operation: Operation,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Token {
    pub(crate) fn new(operation: Operation, index: u32, generation: u32) -> Token {
        debug_assert!(index < 1 << 28, "index {index} does not fit a token");
        Token { operation, index, generation }
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.operation as u64 | u64::from(self.index) << 4 | u64::from(self.generation) << 32
    }

    #[expect(clippy::cast_possible_truncation, reason = "takes the token apart by its fields")]
    pub(crate) fn from_bits(bits: u64) -> Token {
        let operation = match bits & 15 {
            0 => Operation::Accept,
            1 => Operation::Receive,
            2 => Operation::Send,
            3 => Operation::Event,
            4 => Operation::Message,
            5 => Operation::MessageSent,
            6 => Operation::Timeout,
            7 => Operation::Cancel,
            8 => Operation::Write,
            9 => Operation::Sync,
            other => unreachable!("the ring gave back a token of kind {other} that we never sent"),
        };
        Token {
            operation,
            index: (bits >> 4) as u32 & ((1 << 28) - 1),
            generation: (bits >> 32) as u32,
        }
    }
}
