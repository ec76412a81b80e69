//! Owns the bytes of a chunk: its head, and entries one behind the other.

use hyperion_store::Note;

/// Bytes of a chunk before its entries: kind, number of entries.
pub(super) const HEAD_BYTES: usize = 3;
/// The kind of the first chunk of an object.
pub(super) const HEAD: u8 = 7;
/// With a section: a part of the entry that a chunk before begins.
pub(super) const PART: u8 = 0x80;
/// An entry above this has chunks of its own.
pub(super) const LONG_BYTES: usize = 16 << 10;

/// Bytes of a length.
const LENGTH_BYTES_MAX: usize = 5;

/// The head of a chunk.
pub(super) fn head(kind: u8, count: usize) -> [u8; HEAD_BYTES] {
    let [low, high] = u16::try_from(count).expect("a chunk has fewer entries").to_le_bytes();
    [kind, low, high]
}

/// The note of a chunk.
pub(super) fn note_of(bytes: &[u8]) -> Note {
    let [kind, low, high, ..] = *bytes else { return Note { kind: HEAD, ..Note::default() } };
    let count = u32::from(u16::from_le_bytes([low, high]));
    if kind & PART != 0 || kind == HEAD {
        return Note { kind: kind & !PART, flags: kind & PART, ..Note::default() };
    }
    Note { key: first_prefix(&bytes[HEAD_BYTES..]), count, kind, ..Note::default() }
}

/// The prefix of the first entry's key; of a long entry the first bytes are enough.
pub(super) fn first_prefix(entries: &[u8]) -> u64 {
    let Some((key_bytes, value_at)) = read_length(entries, 0) else { return 0 };
    let Some((_, at)) = read_length(entries, value_at) else { return 0 };
    super::prefix(&entries[at..(at + key_bytes).min(entries.len())])
}

/// Where an entry lies among the bytes of its chunk's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) key: (usize, usize),
    pub(super) value: (usize, usize),
    /// Behind it.
    pub(super) end: usize,
}

/// Reads the entry at `at`; `None` at the end of the chunk.
#[inline(always)]
pub(super) fn span(entries: &[u8], at: usize) -> Option<Span> {
    if let Some(&[key_bytes @ 0..0x80, value_bytes @ 0..0x80]) =
        entries.get(at..).and_then(|rest| rest.first_chunk::<2>())
    {
        let key = at + 2;
        let value = key + usize::from(key_bytes);
        let behind = value + usize::from(value_bytes);
        let end = behind + if behind - at < 0x80 { 1 } else { 2 };
        return (end <= entries.len()).then_some(Span {
            key: (key, value),
            value: (value, behind),
            end,
        });
    }
    long_span(entries, at)
}

#[cold]
fn long_span(entries: &[u8], at: usize) -> Option<Span> {
    let (key_bytes, at_value) = read_length(entries, at)?;
    let (value_bytes, key) = read_length(entries, at_value)?;
    let value = key + key_bytes;
    let behind = value + value_bytes;
    let end = behind + length_bytes(behind - at);
    (end <= entries.len()).then_some(Span { key: (key, value), value: (value, behind), end })
}

/// Where the entry that ends at `end` begins.
pub(super) fn begin_of(entries: &[u8], end: usize) -> Option<usize> {
    let (mut length, mut shift, mut at) = (0_usize, 0, end);
    loop {
        at = at.checked_sub(1)?;
        let byte = entries[at];
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return at.checked_sub(length);
        }
        shift += 7;
    }
}

/// Bytes of an entry.
#[inline]
pub(super) fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    let bytes = length_bytes(key.len()) + length_bytes(value.len()) + key.len() + value.len();
    bytes + length_bytes(bytes)
}

/// Appends an entry.
#[inline]
pub(super) fn push(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let short = [key.len(), value.len(), 2 + key.len() + value.len()];
    if short.iter().all(|length| *length < 0x80) {
        let [key_bytes, value_bytes, length] =
            short.map(|length| u8::try_from(length).expect("seven bits"));
        out.reserve(usize::from(length) + 1);
        out.extend_from_slice(&[key_bytes, value_bytes]);
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        return out.push(length);
    }
    push_long(out, key, value);
}

fn push_long(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let begin = out.len();
    push_length(out, key.len());
    push_length(out, value.len());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let length = out.len() - begin;
    // The highest group comes first and ends what is read from behind; all others say that more follow.
    let groups = length_bytes(length);
    for group in (0..groups).rev() {
        let more = if group + 1 == groups { 0 } else { 0x80 };
        out.push(u8::try_from(length >> (7 * group) & 0x7f).expect("seven bits") | more);
    }
}

fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("seven bits"));
}

fn length_bytes(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => LENGTH_BYTES_MAX,
    }
}

#[inline]
fn read_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((usize::from(first), at + 1));
    }
    let mut length = usize::from(first & 0x7f);
    for (place, byte) in bytes.get(at + 1..)?.iter().take(LENGTH_BYTES_MAX - 1).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * (place + 1));
        if byte & 0x80 == 0 {
            return Some((length, at + place + 2));
        }
    }
    None
}
