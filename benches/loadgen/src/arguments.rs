//! The flags, and the checks that one flag alone cannot make.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::error::LoadError;
use crate::limits::{
    CONNECTIONS_MAX, IN_FLIGHT_BYTES_MAX, KEYS_MAX, PIPELINE_MAX, RATE_MAX, THREADS_MAX,
    VALUE_BYTES_MAX,
};
use crate::request::{Command, REQUEST_OVERHEAD_BYTES};

/// How often each key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Distribution {
    /// All keys alike.
    Uniform,
    /// Key of rank r in proportion to r to the power of minus theta.
    Zipf,
}

/// What the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// The Redis protocol.
    Resp,
    /// Memcached's text protocol, by its meta commands.
    Memcached,
}

/// Load a server that speaks the Redis protocol, or memcached's, and report its latency and throughput.
///
/// Without --rate the loop is closed: each connection sends a pipeline of requests and waits for
/// their replies. With --rate it is open: requests have a time to be sent at, and latency counts
/// from that time, also when the server was too slow to let them be sent.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version)]
pub(crate) struct Arguments {
    /// Host to connect to
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port to connect to
    #[arg(long, default_value_t = 7379)]
    pub(crate) port: u16,
    /// Unix socket to connect to instead
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// Protocol; memcached's has get and set alone
    #[arg(long, value_enum, default_value_t = Dialect::Resp)]
    pub(crate) protocol: Dialect,
    /// Password sent by AUTH
    #[arg(long)]
    pub(crate) password: Option<String>,
    /// Connections over all threads
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    pub(crate) connections: u32,
    /// Requests in flight on one connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(PIPELINE_MAX)))]
    pub(crate) pipeline: u32,
    /// Number of different keys
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=KEYS_MAX))]
    pub(crate) keys: u64,
    /// How keys are chosen
    #[arg(long, value_enum, default_value_t = Distribution::Uniform)]
    pub(crate) distribution: Distribution,
    /// Exponent of the zipf distribution
    #[arg(long, default_value_t = 0.99)]
    pub(crate) theta: f64,
    /// Bytes of each value
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=i64::from(VALUE_BYTES_MAX)))]
    pub(crate) value_bytes: u32,
    /// Share of GET; the rest is SET
    #[arg(long, default_value_t = 0.5)]
    pub(crate) read_ratio: f64,
    /// Mix of commands instead: get, set, incr, del, exists, ping with their shares
    #[arg(long, value_name = "MIX", conflicts_with = "read_ratio")]
    pub(crate) commands: Option<String>,
    /// Seconds to send for
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Requests to send instead of a time
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) requests: Option<u64>,
    /// Open loop: requests a second over all connections
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<f64>,
    /// Threads that send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(THREADS_MAX)))]
    pub(crate) threads: u32,
    /// Set every key once before the load
    #[arg(long)]
    pub(crate) preload: bool,
    /// Write the report as JSON to a file, or to standard output with "-"
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw latency by percentile into an SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Show no progress bar
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Process of the server, for its CPU time; asked for by INFO when the server is local
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Seed of keys and mix: the same seed sends the same requests
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Arguments {
    /// Checks what the flags say together.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let refuse = |problem: String| Err(LoadError::Arguments { problem });
        if !(0.0..=1.0).contains(&self.read_ratio) {
            return refuse(format!("--read-ratio {} is not between 0 and 1", self.read_ratio));
        }
        if !(self.theta > 0.0 && self.theta <= 10.0) {
            return refuse(format!("--theta {} is not above 0 and at most 10", self.theta));
        }
        if !(self.seconds > 0.0 && self.seconds <= 1e6) {
            return refuse(format!("--seconds {} is not above 0 and at most 1e6", self.seconds));
        }
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate <= RATE_MAX)
        {
            return refuse(format!("--rate {rate} is not above 0 and at most {RATE_MAX:e}"));
        }
        if self.threads > self.connections {
            return refuse(format!(
                "--threads {} have only --connections {}; give each thread one at least",
                self.threads, self.connections
            ));
        }
        let request_bytes = u64::from(self.value_bytes) + REQUEST_OVERHEAD_BYTES;
        let bytes = u64::from(self.connections) * u64::from(self.pipeline) * request_bytes;
        if bytes > IN_FLIGHT_BYTES_MAX {
            return refuse(format!(
                "{bytes} bytes of requests would be in flight, more than {IN_FLIGHT_BYTES_MAX}; \
                 lower --connections, --pipeline or --value-bytes"
            ));
        }
        if self.protocol == Dialect::Memcached && self.password.is_some() {
            return refuse("--password is for --protocol resp".to_owned());
        }
        let mix = self.mix()?;
        match mix.iter().find(|(command, _)| !command.is_in(self.protocol)) {
            Some((command, _)) => {
                refuse(format!("--protocol memcached has no {command:?} here; its are get and set"))
            }
            None => Ok(()),
        }
    }

    /// The commands to send and their shares, which need not sum up to one.
    pub(crate) fn mix(&self) -> Result<Vec<(Command, f64)>, LoadError> {
        let Some(text) = &self.commands else {
            let shares = [(Command::Get, self.read_ratio), (Command::Set, 1.0 - self.read_ratio)];
            return Ok(shares.into_iter().filter(|(_, share)| *share > 0.0).collect());
        };
        let refuse = |problem: String| LoadError::Commands { text: text.clone(), problem };
        let mut mix = Vec::new();
        for part in text.split(',') {
            let (name, share) = part.trim().split_once(':').unwrap_or((part.trim(), "1"));
            let command = Command::named(name)
                .ok_or_else(|| refuse(format!("there is no command {name:?} here")))?;
            let share: f64 = share
                .parse()
                .ok()
                .filter(|share| (0.0..=1e9).contains(share))
                .ok_or_else(|| refuse(format!("{share:?} is not a share of 0 or more")))?;
            if share > 0.0 {
                mix.push((command, share));
            }
        }
        if mix.is_empty() {
            Err(refuse("no command has a share above 0".to_owned()))
        } else {
            Ok(mix)
        }
    }
}
