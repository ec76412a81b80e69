//! Loads anything that speaks RESP, in a closed or an open loop, and reports what it answered.
#![forbid(unsafe_code)]

mod arguments;
mod connect;
mod connection;
mod error;
mod keys;
mod limits;
mod plan;
mod plot;
mod random;
mod report;
mod request;
mod run;
mod schedule;
mod server_cpu;
mod skipper;
#[cfg(test)]
mod tests;
mod worker;
mod zipf;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match run::run(&arguments).and_then(|report| report.publish(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}
