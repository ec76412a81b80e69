//! Owns the parts of the earth that are searched: what lies in them, and which cells cover them.
//!
//! Source: the sphere, the estimate of the cells' size and their order are those of Redis, so that the same places come in the same order.

use super::Place;
use super::cell::{Cell, Edges, Map, STEPS};

/// Metres.
const EARTH_RADIUS_METRES: f64 = 6_372_797.560_856;
/// Half of the equator on the Mercator map, metres.
const MERCATOR_MAX_METRES: f64 = 20_037_726.37;

/// Lengths in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// Metres along a meridian.
fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_METRES * (to.to_radians_exactly() - from.to_radians_exactly()).abs()
}

/// Metres over the sphere.
pub(super) fn distance(from: Place, to: Place) -> f64 {
    let half = |from: f64, to: f64| ((to - from) / 2.0).sin();
    let across = half(from.longitude.to_radians_exactly(), to.longitude.to_radians_exactly());
    if across == 0.0 {
        return latitude_distance(from.latitude, to.latitude);
    }
    let (south, north) = (from.latitude.to_radians_exactly(), to.latitude.to_radians_exactly());
    let along = half(south, north);
    let sum = along * along + south.cos() * north.cos() * across * across;
    2.0 * EARTH_RADIUS_METRES * sum.sqrt().asin()
}

/// Degrees and radians by one constant, so that the last digit is the same as Redis'.
trait Degrees {
    fn to_radians_exactly(self) -> f64;
    fn to_degrees_exactly(self) -> f64;
}

const DEGREE: f64 = std::f64::consts::PI / 180.0;

impl Degrees for f64 {
    fn to_radians_exactly(self) -> f64 {
        self * DEGREE
    }

    fn to_degrees_exactly(self) -> f64 {
        self / DEGREE
    }
}

impl Shape {
    /// Metres from its middle to a place in it; `None` for one outside.
    pub(super) fn distance_within(self, middle: Place, place: Place) -> Option<f64> {
        match self {
            Self::Circle { radius } => {
                Some(distance(middle, place)).filter(|distance| *distance <= radius)
            }
            Self::Box { width, height } => {
                let beside = Place { longitude: middle.longitude, ..place };
                let is_within = latitude_distance(place.latitude, middle.latitude) <= height / 2.0
                    && distance(place, beside) <= width / 2.0;
                is_within.then(|| distance(middle, place))
            }
        }
    }

    /// Metres from its middle to its farthest point.
    fn reach(self) -> f64 {
        match self {
            Self::Circle { radius } => radius,
            Self::Box { width, height } => {
                (width / 2.0 * (width / 2.0) + height / 2.0 * (height / 2.0)).sqrt()
            }
        }
    }

    /// The box around it, in degrees.
    fn edges(self, middle: Place) -> Edges {
        let (width, height) = match self {
            Self::Circle { radius } => (radius, radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Place { longitude, latitude } = middle;
        let up = (height / EARTH_RADIUS_METRES).to_degrees_exactly();
        // The edge that is farther from the equator is the wider one, in degrees.
        let wide = if latitude < 0.0 { latitude - up } else { latitude + up };
        let right =
            (width / EARTH_RADIUS_METRES / wide.to_radians_exactly().cos()).to_degrees_exactly();
        Edges {
            west: longitude - right,
            east: longitude + right,
            south: latitude - up,
            north: latitude + up,
        }
    }

    /// Cells that cover it, in the order in which they are searched: the one of its middle, then those around it.
    pub(super) fn cells(self, middle: Place) -> Vec<Cell> {
        let bounds = self.edges(middle);
        let mut steps = steps_for(self.reach(), middle.latitude);
        let mut cell = Cell::of(middle, steps, Map::MERCATOR);
        let around = |columns, rows| cell.moved(columns, rows).edges(Map::MERCATOR);
        let is_too_small = around(0, 1).north < bounds.north
            || around(0, -1).south > bounds.south
            || around(1, 0).east < bounds.east
            || around(-1, 0).west > bounds.west;
        if steps > 1 && is_too_small {
            steps -= 1;
            cell = Cell::of(middle, steps, Map::MERCATOR);
        }
        let edges = cell.edges(Map::MERCATOR);
        let is_wanted = |columns: i32, rows: i32| {
            steps < 2
                || !(rows < 0 && edges.south < bounds.south
                    || rows > 0 && edges.north > bounds.north
                    || columns < 0 && edges.west < bounds.west
                    || columns > 0 && edges.east > bounds.east)
        };
        let mut cells = vec![cell];
        let others = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        for (columns, rows) in others {
            let next = cell.moved(columns, rows);
            // Of few cells, those on both sides are one.
            if is_wanted(columns, rows) && !cells.contains(&next) {
                cells.push(next);
            }
        }
        cells
    }
}

/// Halvings of the map that give cells of about this size.
fn steps_for(mut reach: f64, latitude: f64) -> u32 {
    if reach == 0.0 {
        return STEPS;
    }
    let mut steps = 1_i32;
    while reach < MERCATOR_MAX_METRES {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Near the poles the same degrees are fewer metres.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, STEPS.cast_signed()).unsigned_abs()
}
