//! Owns the cells: each server, value size and command in turn, repeat after repeat.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Command as Process;
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::Value;

use super::protocol::{Command, Protocol};
use crate::extent::Extent;
use crate::report::Report;

/// Bytes of a value and how many commands a repeat has.
const SIZES: [(usize, u32); 5] =
    [(2 << 10, 5_000), (8 << 10, 4_000), (32 << 10, 2_000), (128 << 10, 800), (512 << 10, 250)];

/// How much is measured, on which servers.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    extent: Extent,
    /// A server that runs: NAME,resp|memcached,ADDRESS:PORT,PID.
    #[arg(long = "server", required = true)]
    servers: Vec<ServerAt>,
}

/// A server that runs.
#[derive(Clone, Debug)]
struct ServerAt {
    name: String,
    protocol: Protocol,
    address: SocketAddr,
    pid: u32,
}

impl FromStr for ServerAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').collect();
        let [name, protocol, address, pid] = parts[..] else {
            return Err("write NAME,resp|memcached,ADDRESS:PORT,PID".to_owned());
        };
        Ok(Self {
            name: name.to_owned(),
            protocol: Protocol::from_str(protocol, false)?,
            address: address.parse().map_err(|_| format!("{address} is no address and port"))?,
            pid: pid.parse().map_err(|_| format!("{pid} is no process"))?,
        })
    }
}

/// Measures all cells.
pub(crate) fn run(Options { extent, servers }: &Options) -> Result<(), Box<dyn Error>> {
    let commands = [Command::Get, Command::Set];
    let steps = SIZES.len() * commands.len() * servers.len() * extent.repeats as usize;
    let mut report = Report::new(steps);
    for (bytes, count) in SIZES {
        let count = if extent.short { count / 5 } else { count };
        for command in commands {
            for _ in 0..extent.repeats {
                for server in servers {
                    measure(server, command, bytes, count, &mut report)?;
                    report.step();
                }
            }
        }
    }
    report.finish();
    Ok(())
}

fn measure(
    server: &ServerAt,
    command: Command,
    bytes: usize,
    count: u32,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let name = if command == Command::Get { "get" } else { "set" };
    let protocol = if server.protocol == Protocol::Resp { "resp" } else { "memcached" };
    let output = Process::new(std::env::current_exe()?)
        .args(["cache-client", "--protocol", protocol, "--command", name])
        .args(["--address", &server.address.to_string()])
        .args(["--pid", &server.pid.to_string()])
        .args(["--bytes", &bytes.to_string(), "--count", &count.to_string()])
        .output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{name} of {bytes} bytes on {}: {why}", server.name).into());
    }
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    let figure = |key: &str| figures[key].as_f64().ok_or(format!("the client said no {key}"));
    report.add(
        &[("server", &server.name), ("command", name), ("bytes", &bytes.to_string())],
        &[
            ("wall_us", figure("wall_us")?),
            ("client_us", figure("client_us")?),
            ("server_us", figure("server_us")?),
            ("memory_kib", figure("memory_kib")?),
        ],
    );
    Ok(())
}
