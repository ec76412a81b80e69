//! A server small enough to be wrong in no way but the one a test asks for.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use hyperion_wire::{Encoder, Limits, Parsed, Parser, Protocol};

/// What the server does besides answering.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// Wants `AUTH secret` first.
    pub(crate) wants_password: bool,
    /// Closes each connection after so many commands.
    pub(crate) closes_after: Option<u32>,
    /// Answers each command with an error.
    pub(crate) refuses: bool,
}

type Data = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

/// A server on a port of its own, and what it holds. Its threads end with the test's process.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) data: Data,
}

impl Server {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let data = Data::default();
        let shared = Arc::clone(&data);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let data = Arc::clone(&shared);
                thread::spawn(move || serve(socket.unwrap(), &data, behaviour));
            }
        });
        Self { port, data }
    }
}

fn serve(mut socket: TcpStream, data: &Data, behaviour: Behaviour) {
    socket.set_nodelay(true).unwrap();
    let (mut parser, mut spans) = (Parser::new(), Vec::new());
    let (mut input, mut out, mut piece) = (Vec::new(), Vec::new(), [0; 4096]);
    let (mut is_in, mut left) = (!behaviour.wants_password, behaviour.closes_after);
    loop {
        let Ok(length @ 1..) = socket.read(&mut piece) else { return };
        input.extend_from_slice(&piece[..length]);
        let mut start = 0;
        while let Ok(Parsed::Command { consumed }) =
            parser.parse(&input[start..], &Limits::DEFAULT, &mut spans)
        {
            let words: Vec<&[u8]> = spans.iter().map(|span| span.of(&input[start..])).collect();
            let mut encoder = Encoder::new(&mut out, Protocol::Resp2);
            match words.as_slice() {
                [b"AUTH", b"secret"] => {
                    is_in = true;
                    encoder.simple("OK");
                }
                [b"AUTH", ..] => encoder.error("WRONGPASS invalid password"),
                [b"INFO", ..] => encoder.bulk(b"# Server\r\n"),
                _ if behaviour.refuses || !is_in => encoder.error("NOAUTH log in"),
                words => answer(words, data, &mut encoder),
            }
            start += consumed;
            if let Some(left) = &mut left {
                *left -= 1;
                if *left == 0 {
                    return;
                }
            }
        }
        input.drain(..start);
        if socket.write_all(&out).is_err() {
            return;
        }
        out.clear();
    }
}

fn answer(words: &[&[u8]], data: &Data, encoder: &mut Encoder<'_>) {
    let mut data = data.lock().unwrap();
    match words {
        [b"PING"] => encoder.simple("PONG"),
        [b"GET", key] => match data.get(*key) {
            Some(value) => encoder.bulk(value),
            None => encoder.null(),
        },
        [b"SET", key, value] => {
            data.insert(key.to_vec(), value.to_vec());
            encoder.simple("OK");
        }
        [b"INCR", key] => {
            let value = data.entry(key.to_vec()).or_default();
            value.push(b'x');
            encoder.integer(i64::try_from(value.len()).unwrap());
        }
        [b"DEL", key] => encoder.integer(i64::from(data.remove(*key).is_some())),
        [b"EXISTS", key] => encoder.integer(i64::from(data.contains_key(*key))),
        _ => encoder.error("ERR unknown command"),
    }
}
