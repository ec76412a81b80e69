//! Owns which messages go which way, and what each costs the server, the client and the clock on the wall.

use std::error::Error;
use std::time::{Duration, Instant};

use super::Way;
use super::client::Client;
use super::frames::FrameClient;
use super::http::HttpClient;
use super::server::{Server, ServerKind};
use crate::clock::{ns, process_time_ns, thread_time};
use crate::extent::Extent;
use crate::report::Report;

/// Bytes of a message and how many go in one repeat at most.
const SIZES: [(usize, u32); 6] = [
    (64, 2_000),
    (4_096, 2_000),
    (65_536, 400),
    (1_000_000, 40),
    (10_000_000, 5),
    (100_000_000, 1),
];
/// A repeat begins no further message after this time.
const REPEAT: Duration = Duration::from_millis(120);
const SHORT_REPEAT: Duration = Duration::from_millis(50);
/// Messages of this length and longer are not sent once before they are measured: their smaller brothers have warmed all up.
const LONG_BYTES: usize = 100_000_000;

/// A protocol, its server, and how many messages may wait for their answers.
struct Series {
    name: &'static str,
    server: ServerKind,
    window: u32,
    ways: &'static [Way],
}

/// A link keeps several messages under way; ordinary HTTP clients wait for each answer, and few pipeline.
const SERIES: [Series; 6] = [
    Series { name: "ring frames", server: ServerKind::Ring, window: 1, ways: &Way::ALL },
    Series { name: "tiny_http", server: ServerKind::TinyHttp, window: 1, ways: &Way::ALL },
    Series { name: "hyper", server: ServerKind::Hyper, window: 1, ways: &Way::ALL },
    Series {
        name: "ring frames, 16 sent ahead",
        server: ServerKind::Ring,
        window: 16,
        ways: &[Way::OneWay],
    },
    Series {
        name: "tiny_http, 16 sent ahead",
        server: ServerKind::TinyHttp,
        window: 16,
        ways: &[Way::OneWay],
    },
    Series {
        name: "hyper, 16 sent ahead",
        server: ServerKind::Hyper,
        window: 16,
        ways: &[Way::OneWay],
    },
];

/// Measures each size by each series, series after series, repeat after repeat.
pub(crate) fn run(extent: &Extent) -> Result<(), Box<dyn Error>> {
    let sizes = if extent.short { &SIZES[..5] } else { &SIZES[..] };
    let servers = [ServerKind::Ring, ServerKind::TinyHttp, ServerKind::Hyper]
        .into_iter()
        .map(|kind| Ok((kind, Server::start(kind)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut runs = Vec::new();
    for series in &SERIES {
        let (kind, server) = servers
            .iter()
            .find(|(kind, _)| *kind == series.server)
            .ok_or("each series has a server")?;
        for way in series.ways {
            let client: Box<dyn Client> = match kind {
                ServerKind::Ring => Box::new(FrameClient::open(server.address)?),
                ServerKind::TinyHttp | ServerKind::Hyper => {
                    Box::new(HttpClient::open(server.address)?)
                }
            };
            runs.push(Run { series, way: *way, pid: server.pid(), client });
        }
    }
    let mut report = Report::new(sizes.len() * runs.len() * extent.repeats as usize);
    for (bytes, count) in sizes {
        let limit = if extent.short { SHORT_REPEAT } else { REPEAT };
        let body = vec![b'x'; *bytes];
        for run in runs.iter_mut().filter(|_| *bytes < LONG_BYTES) {
            // Buffers grow, congestion windows open.
            run.exchange(&body, count.div_ceil(4), limit / 4)?;
        }
        for _ in 0..extent.repeats {
            for run in &mut runs {
                run.measure(&body, (*count, limit), &mut report)?;
                report.step();
            }
        }
    }
    report.finish();
    Ok(())
}

/// One series in one direction, with its connection.
struct Run<'a> {
    series: &'a Series,
    way: Way,
    pid: u32,
    client: Box<dyn Client>,
}

impl Run<'_> {
    /// Sends messages, `count` or as many as the time allows but at least one, and takes their answers: how many they were.
    fn exchange(
        &mut self,
        body: &[u8],
        count: u32,
        limit: Duration,
    ) -> Result<u32, Box<dyn Error>> {
        let expected = if self.way == Way::RoundTrip { body.len() } else { 0 };
        let (mut sent, mut answered) = (0, 0);
        let begun = Instant::now();
        loop {
            let is_room = sent - answered < self.series.window;
            if is_room && sent < count && (sent == 0 || begun.elapsed() < limit) {
                self.client.send(self.way, body)?;
                sent += 1;
                continue;
            }
            if answered == sent {
                return Ok(answered);
            }
            let bytes = self.client.receive(self.way)?;
            answered += 1;
            if bytes != expected {
                return Err(format!("{bytes} of {expected} bytes came back").into());
            }
        }
    }

    fn measure(
        &mut self,
        body: &[u8],
        (count, limit): (u32, Duration),
        report: &mut Report,
    ) -> Result<(), Box<dyn Error>> {
        let server_before = process_time_ns(self.pid);
        let client_before = thread_time();
        let begun = Instant::now();
        let each = f64::from(self.exchange(body, count, limit)?);
        let wall_ns = ns(begun.elapsed());
        let client_ns = ns(thread_time().saturating_sub(client_before));
        let server_ns = process_time_ns(self.pid).saturating_sub(server_before) as f64;
        report.add(
            &[
                ("protocol", self.series.name),
                ("way", self.way.name()),
                ("bytes", &body.len().to_string()),
            ],
            &[
                ("wall_us", wall_ns / each / 1e3),
                ("server_us", server_ns / each / 1e3),
                ("client_us", client_ns / each / 1e3),
            ],
        );
        Ok(())
    }
}
