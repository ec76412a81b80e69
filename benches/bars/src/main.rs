//! Measures what the design chose beside what it did not choose. `scripts/bars` builds and runs it and makes tables of its lines.
//!
//! Standard output has one JSON object a line: `{"done": 3, "of": 40}` while it runs, and one line a cell at the end (`report.rs`).

mod cache;
mod clock;
mod compression;
mod data;
mod extent;
mod protocols;
mod report;
mod serializers;
mod time_precision;

use clap::{Parser, Subcommand};

use extent::Extent;

/// The server's allocator: what allocates much is measured as it runs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One of the bars, or a part of one that runs as a process of its own.
#[derive(Debug, Parser)]
#[command(name = "bars")]
struct Arguments {
    #[command(subcommand)]
    bar: Bar,
}

#[derive(Debug, Subcommand)]
enum Bar {
    /// Frames on the ring beside HTTP.
    Protocols(Extent),
    /// One of the servers of `protocols`, until its standard input ends.
    Serve {
        /// Which one.
        server: protocols::ServerKind,
    },
    /// `speedy` beside others.
    Serializers(Extent),
    /// Brotli beside others.
    Compression(Extent),
    /// GET and SET of large values on servers that run already.
    Cache(cache::Options),
    /// The client of one cell of `cache`.
    CacheClient(cache::ClientOptions),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().bar {
        Bar::Protocols(extent) => protocols::run(&extent),
        Bar::Serve { server } => protocols::serve(server),
        Bar::Serializers(extent) => {
            serializers::run(&extent);
            Ok(())
        }
        Bar::Compression(extent) => {
            compression::run(&extent);
            Ok(())
        }
        Bar::Cache(options) => cache::run(&options),
        Bar::CacheClient(options) => cache::run_client(&options),
    }
}
