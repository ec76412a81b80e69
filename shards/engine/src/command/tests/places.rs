//! Tables of the commands about places.

use super::limits::Sample;
use super::stage::play;

const MADE: &str = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";

pub(super) const SAMPLES: &[Sample] = &[
    ("geoadd", MADE, "GEOADD g 1 1 x"),
    ("geodist", MADE, "GEODIST g Palermo Catania"),
    ("geohash", MADE, "GEOHASH g Palermo"),
    ("geopos", MADE, "GEOPOS g Palermo"),
    ("georadius", MADE, "GEORADIUS g 15 37 200 km STORE y"),
    ("georadius_ro", MADE, "GEORADIUS_RO g 15 37 200 km"),
    ("georadiusbymember", MADE, "GEORADIUSBYMEMBER g Palermo 200 km STORE y"),
    ("georadiusbymember_ro", MADE, "GEORADIUSBYMEMBER_RO g Palermo 200 km"),
    ("geosearch", MADE, "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km"),
    ("geosearchstore", MADE, "GEOSEARCHSTORE y g FROMLONLAT 15 37 BYRADIUS 200 km"),
];

#[test]
fn places_are_added_and_told() {
    play(&[
        (MADE, ":2"),
        ("GEOADD g NX 1 1 Palermo", ":0"),
        ("GEOADD g XX CH 13.361389 38.2 Palermo 1 1 none", ":1"),
        ("GEOADD g 13.361389 38.115556 Palermo", ":0"),
        ("TYPE g", "+zset"),
        ("ZSCORE g Palermo", "$3479099956230698"),
        ("GEOPOS g Palermo none", "*2 *2 $13.36138933897018433 $38.11555639549629859 *-1"),
        ("GEODIST g Palermo Catania", "$166274.1516"),
        ("GEODIST g Palermo Catania KM", "$166.2742"),
        ("GEODIST g Palermo none", "$-1"),
        (
            "GEODIST g Palermo Catania xx",
            "-ERR unsupported unit provided. please use M, KM, FT, MI",
        ),
        ("GEOHASH g Palermo Catania none", "*3 $sqc8b49rny0 $sqdtr74hyu0 $-1"),
        ("GEOADD g 200 1 x", "-ERR invalid longitude,latitude pair 200.000000,1.000000"),
        ("GEOADD g a 1 x", "-ERR value is not a valid float"),
        ("GEOADD g 1 1 x 2", "-ERR syntax error"),
        ("GEOADD g NX XX 1 1 x", "-ERR syntax error"),
        ("GEOPOS none a", "*1 *-1"),
    ]);
}

#[test]
fn places_are_searched() {
    play(&[
        (MADE, ":2"),
        ("GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2", ":2"),
        ("GEORADIUS g 15 37 200 km WITHDIST", "*2 *2 $Palermo $190.4424 *2 $Catania $56.4413"),
        ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "*2 $Catania $Palermo"),
        ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1", "*1 $Catania"),
        ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC", "*4 $Catania $Palermo $edge2 $edge1"),
        (
            "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m WITHHASH",
            "*1 *2 $Palermo :3479099956230698",
        ),
        ("GEORADIUSBYMEMBER g Palermo 100 km", "*2 $Palermo $edge1"),
        ("GEORADIUSBYMEMBER_RO g none 100 km", "-ERR could not decode requested zset member"),
        ("GEORADIUSBYMEMBER none none x y", "*0"),
        ("GEOSEARCHSTORE y g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", ":2"),
        ("ZRANGE y 0 -1", "*2 $Catania $Palermo"),
        ("GEORADIUS g 15 37 200 km STORE y", ":2"),
        ("ZSCORE y Palermo", "$3479099956230698"),
        ("GEORADIUS g 100 37 1 km STORE y", ":0"),
        ("EXISTS y", ":0"),
        ("GEORADIUS_RO g 15 37 200 km STORE y", "-ERR syntax error"),
        ("GEORADIUS g 15 37 -1 km", "-ERR radius cannot be negative"),
        ("GEORADIUS g 15 37 x km", "-ERR need numeric radius"),
        ("GEORADIUS g 15 37 200 km COUNT 0", "-ERR COUNT must be > 0"),
        ("GEORADIUS g 15 37 200 km ANY", "-ERR the ANY argument requires COUNT argument"),
        (
            "GEORADIUS g 15 37 200 km STORE y WITHDIST",
            "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        (
            "GEOSEARCH g BYRADIUS 1 km ASC WITHDIST",
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
        ),
        (
            "GEOSEARCH g FROMLONLAT 1 1 ASC WITHDIST",
            "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
        ),
        ("SET s 1", "+OK"),
        (
            "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 1 km",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}
