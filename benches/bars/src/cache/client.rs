//! Owns the client of one cell: so many GETs or SETs, one after the other, and what they took of time and memory.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::json;

use super::protocol::{Command, Connection, Protocol};
use crate::clock::{ns, process_time_ns, thread_time};
use crate::data::Numbers;
use crate::report;

/// Keys that a client goes round.
const KEYS: u32 = 64;

/// One cell.
#[derive(Debug, clap::Args)]
pub(crate) struct ClientOptions {
    #[arg(long)]
    protocol: Protocol,
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    command: Command,
    /// Process of the server.
    #[arg(long)]
    pid: u32,
    /// Bytes of a value.
    #[arg(long)]
    bytes: usize,
    /// How many commands.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

/// Writes one line with the figures.
pub(crate) fn run_client(options: &ClientOptions) -> Result<(), Box<dyn Error>> {
    let base_kib = memory_kib("VmRSS");
    let mut numbers = Numbers::new(options.bytes as u64);
    let value: Vec<u8> = (0..options.bytes).map(|_| numbers.next().to_le_bytes()[0]).collect();
    let mut connection = Connection::open(options.protocol, options.address)?;
    let keys: Vec<String> = (0..KEYS).map(|key| format!("bar:{}:{key}", options.bytes)).collect();
    // They are there before the clock starts, and the connection is warm.
    for key in &keys {
        connection.set(key, &value)?;
    }
    let mut back = Vec::new();
    let server_before = process_time_ns(options.pid);
    let (begun, cpu) = (Instant::now(), thread_time());
    for at in 0..options.count {
        let key = &keys[(at % KEYS) as usize];
        match options.command {
            Command::Set => connection.set(key, &value)?,
            Command::Get => connection.get(key, &mut back)?,
        }
    }
    let (wall, cpu) = (begun.elapsed(), thread_time().saturating_sub(cpu));
    let server_ns = process_time_ns(options.pid).saturating_sub(server_before) as f64;
    if options.command == Command::Get && back != value {
        return Err("another value came back".into());
    }
    let each = f64::from(options.count);
    report::say(&json!({
        "wall_us": ns(wall) / each / 1e3,
        "client_us": ns(cpu) / each / 1e3,
        "server_us": server_ns / each / 1e3,
        "memory_kib": memory_kib("VmHWM").saturating_sub(base_kib),
    }));
    Ok(())
}

/// A figure of this process's memory, in KiB.
fn memory_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    lines.next().and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
