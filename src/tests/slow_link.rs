//! Owns a link that tests make slow, silent or break: what stands between a node and who dials it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// Bytes that one connection has on the link at a time.
const CHUNK_BYTES: usize = 16 << 10;
const LOOK: Duration = Duration::from_millis(5);

/// What all connections of the link meet; it is one link however many places it is dialed at.
#[derive(Default)]
struct State {
    bytes_a_second: AtomicU64,
    is_silent: AtomicBool,
    breaks: AtomicU64,
    carried: AtomicU64,
    /// When what is on it now has left it.
    free: Mutex<Option<Instant>>,
    is_over: AtomicBool,
}

/// A link. Dropping it ends what it carries.
#[derive(Default)]
pub(crate) struct SlowLink(Arc<State>);

impl SlowLink {
    /// A port that leads to this address over the link.
    pub(crate) fn to(&self, address: SocketAddr) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        listener.set_nonblocking(true).expect("it is a socket");
        let state = Arc::clone(&self.0);
        spawn(move || {
            while !state.is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((near, _)) => open(&state, &near, address),
                    Err(_) => sleep(LOOK),
                }
            }
        });
        port
    }

    /// So much goes over it in a second, both ways together.
    pub(crate) fn slow_down(&self, bytes_a_second: u64) {
        self.0.bytes_a_second.store(bytes_a_second, Ordering::Relaxed);
    }

    /// Nothing goes over it, and nobody is told.
    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.0.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// All connections end.
    pub(crate) fn break_all(&self) {
        self.0.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that it has carried.
    pub(crate) fn carried(&self) -> u64 {
        self.0.carried.load(Ordering::Relaxed)
    }
}

impl Drop for SlowLink {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
        self.break_all();
    }
}

fn open(state: &Arc<State>, near: &TcpStream, address: SocketAddr) {
    let Ok(far) = TcpStream::connect(address) else { return };
    for stream in [near, &far] {
        stream.set_nonblocking(false).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
        stream.set_read_timeout(Some(LOOK)).expect("it is a socket");
    }
    let pair =
        |from: &TcpStream, to: &TcpStream| Some((from.try_clone().ok()?, to.try_clone().ok()?));
    for (from, to) in [pair(near, &far), pair(&far, near)].into_iter().flatten() {
        let state = Arc::clone(state);
        spawn(move || carry(&state, from, to));
    }
}

fn carry(state: &State, mut from: TcpStream, mut to: TcpStream) {
    let (breaks, mut chunk) = (state.breaks.load(Ordering::Relaxed), vec![0; CHUNK_BYTES]);
    while state.breaks.load(Ordering::Relaxed) == breaks {
        if state.is_silent.load(Ordering::Relaxed) {
            sleep(LOOK);
            continue;
        }
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        wait_for_turn(state, count as u64);
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
        state.carried.fetch_add(count as u64, Ordering::Relaxed);
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// One chunk after the other, in the order in which they have come.
fn wait_for_turn(state: &State, bytes: u64) {
    let rate = state.bytes_a_second.load(Ordering::Relaxed);
    if rate == 0 {
        return;
    }
    let takes = Duration::from_nanos(bytes * 1_000_000_000 / rate);
    let until = {
        let mut free = state.free.lock().expect("nobody panics with it");
        let now = Instant::now();
        let until = free.map_or(now, |free| free.max(now)) + takes;
        *free = Some(until);
        until
    };
    sleep(until.saturating_duration_since(Instant::now()));
}
