//! Owns what goes in and out of an engine beside requests: mail between cores, and answers that come later.

use crate::command::{Gather, Part};
use crate::epochs::EpochMail;
use crate::lock::LockKey;
use crate::recorded::Recorded;
use crate::serving::Leader;
use crate::spanning::SpanMail;
use crate::told::Told;
use crate::work::{UnitMail, WatchedKey};
use hyperion_cluster::state::ClusterState;
use hyperion_model::{CoreId, DatabaseId, PartitionId, TransactionId};
use hyperion_store::{OwnedContent, Reach, Write};
use std::sync::Arc;

/// Names the client of a command that is answered later. The engine only hands it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Work that the engine asks for.
#[derive(Debug)]
pub enum Effect {
    /// Bring this to another core.
    Mail {
        /// To whom.
        to: CoreId,
        /// What.
        mail: Mail,
    },
    /// A command over several cores is done.
    Finished {
        /// Whose it was.
        ticket: Ticket,
        /// What to tell.
        answer: Answer,
    },
    /// The next part of the answer to a command that is worked in slices.
    Told {
        /// Whose it is.
        ticket: Ticket,
        /// It may leave once the log has released this position.
        observed: u64,
        /// The part.
        told: Told,
        /// It is the last one.
        is_last: bool,
    },
    /// Somebody else leads a partition of this core from now on, or nobody: tell all cores of the node.
    Leader {
        /// The partition.
        partition: PartitionId,
        /// Who.
        leader: Leader,
    },
    /// Whether a command over several partitions was carried out is not known: whose it was is not answered, and its connection ends.
    Unknown {
        /// Whose it was.
        ticket: Ticket,
    },
    /// Bring this to another node.
    Span {
        /// Its number in the config.
        to: u32,
        /// What.
        mail: Box<SpanMail>,
    },
    /// The cluster holds this from now on: the config in force, where replicas are and where they should be.
    Cluster {
        /// All of it.
        state: Arc<ClusterState>,
    },
    /// This core has a replica of a partition from now on, or has none any more: tell all cores of the node.
    Hosted {
        /// The partition.
        partition: PartitionId,
        /// Whether it is here.
        is_here: bool,
    },
    /// The node must not go on.
    Stop {
        /// Why, as a sentence.
        why: String,
    },
    /// What this position and later ones of the log hold may never take effect: clients whose answers wait for them must not be
    /// answered, and their connections end.
    CloseFrom {
        /// The position.
        position: u64,
    },
}

/// The answer to a command over several cores.
#[derive(Debug)]
pub enum Answer {
    /// `OK`.
    Ok,
    /// A number.
    Integer(i64),
    /// One value or none for each key.
    Values(Vec<Option<Vec<u8>>>),
    /// An error line, its code first.
    Error(String),
    /// What a command has answered.
    Recorded(Recorded),
    /// What the commands of a unit have answered.
    Unit {
        /// By command; none: a key that was watched has changed, and nothing was done.
        replies: Option<Vec<Recorded>>,
        /// It may leave once the log has released this position.
        observed: u64,
    },
    /// The keys are watched from now on.
    Watched(Vec<WatchedKey>),
    /// The parts of all cores, to be put together by [`crate::command::merge`].
    Gathered {
        /// What was asked.
        gather: Gather,
        /// An answer of each core.
        parts: Vec<Part>,
    },
}

/// What engines tell each other.
#[derive(Debug)]
pub enum Mail {
    /// A step of a transaction.
    Transaction(TransactionMail),
    /// About commands that run as one.
    Unit(Box<UnitMail>),
    /// About a sync of all cores.
    Epoch(EpochMail),
    /// These keys are not watched any more, once each.
    Unwatch {
        /// The keys.
        keys: Vec<LockKey>,
    },
    /// Do your part of this and send it back.
    Ask {
        /// Names the question to the asker.
        id: TransactionId,
        /// What is asked.
        gather: Gather,
        /// The asker's database.
        database: DatabaseId,
        /// The command's arguments.
        arguments: Vec<Vec<u8>>,
        /// Partitions that the asker takes this node for the leader of, where it names them: who does not lead one of its own does nothing.
        led: Vec<PartitionId>,
        /// Whose question it is, where it has waited for what was written before it to take effect.
        waited_for: Option<CoreId>,
    },
    /// A step of a transaction over groups.
    Span {
        /// The node that it comes from.
        from: u32,
        /// The step.
        mail: Box<SpanMail>,
    },
    /// A core's part of an answer.
    Part {
        /// The question.
        id: TransactionId,
        /// The part.
        part: Part,
    },
}

/// What a transaction wants to know of a key before it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// Whether it is there.
    Presence,
    /// Whether it is there, and it counts as used.
    Use,
    /// Its value and when it expires.
    Value,
    /// As that, and what tells it from a later one where it is watched; no more bytes than are brought to one core.
    Whole,
    /// What tells it from a later one: it is watched from now on.
    Watch,
}

/// What was found of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The value, empty unless it was asked for.
    pub value: OwnedContent,
    /// When it expires, Unix ms.
    pub expiry_ms: Option<u64>,
}

/// A change as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedWrite {
    /// The database of the key.
    pub database: DatabaseId,
    /// The key.
    pub key: Vec<u8>,
    /// What it becomes; `None`: it goes.
    pub value: Option<OwnedContent>,
    /// When it expires, Unix ms.
    pub expiry_ms: Option<u64>,
}

impl OwnedWrite {
    /// It, as the store takes it.
    pub(crate) fn borrowed(&self) -> Write<'_> {
        Write {
            database: self.database,
            key: &self.key,
            value: self.value.as_ref().map(OwnedContent::as_ref),
            expiry_ms: self.expiry_ms,
        }
    }

    /// Bytes of key and value.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |value| value.bytes.len())
    }
}

/// The steps of a transaction. The coordinator sends the first four, a participant answers with the others.
#[derive(Debug)]
pub enum TransactionMail {
    /// Lock these keys, all at once, and tell what is wanted of them.
    Lock {
        /// The transaction.
        id: TransactionId,
        /// The keys of this participant.
        keys: Vec<(DatabaseId, Vec<u8>)>,
        /// What is wanted of each.
        want: Want,
    },
    /// Write these changes so that they survive, without effect yet.
    Prepare {
        /// The transaction.
        id: TransactionId,
        /// The changes of this participant's keys.
        writes: Vec<OwnedWrite>,
        /// Nobody waits for the disk: it is enough that they survive the process.
        is_early: bool,
    },
    /// It is decided: let them take effect, unlock.
    Commit {
        /// The transaction.
        id: TransactionId,
        /// Where the decision ends, if it may not be on stable storage yet.
        upon: Option<Reach>,
    },
    /// It is off, or was only reading: drop what was prepared, unlock.
    Release {
        /// The transaction.
        id: TransactionId,
    },
    /// The keys are locked.
    Locked {
        /// The transaction.
        id: TransactionId,
        /// For each key what was found.
        found: Vec<Option<Wanted>>,
        /// For each key what tells it from a later one; empty: none is watched.
        versions: Vec<u64>,
    },
    /// The changes survive.
    Prepared {
        /// The transaction.
        id: TransactionId,
        /// Where they end, if they may not be on stable storage yet.
        reach: Option<Reach>,
    },
    /// The keys are not locked, or the changes cannot be made.
    Refused {
        /// The transaction.
        id: TransactionId,
        /// An error line, its code first.
        error: String,
    },
    /// The changes took effect, on stable storage.
    Committed {
        /// The transaction.
        id: TransactionId,
    },
}
