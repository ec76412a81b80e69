//! Owns how long the serializers take and how many bytes they make.

use std::hint::black_box;

use super::{Codec, codecs};
use crate::clock::timed;
use crate::extent::Extent;
use crate::report::Report;
use crate::{data, time_precision};

/// Structs of one list in the long form: a million small ones; a million large ones are ten lists.
const SMALL_COUNT: usize = 1_000_000;
const LARGE_COUNT: usize = 100_000;
/// How often a single struct is encoded and decoded in a repeat.
const TIMES: u32 = 20_000;

/// Measures all libraries.
pub(crate) fn run(extent: &Extent) {
    let part = if extent.short { 10 } else { 1 };
    let (small_count, large_count) = (SMALL_COUNT / part, LARGE_COUNT / part);
    let libraries = codecs::ALL.len();
    let mut report = Report::new(3 * libraries * extent.repeats as usize);
    {
        let items = data::small(small_count);
        let messages = items.iter().map(Into::into).collect();
        for _ in 0..extent.repeats {
            for codec in codecs::small() {
                measure(&codec, "small", &items, &mut report);
            }
            measure(&codecs::small_messages(), "small", &messages, &mut report);
        }
    }
    let items = data::large(large_count);
    let messages = items.iter().map(Into::into).collect();
    for _ in 0..extent.repeats * 2 {
        for codec in codecs::large() {
            measure(&codec, "large", &items, &mut report);
        }
        measure(&codecs::large_messages(), "large", &messages, &mut report);
    }
    time_precision::run(&mut report);
    report.finish();
}

/// One repeat of one library with one kind of struct: a list, and a single one again and again.
fn measure<T>(codec: &Codec<T>, kind: &'static str, items: &Vec<T>, report: &mut Report) {
    let mut bytes = Vec::new();
    // The buffer has its size when the clock starts, as one that is used again has.
    (codec.encode)(items, &mut bytes);
    bytes.clear();
    let (encode_ns, ()) = timed(|| (codec.encode)(black_box(items), &mut bytes));
    let (decode_ns, back) = timed(|| (codec.decode)(black_box(&bytes)));
    drop(back);
    let count = items.len() as f64;
    report.add(
        &[("library", codec.name), ("struct", kind), ("count", &items.len().to_string())],
        &[
            ("encode_ns", encode_ns / count),
            ("decode_ns", decode_ns / count),
            ("bytes", bytes.len() as f64 / count),
        ],
    );
    single(codec, kind, &items[0], report);
    report.step();
}

fn single<T>(codec: &Codec<T>, kind: &'static str, item: &T, report: &mut Report) {
    let mut bytes = Vec::new();
    let (encode_ns, ()) = timed(|| {
        for _ in 0..TIMES {
            bytes.clear();
            (codec.encode_one)(black_box(item), &mut bytes);
        }
    });
    let (decode_ns, ()) = timed(|| {
        for _ in 0..TIMES {
            black_box((codec.decode_one)(black_box(&bytes)));
        }
    });
    report.add(
        &[("library", codec.name), ("struct", kind), ("count", "1")],
        &[
            ("encode_ns", encode_ns / f64::from(TIMES)),
            ("decode_ns", decode_ns / f64::from(TIMES)),
            ("bytes", bytes.len() as f64),
        ],
    );
}
