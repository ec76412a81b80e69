//! Owns the description of one command: a row of the table.

use super::context::Context;
use super::error::CommandError;
use super::flags::Flags;
use super::gather::Gather;
use hyperion_model::number::parse_integer;
use std::ops::Range;

/// Carries a command out on the core that owns its keys. `arguments[0]` is the name; their number was checked against the arity.
///
/// A handler answers only when nothing can fail any more; after an error nothing has changed, and the same call may be made again.
pub type Handler = fn(&mut Context<'_>, &[&[u8]]) -> Result<(), CommandError>;

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// Its name in lower case.
    pub name: &'static str,
    /// Words with the name: exactly so many, or at least `-arity` when negative.
    pub arity: i16,
    /// What is said of it.
    pub flags: Flags,
    /// Which words are keys.
    pub keys: KeySpec,
    /// Which word names the entry that it looks for, in most of its lines.
    pub entry: EntrySpec,
    /// The group of commands it is documented in.
    pub group: Group,
    /// First version of Redis that had it.
    pub since: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// Where it runs.
    pub run: Run,
    /// Its place in the table.
    pub(super) index: u16,
}

impl CommandSpec {
    /// Its place in the table, `0..COMMANDS.len()`.
    #[inline]
    #[must_use]
    pub fn index(&self) -> usize {
        usize::from(self.index)
    }

    /// Whether a line of `count` words, the name included, fits the arity.
    #[inline]
    #[must_use]
    pub fn admits(&self, count: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { count >= arity } else { count == arity }
    }

    /// Checks the number of words, the name included.
    ///
    /// # Errors
    /// When there are too few or too many.
    #[inline]
    pub fn check_arity(&self, count: usize) -> Result<(), CommandError> {
        if self.admits(count) {
            return Ok(());
        }
        Err(CommandError::WrongArity(self.name))
    }

    /// Whether it may change data.
    #[inline]
    #[must_use]
    pub fn writes(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }
}

/// Which words of a command are keys: from `first` to `last` every `step`-th. A negative `last` counts from the end; `first` 0
/// means no keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySpec {
    /// Index of the first key.
    pub first: u8,
    /// Index of the last key.
    pub last: i8,
    /// From one key to the next.
    pub step: u8,
    /// Keys that a line tells of in another way, behind those.
    pub more: More,
}

/// Which word of a command names an entry of the collection under its one key: a field or a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntrySpec {
    /// None.
    #[default]
    None,
    /// This one.
    Named(u8),
    /// The last of four, behind its score.
    Scored,
}

/// Keys whose places the words of a line tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum More {
    /// None.
    #[default]
    None,
    /// The word at `at` counts the keys, which follow it.
    Counted {
        /// Index of that word.
        at: u8,
    },
    /// The first half of what is behind the word STREAMS.
    Streams,
    /// What is behind the last word STORE or STOREDIST.
    Store,
    /// The third word behind the name, or where that is empty, what is behind the word KEYS.
    Migrate,
}

impl KeySpec {
    /// No keys.
    pub const NONE: Self = Self::each(0, 0, 0);
    /// The word behind the name.
    pub const ONE: Self = Self::each(1, 1, 1);
    /// The two words behind the name.
    pub const TWO: Self = Self::each(1, 2, 1);
    /// All words behind the name.
    pub const ALL: Self = Self::each(1, -1, 1);
    /// Pairs of key and value behind the name.
    pub const PAIRS: Self = Self::each(1, -1, 2);
}

impl KeySpec {
    /// From `first` to `last`, every `step`-th.
    #[must_use]
    pub const fn each(first: u8, last: i8, step: u8) -> Self {
        Self { first, last, step, more: More::None }
    }

    /// As many as the word at `at` says, behind it.
    #[must_use]
    pub const fn counted(at: u8) -> Self {
        Self::NONE.with(More::Counted { at })
    }

    /// And those.
    #[must_use]
    pub const fn with(self, more: More) -> Self {
        Self { more, ..self }
    }
}

/// Indices of the words that are keys. A line too short for its command gives those that are there.
#[inline]
pub fn keys_of(spec: &CommandSpec, arguments: &[&[u8]]) -> impl Iterator<Item = usize> + use<> {
    let (first, step) = (usize::from(spec.keys.first), usize::from(spec.keys.step.max(1)));
    let last = usize::from(spec.keys.last.unsigned_abs());
    let end = match spec.keys {
        KeySpec { first: 0, .. } => 0,
        KeySpec { last: ..0, .. } => (arguments.len() + 1).saturating_sub(last),
        _ => arguments.len().min(last + 1),
    };
    let more = if spec.keys.more == More::None { 0..0 } else { spec.keys.more.find(arguments) };
    (first..end.max(first)).step_by(step).chain(more)
}

impl More {
    #[cold]
    fn find(self, arguments: &[&[u8]]) -> Range<usize> {
        let is = |at: usize, word: &str| arguments[at].eq_ignore_ascii_case(word.as_bytes());
        match self {
            Self::None => 0..0,
            Self::Counted { at } => {
                let first = usize::from(at) + 1;
                let count = arguments.get(usize::from(at)).and_then(|word| parse_integer(word));
                let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
                let end = first.saturating_add(count).min(arguments.len());
                first.min(end)..end
            }
            Self::Streams => {
                let mut word = 1;
                while word < arguments.len() && !is(word, "streams") {
                    // What follows an option is a name or a number, even if it reads STREAMS.
                    word += match word {
                        at if is(at, "block") || is(at, "count") => 2,
                        at if is(at, "group") => 3,
                        _ => 1,
                    };
                }
                let keys = arguments.len().saturating_sub(word + 1) / 2;
                if keys == 0 { 0..0 } else { word + 1..word + 1 + keys }
            }
            Self::Store => {
                let mut words = (2..arguments.len().saturating_sub(1)).rev();
                let word = words.find(|&at| is(at, "store") || is(at, "storedist"));
                word.map_or(0..0, |word| word + 1..word + 2)
            }
            Self::Migrate if arguments.get(3).is_some_and(|key| key.is_empty()) => {
                let word = (6..arguments.len()).find(|&at| is(at, "keys"));
                word.map_or(0..0, |word| word + 1..arguments.len())
            }
            Self::Migrate => 3..arguments.len().clamp(3, 4),
        }
    }
}

/// Groups of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Strings.
    String,
    /// Keys of any type.
    Generic,
    /// The connection.
    Connection,
    /// The node.
    Server,
    /// The cluster.
    Cluster,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings as bits.
    Bitmap,
    /// Strings that count distinct things.
    HyperLogLog,
    /// Sorted sets of places.
    Geo,
    /// Channels.
    Pubsub,
    /// Scripts and functions.
    Scripting,
    /// Several commands as one.
    Transactions,
}

impl Group {
    /// Its name in COMMAND DOCS.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Generic => "generic",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Pubsub => "pubsub",
            Self::Scripting => "scripting",
            Self::Transactions => "transactions",
        }
    }
}

/// Where a command runs.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// One key, on the core that owns it.
    Key(Handler),
    /// Several keys.
    Keys {
        /// Runs where one core owns all of them.
        local: Handler,
        /// The shape over several cores.
        spread: Spread,
    },
    /// On every core; the parts are put together.
    Every(Gather),
    /// On the core that owns the cursor's partition.
    Scan,
    /// At the front: it concerns the connection or the node.
    Front(FrontCommand),
}

/// What a command over several cores does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Sets every pair.
    Mset,
    /// Sets every pair if none of the keys is there.
    Msetnx,
    /// Removes keys and counts those that were there.
    Delete,
    /// Counts the keys that are there, each as often as it is named.
    Count,
    /// As [`Spread::Count`], and the keys count as used.
    Touch,
    /// Gives the values in order.
    Mget,
    /// Moves the first key's value to the second key.
    Rename,
    /// As [`Spread::Rename`], if the second key is not there.
    RenameNx,
    /// Copies the first key's value to the second key.
    Copy,
    /// Whatever its handler does with all its keys at hand.
    Collect,
    /// Waits until one of its keys holds something, and needs no other then.
    Any,
}

/// Commands that the front carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontCommand {
    /// Users and what they may do.
    Acl,
    /// Is anybody there?
    Ping,
    /// Says it back.
    Echo,
    /// Protocol version, password and name at once.
    Hello,
    /// The password.
    Auth,
    /// Chooses the database.
    Select,
    /// Ends the connection.
    Quit,
    /// Makes the connection as new.
    Reset,
    /// About this and the other connections.
    Client,
    /// About the commands.
    Command,
    /// About the node.
    Info,
    /// The node's settings.
    Config,
    /// The node's clock.
    Time,
    /// For tests of the node.
    Debug,
    /// For fun.
    Lolwut,
    /// Begins a snapshot.
    Bgsave,
    /// When the newest snapshot was made.
    Lastsave,
    /// Two databases change numbers.
    Swapdb,
    /// Refused with what to use instead.
    Instead,
    /// Slow commands.
    Slowlog,
    /// What took long.
    Latency,
    /// Shows commands as they run.
    Monitor,
    /// Modules, of which there are none.
    Module,
    /// What the node is to others.
    Role,
    /// Ends the node.
    Shutdown,
    /// Who serves which slots.
    Cluster,
    /// Reads from replicas are fine from now on.
    Readonly,
    /// They are not any more.
    Readwrite,
    /// Until so many other nodes have what was written.
    Wait,
    /// As that, on stable storage.
    Waitaof,
    /// The next command may be about a slot that is on its way here.
    Asking,
    /// The commands that follow wait.
    Multi,
    /// They run.
    Exec,
    /// They never will.
    Discard,
    /// They run only if keys have not changed.
    Watch,
    /// Or whatever has changed.
    Unwatch,
    /// Listens to channels.
    Subscribe,
    /// And no more.
    Unsubscribe,
    /// Listens to channels whose names fit patterns.
    Psubscribe,
    /// And no more.
    Punsubscribe,
    /// Listens to shard channels.
    Ssubscribe,
    /// And no more.
    Sunsubscribe,
    /// Says something on a channel.
    Publish,
    /// On a shard channel.
    Spublish,
    /// Tells who listens.
    Pubsub,
    /// Runs a script.
    Eval,
    /// Runs a script by its name.
    Evalsha,
    /// The scripts that are known.
    Script,
    /// Runs a function of a library.
    Fcall,
    /// The libraries.
    Function,
}
