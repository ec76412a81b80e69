//! Owns the bytes of the records that tell of groups.
//!
//! Run, which opens an entry or a part of one; key: group u32, term u64, index u64, type u8, flags u8 (1: first part, 2: last part,
//! 4: amendments); value: changes u32, then the payload of an opaque entry, or the amendments as in a payload. The other changes are the records
//! that follow in the same batch; a part has amendments or others.
//! Group; key: group u32; value, whole: term, vote, commit, applied index, applied term, truncated index, truncated term, all u64,
//! flags u8 (1: being installed, 2: gone, 4: a horizon u64 follows), then the voters as the driver wrote them; short: applied index u64, applied term u64.
//! Cut; key: group u32, index u64: entries of the group from there on that stand before it are void.
//! Flush in a partition; key: `p` for one database or `P` for all, partition u16.

use super::group::GroupState;
use crate::record::{Record, read_u32, read_u64_short};
use hyperion_model::GroupId;

/// Bytes of the key of a run.
pub(super) const RUN_KEY_BYTES: usize = 22;
/// Bytes of the value of a run before an opaque payload.
pub(super) const RUN_VALUE_BYTES: usize = 4;
pub(super) const FIRST_PART: u8 = 1;
pub(super) const LAST_PART: u8 = 2;
pub(super) const AMENDS: u8 = 4;
const IS_INSTALLING: u8 = 1;
const IS_GONE: u8 = 2;
const HAS_HORIZON: u8 = 4;
const SHORT_BYTES: usize = 16;
const STATE_BYTES: usize = 57;
/// No group gets this far; what claims to is no entry.
const INDEX_MAX: u64 = 1 << 60;

/// What the key of a run says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) group: GroupId,
    pub(super) term: u64,
    pub(super) index: u64,
    pub(super) entry_type: u8,
    pub(super) flags: u8,
}

impl Run {
    pub(super) fn key(&self) -> [u8; RUN_KEY_BYTES] {
        let mut key = [0; RUN_KEY_BYTES];
        key[..4].copy_from_slice(&self.group.0.to_le_bytes());
        key[4..12].copy_from_slice(&self.term.to_le_bytes());
        key[12..20].copy_from_slice(&self.index.to_le_bytes());
        key[20] = self.entry_type;
        key[21] = self.flags;
        key
    }

    /// The run and how many records belong to it.
    pub(super) fn read(record: &Record<'_>) -> Option<(Self, u32)> {
        let key = record.key;
        if key.len() != RUN_KEY_BYTES || record.value.len() < RUN_VALUE_BYTES {
            return None;
        }
        let run = Self {
            group: GroupId(read_u32(key, 0)),
            term: read_u64_short(&key[4..12]),
            index: read_u64_short(&key[12..20]),
            entry_type: key[20],
            flags: key[21],
        };
        (run.index < INDEX_MAX).then_some((run, read_u32(record.value, 0)))
    }

    /// Whether the part's changes are amendments, in its opening.
    pub(super) fn amends(&self) -> bool {
        !self.is_opaque() && self.flags & AMENDS != 0
    }

    /// Whether the payload is not ours to read: the config's, and changes of the voters.
    pub(super) fn is_opaque(&self) -> bool {
        self.group.0 == 0 || self.entry_type != 0
    }
}

/// What a group's record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All of it: the state, what is applied, whether the group is being installed, whether it is gone, and its horizon.
    Whole {
        state: GroupState,
        applied: (u64, u64),
        is_installing: bool,
        is_gone: bool,
        horizon: u64,
    },
    /// What is applied.
    Applied((u64, u64)),
}

pub(super) fn whole_value(
    state: &GroupState,
    applied: (u64, u64),
    (is_installing, is_gone): (bool, bool),
    horizon: u64,
) -> Vec<u8> {
    // Behind it nothing is left of it.
    let has_horizon = horizon > applied.0 && !is_installing && !is_gone;
    let words = [
        state.term,
        state.vote,
        state.commit,
        applied.0,
        applied.1,
        state.truncated_index,
        state.truncated_term,
    ];
    let mut value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    value.push(
        if is_installing { IS_INSTALLING } else { 0 }
            | if is_gone { IS_GONE } else { 0 }
            | if has_horizon { HAS_HORIZON } else { 0 },
    );
    value.extend(has_horizon.then(|| horizon.to_le_bytes()).iter().flatten());
    value.extend_from_slice(&state.voters);
    value
}

pub(super) fn short_value((index, term): (u64, u64)) -> [u8; SHORT_BYTES] {
    let mut value = [0; SHORT_BYTES];
    value[..8].copy_from_slice(&index.to_le_bytes());
    value[8..].copy_from_slice(&term.to_le_bytes());
    value
}

pub(super) fn read_told(record: &Record<'_>) -> Option<(GroupId, Told)> {
    let group = GroupId(u32::from_le_bytes(record.key.try_into().ok()?));
    let word = |at: usize| read_u64_short(&record.value[8 * at..8 * at + 8]);
    let told = if record.value.len() == SHORT_BYTES {
        Told::Applied((word(0), word(1)))
    } else if record.value.len() >= STATE_BYTES {
        let flags = record.value[STATE_BYTES - 1];
        let (horizon, voters) = match flags & HAS_HORIZON {
            0 => (0, &record.value[STATE_BYTES..]),
            _ => {
                let (horizon, voters) = record.value[STATE_BYTES..].split_at_checked(8)?;
                (read_u64_short(horizon), voters)
            }
        };
        Told::Whole {
            state: GroupState {
                term: word(0),
                vote: word(1),
                commit: word(2),
                truncated_index: word(5),
                truncated_term: word(6),
                voters: voters.to_vec(),
            },
            applied: (word(3), word(4)),
            is_installing: flags & IS_INSTALLING != 0,
            is_gone: flags & IS_GONE != 0,
            horizon,
        }
    } else {
        return None;
    };
    let (Told::Whole { applied, .. } | Told::Applied(applied)) = &told;
    (applied.0 < INDEX_MAX).then_some((group, told))
}

pub(super) fn cut_key(group: GroupId, from: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&group.0.to_le_bytes());
    key[4..].copy_from_slice(&from.to_le_bytes());
    key
}

pub(super) fn read_cut(key: &[u8]) -> Option<(GroupId, u64)> {
    let (group, from) = key.split_at_checked(4).filter(|_| key.len() == 12)?;
    Some((GroupId(read_u32(group, 0)), read_u64_short(from)))
}

/// The key of a flush in one partition, of one database or of all.
pub(crate) fn flush_key(partition: u16, is_all: bool) -> [u8; 3] {
    let [low, high] = partition.to_le_bytes();
    [if is_all { b'P' } else { b'p' }, low, high]
}

/// The partition, and whether all of its databases are meant; none for a flush of the whole core.
pub(crate) fn read_flush_key(key: &[u8]) -> Option<(u16, bool)> {
    match *key {
        [b'p', low, high] => Some((u16::from_le_bytes([low, high]), false)),
        [b'P', low, high] => Some((u16::from_le_bytes([low, high]), true)),
        _ => None,
    }
}
