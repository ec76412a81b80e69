//! Owns cells: the parts that the map is cut into, by halves of longitude and latitude in turn.
//!
//! Source: geohash as Redis has it: latitudes of the Mercator map, 26 halvings each way, the latitude's bits at the even places.

use super::Place;

/// Halvings of each side of the map.
pub(super) const STEPS: u32 = 26;
/// Longest geohash of text.
const TEXT_BYTES: usize = 11;

pub(super) const LONGITUDE_MAX: f64 = 180.0;
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;

/// A map: degrees to both sides of 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    longitude_max: f64,
    latitude_max: f64,
}

impl Map {
    /// Scores are cells of this map.
    pub(super) const MERCATOR: Self =
        Self { longitude_max: LONGITUDE_MAX, latitude_max: LATITUDE_MAX };
    /// Geohashes of text are cells of this one.
    const WHOLE: Self = Self { longitude_max: 180.0, latitude_max: 90.0 };
}

/// A cell: its column and its row among `2^steps` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) column: u32,
    pub(super) row: u32,
    pub(super) steps: u32,
}

/// The edges of a cell, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edges {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Cell {
    /// The cell that a place lies in.
    pub(super) fn of(place: Place, steps: u32, map: Map) -> Self {
        let scale = f64::from(1_u32 << steps);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "places lie on the map, whose cells are counted in 27 bits"
        )]
        let index = |at: f64, max: f64| ((at + max) / (max + max) * scale) as u32;
        Self {
            column: index(place.longitude, map.longitude_max),
            row: index(place.latitude, map.latitude_max),
            steps,
        }
    }

    /// The cell of a score.
    pub(super) fn of_score(score: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a score that is no cell gives some cell, as in Redis"
        )]
        let bits = match score {
            // As x86 makes a whole number of what is none of 64 bits.
            _ if score < 0.0 => (score as i64).cast_unsigned(),
            _ if score < 18_446_744_073_709_551_616.0 => score as u64,
            _ => 0,
        };
        Self { column: gather(bits >> 1), row: gather(bits), steps: STEPS }
    }

    /// Column and row, bit by bit in turn.
    pub(super) fn bits(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    /// The scores of the places in it, from the first to before the last.
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit a double")]
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS - self.steps);
        ((self.bits() << shift) as f64, ((self.bits() + 1) << shift) as f64)
    }

    /// The cell so many columns east and rows north of it; the map goes round on both sides.
    pub(super) fn moved(self, columns: i32, rows: i32) -> Self {
        let mask = (1_u32 << self.steps) - 1;
        let go = |at: u32, by: i32| if by == 0 { at } else { at.wrapping_add_signed(by) & mask };
        Self { column: go(self.column, columns), row: go(self.row, rows), ..self }
    }

    pub(super) fn edges(self, map: Map) -> Edges {
        let scale = f64::from(1_u32 << self.steps);
        let edge = |index: u32, max: f64| -max + f64::from(index) / scale * (max + max);
        Edges {
            west: edge(self.column, map.longitude_max),
            east: edge(self.column.wrapping_add(1), map.longitude_max),
            south: edge(self.row, map.latitude_max),
            north: edge(self.row.wrapping_add(1), map.latitude_max),
        }
    }

    /// Its middle: what is known of the place that it was made of.
    pub(super) fn place(self) -> Place {
        let Edges { west, east, south, north } = self.edges(Map::MERCATOR);
        Place {
            longitude: f64::midpoint(west, east).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: f64::midpoint(south, north).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }
}

/// A place as others write it: eleven letters, of which the last stands for two bits that are not there, and is always the first letter.
pub(super) fn text_of(place: Place) -> [u8; TEXT_BYTES] {
    const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::of(place, STEPS, Map::WHOLE).bits();
    let mut text = [LETTERS[0]; TEXT_BYTES];
    for (at, letter) in text.iter_mut().take(TEXT_BYTES - 1).enumerate() {
        let five = bits >> (52 - 5 * (at + 1)) & 31;
        *letter = LETTERS[usize::try_from(five).expect("five bits")];
    }
    text
}

/// Each bit to twice its place.
fn spread(word: u32) -> u64 {
    let mut bits = u64::from(word);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff_u64),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The bits at even places, one beside the other.
fn gather(bits: u64) -> u32 {
    let mut word = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333_u64),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        word = (word | word >> shift) & mask;
    }
    u32::try_from(word).expect("32 bits are left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back() {
        for word in [0, 1, 2, 0x3ff_ffff, 0x155_5555, 0x2aa_aaaa, u32::MAX] {
            assert_eq!(gather(spread(word)), word);
            assert_eq!(spread(word) & 0xaaaa_aaaa_aaaa_aaaa, 0);
        }
    }

    #[test]
    fn cells_go_round() {
        let cell = Cell { column: 0, row: 3, steps: 2 };
        assert_eq!(cell.moved(-1, 1), Cell { column: 3, row: 0, steps: 2 });
    }
}
