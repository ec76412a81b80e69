//! Owns what callers hold of a key and its value.

use crate::index::Spot;
use crate::log::Location;
use crate::object::{Chunks, Head, ValueType};
use crate::record::{Attributes, Extras};
use hyperion_model::DatabaseId;

/// A key, its place in the key space already worked out.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key itself.
    pub bytes: &'a [u8],
    /// The database it is asked for in.
    pub database: DatabaseId,
    /// Index of its partition among those of this core.
    pub(crate) local: u16,
    /// The number of what is known of it (`store/known.rs`), 0 if nothing is.
    pub(crate) known: u32,
    pub(crate) hash: u64,
    /// What is written with a value that it gets.
    pub(crate) attributes: Option<Attributes>,
}

/// The place of a key without its bytes: those stand in its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) database: DatabaseId,
    pub(crate) local: u16,
    pub(crate) hash: u64,
}

impl Key<'_> {
    pub(crate) fn extras(&self, expiry_ms: Option<u64>) -> Extras {
        Extras {
            expiry_ms,
            namespace: u16::from(self.database.0),
            attributes: self.attributes,
            moved_lsn: None,
        }
    }

    /// The key, for a value that has these attributes.
    #[must_use]
    pub fn with_attributes(self, attributes: Option<Attributes>) -> Self {
        Self { attributes, ..self }
    }

    #[inline(always)]
    pub(crate) fn place(&self) -> Place {
        Place { database: self.database, local: self.local, hash: self.hash }
    }
}

/// A key that is there and has not expired. Valid until the next change to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub(crate) location: Location,
    pub(crate) spot: Spot,
    pub(crate) expires: bool,
    pub(crate) access: u8,
    /// The head of the object that it has as its value, if it lies in chunks.
    pub(crate) head: Option<Head>,
}

/// The value of a key, where it lies.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// In one piece.
    Whole(&'a [u8]),
    /// In pieces.
    Pieces(Pieces<'a>),
}

/// The chunks of an object.
#[derive(Clone, Copy)]
pub struct Pieces<'a> {
    pub(crate) value_type: ValueType,
    pub(crate) chunks: Chunks<'a>,
}

impl<'a> Pieces<'a> {
    /// Number of chunks.
    #[must_use]
    pub fn count(&self) -> usize {
        self.chunks.count()
    }

    /// Asks for what tells where the bytes of a chunk lie.
    ///
    /// # Panics
    /// When there is none at `index`.
    #[inline]
    pub fn prefetch(&self, index: usize) {
        self.chunks.prefetch(index);
    }

    /// The bytes of one chunk, for who only asks for some of them; where these lie should be there by now. What a change of it writes beside
    /// its bytes is asked for too.
    ///
    /// # Panics
    /// When there is none at `index`.
    #[must_use]
    #[inline]
    pub fn ask_change(&self, index: usize) -> &'a [u8] {
        self.chunks.ask_change(index)
    }

    /// The bytes of one chunk.
    ///
    /// # Panics
    /// When there is none at `index`.
    #[must_use]
    pub fn chunk(&self, index: usize) -> &'a [u8] {
        self.chunks.chunk(index)
    }
}

impl<'a> Value<'a> {
    /// Bytes of the value.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.chunks.bytes(),
        }
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value's bytes in order, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let (whole, pieces) = match *self {
            Self::Whole(bytes) => (Some(bytes), None),
            Self::Pieces(pieces) => (None, Some(pieces)),
        };
        whole.into_iter().chain(pieces.into_iter().flat_map(|pieces| pieces.chunks.iter(0)))
    }

    /// The bytes `start..end` of the value, or what there is of them, piece by piece.
    pub fn range(&self, start: usize, end: usize) -> impl Iterator<Item = &'a [u8]> + 'a {
        let (whole, pieces, mut at) = match *self {
            Self::Whole(bytes) => (Some(bytes), None, 0),
            Self::Pieces(pieces) if pieces.value_type == ValueType::STRING => {
                let (first, starts_at) = pieces.chunks.seek(start);
                (None, Some((pieces, first)), starts_at)
            }
            Self::Pieces(pieces) => (None, Some((pieces, 0)), 0),
        };
        let pieces = pieces.into_iter().flat_map(|(pieces, first)| pieces.chunks.iter(first));
        whole.into_iter().chain(pieces).map_while(move |piece| {
            let begins_at = at;
            at += piece.len();
            let from = start.clamp(begins_at, at) - begins_at;
            let to = end.clamp(begins_at, at) - begins_at;
            (begins_at < end).then(|| &piece[from..to])
        })
    }

    /// Appends the bytes `start..end` of the value to `out`.
    pub fn copy_range(&self, start: usize, end: usize, out: &mut Vec<u8>) {
        self.range(start, end).for_each(|piece| out.extend_from_slice(piece));
    }

    /// The value in one piece, in `scratch` when it lies in several.
    pub fn join<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Self::Whole(bytes) => bytes,
            Self::Pieces(_) => {
                scratch.clear();
                self.copy_range(0, self.len(), scratch);
                scratch
            }
        }
    }
}
