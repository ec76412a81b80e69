//! Owns the bytes of an entry: the changes of one command, absolute, so that any replica comes to the same.
//!
//! A change: kind u8 (0x80: it expires, 0x40: it has attributes), database u8, key length u32, value length u32, expiry in Unix ms u64 if
//! it has one, attributes (u32 flags, u64 cas) if it has some, key, value. The value of a packed one begins with its type; that of an object is its type, then each chunk: length u32, bytes.
//! That of an amendment: see `object/amendment.rs`.

use crate::error::StoreError;
use crate::object::Amendment;
use crate::record::{Attributes, read_u32, read_u64_short};
use hyperion_model::DatabaseId;
use hyperion_model::limits::DATABASES_KEPT;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeKind {
    /// A key becomes a string.
    Put = 1,
    /// A key becomes a value of another type, in one record.
    Packed = 2,
    /// A key becomes a value in chunks.
    Object = 3,
    /// A key goes.
    Delete = 4,
    /// All keys of a database go, in this partition.
    Flush = 5,
    /// All keys of the partition go.
    FlushAll = 6,
    /// Chunks of a key's value change. Nothing happens where the key is gone, or has no value in chunks.
    Amend = 7,
}

/// One change of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// What it does.
    pub kind: ChangeKind,
    /// The database of the key.
    pub database: DatabaseId,
    /// The key; empty for a flush.
    pub key: &'a [u8],
    /// What the key becomes.
    pub value: &'a [u8],
    /// When it expires, Unix ms.
    pub expiry_ms: Option<u64>,
    /// What else is written with the value.
    pub attributes: Option<Attributes>,
}

const EXPIRES: u8 = 0x80;
const ATTRIBUTES: u8 = 0x40;
const HEAD_BYTES: usize = 10;

impl ChangeKind {
    fn of(byte: u8) -> Option<Self> {
        let kinds = [
            Self::Put,
            Self::Packed,
            Self::Object,
            Self::Delete,
            Self::Flush,
            Self::FlushAll,
            Self::Amend,
        ];
        kinds.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// Whether it gives a key a value.
    #[must_use]
    pub fn sets_key(self) -> bool {
        matches!(self, Self::Put | Self::Packed | Self::Object)
    }

    pub(super) fn is_flush(self) -> bool {
        matches!(self, Self::Flush | Self::FlushAll)
    }
}

/// Appends the bytes of changes to `out`.
pub fn encode_changes(changes: &[Change<'_>], out: &mut Vec<u8>) {
    for change in changes {
        let at = (change.kind, change.database);
        let with = (change.expiry_ms, change.attributes);
        push_change(out, at, change.key, &[change.value], with);
    }
}

/// Appends the bytes of one change, whose value comes in parts.
pub(super) fn push_change(
    out: &mut Vec<u8>,
    (kind, database): (ChangeKind, DatabaseId),
    key: &[u8],
    value: &[&[u8]],
    (expiry_ms, attributes): (Option<u64>, Option<Attributes>),
) {
    let length =
        |bytes: usize| u32::try_from(bytes).expect("keys and values are below 4 GiB").to_le_bytes();
    let expires = if expiry_ms.is_some() { EXPIRES } else { 0 };
    let has_attributes = if attributes.is_some() { ATTRIBUTES } else { 0 };
    out.push(kind as u8 | expires | has_attributes);
    out.push(database.0);
    out.extend_from_slice(&length(key.len()));
    out.extend_from_slice(&length(value.iter().map(|part| part.len()).sum()));
    out.extend(expiry_ms.iter().flat_map(|at_ms| at_ms.to_le_bytes()));
    if let Some(Attributes { flags, cas }) = attributes {
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&cas.to_le_bytes());
    }
    out.extend_from_slice(key);
    value.iter().for_each(|part| out.extend_from_slice(part));
}

/// The changes of an entry that was read before, and where each begins.
pub(super) fn changes_at(bytes: &[u8]) -> impl Iterator<Item = (usize, Change<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (change, size) = read_change(&bytes[at..])?;
        at += size;
        Some((at - size, change))
    })
}

/// Reads the changes of an entry. Every length is checked before it is used.
///
/// # Errors
/// Where the first change lies that is none.
pub fn decode_changes(bytes: &[u8]) -> Result<Vec<Change<'_>>, StoreError> {
    let (mut changes, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let (change, size) =
            read_change(&bytes[at..]).ok_or(StoreError::BadEntry { offset: at })?;
        changes.push(change);
        at += size;
    }
    Ok(changes)
}

fn read_change(bytes: &[u8]) -> Option<(Change<'_>, usize)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let kind = ChangeKind::of(head[0] & !(EXPIRES | ATTRIBUTES))?;
    let database = DatabaseId(head[1]);
    let (key_bytes, value_bytes) = (read_u32(head, 2) as usize, read_u32(head, 6) as usize);
    let mut at = HEAD_BYTES;
    let mut take = |length: usize| {
        let part = bytes.get(at..at.checked_add(length)?)?;
        at += length;
        Some(part)
    };
    let expiry_ms = match head[0] & EXPIRES {
        0 => None,
        _ => Some(read_u64_short(take(8)?)),
    };
    let attributes = match head[0] & ATTRIBUTES {
        0 => None,
        _ => {
            let (flags, cas) = take(12)?.split_at(4);
            Some(Attributes { flags: read_u32(flags, 0), cas: read_u64_short(cas) })
        }
    };
    let (key, value) = (take(key_bytes)?, take(value_bytes)?);
    let is_right = match kind {
        ChangeKind::Put => true,
        ChangeKind::Packed => !value.is_empty(),
        ChangeKind::Object => read_chunks(value).is_some(),
        ChangeKind::Delete => value.is_empty() && expiry_ms.is_none(),
        ChangeKind::Amend => expiry_ms.is_none() && Amendment::read(value).is_some(),
        ChangeKind::Flush | ChangeKind::FlushAll => {
            key.is_empty() && value.is_empty() && expiry_ms.is_none()
        }
    };
    let is_right = is_right && (kind.sets_key() || attributes.is_none());
    let change = Change { kind, database, key, value, expiry_ms, attributes };
    (is_right && database.0 < DATABASES_KEPT).then_some((change, at))
}

/// Type and chunks of an object's value, at least one chunk.
pub(crate) fn read_chunks(value: &[u8]) -> Option<(u8, Vec<Vec<&[u8]>>)> {
    let (&value_type, mut rest) = value.split_first()?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_at_checked(4)?;
        let (chunk, behind) = behind.split_at_checked(read_u32(length, 0) as usize)?;
        chunks.push(vec![chunk]);
        rest = behind;
    }
    (!chunks.is_empty()).then_some((value_type, chunks))
}

/// The value of an object change.
pub(crate) fn join_chunks<'a>(value_type: u8, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut value = vec![value_type];
    for chunk in chunks {
        let length = u32::try_from(chunk.len()).expect("a chunk is below 64 KiB");
        value.extend_from_slice(&length.to_le_bytes());
        value.extend_from_slice(chunk);
    }
    value
}
