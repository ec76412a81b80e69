//! Owns the bytes of one bucket: a cache line of 8 tags and 8 entries.

use super::alike::alike;

/// Entries of one bucket.
pub(crate) const BUCKET_ENTRIES: usize = 8;
const LOCATION_MASK: u64 = (1 << 40) - 1;
const ACCESS_SHIFT: u32 = 40;
const ACCESS_MASK: u64 = 0x3f;
const EXPIRES: u64 = 1 << 46;
const OVERFLOW_BYTE: u8 = 0x80;

/// What the index knows of a key: where its record lies, whether it expires, and how it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(u64);

impl Entry {
    #[inline(always)]
    pub(crate) fn new(location: u64, expires: bool, access: u8) -> Self {
        debug_assert!(location <= LOCATION_MASK);
        Self(
            location
                | if expires { EXPIRES } else { 0 }
                | (u64::from(access) & ACCESS_MASK) << ACCESS_SHIFT,
        )
    }

    #[inline(always)]
    pub(crate) fn location(self) -> u64 {
        self.0 & LOCATION_MASK
    }

    #[inline(always)]
    pub(crate) fn expires(self) -> bool {
        self.0 & EXPIRES != 0
    }

    /// The 6 bits that tell of uses: see [`super::Access`].
    #[inline(always)]
    pub(crate) fn access(self) -> u8 {
        (self.0 >> ACCESS_SHIFT & ACCESS_MASK) as u8
    }

    /// The same entry for a record that has moved.
    #[inline(always)]
    pub(crate) fn with_location(self, location: u64) -> Self {
        debug_assert!(location <= LOCATION_MASK);
        Self(self.0 & !LOCATION_MASK | location)
    }

    /// The same entry with other access bits.
    #[inline(always)]
    pub(crate) fn with_access(self, access: u8) -> Self {
        Self(
            self.0 & !(ACCESS_MASK << ACCESS_SHIFT)
                | (u64::from(access) & ACCESS_MASK) << ACCESS_SHIFT,
        )
    }
}

/// One cache line. A tag of 0 is a free entry.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    tags: [u16; BUCKET_ENTRIES],
    entries: [[u8; 6]; BUCKET_ENTRIES],
}

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

impl Bucket {
    pub(crate) const EMPTY: Self =
        Self { tags: [0; BUCKET_ENTRIES], entries: [[0; 6]; BUCKET_ENTRIES] };

    /// A bit for each entry with `tag`.
    #[inline(always)]
    pub(crate) fn matches(&self, tag: u16) -> u32 {
        alike(&self.tags, tag)
    }

    #[inline(always)]
    pub(crate) fn is_free(&self, entry: usize) -> bool {
        self.tags[entry] == 0
    }

    #[inline(always)]
    pub(crate) fn free_entry(&self) -> Option<usize> {
        let free = self.matches(0);
        (free != 0).then_some(free.trailing_zeros() as usize)
    }

    #[inline(always)]
    pub(crate) fn entry(&self, entry: usize) -> Entry {
        let [a, b, c, d, e, f] = self.entries[entry];
        Entry(u64::from_le_bytes([a, b, c, d, e, f & !OVERFLOW_BYTE, 0, 0]))
    }

    #[inline(always)]
    pub(crate) fn set_entry(&mut self, entry: usize, value: Entry) {
        let keep = self.entries[entry][5] & OVERFLOW_BYTE;
        let [a, b, c, d, e, f, _, _] = value.0.to_le_bytes();
        self.entries[entry] = [a, b, c, d, e, f | keep];
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, entry: usize, tag: u16, value: Entry) {
        self.tags[entry] = tag;
        self.set_entry(entry, value);
    }

    pub(crate) fn clear(&mut self, entry: usize) {
        self.tags[entry] = 0;
    }

    /// Whether a key of this bucket may lie in one of the next.
    #[inline(always)]
    pub(crate) fn has_overflow(&self) -> bool {
        self.entries[0][5] & OVERFLOW_BYTE != 0
    }

    pub(crate) fn set_overflow(&mut self) {
        self.entries[0][5] |= OVERFLOW_BYTE;
    }

    /// The entries in use: number, tag, entry.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, u16, Entry)> + '_ {
        (0..BUCKET_ENTRIES)
            .filter(|&entry| !self.is_free(entry))
            .map(|entry| (entry, self.tags[entry], self.entry(entry)))
    }
}
