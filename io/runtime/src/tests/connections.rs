//! Opening, refusing, closing, and ids that are dead.

use std::io::{Read, Write};

use super::harness::{LEVELS, options, start};
use crate::{CloseReason, ConnectionId};

#[test]
fn a_full_table_refuses_in_words() {
    for level in LEVELS {
        let mut options = options(level, 1);
        options.connections_max = 2;
        let Some(echoes) = start(&options) else { continue };
        echoes.ask(0, |echo, _| echo.refuse_with = Some(b"-ERR too many\r\n"));
        let mut first = echoes.connect();
        let second = echoes.connect();
        echoes.wait(0, |_, io| (io.connections() == 2).then_some(()));
        let mut text = String::new();
        echoes.connect().read_to_string(&mut text).unwrap();
        assert_eq!(text, "-ERR too many\r\n", "level {level}");
        drop(second);
        echoes.wait(0, |_, io| (io.connections() == 1).then_some(()));
        // The slot is free as soon as the kernel let go of it.
        first.write_all(b"still here").unwrap();
        let mut back = [0; 10];
        first.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"still here", "level {level}");
    }
}

#[test]
fn close_after_send_sends_all_and_closes() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let words: &'static [u8] = vec![b'x'; 3 << 20].leak();
        echoes.ask(0, move |echo, _| echo.last_words = Some(words));
        let mut stream = echoes.connect();
        stream.write_all(b"?").unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back.len(), words.len(), "level {level}");
        let closed = echoes.wait(0, |echo, _| echo.closed.first().copied());
        assert_eq!(closed.1, CloseReason::Core, "level {level}");
    }
}

/// The other side hears that it was given up, and gets no more than what it has.
#[test]
fn an_aborted_connection_sends_no_more() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let mut stream = echoes.connect();
        let id = echoes.wait(0, |echo, _| echo.held.keys().next().copied());
        let bytes = 32 << 20;
        assert!(echoes.ask(0, move |_, io| io.send(id, &mut vec![b'x'; bytes])));
        stream.peek(&mut [0]).unwrap();
        echoes.ask(0, move |_, io| io.abort(id));
        let closed = echoes.wait(0, |echo, _| echo.closed.first().copied());
        assert_eq!(closed, (id, CloseReason::Core), "level {level}");
        let mut got = Vec::new();
        let ended = stream.read_to_end(&mut got).expect_err("it was not closed in order");
        assert_eq!(ended.kind(), std::io::ErrorKind::ConnectionReset, "level {level}");
        assert!(got.len() < bytes, "level {level}: all of it came");
    }
}

#[test]
fn dead_ids_do_nothing() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let mut stream = echoes.connect();
        let id = echoes.wait(0, |echo, _| echo.held.keys().next().copied());
        let peer = echoes.ask(0, move |_, io| (io.peer(id).to_string(), io.local(id).to_string()));
        let expected =
            (stream.local_addr().unwrap().to_string(), stream.peer_addr().unwrap().to_string());
        assert_eq!(peer, expected, "level {level}");
        echoes.ask(0, move |_, io| {
            io.close(id);
            io.close(id);
            io.close_after_send(id);
        });
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        let closed = echoes.wait(0, |echo, _| echo.closed.first().copied());
        assert_eq!(closed, (id, CloseReason::Core), "level {level}");
        // The next connection takes the same place under another generation.
        let mut next = echoes.connect();
        let other = echoes.wait(0, |echo, _| echo.held.keys().next().copied());
        assert_ne!(other, id, "level {level}");
        for dead in [id, ConnectionId { index: 77, generation: 0 }] {
            echoes.ask(0, move |_, io| {
                let mut bytes = b"lost".to_vec();
                assert!(!io.send(dead, &mut bytes), "sent to a dead id");
                assert_eq!(bytes, b"lost");
                io.pause_receive(dead);
                io.resume_receive(dead);
                io.close(dead);
                assert_eq!((io.peer(dead), io.fd(dead)), ("", None));
                assert_eq!(io.last_progress_ns(dead), None);
            });
        }
        next.write_all(b"ok").unwrap();
        let mut back = [0; 2];
        next.read_exact(&mut back).unwrap();
        assert_eq!(echoes.ask(0, |echo, _| echo.closed.len()), 1, "level {level}");
    }
}

/// Many short connections: each is closed once, and places are used again.
#[test]
fn short_connections_leave_nothing() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        for round in 0..300_usize {
            let mut stream = echoes.connect();
            stream.write_all(b"ping").unwrap();
            if round % 3 != 0 {
                let mut back = [0; 4];
                stream.read_exact(&mut back).unwrap();
            }
        }
        echoes.wait(0, |echo, _| (echo.closed.len() == 300).then_some(()));
        assert_eq!(echoes.ask(0, |_, io| io.connections()), 0, "level {level}");
        let places = echoes.ask(0, |echo, _| echo.closed.iter().map(|(id, _)| id.index).max());
        assert!(places.unwrap() < 100, "level {level}: {places:?} places for one client at a time");
    }
}

#[test]
fn pausing_and_resuming_in_any_order_loses_nothing() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let mut stream = echoes.connect();
        let id = echoes.wait(0, |echo, _| echo.held.keys().next().copied());
        for round in 0..100 {
            stream.write_all(&[round; 10]).unwrap();
            echoes.ask(0, move |_, io| {
                io.pause_receive(id);
                if round % 2 == 0 {
                    io.resume_receive(id);
                    io.pause_receive(id);
                }
            });
            echoes.ask(0, move |_, io| io.resume_receive(id));
            let mut back = [0; 10];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [round; 10], "level {level}");
        }
    }
}

#[test]
fn a_closed_listener_is_not_answered() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let listener = echoes.ask(0, |_, io| {
            io.listen_tcp(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
        });
        let address = echoes.ask(0, move |_, io| io.local_address(listener)).unwrap();
        drop(std::net::TcpStream::connect(address).unwrap());
        echoes.ask(0, move |_, io| io.close_listener(listener));
        echoes.wait(0, move |_, io| io.local_address(listener).is_none().then_some(()));
        assert!(std::net::TcpStream::connect(address).is_err(), "level {level}");
        // The first listener is still there.
        drop(echoes.connect());
    }
}
