//! Owns what is asked of a core: a command with what it needs to know of its client, and what became of it.

use crate::command::{Blocking, CommandSpec, Wait};
use hyperion_model::DatabaseId;

/// A command with what it needs to know of its client.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The command.
    pub spec: &'static CommandSpec,
    /// The client's database.
    pub database: DatabaseId,
    /// Name and arguments; their number is right.
    pub arguments: &'a [&'a [u8]],
    /// The client came in by this core's own address: it means this core's part of the keys.
    pub own_core_only: bool,
    /// Names the client among all of the node, by its core and its connection there: a command that is [`Outcome::Unfinished`] is
    /// known by it.
    pub client: (u16, u64),
    /// The slot of the key, where [`crate::key_slot`] was asked before.
    pub slot: Option<u16>,
    /// It reads, and its client takes what a replica says.
    pub from_replica: bool,
    /// Whether it may wait for what others write.
    pub blocking: Blocking,
}

/// What became of a command that was to run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered. The answer may leave once the log has released this position.
    Done {
        /// What the answer observed.
        observed: u64,
    },
    /// A key is locked: nothing happened, try again when [`crate::Engine::take_unlocked`] says so.
    Locked,
    /// There is no room in the log: nothing happened, try again when a segment has come.
    NoRoom,
    /// A part of a long string was written, or another's is: try again in the next turn.
    Unfinished,
    /// The answer is too long for one turn: nothing happened, it is for [`crate::Engine::begin_slices`].
    Sliced,
    /// It is for the front, which knows the node: nothing happened.
    Front,
    /// It found nothing and waits: nothing happened, it is for [`crate::Engine::park`].
    Blocks(Wait),
    /// This node does not serve the slot any more: nothing happened.
    Elsewhere {
        /// The slot.
        slot: u16,
    },
}
