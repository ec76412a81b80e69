//! Owns what a command answers when it cannot do what was asked: the exact line, code first.

use super::block::Wait;
use crate::limits::UNIT_ANSWER_BYTES_MAX;
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_store::StoreError;
use thiserror::Error;

/// Why a command was not carried out. Nothing of it has changed anything; the text is the reply's error line.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    /// Words that do not go together, or are not known.
    #[error("ERR syntax error")]
    Syntax,
    /// Too few or too many words for the command, named with its subcommand behind `|`.
    #[error("ERR wrong number of arguments for '{0}' command")]
    WrongArity(&'static str),
    /// A number was expected, or the value under the key is none.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// A number was expected, or the value under the key is none.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The value of a hash's field is no number.
    #[error("ERR hash value is not an integer")]
    HashNotInteger,
    /// The value of a hash's field is no number.
    #[error("ERR hash value is not a float")]
    HashNotFloat,
    /// A count beyond all that makes sense.
    #[error("ERR value is out of range")]
    ValueOutOfRange,
    /// A count below 0.
    #[error("ERR value is out of range, must be positive")]
    MustBePositive,
    /// The count of keys is none.
    #[error("ERR numkeys should be greater than 0")]
    NumkeysNotPositive,
    /// The count of keys is above what follows.
    #[error("ERR Number of keys can't be greater than number of args")]
    TooManyKeys,
    /// LIMIT is no count.
    #[error("ERR LIMIT can't be negative")]
    LimitNegative,
    /// A database number that does not fit 32 bits.
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    OutOfRange,
    /// The sum does not fit 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The amount has no positive twin.
    #[error("ERR decrement would overflow")]
    DecrementOverflow,
    /// The amount is no finite number.
    #[error("ERR value is NaN or Infinity")]
    AmountNotFinite,
    /// The sum is no finite number.
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
    /// The answers before it in a transaction are too long already.
    #[error(
        "ERR the answers of this transaction are longer than {UNIT_ANSWER_BYTES_MAX} bytes together, so this was not read; read it outside of MULTI"
    )]
    AnswersTooLong,
    /// The string would be longer than the limit on values.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    TooLong,
    /// A negative place in a string.
    #[error("ERR offset is out of range")]
    OffsetOutOfRange,
    /// A time to live that is not positive, or a time that does not fit.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// EXPIRE's conditions exclude each other.
    #[error("ERR NX and XX, GT or LT options at the same time are not compatible")]
    ConditionsExclude,
    /// EXPIRE's comparisons exclude each other.
    #[error("ERR GT and LT options at the same time are not compatible")]
    ComparisonsExclude,
    /// EXPIRE does not know the option.
    #[error("ERR Unsupported option {0}")]
    UnsupportedOption(String),
    /// HGETEX and HSETEX do not know the word.
    #[error("ERR unknown argument: {0}")]
    UnknownArgument(String),
    /// The key that is to be moved is not there.
    #[error("ERR no such key")]
    NoSuchKey,
    /// COPY onto itself.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// Its keys must lie together.
    #[error(
        "CROSSSLOT the keys of this command lie on several cores; give them one hash tag, as in {{tag}}key"
    )]
    OverCores,
    /// A command that does not run beside others on one store.
    #[error("ERR '{0}' cannot run together with commands about keys of several cores")]
    NotAmongKeys(&'static str),
    /// LCS was asked for two answers.
    #[error("ERR If you want both the length and indexes, please just use IDX.")]
    LcsBoth,
    /// LCS of another type.
    #[error("ERR The specified keys must contain string values")]
    LcsNotStrings,
    /// LCS of strings whose table would be longer than the limit on values.
    #[error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")]
    LcsTooLong,
    /// A database that does not exist.
    #[error("ERR DB index is out of range")]
    DatabaseOutOfRange,
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// SCAN's cursor is no number.
    #[error("ERR invalid cursor")]
    InvalidCursor,
    /// The time of the last use is not kept.
    #[error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at \
         runtime LRU and LFU data will take some time to adjust."
    )]
    NoIdleTime,
    /// Frequencies are not counted.
    #[error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust."
    )]
    NoFrequency,
    /// A key longer than the limit.
    #[error("ERR key of {bytes} bytes is longer than the {KEY_BYTES_MAX} bytes that are allowed")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The memory limit is reached.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// The same for something long: nothing may be evicted that would let it fit, and other cores leave no more.
    #[error(
        "OOM command not allowed when used memory > 'maxmemory': it takes {bytes} bytes, and {free} can be had on the core of its keys"
    )]
    OutOfMemoryFor {
        /// What the command takes.
        bytes: usize,
        /// What its core could hold more, or in all where keys may be evicted.
        free: u64,
    },
    /// A command that does not exist.
    #[error("ERR unknown command '{name}', with args beginning with: {arguments}")]
    UnknownCommand {
        /// What the client called it.
        name: String,
        /// The first of its arguments, each in quotes and with a blank behind.
        arguments: String,
    },
    /// A subcommand that does not exist.
    #[error("ERR unknown subcommand '{name}'. Try {command} HELP.")]
    UnknownSubcommand {
        /// What the client called it.
        name: String,
        /// The command, in capitals.
        command: &'static str,
    },
    /// The subcommand is the front's, which knows the node; nobody is told that.
    #[error("ERR the subcommand is answered by the node that the client asked")]
    AtFront,
    /// What one command alone says, code first.
    #[error("{0}")]
    Says(&'static str),
    /// PFDEBUG does not know the word.
    #[error("ERR Unknown PFDEBUG subcommand '{name}'")]
    UnknownDebug {
        /// What the client called it.
        name: String,
    },
    /// As [`CommandError::Says`], with words of the client.
    #[error("{0}")]
    Explains(String),
    /// ZUNION and its like need a key.
    #[error("ERR at least 1 input key is needed for '{0}' command")]
    NoInputKey(&'static str),
    /// The command found nothing and waits; nobody is told that.
    #[error("ERR the command waits")]
    Blocks(Wait),
    /// The answer is too long for one turn; nobody is told that: it is told in parts.
    #[error("ERR the answer is too long")]
    TooMuch,
    /// A group of replicas cannot take more now.
    #[error(
        "TRYAGAIN a part of the keys has no leader that takes changes now; send the command again"
    )]
    TryAgain,
    /// COMMAND GETKEYS about a command that does not exist.
    #[error("ERR Invalid command specified")]
    InvalidCommand,
    /// COMMAND GETKEYS about a command line that is too short or too long.
    #[error("ERR Invalid number of arguments specified for command")]
    InvalidArgumentCount,
    /// COMMAND GETKEYS about a line that does not name the keys it counts.
    #[error("ERR Invalid arguments specified for command")]
    InvalidArguments,
    /// COMMAND GETKEYS about a command without keys.
    #[error("ERR The command has no key arguments")]
    NoKeyArguments,
    /// About streams.
    #[error(transparent)]
    Stream(#[from] super::stream::StreamError),
    /// What the store refused; [`StoreError::NoRoom`] means: the same again, later.
    #[error("ERR {0}")]
    Store(#[from] StoreError),
}

/// Most bytes of a client's own words that an error repeats.
const REPEATED_BYTES_MAX: usize = 128;

/// A client's word as an error may repeat it: bounded, one line, and as in Redis only up to its first zero. What is not UTF-8
/// is replaced, because there are clients that fail on an error they cannot read.
pub fn repeat(word: &[u8]) -> String {
    text_of(&word[..word.len().min(REPEATED_BYTES_MAX)])
}

fn text_of(bytes: &[u8]) -> String {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).replace(['\r', '\n'], " ")
}

impl CommandError {
    /// The error for a command line whose first word names no command.
    #[must_use]
    pub fn unknown_command(arguments: &[&[u8]]) -> Self {
        let name = arguments.first().map_or_else(String::new, |name| repeat(name));
        let mut beginning = Vec::new();
        for argument in arguments.iter().skip(1) {
            if beginning.len() >= REPEATED_BYTES_MAX {
                break;
            }
            let left = REPEATED_BYTES_MAX - beginning.len();
            let argument = &argument[..argument.len().min(left)];
            let shown = argument.split(|&byte| byte == 0).next().unwrap_or_default();
            beginning.push(b'\'');
            beginning.extend_from_slice(shown);
            beginning.extend_from_slice(b"' ");
        }
        Self::UnknownCommand { name, arguments: text_of(&beginning) }
    }
}
