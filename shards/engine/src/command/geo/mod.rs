//! Owns the commands about places on the earth.
//!
//! Places are the members of a sorted set; the score is the place's cell, 52 bits (see `cell`), so that what is near has often a score
//! that is near.

mod cell;
mod options;
mod place;
mod search;
mod shape;

pub(super) use place::{geoadd, geodist, geohash, geopos};
pub(super) use search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};

use super::context::is_word;
use super::error::CommandError;
use super::sorted_set::read_score;
use cell::{LATITUDE_MAX, LONGITUDE_MAX};

/// A place in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    longitude: f64,
    latitude: f64,
}

impl Place {
    /// Reads two words.
    fn parse(longitude: &[u8], latitude: &[u8]) -> Result<Self, CommandError> {
        let read = |text| read_score(text).ok_or(CommandError::NotFloat);
        let (longitude, latitude) = (read(longitude)?, read(latitude)?);
        if longitude.abs() > LONGITUDE_MAX || latitude.abs() > LATITUDE_MAX {
            return Err(CommandError::Explains(format!(
                "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
            )));
        }
        Ok(Self { longitude, latitude })
    }
}

/// Metres of a unit.
fn parse_unit(word: &[u8]) -> Result<f64, CommandError> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let unit = units.into_iter().find(|(name, _)| is_word(word, name));
    let unknown = CommandError::Says("ERR unsupported unit provided. please use M, KM, FT, MI");
    Ok(unit.ok_or(unknown)?.1)
}
