//! The node of Hyperion: reads flags, serves, and says in one sentence why it does not.
#![forbid(unsafe_code)]

mod cluster;
mod config;
mod flags;
mod front;
mod http;
mod import;
mod log;
mod node;
mod packing;
mod peers;
mod pubsub;
mod recover;
mod remedy;
mod resolve;
mod scripts;
mod snapshot;
mod tracking;

use std::process::ExitCode;

use flags::{Command, Flags};
use log::LogControl;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = match Flags::parse_from_arguments(std::env::args_os()) {
        Ok(flags) => flags,
        Err(stop) if stop.exit_code == 0 => {
            print!("{}", stop.text);
            return ExitCode::SUCCESS;
        }
        Err(stop) => {
            eprintln!("hyperiond: {}", stop.text);
            return ExitCode::from(stop.exit_code);
        }
    };
    if let Some(Command::HashPassword) = flags.command {
        return match config::hash_line(std::io::stdin().lock()) {
            Ok(hash) => {
                println!("{hash}");
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("hyperiond: {why}");
                ExitCode::from(flags::EXIT_BAD_FLAGS)
            }
        };
    }
    if let Some(Command::CheckData { data }) = &flags.command {
        return match node::check_data(data) {
            Ok((said, code)) => {
                print!("{said}");
                ExitCode::from(code)
            }
            Err(error) => {
                eprintln!("hyperiond: {error}");
                ExitCode::from(error.exit_code())
            }
        };
    }
    if let Some(Command::Restore { from, node, config, data }) = &flags.command {
        let restored = match node {
            Some(node) => snapshot::restore_part(from, node, config.as_deref(), data),
            None => snapshot::restore(from, data).map(|restored| restored.sentence(data)),
        };
        return match restored {
            Ok(told) => {
                println!("{told}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("hyperiond: {error}");
                ExitCode::from(error.exit_code())
            }
        };
    }
    if let Some(Command::Resolve { take, config, data, node }) = &flags.command {
        let path = config.clone().unwrap_or_else(|| data.join("config.json"));
        return match resolve::resolve(&path, data, node.as_deref(), take) {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("hyperiond: {why}");
                ExitCode::from(config::ConfigError::EXIT_CODE)
            }
        };
    }
    if let Some(Command::Recover { is_unsafe, yes, config, data }) = &flags.command {
        let path = config.clone().unwrap_or_else(|| data.join("config.json"));
        let asked =
            recover::Asked { config: &path, data, may_lose: *is_unsafe, is_confirmed: *yes };
        return match recover::recover(asked) {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("hyperiond: {error}");
                ExitCode::from(error.exit_code())
            }
        };
    }
    if let Some(Command::Import { from, rdb, to, state, compare_every }) = &flags.command {
        let imported = match (rdb, from) {
            (Some(path), _) => import::import_file(path, to),
            (None, from) => import::import(import::Asked {
                from: from.as_deref().unwrap_or_default(),
                to,
                state,
                compare_every: *compare_every,
            }),
        };
        return match imported {
            Ok(said) => {
                print!("{said}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("hyperiond: {error}");
                ExitCode::from(error.exit_code())
            }
        };
    }
    let log = LogControl::start();
    match node::serve(&flags, &log) {
        Ok(()) => {
            log::flush();
            ExitCode::SUCCESS
        }
        Err(error) => {
            log.say_last(&format!("hyperiond: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
