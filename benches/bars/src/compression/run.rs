//! Owns how fast the codecs are and what they leave.

use std::hint::black_box;

use super::codecs::{self, Codec};
use super::samples::{KINDS, sample};
use crate::clock::timed;
use crate::extent::Extent;
use crate::report::Report;

/// Lengths; 128 KB is one part of a snapshot between nodes.
const SIZES: [usize; 4] = [2 << 10, 128 << 10, 1 << 20, 10 << 20];
const SHORT_SIZES: [usize; 3] = [2 << 10, 128 << 10, 1 << 20];
/// A repeat of short data takes it again and again until so many bytes were compressed.
const BYTES_A_REPEAT: usize = 256 << 10;

/// Measures all codecs, repeat after repeat, so that a disturbance falls on all of them.
pub(crate) fn run(extent: &Extent) {
    let sizes = if extent.short { &SHORT_SIZES[..] } else { &SIZES[..] };
    let mut codecs = codecs::all();
    let mut report =
        Report::new(extent.repeats as usize * KINDS.len() * sizes.len() * codecs.len());
    for bytes in sizes {
        for kind in KINDS {
            let plain = sample(kind, *bytes);
            for _ in 0..extent.repeats {
                for codec in &mut codecs {
                    if *bytes <= codec.bytes_max {
                        measure(codec, kind, &plain, &mut report);
                    }
                    report.step();
                }
            }
        }
    }
    report.finish();
}

fn measure(codec: &mut Codec, kind: &str, plain: &[u8], report: &mut Report) {
    let mut times = (BYTES_A_REPEAT / plain.len()).max(1);
    if plain.len() <= codec.bytes_max && codec.bytes_max < usize::MAX {
        // The slow ones.
        times = times.div_ceil(8);
    }
    let (mut packed, mut back) = (Vec::new(), Vec::with_capacity(plain.len()));
    let (compress_ns, ()) = timed(|| {
        for _ in 0..times {
            packed.clear();
            (codec.compress)(black_box(plain), &mut packed);
        }
    });
    let (expand_ns, ()) = timed(|| {
        for _ in 0..times {
            back.clear();
            (codec.expand)(black_box(&packed), &mut back);
        }
    });
    assert!(back == plain, "{} gave {} bytes back", codec.name, back.len());
    let megabytes = (plain.len() * times) as f64 / 1e6;
    report.add(
        &[("codec", &codec.name), ("data", kind), ("bytes", &plain.len().to_string())],
        &[
            ("compress_mb_s", megabytes / (compress_ns / 1e9)),
            ("expand_mb_s", megabytes / (expand_ns / 1e9)),
            ("ratio", plain.len() as f64 / packed.len() as f64),
        ],
    );
}
