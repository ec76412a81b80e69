//! Owns a server as a process of its own: it says its address, and ends with its standard input.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::{hyper_server, ring_server, tiny_server};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ServerKind {
    /// Frames of `io/wire` on the ring of `io/runtime`.
    Ring,
    /// HTTP/1.1 by tiny_http.
    TinyHttp,
    /// HTTP/1.1 by hyper on one thread of tokio.
    Hyper,
}

/// The cpu of the servers.
pub(super) const SERVER_CPU: usize = 0;

/// Runs one server until standard input ends.
pub(crate) fn serve(kind: ServerKind) -> Result<(), Box<dyn Error>> {
    match kind {
        ServerKind::Ring => ring_server::serve(say_address, wait_for_the_end),
        ServerKind::TinyHttp => tiny_server::serve(say_address, wait_for_the_end),
        ServerKind::Hyper => hyper_server::serve(say_address, wait_for_the_end),
    }
}

fn say_address(address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Who does not hear it ends us.
    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
}

fn wait_for_the_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A running server.
pub(super) struct Server {
    process: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts this program again as a server, on the cpu of the servers.
    pub(super) fn start(kind: ServerKind) -> Result<Self, Box<dyn Error>> {
        let name = match kind {
            ServerKind::Ring => "ring",
            ServerKind::TinyHttp => "tiny-http",
            ServerKind::Hyper => "hyper",
        };
        let mut process = Command::new("taskset")
            .args(["-c", &SERVER_CPU.to_string()])
            .arg(std::env::current_exe()?)
            .args(["serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = process.stdout.take().ok_or("a server has an output")?;
        BufReader::new(out).read_line(&mut line)?;
        let address =
            line.trim().parse().map_err(|_| format!("the server {name} said no address"))?;
        Ok(Self { process, address })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when this is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
