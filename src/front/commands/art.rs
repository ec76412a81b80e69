//! Owns the picture of LOLWUT: a map of a motion that is partly calm and partly chaos.
//!
//! The moon Hyperion tumbles: nobody can say how it will be turned next year. The picture is the phase portrait of a kicked
//! rotor, the simplest thing that moves so. Whole numbers alone, so that a version draws the same on every machine.

use std::fmt::Write;

use super::run::{REDIS_LEVEL, VERSION};

const COLUMNS: usize = 64;
const LINES: usize = 20;
const ORBITS: u64 = 32;
const KICKS: usize = 160;
/// One full turn.
const TURN: i64 = 1 << 16;
const SHADES: [char; 6] = [' ', '.', ':', 'o', 'O', '@'];

/// The text that LOLWUT answers.
pub(super) fn lolwut(version: i64) -> String {
    let mut text = picture(version);
    let _ = write!(
        text,
        "\nA moon that tumbles, kicked a little at each turn. Redis ver. {REDIS_LEVEL}\nHyperion ver. {VERSION}\n"
    );
    text
}

/// The picture: [`LINES`] lines of at most [`COLUMNS`] letters.
fn picture(version: i64) -> String {
    let strength = 32 + 8 * version.rem_euclid(8);
    let mut visits = [[0_usize; COLUMNS]; LINES];
    let mut seed = version.cast_unsigned();
    for orbit in 0..ORBITS {
        seed = seed
            .wrapping_add(orbit)
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        let mut angle = (seed >> 48).cast_signed();
        let mut speed = ((seed >> 32) & 0xffff).cast_signed();
        for _ in 0..KICKS {
            speed = (speed + strength * kick(angle) / 64).rem_euclid(TURN);
            angle = (angle + speed).rem_euclid(TURN);
            visits[cell(speed, LINES)][cell(angle, COLUMNS)] += 1;
        }
    }
    let mut text = String::new();
    for line in &visits {
        let shades: String =
            line.iter().map(|count| SHADES[(*count).min(SHADES.len() - 1)]).collect();
        text.push_str(shades.trim_end());
        text.push('\n');
    }
    text
}

/// Something like a sine, from parabolas.
fn kick(angle: i64) -> i64 {
    let from_middle = angle - TURN / 2;
    from_middle * (TURN / 2 - from_middle.abs()) / (TURN / 2)
}

fn cell(at: i64, cells: usize) -> usize {
    let at = usize::try_from(at).expect("places lie within one turn");
    (at * cells) >> 16
}
