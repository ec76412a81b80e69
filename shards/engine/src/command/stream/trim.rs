//! Owns trimming: what XADD and XTRIM are told of it, and how many entries have to go.
//!
//! An approximate trim removes whole nodes. A node is `stream-node-max-entries` entries, counted from the first one that ever was, or a
//! chunk where entries are so long that a chunk holds fewer.

use super::error::StreamError;
use super::id::{StreamId, parse_strict};
use super::{ENTRIES, number};
use crate::collection::View;
use crate::command::context::is_word;
use crate::command::error::CommandError;

/// Bytes of a node, about.
const NODE_BYTES: u64 = 4096;
/// Nodes that an approximate trim removes unless it is told, and its entries at most.
const LIMIT_NODES: u64 = 100;
const LIMIT_MAX: u64 = 1_000_000;
/// Entries that it removes where nodes have no number of entries.
const LIMIT_OF_ANY: u64 = 10_000;

/// What is to be left of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// So many entries.
    Count(u64),
    /// Those from an id on.
    From(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trim {
    pub(super) keep: Keep,
    /// Whole nodes, so many entries at most; 0: no limit.
    approximate: Option<u64>,
    /// Entries of a node; 0: no number.
    node_entries: u64,
}

/// Options of XADD and XTRIM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TrimOptions {
    keep: Option<Keep>,
    is_approximate: bool,
    limit: Option<u64>,
}

impl TrimOptions {
    /// Reads the option at `at` and gives the place behind it; `None` when it is no option of trimming.
    pub(super) fn read(
        &mut self,
        arguments: &[&[u8]],
        at: usize,
    ) -> Result<Option<usize>, CommandError> {
        let word = arguments[at];
        let has_more = at + 1 < arguments.len();
        if has_more && (is_word(word, "maxlen") || is_word(word, "minid")) {
            if self.keep.is_some() {
                return Err(StreamError::Said(
                    "syntax error, MAXLEN and MINID options at the same time are not compatible",
                )
                .into());
            }
            let mut at = at + 1;
            self.is_approximate = false;
            if at + 1 < arguments.len() && matches!(arguments[at], b"~" | b"=") {
                self.is_approximate = arguments[at] == b"~";
                at += 1;
            }
            self.keep = Some(if is_word(word, "maxlen") {
                let most = u64::try_from(number(arguments[at])?)
                    .map_err(|_| StreamError::Said("The MAXLEN argument must be >= 0."))?;
                Keep::Count(most)
            } else {
                Keep::From(parse_strict(arguments[at], 0)?)
            });
            return Ok(Some(at + 1));
        }
        if has_more && is_word(word, "limit") {
            let limit = u64::try_from(number(arguments[at + 1])?)
                .map_err(|_| StreamError::Said("The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
            return Ok(Some(at + 2));
        }
        Ok(None)
    }

    /// What all of them say together, where nodes have `node_entries` entries; `None`: nothing is trimmed.
    pub(super) fn finish(self, node_entries: u64) -> Result<Option<Trim>, CommandError> {
        if self.limit.unwrap_or(0) > 0 && self.keep.is_none() {
            return Err(StreamError::Said(
                "syntax error, LIMIT cannot be used without specifying a trimming strategy",
            )
            .into());
        }
        if self.limit.is_some() && !self.is_approximate {
            return Err(StreamError::Said(
                "syntax error, LIMIT cannot be used without the special ~ option",
            )
            .into());
        }
        let limit = match node_entries.saturating_mul(LIMIT_NODES).min(LIMIT_MAX) {
            0 => LIMIT_OF_ANY,
            limit => limit,
        };
        let approximate = self.is_approximate.then(|| self.limit.unwrap_or(limit));
        Ok(self.keep.map(|keep| Trim { keep, approximate, node_entries }))
    }
}

impl Trim {
    /// How many entries go from the front of a stream of `length` entries, `added` that ever were. `newest` is the id of one that comes
    /// behind those of the view and counts already.
    pub(super) fn excess(
        &self,
        view: &View<'_>,
        (length, added): (u64, u64),
        newest: Option<StreamId>,
    ) -> u64 {
        let most = match self.keep {
            Keep::Count(most) => length.saturating_sub(most),
            Keep::From(id) => match view.lower_bound(ENTRIES, &id.key()) {
                Some(first) => view.index_of(ENTRIES, first),
                None => view.count(ENTRIES) + u64::from(newest.is_some_and(|newest| newest < id)),
            },
        };
        match self.approximate {
            Some(limit) if most > 0 => {
                let limit = if limit == 0 { u64::MAX } else { limit };
                let gone = added.saturating_sub(length);
                whole_nodes(view, self.node_entries, (gone, length), most.min(limit))
            }
            _ => most,
        }
    }
}

/// Entries of the nodes that lie wholly among the first `most` of `length`, before which there were `gone` others.
fn whole_nodes(view: &View<'_>, node: u64, (gone, length): (u64, u64), most: u64) -> u64 {
    if most >= length {
        return length;
    }
    let mut sizes = view.chunk_sizes(ENTRIES);
    let (count, bytes) = sizes.next().unwrap_or((0, 0));
    if node == 0 || (bytes as u64).saturating_mul(node) > NODE_BYTES * count {
        let mut removed = 0;
        for (count, _) in view.chunk_sizes(ENTRIES) {
            if removed + count > most {
                break;
            }
            removed += count;
        }
        return removed;
    }
    let first = gone % node;
    let whole = (first + most) / node * node;
    whole.saturating_sub(first)
}
