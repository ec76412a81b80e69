//! The report: a table for people, JSON for programs, and the points of the plot.

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::arguments::{Arguments, Distribution};
use crate::error::LoadError;
use crate::plan::Outcome;
use crate::plot;

/// Quantiles of the table and of the JSON.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// What a run came to. Times are in the units of the field names.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) settings: Settings,
    pub(crate) seconds: f64,
    pub(crate) replies: u64,
    pub(crate) operations_per_second: f64,
    pub(crate) latency_us: Latency,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) nulls: u64,
    pub(crate) lost: u64,
    pub(crate) unsent: u64,
    pub(crate) connections_closed: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) server_cpu_ns_per_operation: Option<f64>,
    /// Share of its threads' time that the generator itself ran; near 1 it is the bottleneck,
    /// except in an open loop, which spins while it waits.
    pub(crate) generator_busy: Option<f64>,
    #[serde(skip)]
    histogram: Histogram<u64>,
}

/// The flags that shape the load.
#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    endpoint: String,
    connections: u32,
    pipeline: u32,
    threads: u32,
    keys: u64,
    distribution: String,
    value_bytes: u32,
    mix: String,
    rate: Option<f64>,
    seed: u64,
}

/// Latency in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    max: f64,
}

impl Report {
    pub(crate) fn new(
        arguments: &Arguments,
        endpoint: &str,
        outcome: &Outcome,
        server_ns: Option<u64>,
        own_ns: Option<u64>,
    ) -> Self {
        let seconds = outcome.elapsed_ns as f64 / 1e9;
        let histogram = outcome.latency.clone();
        let quantile_us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        let latency_us = Latency {
            mean: histogram.mean() / 1e3,
            p50: quantile_us(0.5),
            p90: quantile_us(0.9),
            p99: quantile_us(0.99),
            p99_9: quantile_us(0.999),
            max: histogram.max() as f64 / 1e3,
        };
        let replies = outcome.replies;
        let busy = |ns: u64| ns as f64 / 1e9 / seconds / f64::from(arguments.threads);
        Self {
            settings: Settings::new(arguments, endpoint),
            seconds,
            replies,
            operations_per_second: replies as f64 / seconds,
            latency_us,
            errors: outcome.errors,
            first_error: outcome.first_error.clone(),
            nulls: outcome.nulls,
            lost: outcome.lost,
            unsent: outcome.unsent,
            connections_closed: outcome.closed,
            bytes_sent: outcome.bytes_sent,
            bytes_received: outcome.bytes_received,
            server_cpu_ns_per_operation: server_ns
                .filter(|_| replies > 0)
                .map(|ns| ns as f64 / replies as f64),
            generator_busy: own_ns.map(|ns| busy(ns).min(1.0)),
            histogram,
        }
    }

    /// Prints the table and writes the files that were asked for. With JSON on standard output the
    /// table goes to standard error.
    pub(crate) fn publish(&self, arguments: &Arguments) -> Result<(), LoadError> {
        if arguments.json.as_deref() == Some(Path::new("-")) {
            eprint!("{}", self.table());
            println!("{}", self.json());
        } else {
            print!("{}", self.table());
            if let Some(path) = &arguments.json {
                write(path, &(self.json() + "\n"))?;
            }
        }
        match &arguments.svg {
            Some(path) => write(path, &plot::svg(&self.histogram, &self.settings.title())),
            None => Ok(()),
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and strings always serialize")
    }

    pub(crate) fn table(&self) -> String {
        let mut rows = vec![
            ("load", self.settings.title()),
            ("replies", format!("{} in {:.2} s", self.replies, self.seconds)),
            ("operations/s", format!("{:.0}", self.operations_per_second)),
        ];
        for (name, quantile) in QUANTILES {
            rows.push((name, milliseconds(self.histogram.value_at_quantile(quantile))));
        }
        rows.push(("max", milliseconds(self.histogram.max())));
        rows.push((
            "errors",
            match &self.first_error {
                Some(text) => format!("{} (first: {text})", self.errors),
                None => self.errors.to_string(),
            },
        ));
        for (name, count) in [
            ("null replies", self.nulls),
            ("closed by the server", self.connections_closed),
            ("never answered", self.lost),
            ("due, never sent", self.unsent),
        ] {
            if count > 0 {
                rows.push((name, count.to_string()));
            }
        }
        let bytes = format!("{} sent, {} received", self.bytes_sent, self.bytes_received);
        rows.push(("bytes", bytes));
        if let Some(ns) = self.server_cpu_ns_per_operation {
            rows.push(("server CPU", format!("{ns:.0} ns/operation")));
        }
        if let Some(busy) = self.generator_busy {
            rows.push(("generator busy", format!("{:.0} %", busy * 100.0)));
        }
        rows.iter().map(|(name, text)| format!("{name:<21} {text}\n")).collect()
    }
}

impl Settings {
    fn new(arguments: &Arguments, endpoint: &str) -> Self {
        let distribution = match arguments.distribution {
            Distribution::Uniform => "uniform".to_owned(),
            Distribution::Zipf => format!("zipf {}", arguments.theta),
        };
        let mix = arguments.commands.clone().unwrap_or_else(|| {
            format!("get:{:.3},set:{:.3}", arguments.read_ratio, 1.0 - arguments.read_ratio)
        });
        Self {
            endpoint: endpoint.to_owned(),
            connections: arguments.connections,
            pipeline: arguments.pipeline,
            threads: arguments.threads,
            keys: arguments.keys,
            distribution,
            value_bytes: arguments.value_bytes,
            mix,
            rate: arguments.rate,
            seed: arguments.seed,
        }
    }

    fn title(&self) -> String {
        let pace = match self.rate {
            Some(rate) => format!("open loop {rate} a second"),
            None => "closed loop".to_owned(),
        };
        format!(
            "{}, {pace}, {} connections x {}, {}, {} {} keys, {} B",
            self.endpoint,
            self.connections,
            self.pipeline,
            self.mix,
            self.keys,
            self.distribution,
            self.value_bytes
        )
    }
}

fn milliseconds(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

fn write(path: &Path, text: &str) -> Result<(), LoadError> {
    fs::write(path, text)
        .map_err(|source| LoadError::Write { path: path.display().to_string(), source })
}
