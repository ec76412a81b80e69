//! Bytes in, the same bytes out, at each ring level.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
};

use super::harness::{HELD_BYTES_MAX, LEVELS, exchange_large, options, pattern, start};
use crate::CloseReason;

fn exchange(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes, "{} bytes came back different", bytes.len());
}

#[test]
fn small_and_large_come_back() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        assert_eq!(echoes.ask(0, |_, io| io.level()), level);
        let mut stream = echoes.connect();
        for bytes in [1, 2, 64, 4096, 16 * 1024, 16 * 1024 + 1, 100_000] {
            exchange(&mut stream, &pattern(bytes));
        }
        exchange_large(&mut stream, &pattern(10 << 20));
        drop(stream);
        let closed = echoes.wait(0, |echo, _| echo.closed.first().copied());
        assert_eq!(closed.1, CloseReason::Peer, "level {level}");
        let stats = echoes.ask(0, |_, io| *io.stats());
        assert_eq!(stats.bytes_in, stats.bytes_out, "level {level}");
        assert_eq!((stats.accepts, stats.accept_errors), (1, 0), "level {level}");
    }
}

#[test]
fn two_hundred_connections_at_once() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let mut streams: Vec<TcpStream> = (0..200).map(|_| echoes.connect()).collect();
        for round in 0..5_usize {
            for (at, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&pattern(at * 7 + round + 1)).unwrap();
            }
            for (at, stream) in streams.iter_mut().enumerate() {
                let mut back = vec![0; at * 7 + round + 1];
                stream.read_exact(&mut back).unwrap();
                assert!(back == pattern(at * 7 + round + 1), "level {level} connection {at}");
            }
        }
        assert_eq!(echoes.ask(0, |_, io| io.connections()), 200, "level {level}");
        drop(streams);
        echoes.wait(0, |_, io| (io.connections() == 0).then_some(()));
        assert_eq!(echoes.ask(0, |echo, _| echo.closed.len()), 200, "level {level}");
    }
}

/// A turn whose time is up leaves the rest of the input to the next one: nothing is lost, and each connection keeps its order.
#[test]
fn input_beyond_a_turn_goes_on_in_the_next() {
    for level in LEVELS {
        let mut options = options(level, 1);
        // Fewer than connections: some find none free while the turn's rest holds them.
        options.receive_buffers = 8;
        let Some(echoes) = start(&options) else { continue };
        let mut streams: Vec<TcpStream> = (0..20).map(|_| echoes.connect()).collect();
        echoes.ask(0, |echo, _| echo.slow = true);
        for round in 0..3_usize {
            for (at, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&pattern(at * 700 + round + 1)).unwrap();
            }
        }
        for (at, stream) in streams.iter_mut().enumerate() {
            for round in 0..3_usize {
                let mut back = vec![0; at * 700 + round + 1];
                stream.read_exact(&mut back).unwrap();
                assert!(back == pattern(back.len()), "level {level} connection {at}");
            }
        }
        assert!(echoes.ask(0, |_, io| io.stats().turns_cut) > 0, "level {level}");
    }
}

/// More receives at once than there are buffers: those without one are armed again, none is lost.
#[test]
fn two_receive_buffers_serve_many() {
    for level in LEVELS {
        let mut options = options(level, 1);
        (options.receive_buffers, options.receive_buffer_bytes) = (2, 128);
        let Some(echoes) = start(&options) else { continue };
        let mut streams: Vec<TcpStream> = (0..40).map(|_| echoes.connect()).collect();
        for _ in 0..20 {
            streams.iter_mut().for_each(|stream| stream.write_all(&pattern(3000)).unwrap());
            for stream in &mut streams {
                let mut back = vec![0; 3000];
                stream.read_exact(&mut back).unwrap();
                assert!(back == pattern(3000), "level {level}");
            }
        }
        let empty = echoes.ask(0, |_, io| io.stats().receive_buffers_empty);
        eprintln!("level {level}: {empty} receives found no buffer");
    }
}

/// A client that ends its sending side still gets all replies.
#[test]
fn half_close_still_replies() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        for bytes in [1, 100, 50_000] {
            let mut stream = echoes.connect();
            stream.write_all(&pattern(bytes)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert!(back == pattern(bytes), "level {level}: {} of {bytes} came back", back.len());
        }
        let closed =
            echoes.wait(0, |echo, _| (echo.closed.len() == 3).then(|| echo.closed.clone()));
        assert!(closed.iter().all(|(_, why)| *why == CloseReason::Peer), "{closed:?}");
    }
}

/// A client that sends and never reads: receiving pauses, memory stays bounded, and nothing is lost
/// when it reads at last.
#[test]
fn a_client_that_never_reads_is_paused() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let mut stream = echoes.connect();
        let bytes = pattern(64 << 20);
        thread::scope(|scope| {
            let (mut writer, bytes) = (stream.try_clone().unwrap(), &bytes);
            scope.spawn(move || writer.write_all(bytes).unwrap());
            echoes.wait(0, |echo, io| {
                echo.held.keys().next().is_some_and(|id| io.is_paused(*id)).then_some(())
            });
            // Others are served meanwhile.
            exchange(&mut echoes.connect(), b"hello");
            let mut back = vec![0; bytes.len()];
            stream.read_exact(&mut back).unwrap();
            assert!(back == *bytes, "level {level}");
        });
        let most = echoes.ask(0, |echo, _| echo.held_bytes_max);
        // What one reap brings at most is added to what the core allows itself.
        assert!(most <= HELD_BYTES_MAX + (16 << 20) + (16 << 10), "level {level}: held {most}");
    }
}

/// Polling before sleep changes no result.
#[test]
fn spinning_cores_echo() {
    let mut options = options(LEVELS[2], 2);
    options.level = None;
    options.spin_us = 50;
    let echoes = start(&options).unwrap();
    let mut stream = echoes.connect();
    for bytes in 1..500 {
        exchange(&mut stream, &pattern(bytes));
    }
}
