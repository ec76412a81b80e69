//! Owns tests of what the node says where the system does not give it what it needs.

use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::{Folder, address, free_ports};

/// Starts the node below `scripts/without-io-uring`; its exit code, and what it says. `None`, with the reason printed, where no Python is.
fn refused(options: &[&str]) -> Option<(i32, String)> {
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/without-io-uring");
    let mut command = Command::new(script);
    command
        .args(options)
        .arg(env!("CARGO_BIN_EXE_hyperiond"))
        .args(["--cores", "0", "--resp-cores", "0", "--data"])
        .arg(folder.0.join("data"))
        .stdin(Stdio::null());
    match command.output() {
        Ok(said) => {
            let text = String::from_utf8_lossy(&said.stderr).into_owned();
            Some((said.status.code().expect("it ends by itself"), text))
        }
        Err(error) => {
            println!("skipped: scripts/without-io-uring does not run here: {error}");
            None
        }
    }
}

#[test]
fn io_uring_that_is_forbidden_is_one_sentence() {
    let Some((code, said)) = refused(&[]) else { return };
    assert!(said.contains("hyperiond: io_uring is forbidden to this process; set "), "{said}");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn a_low_limit_of_locked_memory_is_one_sentence() {
    let Some((code, said)) = refused(&["--memlock", "65536"]) else { return };
    assert!(said.contains("hyperiond: the limit of locked memory is 65536 bytes and "), "{said}");
    assert!(said.contains("raise it with `ulimit -l` or LimitMEMLOCK="), "{said}");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn places_that_are_none_are_said_with_what_helps() {
    let folder = Folder::new();
    let data = folder.0.join("data");
    let data = data.to_str().expect("it is text");
    let [resp, http, _] = free_ports().map(|port| address(port).to_string());
    for (flags, code, said) in [
        (
            ["--data", data, "--unix", "/nosuch/socket"],
            1,
            "cannot listen on /nosuch/socket: No such file or directory (os error 2); make the folder of the socket, or correct its path",
        ),
        (
            ["--data", data, "--unix", "/dev/null"],
            1,
            "cannot listen on /dev/null: /dev/null is there and is no socket; name another path",
        ),
        (
            ["--data", "/dev/null", "--log-level", "info"],
            78,
            "Not a directory (os error 20); correct --config, or give --data a folder",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
            .args(["--cores", "0", "--resp-cores", "0", "--resp", &resp, "--http", &http])
            .args(flags)
            .stdin(Stdio::null())
            .output()
            .expect("the binary is built");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(said), "{flags:?}: {text}");
        assert_eq!(output.status.code(), Some(code), "{text}");
    }
}
