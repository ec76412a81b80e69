//! Owns what is known of one client of the Redis protocol.

use std::sync::Arc;

use hyperion_engine::acl::{DEFAULT, User};
use hyperion_engine::{Ticket, WatchedKey};
use hyperion_model::DatabaseId;
use hyperion_runtime::ConnectionId;
use hyperion_wire::{Parser, Protocol};

use super::blocked::BlockedAt;
use super::exec::Exec;
use super::forward::ForwardLanes;
use super::limits::{
    REMOTE_ANSWER_BYTES, REMOTE_ANSWER_BYTES_MIN, REMOTE_ANSWERS_MAX, REMOTE_BYTES_MAX,
};
use super::memcached::MemcachedState;
use super::multi::Multi;
use super::output::Output;
use crate::pubsub::Subscriptions;
use crate::tracking::Tracking;

/// Why no command of a client runs at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It may run.
    #[default]
    None,
    /// The log has no room, or a key is locked, or a mailbox is full: tried again when that changes.
    Again,
    /// An answer that comes later; nothing runs before it.
    Answer(Ticket),
    /// The answers of other cores must come first.
    Drain,
    /// The client does not read.
    Output,
    /// The turn has run long enough: the next goes on with it.
    Turn,
    /// Its command waits for what others write.
    Blocked,
}

/// By which address a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The node's.
    Plain,
    /// The node's for TLS.
    Secured,
    /// The core's own.
    OwnCore,
}

/// Which answers a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// Not that of the next command.
    SkipNext,
    /// Not that of this command.
    Skip,
}

impl ReplyMode {
    /// What holds for the next command, once this one was answered.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::SkipNext => Self::Skip,
            Self::Skip => Self::On,
            Self::On | Self::Off => self,
        }
    }
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: ConnectionId,
    /// The number that CLIENT ID gives.
    pub(crate) number: u64,
    pub(crate) own_core_only: bool,
    /// It speaks TLS.
    pub(crate) is_secured: bool,
    pub(crate) since_ms: u64,
    pub(crate) parser: Parser,
    /// What was received and has not run.
    pub(crate) input: Vec<u8>,
    /// The most that lay in it since its buffer was made.
    pub(crate) input_reached: usize,
    /// Bytes of the line by which it asks about clients.
    pub(crate) line_bytes: usize,
    /// How much of it lies in the buffer that the ring has, to receive the rest into it.
    pub(crate) input_away: usize,
    /// Length of input below which a half command cannot be whole.
    pub(crate) input_needed: usize,
    pub(crate) output: Output,
    /// How much it was sent last at once.
    pub(crate) sent_bytes: usize,
    /// About how long an answer of another core is.
    pub(crate) remote_answer_bytes: usize,
    /// Cores that gave it a long answer and wait until it has taken it.
    pub(crate) untaken: Vec<u16>,
    pub(crate) hold: Hold,
    pub(crate) is_paused: bool,
    /// It is in the list of those with something to send.
    pub(crate) is_dirty: bool,
    /// Its answers wait for another core's, to leave together; and they have waited long enough.
    pub(crate) is_gathering: bool,
    pub(crate) is_overdue: bool,
    /// A long string is on its way to it.
    pub(crate) is_streaming: bool,
    /// It will send nothing more.
    pub(crate) has_ended: bool,
    /// Nothing of it runs any more; it is closed when its answers have left.
    pub(crate) is_closing: bool,
    /// Where its command waits for what others write.
    pub(crate) blocked: Option<BlockedAt>,
    /// Since when a command of it waits for who leads its partition.
    pub(crate) leaderless_since_ns: Option<u64>,
    /// What its answers of other nodes are put in order by.
    pub(crate) forward_lanes: ForwardLanes,
    /// The transaction that runs.
    pub(crate) exec: Option<Box<Exec>>,
    /// What it listens to, if it listens to anything.
    pub(crate) subscriptions: Option<Box<Subscriptions>>,
    /// That it keeps copies of what it reads, if it does.
    pub(crate) tracking: Option<Box<Tracking>>,
    /// Since when, Unix ms, more waits for it than a listener may leave unread for long.
    pub(crate) over_soft_since_ms: Option<u64>,
    pub(crate) memcached: MemcachedState,
    pub(crate) session: Session,
}

/// What a client can set of itself, and RESET takes back.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) protocol: Protocol,
    pub(crate) database: DatabaseId,
    pub(crate) is_authenticated: bool,
    /// Whose rights it has.
    pub(crate) user: Arc<User>,
    /// It may do everything, and does not watch: nobody asks before a command.
    pub(crate) is_free: bool,
    pub(crate) name: String,
    pub(crate) library_name: String,
    pub(crate) library_version: String,
    pub(crate) reply_mode: ReplyMode,
    pub(crate) no_evict: bool,
    /// What it reads does not count as used.
    pub(crate) no_touch: bool,
    /// It is shown what others do.
    pub(crate) is_monitor: bool,
    /// READONLY: a replica may answer its reads.
    pub(crate) reads_from_replicas: bool,
    pub(crate) last_command: &'static str,
    /// Commands since MULTI.
    pub(crate) multi: Option<Box<Multi>>,
    pub(crate) watched: Vec<WatchedKey>,
}

impl Session {
    /// `user` is the default user.
    pub(crate) fn new(user: &Arc<User>) -> Self {
        let is_authenticated = user.is_open();
        Self {
            user: Arc::clone(user),
            is_free: is_authenticated && user.may_all(),
            protocol: Protocol::Resp2,
            database: DatabaseId(0),
            is_authenticated,
            name: String::new(),
            library_name: String::new(),
            library_version: String::new(),
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            is_monitor: false,
            reads_from_replicas: false,
            last_command: "NULL",
            multi: None,
            watched: Vec::new(),
        }
    }

    /// The client has shown who it is.
    pub(crate) fn come_in(&mut self, user: &Arc<User>) {
        self.is_authenticated = true;
        self.follow(user);
    }

    /// Works out whether anybody has to ask before its commands.
    pub(crate) fn set_free(&mut self) {
        self.is_free = self.is_authenticated && self.user.may_all() && !self.is_monitor;
    }

    /// The user of the client is this now. Without a password clients of the default user are in.
    pub(crate) fn follow(&mut self, user: &Arc<User>) {
        self.is_authenticated |= user.name == DEFAULT && user.is_open();
        self.user = Arc::clone(user);
        self.set_free();
    }
}

impl Client {
    /// Whether it keeps copies of what its next command reads.
    pub(crate) fn wants_read(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.wants_read())
    }

    pub(crate) fn new(
        connection: ConnectionId,
        number: u64,
        arrival: Arrival,
        since_ms: u64,
        user: &Arc<User>,
    ) -> Self {
        Self {
            connection,
            number,
            own_core_only: arrival == Arrival::OwnCore,
            is_secured: arrival == Arrival::Secured,
            since_ms,
            parser: Parser::new(),
            input: Vec::new(),
            input_reached: 0,
            line_bytes: 0,
            input_away: 0,
            input_needed: 0,
            output: Output::default(),
            sent_bytes: 0,
            remote_answer_bytes: REMOTE_ANSWER_BYTES,
            untaken: Vec::new(),
            hold: Hold::None,
            is_paused: false,
            is_dirty: false,
            is_gathering: false,
            is_overdue: false,
            is_streaming: false,
            has_ended: false,
            is_closing: false,
            blocked: None,
            leaderless_since_ns: None,
            forward_lanes: ForwardLanes::default(),
            exec: None,
            subscriptions: None,
            tracking: None,
            over_soft_since_ms: None,
            memcached: MemcachedState::default(),
            session: Session::new(user),
        }
    }

    /// Answers that other cores may owe this client at once: fewer, the longer they are, because it may not read them.
    pub(crate) fn remote_answers_max(&self) -> usize {
        (REMOTE_BYTES_MAX / self.remote_answer_bytes).clamp(1, REMOTE_ANSWERS_MAX)
    }

    /// Another core's answer of this length came.
    pub(crate) fn note_remote_answer(&mut self, length: usize) {
        let expected = self.remote_answer_bytes - self.remote_answer_bytes / 8;
        self.remote_answer_bytes = length.max(expected).max(REMOTE_ANSWER_BYTES_MIN);
    }

    /// Whether it takes messages alone: in RESP2 nothing else can be told from them.
    #[inline]
    pub(crate) fn only_listens(&self) -> bool {
        self.subscriptions.is_some() && self.session.protocol == Protocol::Resp2
    }

    /// Whether answers are dropped.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.session.reply_mode, ReplyMode::Off | ReplyMode::Skip)
    }
}
