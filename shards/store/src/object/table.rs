//! Owns the chunks of one object by number: each keeps its place for as long as it lives, and who has the place need not look for it.

use super::Chunk;
use hyperion_model::collections::Map;
use std::ops::Index;

/// Stands in a place that no chunk has.
const VACANT: u32 = u32::MAX;

/// So much more than there is is asked for when the places are all taken: one part in this many, and no fewer than the second.
const GROWS_PART: usize = 4;
const GROWS_MIN: usize = 2;

/// A chunk, as the order names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// Its number, by which the log knows it.
    pub(super) number: u32,
    /// Its place in the table.
    place: u32,
}

/// The chunks of one object.
#[derive(Debug, Default)]
pub(super) struct Table {
    places: Vec<Chunk>,
    /// Places that no chunk has.
    vacant: Vec<u32>,
    by_number: Map<u32, u32>,
}

impl Table {
    /// Bytes of a chunk here and in the order, about.
    pub(super) const BYTES_EACH: usize = size_of::<Chunk>()
        + size_of::<Chunk>() / GROWS_PART
        + 2 * size_of::<(u32, u32)>()
        + size_of::<At>();

    /// The chunk at a place that it has had since it came.
    #[inline]
    pub(super) fn at(&self, at: At) -> &Chunk {
        let chunk = &self.places[at.place as usize];
        debug_assert_eq!(chunk.number, at.number, "a chunk keeps its place");
        chunk
    }

    /// As [`Table::at`], to be changed.
    #[inline]
    pub(super) fn at_mut(&mut self, at: At) -> &mut Chunk {
        let chunk = &mut self.places[at.place as usize];
        debug_assert_eq!(chunk.number, at.number, "a chunk keeps its place");
        chunk
    }

    /// Where the chunk of a number is.
    pub(super) fn find(&self, number: u32) -> Option<At> {
        self.by_number.get(&number).map(|&place| At { number, place })
    }

    pub(super) fn get(&self, number: u32) -> Option<&Chunk> {
        self.find(number).map(|at| self.at(at))
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Chunk> {
        self.find(number).map(|at| self.at_mut(at))
    }

    /// Puts a chunk in, in the place of the one that has its number if there is one.
    pub(super) fn insert(&mut self, chunk: Chunk) -> At {
        let number = chunk.number;
        assert!(number != VACANT, "no chunk has this number");
        if let Some(at) = self.find(number) {
            *self.at_mut(at) = chunk;
            return at;
        }
        let place = self.vacant.pop().unwrap_or_else(|| {
            u32::try_from(self.places.len()).expect("an object has fewer chunks")
        });
        if let Some(vacant) = self.places.get_mut(place as usize) {
            *vacant = chunk;
        } else {
            if self.places.len() == self.places.capacity() {
                self.places.reserve_exact(GROWS_MIN.max(self.places.len() / GROWS_PART));
            }
            self.places.push(chunk);
        }
        self.by_number.insert(number, place);
        At { number, place }
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Chunk> {
        let place = self.by_number.remove(&number)?;
        self.vacant.push(place);
        let vacant = Chunk::cold(VACANT, 0, 0, 0, 0);
        Some(std::mem::replace(&mut self.places[place as usize], vacant))
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.places.iter().filter(|chunk| chunk.number != VACANT)
    }

    /// As [`Table::iter`], to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.places.iter_mut().filter(|chunk| chunk.number != VACANT)
    }
}

impl Index<u32> for Table {
    type Output = Chunk;

    fn index(&self, number: u32) -> &Chunk {
        self.get(number).expect("an object has the chunks that its order names")
    }
}
