//! Owns what cores send each other for clients: the commands of a turn, and their answers.

use hyperion_engine::Handle;
use hyperion_engine::command::CommandSpec;
use hyperion_model::DatabaseId;
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;

use super::limits::OUTPUT_KEEP_BYTES;

/// One command in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandHead {
    pub(crate) connection: ConnectionId,
    /// Its answer is dropped.
    pub(crate) is_silent: bool,
    pub(crate) spec: &'static CommandSpec,
    pub(crate) database: DatabaseId,
    pub(crate) protocol: Protocol,
    /// Arguments behind the name.
    pub(crate) arguments: u32,
    /// The slot of its key, if it has one key.
    pub(crate) slot: Option<u16>,
}

/// The commands that one core has for another in one turn.
#[derive(Debug, Default)]
pub(crate) struct CommandBatch {
    pub(crate) heads: Vec<CommandHead>,
    /// Length of each argument.
    pub(crate) lengths: Vec<u32>,
    /// The arguments, one after the other.
    pub(crate) bytes: Vec<u8>,
}

impl CommandBatch {
    /// Takes the batch, and leaves an empty one with room for as much again.
    pub(crate) fn take(&mut self) -> Box<Self> {
        let next = Self {
            heads: Vec::with_capacity(self.heads.len()),
            lengths: Vec::with_capacity(self.lengths.len()),
            bytes: Vec::with_capacity(self.bytes.len().min(OUTPUT_KEEP_BYTES)),
        };
        Box::new(std::mem::replace(self, next))
    }

    /// Adds a command; `arguments[0]` is its name, which stays here.
    pub(crate) fn push(&mut self, head: CommandHead, arguments: &[&[u8]]) {
        self.heads.push(head);
        for argument in &arguments[1..] {
            self.lengths.push(u32::try_from(argument.len()).expect("arguments are below 4 GiB"));
            self.bytes.extend_from_slice(argument);
        }
    }
}

impl CommandBatch {
    /// Each command with its first argument, which most have as their key.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = (&CommandHead, &[u8])> {
        let (mut lengths, mut at) = (self.lengths.as_slice(), 0);
        self.heads.iter().map(move |head| {
            let (own, rest) = lengths.split_at(head.arguments as usize);
            lengths = rest;
            let start = at;
            at += own.iter().map(|&length| length as usize).sum::<usize>();
            let key =
                own.first().map_or(&[][..], |&length| &self.bytes[start..start + length as usize]);
            (head, key)
        })
    }
}

/// One answer in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHead {
    pub(crate) connection: ConnectionId,
    pub(crate) length: usize,
}

/// The answers that one core has for another's clients.
#[derive(Debug, Default)]
pub(crate) struct ReplyBatch {
    pub(crate) heads: Vec<ReplyHead>,
    pub(crate) bytes: Vec<u8>,
    /// The highest position that one of them observed of the answering core's log.
    pub(crate) observed: u64,
    /// Answers that go on with a long string: the answer's place among the heads, the string's length, and its handle at the core that
    /// answers.
    pub(crate) later: Vec<(usize, u64, Handle)>,
}

impl ReplyBatch {
    /// As [`CommandBatch::take`].
    pub(crate) fn take(&mut self) -> Box<Self> {
        let next = Self {
            heads: Vec::with_capacity(self.heads.len()),
            bytes: Vec::with_capacity(self.bytes.len().min(OUTPUT_KEEP_BYTES)),
            observed: 0,
            later: Vec::new(),
        };
        Box::new(std::mem::replace(self, next))
    }
}
