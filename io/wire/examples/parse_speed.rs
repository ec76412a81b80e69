//! Prints what parsing one command and writing one reply costs, in nanoseconds of one core.
//!
//! `cargo run --release -p hyperion-wire --example parse_speed`
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use hyperion_wire::{Encoder, Limits, Parsed, Parser, Protocol};

const COMMANDS: usize = 64;
const ROUNDS: usize = 100_000;
const REPEATS: usize = 5;

fn main() {
    let set_64 =
        format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$64\r\n{}\r\n", "v".repeat(64));
    let set_4096 =
        format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$4096\r\n{}\r\n", "v".repeat(4096));
    let mget = format!("*11\r\n$4\r\nMGET\r\n{}", "$16\r\nkey:000000000042\r\n".repeat(10));
    for (name, command) in [
        ("PING", "*1\r\n$4\r\nPING\r\n"),
        ("GET, 16 B key", "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n"),
        ("SET, 16 B key, 64 B value", &set_64),
        ("SET, 16 B key, 4 KiB value", &set_4096),
        ("MGET of 10 keys", &mget),
        ("inline GET", "GET key:000000000042\r\n"),
    ] {
        println!("parse  {name:<28} {:6.1} ns", parse_ns(command.repeat(COMMANDS).as_bytes()));
    }
    let value = [b'v'; 64];
    for (name, write) in [
        ("+OK", &(|encoder: &mut Encoder<'_>| encoder.simple("OK")) as &dyn Fn(&mut Encoder<'_>)),
        ("integer 7", &|encoder| encoder.integer(black_box(7))),
        ("integer 1234567890", &|encoder| encoder.integer(black_box(1_234_567_890))),
        ("bulk of 64 B", &move |encoder| encoder.bulk(black_box(&value))),
        ("double 0.1", &|encoder| encoder.double(black_box(0.1))),
    ] {
        println!("encode {name:<28} {:6.1} ns", encode_ns(write));
    }
}

/// Best of several repeats: what the code costs when nothing else runs.
fn best_ns(mut round: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..REPEATS {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            round();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / (ROUNDS * COMMANDS) as f64);
    }
    best
}

fn parse_ns(pipeline: &[u8]) -> f64 {
    let limits = Limits::DEFAULT;
    let mut parser = Parser::new();
    let mut arguments = Vec::new();
    best_ns(|| {
        let mut rest = black_box(pipeline);
        while !rest.is_empty() {
            let parsed = parser.parse(rest, &limits, &mut arguments);
            let Ok(Parsed::Command { consumed }) = parsed else { panic!("{parsed:?}") };
            black_box(&arguments);
            rest = rest.split_at(consumed).1;
        }
    })
}

fn encode_ns(write: &dyn Fn(&mut Encoder<'_>)) -> f64 {
    let mut out = Vec::with_capacity(64 * 1024);
    best_ns(|| {
        out.clear();
        for _ in 0..COMMANDS {
            write(&mut Encoder::new(&mut out, Protocol::Resp3));
        }
        black_box(&out);
    })
}
