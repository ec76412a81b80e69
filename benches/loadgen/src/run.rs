//! A whole run: connect, fill the keys when asked to, load, gather.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Dialect};
use crate::connect::Endpoint;
use crate::error::LoadError;
use crate::keys::Keys;
use crate::limits::{PRELOAD_BYTES, PRELOAD_CONNECTIONS, PRELOAD_PIPELINE};
use crate::plan::{Outcome, Plan};
use crate::random::Random;
use crate::report::Report;
use crate::request::{Fill, Mix, REQUEST_OVERHEAD_BYTES, Source, value};
use crate::schedule::Schedule;
use crate::server_cpu::process_cpu_ns;
use crate::worker::Worker;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
const BAR_WIDTH: usize = 30;

/// Runs what the flags ask for.
pub(crate) fn run(arguments: &Arguments) -> Result<Report, LoadError> {
    arguments.check()?;
    let endpoint = Endpoint::new(arguments);
    // The first connection decides whether there is a server at all.
    drop(endpoint.connect()?);
    let value = value(arguments.value_bytes, arguments.seed);
    if arguments.preload {
        preload(arguments, &endpoint, &value)?;
    }
    let asks_server = arguments.protocol == Dialect::Resp;
    let server =
        arguments.server_pid.or_else(|| asks_server.then(|| endpoint.server_process()).flatten());
    let plans = plans(arguments, &endpoint, &value)?;
    let total = arguments.requests;
    let time = plans.first().and_then(|plan| plan.time);
    let server_before = server.and_then(process_cpu_ns);
    let outcome = drive(plans, &Progress::new("load", arguments.quiet, total, time))?;
    let server_after = server.and_then(process_cpu_ns);
    let server_ns =
        server_after.zip(server_before).map(|(after, before)| after.saturating_sub(before));
    if outcome.merged.all_lost {
        let text = outcome.merged.first_error.unwrap_or_default();
        return Err(LoadError::AllLost { done: outcome.merged.replies, text });
    }
    Ok(Report::new(arguments, &endpoint.name(), &outcome.merged, server_ns, outcome.cpu_ns))
}

fn plans(arguments: &Arguments, endpoint: &Endpoint, value: &[u8]) -> Result<Vec<Plan>, LoadError> {
    let mix = arguments.mix()?;
    let keys = Keys::new(arguments);
    let threads = arguments.threads;
    let share = |total: u64, thread: u32| {
        total / u64::from(threads) + u64::from(u64::from(thread) < total % u64::from(threads))
    };
    let plan = |thread: u32| Plan {
        endpoint: endpoint.clone(),
        source: Source::Mix(Mix::new(
            &mix,
            arguments.protocol,
            value,
            keys.clone(),
            Random::new(arguments.seed, u64::from(thread)),
        )),
        connections: u32::try_from(share(u64::from(arguments.connections), thread))
            .unwrap_or(u32::MAX),
        pipeline: arguments.pipeline,
        requests: arguments.requests.map_or(u64::MAX, |requests| share(requests, thread)),
        time: arguments.requests.is_none().then(|| Duration::from_secs_f64(arguments.seconds)),
        schedule: arguments.rate.map(|rate| Schedule::new(rate, threads, thread)),
    };
    Ok((0..threads).map(plan).collect())
}

/// Sets every key once, on one thread.
fn preload(arguments: &Arguments, endpoint: &Endpoint, value: &[u8]) -> Result<(), LoadError> {
    let request_bytes = u64::from(arguments.value_bytes) + REQUEST_OVERHEAD_BYTES;
    let fitting = u32::try_from(PRELOAD_BYTES / request_bytes).unwrap_or(PRELOAD_PIPELINE);
    let keys = arguments.keys;
    let plan = Plan {
        endpoint: endpoint.clone(),
        source: Source::Fill(Fill::new(0, arguments.protocol, value)),
        connections: arguments.connections.min(PRELOAD_CONNECTIONS),
        pipeline: fitting.clamp(1, PRELOAD_PIPELINE),
        requests: keys,
        time: None,
        schedule: None,
    };
    let progress = Progress::new("fill", arguments.quiet, Some(keys), None);
    let outcome = drive(vec![plan], &progress)?.merged;
    let done = outcome.replies - outcome.errors;
    if done < keys {
        let text = outcome.first_error.unwrap_or_else(|| "replies did not come".to_owned());
        return Err(LoadError::Preload { done, keys, text });
    }
    Ok(())
}

/// What all threads came to, and the CPU time they took.
struct Driven {
    merged: Outcome,
    cpu_ns: Option<u64>,
}

/// Runs one thread a plan; all start sending at the same time.
fn drive(plans: Vec<Plan>, progress: &Progress) -> Result<Driven, LoadError> {
    let ready = Barrier::new(plans.len());
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = plans
            .into_iter()
            .map(|plan| {
                scope.spawn(|| {
                    let worker = Worker::new(plan, &progress.done);
                    failed.fetch_or(worker.is_err(), Ordering::SeqCst);
                    ready.wait();
                    let worker = worker?;
                    if failed.load(Ordering::SeqCst) {
                        return Ok((Outcome::new(), None));
                    }
                    let before = thread_cpu_ns();
                    let outcome = worker.run(Instant::now())?;
                    let cpu = thread_cpu_ns().zip(before).map(|(after, before)| after - before);
                    Ok((outcome, cpu))
                })
            })
            .collect();
        progress.show_until(|| threads.iter().all(thread::ScopedJoinHandle::is_finished));
        let mut driven = Driven { merged: Outcome::new(), cpu_ns: Some(0) };
        for thread in threads {
            let (outcome, cpu_ns) = thread.join().expect("a thread of the load panicked")?;
            driven.merged.merge(outcome);
            driven.cpu_ns = driven.cpu_ns.zip(cpu_ns).map(|(sum, one)| sum + one);
        }
        Ok(driven)
    })
}

/// CPU time of the calling thread.
fn thread_cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The bar on standard error, drawn only on a terminal.
struct Progress {
    label: &'static str,
    is_shown: bool,
    total: Option<u64>,
    time: Option<Duration>,
    done: AtomicU64,
}

impl Progress {
    fn new(label: &'static str, quiet: bool, total: Option<u64>, time: Option<Duration>) -> Self {
        let is_shown = !quiet && std::io::stderr().is_terminal();
        Self { label, is_shown, total, time, done: AtomicU64::new(0) }
    }

    fn show_until(&self, is_finished: impl Fn() -> bool) {
        if !self.is_shown {
            return;
        }
        let start = Instant::now();
        let (mut last, mut last_done) = (start, 0);
        while !is_finished() {
            thread::sleep(PROGRESS_INTERVAL);
            let (now, done) = (Instant::now(), self.done.load(Ordering::Relaxed));
            let rate = (done - last_done) as f64 / (now - last).as_secs_f64();
            (last, last_done) = (now, done);
            let part = match (self.total, self.time) {
                (Some(total), _) => done as f64 / total.max(1) as f64,
                (None, Some(time)) => (now - start).as_secs_f64() / time.as_secs_f64(),
                (None, None) => 0.0,
            };
            eprint!("\r{}", self.line(part.min(1.0), rate));
            // A terminal that is gone is no reason to stop the load.
            drop(std::io::stderr().flush());
        }
        eprint!("\r{:80}\r", "");
    }

    #[expect(clippy::cast_possible_truncation, reason = "a part of the bar's width")]
    #[expect(clippy::cast_sign_loss, reason = "a part between 0 and 1")]
    fn line(&self, part: f64, rate: f64) -> String {
        let filled = (part * BAR_WIDTH as f64) as usize;
        let bar = "#".repeat(filled) + &"-".repeat(BAR_WIDTH - filled);
        format!("{} [{bar}] {:3.0} %  {rate:>10.0} operations/s ", self.label, part * 100.0)
    }
}
