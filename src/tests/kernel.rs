//! Owns tests of what the node says where the system does not give it what it needs.

use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::Folder;

/// Starts the node below `scripts/without-io-uring`; its exit code, and what it says. `None`, with the reason printed, where no Python is.
fn refused(options: &[&str]) -> Option<(i32, String)> {
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/without-io-uring");
    let mut command = Command::new(script);
    command
        .args(options)
        .arg(env!("CARGO_BIN_EXE_hyperiond"))
        .args(["--cores", "0", "--resp", "127.0.0.1:11998", "--http", "127.0.0.1:11997"])
        .args(["--resp-cores", "0", "--data"])
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
    if code == 0 || !said.contains("hyperiond:") {
        println!("skipped: this process may lock what it likes");
        return;
    }
    assert!(said.contains("hyperiond: the limit of locked memory is 65536 bytes and "), "{said}");
    assert!(said.contains("raise it with `ulimit -l` or LimitMEMLOCK="), "{said}");
    assert_eq!(code, 1, "{said}");
}
