//! Receiving into a buffer of the core: the bytes are those that were sent, in order, whatever else happens to the connection.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
};

use super::harness::{HELD_BYTES_MAX, LEVELS, exchange_large, options, pattern, start};
use crate::CloseReason;

#[test]
fn what_fills_a_buffer_comes_back_in_order() {
    for level in LEVELS {
        // A receive brings so many bytes at most: of those that bring one, there are as many as bytes.
        for (fills, longest) in
            [(1, 20_000), (1_000, 1 << 20), (100_000, 3 << 20), (1 << 20, 3 << 20)]
        {
            let Some(echoes) = start(&options(level, 1)) else { continue };
            echoes.ask(0, move |echo, _| echo.fills = fills);
            let mut streams: Vec<TcpStream> = (0..3).map(|_| echoes.connect()).collect();
            for bytes in [1, 20_000, longest, 7, 20_001] {
                streams.iter_mut().for_each(|stream| exchange_large(stream, &pattern(bytes)));
            }
            let filled = echoes.ask(0, |echo, _| echo.filled_bytes);
            assert!(filled > 0, "level {level}: nothing was received into its place");
            drop(streams);
            echoes.wait(0, |echo, _| (echo.closed.len() == 3).then_some(()));
        }
    }
}

/// The end of the peer, and of the connection by the core, while the ring has the buffer.
#[test]
fn a_connection_may_end_while_its_buffer_is_away() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        echoes.ask(0, |echo, _| echo.fills = 1 << 20);
        for round in 0..20_usize {
            let mut stream = echoes.connect();
            exchange_large(&mut stream, &pattern(50_000 + round));
            if round % 2 == 0 {
                stream.write_all(&pattern(30_000)).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut back = Vec::new();
                stream.read_to_end(&mut back).unwrap();
                assert!(back == pattern(30_000), "level {level}: {} came back", back.len());
            } else {
                echoes.ask(0, |echo, io| echo.held.keys().for_each(|id| io.close(*id)));
                assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "level {level}");
            }
            echoes.wait(0, |echo, _| echo.held.is_empty().then_some(()));
        }
        let closed = echoes.ask(0, |echo, _| echo.closed.clone());
        assert!(
            closed.iter().all(|(_, why)| matches!(why, CloseReason::Peer | CloseReason::Core)),
            "level {level}: {closed:?}"
        );
    }
}

#[test]
fn a_buffer_comes_back_when_receiving_pauses() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        echoes.ask(0, |echo, _| echo.fills = 1 << 18);
        let mut stream = echoes.connect();
        let bytes = pattern(48 << 20);
        thread::scope(|scope| {
            let (mut writer, bytes) = (stream.try_clone().unwrap(), &bytes);
            scope.spawn(move || writer.write_all(bytes).unwrap());
            echoes.wait(0, |echo, io| {
                echo.held.keys().next().is_some_and(|id| io.is_paused(*id)).then_some(())
            });
            let mut back = vec![0; bytes.len()];
            stream.read_exact(&mut back).unwrap();
            assert!(back == *bytes, "level {level}");
        });
        let most = echoes.ask(0, |echo, _| echo.held_bytes_max);
        assert!(most <= HELD_BYTES_MAX + (16 << 20) + (1 << 18), "level {level}: held {most}");
        // Paused with the buffer away, and nothing to receive: it is back, and receiving goes on.
        echoes.ask(0, |echo, io| echo.held.keys().for_each(|id| io.pause_receive(*id)));
        echoes.wait(0, |echo, _| echo.held.values().all(|held| !held.is_away).then_some(()));
        echoes.ask(0, |echo, io| echo.held.keys().for_each(|id| io.resume_receive(*id)));
        exchange_large(&mut stream, &pattern(100_000));
    }
}
