//! Owns the rows of places.

use super::{GROW, ONE, READ, TWO, many, row};
use crate::command::flags::Flags;
use crate::command::geo;
use crate::command::spec::Group::Geo;
use crate::command::spec::Run::Key;
use crate::command::spec::{CommandSpec, KeySpec, More};

const STORE: Flags = GROW.and(Flags::WRITES_MORE);
const STORE_BEHIND: Flags = STORE.and(Flags::MOVABLE_KEYS);
const AND_STORE: KeySpec = KeySpec::ONE.with(More::Store);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("geoadd", -5, GROW, ONE, Key(geo::geoadd))
        .about(Geo, "3.2.0", "O(log(N)) for each place", "Adds places to a sorted set, or moves them."),
    row("geodist", -4, READ, ONE, Key(geo::geodist))
        .about(Geo, "3.2.0", "O(1)", "Gives the distance between two places."),
    row("geohash", -2, READ, ONE, Key(geo::geohash))
        .about(Geo, "3.2.0", "O(1) for each place", "Gives places as geohashes of eleven letters."),
    row("geopos", -2, READ, ONE, Key(geo::geopos))
        .about(Geo, "3.2.0", "O(1) for each place", "Gives longitude and latitude of places."),
    row("georadius", -6, STORE_BEHIND, AND_STORE, many(geo::georadius))
        .about(Geo, "3.2.0", "O(N+log(M)) with the places around and in the circle", "Gives or stores the places in a circle; GEOSEARCH does it too."),
    row("georadius_ro", -6, READ, ONE, Key(geo::georadius_ro))
        .about(Geo, "3.2.10", "O(N+log(M)) with the places around and in the circle", "Gives the places in a circle; GEOSEARCH does it too."),
    row("georadiusbymember", -5, STORE_BEHIND, AND_STORE, many(geo::georadiusbymember))
        .about(Geo, "3.2.0", "O(N+log(M)) with the places around and in the circle", "Gives or stores the places around one of them; GEOSEARCH does it too."),
    row("georadiusbymember_ro", -5, READ, ONE, Key(geo::georadiusbymember_ro))
        .about(Geo, "3.2.10", "O(N+log(M)) with the places around and in the circle", "Gives the places around one of them; GEOSEARCH does it too."),
    row("geosearch", -7, READ, ONE, Key(geo::geosearch))
        .about(Geo, "6.2.0", "O(N+log(M)) with the places around and in the shape", "Gives the places in a circle or a box."),
    row("geosearchstore", -8, STORE, TWO, many(geo::geosearchstore))
        .about(Geo, "6.2.0", "O(N+log(M)) with the places around and in the shape", "Stores the places in a circle or a box."),
];
