//! TLS between a peer and a core: the same bytes come back, at each ring level, however they are cut.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use rustls::HandshakeKind;

use super::harness::{HELD_BYTES_MAX, LEVELS, options, pattern, start};
use super::tls_harness::{Authority, Folder, Stream, client, connect, start_secured};
use crate::tls::{ClientAuth, TlsClient, TlsMaterial, TlsServer, Unsecured};
use crate::{CloseReason, RingLevel, Socket};

fn exchange(stream: &mut Stream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.flush().unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes, "{} bytes came back different", bytes.len());
}

fn secured(name: &str, level: RingLevel, authority: &Authority) -> Option<super::harness::Echoes> {
    start_secured(name, level, authority, ClientAuth::No, Unsecured::Refuse(b"-TLS\r\n".to_vec()))
}

#[test]
fn small_and_large_come_back_secured() {
    let authority = Authority::new();
    for level in LEVELS {
        let Some(echoes) = secured("large", level, &authority) else { continue };
        let mut stream = connect(&echoes, &client(&authority, None));
        for bytes in [1, 2, 64, 4096, 16 * 1024, 16 * 1024 + 1, 100_000, HELD_BYTES_MAX / 2] {
            exchange(&mut stream, &pattern(bytes));
        }
        assert_eq!(echoes.ask(0, |echo, _| echo.secured.len()), 1, "level {level}");
        // Both directions at once, more than sockets and echo hold: the echo pauses and goes on.
        let sent = pattern(6 << 20);
        let mut back = vec![0; sent.len()];
        let (mut at, mut read) = (0, 0);
        stream.sock.set_nonblocking(true).unwrap();
        while read < back.len() {
            let mut idle = true;
            if at < sent.len() {
                match stream.write(&sent[at..sent.len().min(at + 40_000)]) {
                    Ok(count) => (at, idle) = (at + count, false),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
                }
            }
            match stream.read(&mut back[read..]) {
                Ok(0) => panic!("level {level}: the echo ended at {read}"),
                Ok(count) => (read, idle) = (read + count, false),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
            if idle {
                std::thread::sleep(super::tls_harness::SILENT);
            }
        }
        assert!(back == sent, "level {level}: other bytes came back");
        let most = echoes.ask(0, |echo, _| echo.held_bytes_max);
        assert!(
            most < 3 * HELD_BYTES_MAX,
            "level {level}: the echo was given {most} bytes while it paused"
        );
    }
}

/// The peer says that it sends no more, and still reads: it gets all, and then the same word.
#[test]
fn a_peer_that_has_ended_gets_its_answer_and_the_word_of_the_end() {
    let authority = Authority::new();
    for level in LEVELS {
        let Some(echoes) = secured("ended", level, &authority) else { continue };
        for closes_socket in [false, true] {
            let mut stream = connect(&echoes, &client(&authority, None));
            let sent = pattern(300_000);
            exchange(&mut stream, b"here");
            stream.conn.set_buffer_limit(None);
            stream.conn.writer().write_all(&sent).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            if closes_socket {
                stream.sock.shutdown(Shutdown::Write).unwrap();
            }
            let mut back = Vec::new();
            stream.read_to_end(&mut back).expect("an end that was said is none that was cut");
            assert!(back == sent, "level {level}: {} bytes came back", back.len());
        }
        echoes.wait(0, |echo, _| (echo.closed.len() == 2).then_some(()));
        assert_eq!(echoes.ask(0, |echo, _| echo.faults.len()), 0, "level {level}");
    }
}

/// A socket that ends without the word: what came whole is answered, as without TLS.
#[test]
fn a_socket_that_ends_without_a_word_is_an_end_too() {
    let authority = Authority::new();
    for level in LEVELS {
        let Some(echoes) = secured("cut", level, &authority) else { continue };
        let mut stream = connect(&echoes, &client(&authority, None));
        stream.write_all(b"whole").unwrap();
        stream.flush().unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"whole", "level {level}");
    }
}

#[test]
fn a_core_that_closes_says_so_behind_its_last_words() {
    let authority = Authority::new();
    for level in LEVELS {
        let Some(echoes) = secured("last", level, &authority) else { continue };
        echoes.ask(0, |echo, _| echo.last_words = Some(b"bye"));
        let mut stream = connect(&echoes, &client(&authority, None));
        stream.write_all(b"quit").unwrap();
        stream.flush().unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"bye", "level {level}");
    }
}

#[test]
fn a_session_goes_on_without_a_full_handshake() {
    let authority = Authority::new();
    let Some(echoes) = secured("resumed", RingLevel::V5_15, &authority) else { return };
    let client = client(&authority, None);
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let mut stream = connect(&echoes, &client);
        exchange(&mut stream, b"a word, behind which the ticket has come");
        assert_eq!(stream.conn.handshake_kind(), Some(expected));
    }
    let stats = echoes.ask(0, |_, io| *io.stats());
    assert_eq!((stats.tls_handshakes, stats.tls_resumed, stats.tls_failures), (3, 2, 0));
}

/// A record cut anywhere is a record.
#[test]
fn bytes_that_come_one_by_one_are_put_together() {
    let authority = Authority::new();
    let Some(echoes) = secured("single", RingLevel::V5_15, &authority) else { return };
    let mut stream = connect(&echoes, &client(&authority, None));
    let mut said = Vec::new();
    while stream.conn.is_handshaking() || stream.conn.wants_write() {
        while stream.conn.wants_write() {
            said.clear();
            stream.conn.write_tls(&mut said).unwrap();
            for byte in said.chunks(1) {
                stream.sock.write_all(byte).unwrap();
            }
        }
        if stream.conn.is_handshaking() {
            stream.conn.read_tls(&mut stream.sock).unwrap();
            stream.conn.process_new_packets().unwrap();
        }
    }
    exchange(&mut stream, b"here");
}

/// On an address that takes both, the first byte tells.
#[test]
fn who_may_do_without_is_taken_as_it_comes() {
    let authority = Authority::new();
    for level in LEVELS {
        let both = Unsecured::Accept;
        let echoes = start_secured("both", level, &authority, ClientAuth::No, both);
        let Some(echoes) = echoes else { continue };
        let mut plain = echoes.connect();
        plain.write_all(b"plain").unwrap();
        let mut back = [0; 5];
        plain.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"plain", "level {level}");
        exchange(&mut connect(&echoes, &client(&authority, None)), b"secured");
        drop(plain);
        echoes.wait(0, |echo, _| (echo.closed.len() == 2).then_some(()));
        assert!(
            echoes.ask(0, |echo, _| echo.closed.iter().all(|(_, why)| *why != CloseReason::Tls))
        );
    }
}

/// Two cores, one of which dials the other: both show what the authority has signed, and both know the same secret bytes.
#[test]
fn a_core_that_dials_speaks_it_too() {
    let authority = Authority::new();
    let both = Unsecured::Accept;
    for level in LEVELS {
        let server = start_secured("dialed", level, &authority, ClientAuth::Required, both.clone());
        let (Some(server), Some(dialer)) = (server, start(&options(level, 1))) else { continue };
        let folder = Folder::new("dialer");
        let files = folder.files(&authority.sign(false), Some(&authority));
        let shown = TlsClient::new(&TlsMaterial::read(&files).unwrap()).unwrap();
        let socket = Socket::from_tcp(server.connect()).unwrap();
        dialer.ask(0, move |echo, io| {
            let id = io.open_secured_to(socket, &shown).unwrap();
            echo.held.insert(id, super::harness::Held::default());
            // It leaves when the handshake is through, and then goes to and fro.
            assert!(io.send(id, &mut b"hello".to_vec()) && io.is_sending(id));
        });
        let key = |echoes: &super::harness::Echoes| {
            echoes.wait(0, |echo, io| {
                let id = *echo.secured.first()?;
                let key = io.secured_key(id, b"EXPORTER-test")?;
                (io.stats().receives > 3).then_some(key)
            })
        };
        assert_eq!(key(&server), key(&dialer), "level {level}");
    }
}

/// What is equal makes equal servers, and sessions go on from one another only within one.
#[test]
fn what_the_files_held_is_compared() {
    let (authority, folder) = (Authority::new(), Folder::new("compared"));
    let signed = authority.sign(false);
    let first = TlsMaterial::read(&folder.files(&signed, Some(&authority))).unwrap();
    assert_eq!(first, TlsMaterial::read(&folder.files(&signed, Some(&authority))).unwrap());
    let renewed = folder.files(&authority.sign(false), Some(&authority));
    assert_ne!(first, TlsMaterial::read(&renewed).unwrap());
    let server = TlsServer::new(&first, ClientAuth::No).unwrap();
    assert!(
        server.is(&server.clone()) && !server.is(&TlsServer::new(&first, ClientAuth::No).unwrap())
    );
}
