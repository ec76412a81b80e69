//! Owns the bytes of one record.
//!
//! Small head, 8 bytes: crc u32, kind (low 4 bits) and flags u8, key length u8, value length u16.
//! Wide head, 16 bytes: crc u32, kind and flags u8, wide flags u8, 2 bytes zero, key length u32, value length u32.
//! Then key, value, and what the flags name, in this order: expiry (5 bytes, ms from the segment's epoch; 8 bytes of
//! Unix ms when wide), namespace u16, attributes (u32 flags, u64 cas), LSN u64 of a moved record; zeros up to a multiple of 4.
//! The crc covers all that follows it, and is XORed with the salt of the segment's present use.

use crc_fast::crc32_iscsi;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A string and its value.
    Put = 1,
    /// The key is gone.
    Tombstone = 2,
    /// All keys of the namespace are gone, or of all namespaces when it has no namespace flag and key `*`.
    Flush = 3,
    /// What is known of a replicated group: see `replicated`.
    Group = 4,
    /// Entries of a group that stand before it are void.
    Cut = 5,
    /// A change of a chunk.
    Delta = 6,
    /// Opens a prepared transaction: id, participants.
    Prepare = 7,
    /// A prepared transaction took effect here.
    Commit = 8,
    /// A prepared transaction was dropped here.
    Abort = 9,
    /// The coordinator's word that a transaction is committed.
    Decision = 10,
    /// Opens a replicated entry, whose records follow.
    Run = 11,
    /// A value of another type than a string, whole: its type, then its bytes.
    Packed = 12,
    /// A chunk of an object, whole; the key is the object's id and the chunk's number.
    Chunk = 13,
    /// A mark of the log itself: seal or resume.
    Mark = 14,
    /// The head of a value that lies in chunks: its type and the object's id.
    Object = 15,
}

impl Kind {
    #[inline]
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Put,
            2 => Self::Tombstone,
            3 => Self::Flush,
            4 => Self::Group,
            5 => Self::Cut,
            6 => Self::Delta,
            7 => Self::Prepare,
            8 => Self::Commit,
            9 => Self::Abort,
            10 => Self::Decision,
            11 => Self::Run,
            12 => Self::Packed,
            13 => Self::Chunk,
            14 => Self::Mark,
            15 => Self::Object,
            _ => return None,
        })
    }

    /// Whether the record tells of replicated groups.
    pub(crate) fn is_of_groups(self) -> bool {
        matches!(self, Self::Run | Self::Group | Self::Cut)
    }

    /// Whether the record sets its key to a value.
    pub(crate) fn sets_key(self) -> bool {
        matches!(self, Self::Put | Self::Packed | Self::Object)
    }
}

pub(crate) const WIDE: u8 = 0x10;
pub(crate) const EXPIRY: u8 = 0x20;
pub(crate) const NAMESPACE: u8 = 0x40;
pub(crate) const ATTRIBUTES: u8 = 0x80;
/// Wide flag: the record was moved by the cleaner and keeps its LSN.
const MOVED: u8 = 0x01;
const KIND_BITS: u8 = 0x0f;
const SMALL_HEAD_BYTES: usize = 8;
const WIDE_HEAD_BYTES: usize = 16;
/// Bytes of the longer head.
pub(crate) const RECORD_HEAD_BYTES_MAX: usize = WIDE_HEAD_BYTES;
const EXPIRY_SMALL_BYTES: usize = 5;
const EXPIRY_SMALL_MAX_MS: u64 = (1 << 40) - 1;

/// Memcached's per-item words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// What the client stored beside the value.
    pub flags: u32,
    /// Changes with every write.
    pub cas: u64,
}

/// What goes with key and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Unix time in ms.
    pub(crate) expiry_ms: Option<u64>,
    pub(crate) namespace: u16,
    pub(crate) attributes: Option<Attributes>,
    pub(crate) moved_lsn: Option<u64>,
}

/// The layout of one record before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    wide: bool,
    key_bytes: usize,
    value_bytes: usize,
    /// All bytes of the record, padding too.
    pub(crate) size: usize,
    epoch_ms: u64,
}

impl Plan {
    /// Lays out a record for a segment whose epoch is `epoch_ms`.
    pub(crate) fn new(
        key_bytes: usize,
        value_bytes: usize,
        extras: &Extras,
        epoch_ms: u64,
    ) -> Self {
        let expiry_far = extras.expiry_ms.is_some_and(|at_ms| {
            at_ms.checked_sub(epoch_ms).is_none_or(|from_epoch| from_epoch > EXPIRY_SMALL_MAX_MS)
        });
        let wide =
            key_bytes > 0xff || value_bytes > 0xffff || extras.moved_lsn.is_some() || expiry_far;
        let expiry_bytes = match (extras.expiry_ms, wide) {
            (None, _) => 0,
            (Some(_), false) => EXPIRY_SMALL_BYTES,
            (Some(_), true) => 8,
        };
        let size = if wide { WIDE_HEAD_BYTES } else { SMALL_HEAD_BYTES }
            + key_bytes
            + value_bytes
            + expiry_bytes
            + if extras.namespace > 0 { 2 } else { 0 }
            + if extras.attributes.is_some() { 12 } else { 0 }
            + if extras.moved_lsn.is_some() { 8 } else { 0 };
        Self { wide, key_bytes, value_bytes, size: size.next_multiple_of(4), epoch_ms }
    }

    /// Writes the record into `out` (`[size]`), without its crc, for which [`sum`] is.
    pub(crate) fn write(
        &self,
        out: &mut [u8],
        kind: Kind,
        extras: &Extras,
        key: &[u8],
        value: &[&[u8]],
    ) {
        debug_assert_eq!(key.len(), self.key_bytes);
        let flags = if self.wide { WIDE } else { 0 }
            | if extras.expiry_ms.is_some() { EXPIRY } else { 0 }
            | if extras.namespace > 0 { NAMESPACE } else { 0 }
            | if extras.attributes.is_some() { ATTRIBUTES } else { 0 };
        let out = &mut out[..self.size];
        // The padding is less than a word; the rest is written below.
        out[self.size - 4..].fill(0);
        out[4] = kind as u8 | flags;
        let mut at = if self.wide {
            out[5] = if extras.moved_lsn.is_some() { MOVED } else { 0 };
            out[6..8].fill(0);
            out[8..12].copy_from_slice(&length_u32(key.len()).to_le_bytes());
            out[12..16].copy_from_slice(&length_u32(self.value_bytes).to_le_bytes());
            WIDE_HEAD_BYTES
        } else {
            let value_length =
                u16::try_from(self.value_bytes).expect("small records are below 64 KiB");
            out[5] = u8::try_from(key.len()).expect("small keys are below 256 bytes");
            out[6..8].copy_from_slice(&value_length.to_le_bytes());
            SMALL_HEAD_BYTES
        };
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(key);
        value.iter().for_each(|part| put(part));
        if let Some(at_ms) = extras.expiry_ms {
            if self.wide {
                put(&at_ms.to_le_bytes());
            } else {
                put(&(at_ms - self.epoch_ms).to_le_bytes()[..EXPIRY_SMALL_BYTES]);
            }
        }
        if extras.namespace > 0 {
            put(&extras.namespace.to_le_bytes());
        }
        if let Some(attributes) = extras.attributes {
            put(&attributes.flags.to_le_bytes());
            put(&attributes.cas.to_le_bytes());
        }
        if let Some(lsn) = extras.moved_lsn {
            put(&lsn.to_le_bytes());
        }
    }
}

/// Puts the crc of a record that was written before it, and gives it. `record` is all of it and no more.
#[inline(always)]
pub(crate) fn sum(record: &mut [u8], salt: u32) -> u32 {
    let crc = crc32_iscsi(&record[4..]) ^ salt;
    record[..4].copy_from_slice(&crc.to_le_bytes());
    crc
}

/// Writes a small record without extras at the start of `out`: its key, of `key_bytes` bytes, and the first bytes of its value are `begin`, the
/// others `rest`, without its crc. Gives its size.
#[inline]
pub(crate) fn write_short<const BEGIN: usize>(
    out: &mut [u8],
    (kind, key_bytes): (Kind, u8),
    begin: &[u8; BEGIN],
    rest: &[u8],
) -> usize {
    let value_bytes = BEGIN - usize::from(key_bytes) + rest.len();
    let value_bytes = u16::try_from(value_bytes).expect("small records are below 64 KiB");
    let [low, high] = value_bytes.to_le_bytes();
    let end = SMALL_HEAD_BYTES + BEGIN + rest.len();
    let size = end.next_multiple_of(4);
    let out = &mut out[..size];
    out[size - 4..].fill(0);
    out[4..SMALL_HEAD_BYTES].copy_from_slice(&[kind as u8, key_bytes, low, high]);
    out[SMALL_HEAD_BYTES..SMALL_HEAD_BYTES + BEGIN].copy_from_slice(begin);
    out[SMALL_HEAD_BYTES + BEGIN..end].copy_from_slice(rest);
    size
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("keys and values of one record are below 4 GiB")
}

/// The key of the record at the start of `bytes`, without any check but bounds: for lookups in our own arena.
#[inline(always)]
pub(crate) fn key_at(bytes: &[u8]) -> &[u8] {
    if bytes[4] & WIDE == 0 {
        let length = usize::from(bytes[5]);
        &bytes[SMALL_HEAD_BYTES..SMALL_HEAD_BYTES + length]
    } else {
        let length = read_u32(bytes, 8) as usize;
        &bytes[WIDE_HEAD_BYTES..WIDE_HEAD_BYTES + length]
    }
}

/// The value of the record at the start of `bytes`, as [`key_at`].
#[inline(always)]
pub(crate) fn value_at(bytes: &[u8]) -> &[u8] {
    if bytes[4] & WIDE == 0 {
        let begin = SMALL_HEAD_BYTES + usize::from(bytes[5]);
        &bytes[begin..begin + usize::from(u16::from_le_bytes([bytes[6], bytes[7]]))]
    } else {
        let begin = WIDE_HEAD_BYTES + read_u32(bytes, 8) as usize;
        &bytes[begin..begin + read_u32(bytes, 12) as usize]
    }
}

/// Whether the record at the start of `bytes` is the head of an object.
#[inline(always)]
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes[4] & KIND_BITS == Kind::Object as u8
}

/// Whether the record at the start of `bytes` is neither packed nor the head of an object: its value is a string.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let kind = bytes[4] & KIND_BITS;
    kind != Kind::Object as u8 && kind != Kind::Packed as u8
}

/// A record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) expiry_ms: Option<u64>,
    pub(crate) namespace: u16,
    pub(crate) attributes: Option<Attributes>,
    pub(crate) moved_lsn: Option<u64>,
    /// All bytes, padding too.
    pub(crate) size: usize,
    /// As stored, salt included.
    pub(crate) crc: u32,
}

impl<'a> Record<'a> {
    /// Reads the record at the start of `bytes`; `None` when its lengths leave `bytes` or its kind is unknown.
    /// The crc is not checked: see [`Record::is_intact`].
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], epoch_ms: u64) -> Option<Self> {
        let head = bytes.get(..SMALL_HEAD_BYTES)?;
        let flags = head[4];
        let kind = Kind::of(flags & KIND_BITS)?;
        let wide = flags & WIDE != 0;
        let (head_bytes, key_bytes, value_bytes, wide_flags) = if wide {
            let head = bytes.get(..WIDE_HEAD_BYTES)?;
            (WIDE_HEAD_BYTES, read_u32(head, 8) as usize, read_u32(head, 12) as usize, head[5])
        } else {
            (
                SMALL_HEAD_BYTES,
                usize::from(head[5]),
                usize::from(u16::from_le_bytes([head[6], head[7]])),
                0,
            )
        };
        let key_end = head_bytes.checked_add(key_bytes)?;
        let value_end = key_end.checked_add(value_bytes)?;
        let key = bytes.get(head_bytes..key_end)?;
        let value = bytes.get(key_end..value_end)?;
        let mut at = value_end;
        let mut take = |length: usize| {
            let part = bytes.get(at..at + length);
            at += length;
            part
        };
        let mut record = Self {
            kind,
            key,
            value,
            expiry_ms: None,
            namespace: 0,
            attributes: None,
            moved_lsn: None,
            size: 0,
            crc: read_u32(head, 0),
        };
        if flags & EXPIRY != 0 {
            let expiry = take(if wide { 8 } else { EXPIRY_SMALL_BYTES })?;
            let value = read_u64_short(expiry);
            record.expiry_ms = Some(if wide { value } else { epoch_ms.saturating_add(value) });
        }
        if flags & NAMESPACE != 0 {
            let namespace = take(2)?;
            record.namespace = u16::from_le_bytes([namespace[0], namespace[1]]);
        }
        if flags & ATTRIBUTES != 0 {
            let attributes = take(12)?;
            record.attributes = Some(Attributes {
                flags: read_u32(attributes, 0),
                cas: read_u64_short(&attributes[4..]),
            });
        }
        if wide_flags & MOVED != 0 {
            record.moved_lsn = Some(read_u64_short(take(8)?));
        }
        record.size = at.next_multiple_of(4);
        (record.size <= bytes.len()).then_some(record)
    }

    /// What else is written with it.
    pub(crate) fn extras(&self) -> Extras {
        Extras {
            expiry_ms: self.expiry_ms,
            namespace: self.namespace,
            attributes: self.attributes,
            moved_lsn: self.moved_lsn,
        }
    }

    /// Whether the crc of the record, which lies at the start of `bytes`, is right for `salt`.
    pub(crate) fn is_intact(&self, bytes: &[u8], salt: u32) -> bool {
        is_intact(&bytes[..self.size], salt)
    }
}

/// Whether the crc of a record, which is just `bytes`, is right for `salt`.
pub(crate) fn is_intact(bytes: &[u8], salt: u32) -> bool {
    #[cfg(test)]
    if crate::tests::flips::checks_are_off() {
        return true;
    }
    crc32_iscsi(&bytes[4..]) ^ salt == read_u32(bytes, 0)
}

#[inline(always)]
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Up to 8 little endian bytes.
#[inline(always)]
pub(crate) fn read_u64_short(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
