//! Times of the hot paths: `cargo bench -p hyperion-hot`, or with a part of a name for some of them.
//!
//! Each iteration is a turn of 64 commands, keys, entries or mails, so times are of a turn and rates of one of them.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use hyperion_hot::TURN;
use hyperion_hot::machine::Machine;
use hyperion_hot::mesh::Pair;
use hyperion_hot::raft::Members;
use hyperion_hot::recovery::Files;
use hyperion_hot::store::Shelf;
use hyperion_hot::wire::Pipeline;

/// More than the caches hold.
const KEYS: u64 = 1_000_000;
/// Those that are written again and again.
const CHANGED_KEYS: u64 = 100_000;
/// Turns of new keys before a store is made anew.
const INSERT_TURNS: u64 = 5_000;
const RECOVERED_KEYS: u64 = 500_000;

/// A path's name, and a turn of it.
type Path<Of, Gives> = (&'static str, fn(&mut Of) -> Gives);

fn turn<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(TURN as u64));
    group
}

fn wire(criterion: &mut Criterion) {
    let mut pipeline = Pipeline::default();
    let mut group = turn(criterion, "resp");
    group.bench_function("parse", |bencher| bencher.iter(|| black_box(pipeline.parse())));
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(pipeline.encode())));
}

fn index(criterion: &mut Criterion) {
    let mut made = None;
    let mut group = turn(criterion, "index");
    let paths: [Path<Shelf, usize>; 3] =
        [("hit", Shelf::hits), ("miss", Shelf::misses), ("batch", Shelf::batch)];
    for (name, path) in paths {
        group.bench_function(name, |bencher| {
            let shelf = made.get_or_insert_with(|| Shelf::new(KEYS));
            bencher.iter(|| black_box(path(shelf)));
        });
    }
    drop(made);
    let mut growing = Growing::default();
    group.bench_function("insert", |bencher| {
        bencher.iter_custom(|turns| growing.timed(turns, |_| {}, settle));
    });
}

fn settle(shelf: &mut Shelf) {
    black_box(shelf.commit());
}

/// A store to which keys are added. They stay, so it is made anew now and then, which is not timed.
#[derive(Default)]
struct Growing(Option<Shelf>);

impl Growing {
    /// Time of so many turns of new keys, each with what is timed `beside` them and without what comes `after`.
    fn timed(
        &mut self,
        turns: u64,
        beside: impl Fn(&mut Shelf),
        after: impl Fn(&mut Shelf),
    ) -> Duration {
        let (mut left, mut spent) = (turns, Duration::ZERO);
        while left > 0 {
            let mut shelf = self.0.take().map_or_else(|| Shelf::new(CHANGED_KEYS), Shelf::renewed);
            let some = left.min(INSERT_TURNS);
            for _ in 0..some {
                let begin = Instant::now();
                shelf.inserts();
                beside(&mut shelf);
                spent += begin.elapsed();
                after(&mut shelf);
            }
            left -= some;
            self.0 = Some(shelf);
        }
        spent
    }
}

fn log(criterion: &mut Criterion) {
    let mut group = turn(criterion, "log");
    group.bench_function("append and commit", |bencher| {
        let mut shelf = Shelf::new(CHANGED_KEYS);
        bencher.iter(|| black_box(shelf.overwrites()));
    });
    let mut growing = Growing::default();
    group.bench_function("insert and commit", |bencher| {
        bencher.iter_custom(|turns| growing.timed(turns, settle, |_| {}));
    });
}

fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    group.sample_size(10).throughput(Throughput::Elements(RECOVERED_KEYS));
    group.bench_function("500000 keys", |bencher| {
        let mut files = Files::new(RECOVERED_KEYS);
        bencher.iter(|| black_box(files.recover()));
    });
}

fn commands(criterion: &mut Criterion) {
    let mut group = turn(criterion, "command");
    let paths: [Path<Machine, u64>; 3] =
        [("SET", Machine::sets), ("GET", Machine::gets), ("HSET", Machine::hsets)];
    for (name, path) in paths {
        group.bench_function(name, |bencher| {
            let mut machine = Machine::new(CHANGED_KEYS);
            // All keys and fields are there, or nearly all.
            for _ in 0..4 * CHANGED_KEYS / TURN as u64 {
                black_box((machine.sets(), machine.hsets()));
            }
            bencher.iter(|| black_box(path(&mut machine)));
        });
    }
}

fn raft(criterion: &mut Criterion) {
    let mut group = turn(criterion, "raft");
    for nodes in [1, 3] {
        group.bench_function(format!("propose to applied by {nodes}"), |bencher| {
            let mut members = Members::new(nodes);
            bencher.iter(|| black_box(members.propose()));
        });
    }
}

fn hop(criterion: &mut Criterion) {
    let pair = match Pair::start() {
        Ok(pair) => pair,
        Err(error) => {
            eprintln!("hop: left out, {error}");
            return;
        }
    };
    let mut group = criterion.benchmark_group("hop");
    for at_once in [1, TURN as u64] {
        group.throughput(Throughput::Elements(at_once));
        group.bench_function(format!("{at_once} there and back"), |bencher| {
            bencher.iter_custom(|turns| pair.round_trips(turns * at_once, at_once));
        });
    }
}

criterion_group! {
    name = hot;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    targets = wire, index, log, recovery, commands, raft, hop
}
criterion_main!(hot);
