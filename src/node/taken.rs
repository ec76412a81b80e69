//! Owns the patience of a start with an address that is taken.

use std::io::{self, ErrorKind};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an address may be taken, and how often that is looked at.
const LISTEN_PATIENCE: Duration = Duration::from_secs(2);
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// Tries for a while what fails because an address is taken: the kernel lets go of a killed node's ring, and of the listeners in it, a moment after
/// its process is gone.
pub(super) fn retry_taken<T>(listen: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    retry_for(LISTEN_PATIENCE, listen)
}

fn retry_for<T>(patience: Duration, mut listen: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let begin = Instant::now();
    loop {
        match listen() {
            Err(error) if error.kind() == ErrorKind::AddrInUse && begin.elapsed() < patience => {
                sleep(LISTEN_PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_for_a_moment_is_waited_for() {
        let mut tries = 0;
        let mut listen = || {
            tries += 1;
            if tries < 3 { Err(io::Error::from(ErrorKind::AddrInUse)) } else { Ok(tries) }
        };
        assert_eq!(retry_taken(&mut listen).unwrap(), 3);
        let mut tries = 0;
        let mut denied = || -> io::Result<()> {
            tries += 1;
            Err(io::Error::from(ErrorKind::PermissionDenied))
        };
        assert!(retry_taken(&mut denied).is_err());
        assert_eq!(tries, 1, "what does not go away is told at once");
        let taken = || -> io::Result<()> { Err(io::Error::from(ErrorKind::AddrInUse)) };
        assert!(retry_for(LISTEN_PAUSE, taken).is_err(), "and what stays taken in the end");
    }
}
