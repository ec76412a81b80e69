//! Owns tests of a log that nobody reads, and of how it looks where it is no terminal.

use std::process::Command;

use serde_json::json;

use super::harness::{Folder, PATIENCE, Setup, address, free_ports};
use super::http_call::get;

/// Some milliseconds of the processor.
const BUSY: &[u8] = b"local x = 0 for i = 1, 1000000 do x = x + i end return x";
/// Lines of more than 64 KiB, what a pipe holds.
const LINES: u64 = 600;

#[test]
fn a_standard_error_that_nobody_reads_holds_nobody_up() {
    let mut node = Setup::new().at("/settings/log_level", json!("debug")).unread().start();
    let mut client = node.client();
    let busy_turns = || {
        let status = get(node.http(), "/status").json();
        status["cores"][0]["busy_turns_over_2ms"].as_u64().expect("it is a number")
    };
    // Each is a line of the log.
    while busy_turns() < LINES {
        for _ in 0..20 {
            client.call(&[b"EVAL", BUSY, b"0"]);
        }
    }
    client.wait_at_most(PATIENCE / 4);
    client.expect(&[("PING", "PONG"), ("SET a 1", "OK")]);
    assert_eq!(get(node.http(), "/health").status, 200);
    assert!(get(node.http(), "/metrics").body.contains("hyperion_log_lines_dropped_total 0"));
    drop(client);
    // What nobody reads does not keep it from ending.
    node.signal_term();
    assert_eq!(node.wait_end().code(), Some(0));
}

#[test]
fn without_a_terminal_there_are_no_colours() {
    let folder = Folder::new();
    let [resp, http, _] = free_ports().map(|port| address(port).to_string());
    // It says something, and does not stay.
    let said = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .args(["--cores", "0", "--resp-cores", "0", "--resp", &resp, "--http", &http])
        .args(["--unix", "/nosuch/socket", "--data"])
        .arg(folder.0.join("data"))
        .env_remove("NO_COLOR")
        .output()
        .expect("the binary is built");
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(text.contains("INFO") && !text.contains('\u{1b}'), "{text:?}");
}
