//! Owns the patience of a start with what a node that was just killed still holds: its addresses, and the lock of its data.

use hyperion_runtime::files::{self, FileLock, LockError};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an address may be taken, and how often that is looked at.
const LISTEN_PATIENCE: Duration = Duration::from_secs(5);
/// Nothing is said of it for so long.
const LISTEN_SILENCE: Duration = Duration::from_millis(300);
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// How long the end of a process is waited for that is ending: its memory is given back first, which takes a second for some gigabytes.
const END_PATIENCE: Duration = Duration::from_secs(20);

const GONE_PATIENCE: Duration = Duration::from_secs(1);

/// As in /proc/PID/stat: it is on its way out.
const PF_EXITING: u64 = 4;
const SIGKILL_BIT: u64 = 1 << 8;

/// Locks a data folder, for which the end of a holder that is ending is waited for.
///
/// Errors: another holder, which goes on; or the file cannot be used.
pub(super) fn lock_when_left(path: &Path) -> Result<FileLock, LockError> {
    let begin = Instant::now();
    loop {
        match files::lock(path) {
            Err(LockError::Held { holder, .. })
                if begin.elapsed() < END_PATIENCE && is_ending(&holder, begin.elapsed()) =>
            {
                sleep(LISTEN_PAUSE);
            }
            done => return done,
        }
    }
}

/// Whether a process ends, or has ended just now. One that cannot be seen may be one of another container: it is taken for ended for a moment.
fn is_ending(process: &str, waited: Duration) -> bool {
    if process.parse::<u32>().is_err() {
        return false;
    }
    let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}"));
    let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else {
        return waited < GONE_PATIENCE;
    };
    // Behind the name, which may hold anything: state, five numbers, flags.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let is_dead = fields.next().is_some_and(|state| matches!(state, "Z" | "X"));
    let flags: u64 = fields.nth(5).and_then(|flags| flags.parse().ok()).unwrap_or(0);
    let is_killed = status.lines().any(|line| {
        let pending = line.strip_prefix("ShdPnd:").or_else(|| line.strip_prefix("SigPnd:"));
        let pending = pending.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        pending.is_some_and(|bits| bits & SIGKILL_BIT != 0)
    });
    is_dead || flags & PF_EXITING != 0 || is_killed
}

/// Tries for a while to listen where an address is taken: the kernel lets go of a killed node's ring, and of the listeners in it, a moment after
/// its process is gone.
pub(super) fn retry_taken<T>(
    address: SocketAddr,
    mut listen: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    match retry_for(LISTEN_SILENCE, &mut listen) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let seconds = LISTEN_PATIENCE.as_secs();
            tracing::info!("{address} is taken: waiting {seconds} s for who holds it to let go");
            retry_for(LISTEN_PATIENCE - LISTEN_SILENCE, listen)
        }
        done => done,
    }
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
    fn a_process_that_is_killed_is_ending_and_one_that_runs_is_not() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let number = child.id().to_string();
        let long = 2 * GONE_PATIENCE;
        assert!(!is_ending(&number, Duration::ZERO));
        child.kill().unwrap();
        // Nobody has waited for it: it is dead and still there.
        assert!(is_ending(&number, long));
        child.wait().unwrap();
        assert!(is_ending(&number, Duration::ZERO) && !is_ending(&number, long), "it is gone");
        assert!(!is_ending("unknown", Duration::ZERO));
    }

    #[test]
    fn an_address_that_is_taken_for_a_moment_is_waited_for() {
        let mut tries = 0;
        let mut listen = || {
            tries += 1;
            if tries < 3 { Err(io::Error::from(ErrorKind::AddrInUse)) } else { Ok(tries) }
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 7379));
        assert_eq!(retry_taken(address, &mut listen).unwrap(), 3);
        let mut tries = 0;
        let mut denied = || -> io::Result<()> {
            tries += 1;
            Err(io::Error::from(ErrorKind::PermissionDenied))
        };
        assert!(retry_taken(address, &mut denied).is_err());
        assert_eq!(tries, 1, "what does not go away is told at once");
        let taken = || -> io::Result<()> { Err(io::Error::from(ErrorKind::AddrInUse)) };
        assert!(retry_for(LISTEN_PAUSE, taken).is_err(), "and what stays taken in the end");
    }
}
