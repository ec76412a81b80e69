//! Owns the words of XREAD and XREADGROUP.

use super::error::StreamError;
use super::number;
use crate::command::context::is_word;
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;

/// What XREAD or XREADGROUP is asked for.
#[derive(Debug)]
pub(super) struct ReadOptions<'a> {
    /// The group and the consumer of XREADGROUP.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    /// Entries of each stream, at most.
    pub(super) most: usize,
    /// How long the client waits where there is nothing, ms; 0: for ever.
    pub(super) block_ms: Option<u64>,
    /// What is given counts as acknowledged.
    pub(super) is_acknowledged: bool,
    /// The streams, and behind which id of each.
    pub(super) keys: &'a [&'a [u8]],
    pub(super) ids: &'a [&'a [u8]],
}

impl<'a> ReadOptions<'a> {
    pub(super) fn parse(arguments: &'a [&'a [u8]]) -> Result<Self, CommandError> {
        let is_group = arguments[0].len() == "xreadgroup".len();
        let (mut group, mut most, mut block_ms, mut is_acknowledged) = (None, 0, None, false);
        let (mut at, mut streams) = (1, None);
        while at < arguments.len() && streams.is_none() {
            let (word, more) = (arguments[at], arguments.len() - at - 1);
            if is_word(word, "block") && more > 0 {
                block_ms = Some(timeout(arguments[at + 1])?);
                at += 2;
            } else if is_word(word, "count") && more > 0 {
                most = usize::try_from(number(arguments[at + 1])?.max(0)).unwrap_or(usize::MAX);
                at += 2;
            } else if is_word(word, "streams") && more > 0 {
                streams = Some(&arguments[at + 1..]);
            } else if is_word(word, "group") && more > 1 {
                must_be_group(
                    is_group,
                    "The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                )?;
                group = Some((arguments[at + 1], arguments[at + 2]));
                at += 3;
            } else if is_word(word, "noack") {
                must_be_group(
                    is_group,
                    "The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                )?;
                is_acknowledged = true;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let streams = streams.ok_or(CommandError::Syntax)?;
        if streams.len() % 2 == 1 {
            let (command, symbol) = if is_group { ("xreadgroup", '>') } else { ("xread", '$') };
            return Err(StreamError::Unbalanced { command, symbol }.into());
        }
        if is_group && group.is_none() {
            return Err(StreamError::Said("Missing GROUP option for XREADGROUP").into());
        }
        let (keys, ids) = streams.split_at(streams.len() / 2);
        let most = if most == 0 { usize::MAX } else { most };
        Ok(Self { group, most, block_ms, is_acknowledged, keys, ids })
    }
}

/// How long XREAD or XREADGROUP waits where there is nothing, ms. `None`: it does not, or its words are wrong.
pub(in crate::command) fn block_ms(arguments: &[&[u8]]) -> Option<u64> {
    ReadOptions::parse(arguments).ok()?.block_ms
}

fn must_be_group(is_group: bool, text: &'static str) -> Result<(), CommandError> {
    if is_group { Ok(()) } else { Err(StreamError::Said(text).into()) }
}

fn timeout(word: &[u8]) -> Result<u64, CommandError> {
    let text = "timeout is not an integer or out of range";
    let timeout = parse_integer(word).ok_or(StreamError::Said(text))?;
    Ok(u64::try_from(timeout).map_err(|_| StreamError::Said("timeout is negative"))?)
}
