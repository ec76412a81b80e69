//! Accepting when the process has no descriptor left. Runs in a process of its own, for the limit
//! is the process's.

use std::{
    fs::File,
    io::{Read, Write},
    process::Command,
    time::Instant,
};

use super::harness::{LEVELS, options, start};
use crate::limits;

#[test]
fn accepting_rests_without_descriptors() {
    let program = std::env::current_exe().expect("the test program has a path");
    let status = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 96 && exec \"$0\" --exact tests::descriptors::in_a_small_process --ignored")
        .arg(program)
        .status()
        .expect("there is a shell");
    assert!(status.success(), "see the output of in_a_small_process above");
}

#[test]
#[ignore = "started by the test above with a low limit of descriptors"]
fn in_a_small_process() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let begin = Instant::now();
        let mut all = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            all.push(file);
            assert!(all.len() < 1000, "this process has no low limit of descriptors");
        }
        // Room for the client alone.
        all.pop();
        let mut stream = echoes.connect();
        let errors =
            echoes.wait(0, |_, io| Some(io.stats().accept_errors).filter(|errors| *errors >= 3));
        let rests = begin.elapsed().as_nanos() / limits::ACCEPT_PAUSE.as_nanos();
        assert!(u128::from(errors) <= rests + 2, "level {level}: {errors} errors in {rests} rests");
        drop(all);
        stream.write_all(b"at last").expect("the kernel holds the connection");
        let mut back = [0; 7];
        stream.read_exact(&mut back).expect("accepted after the rest");
        assert_eq!(&back, b"at last", "level {level}");
    }
}
