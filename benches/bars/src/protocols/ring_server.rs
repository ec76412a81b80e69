//! Owns the server of frames: one core of `io/runtime`, the frames and parts of `io/wire`, as links between nodes have them.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;

use hyperion_runtime::{
    CloseReason, ConnectionId, Core, Io, ListenerId, Postboxes, RuntimeOptions, Socket, run,
};
use hyperion_wire::peer::{Body, FrameParser, Framed, Kind, Message, Parts, PartsReader, Pong};

use super::frames::ECHO;
use super::server::SERVER_CPU;

/// The least rest of a frame that is received into its place.
const FILL_BYTES_MIN: usize = 16 << 10;

/// One link.
#[derive(Default)]
struct Link {
    /// What came and is no whole frame yet.
    input: Vec<u8>,
    /// Bytes of input before which another look is in vain.
    bytes_min: usize,
    parts: PartsReader,
    output: Vec<u8>,
}

impl Link {
    /// Answers what is there whole.
    ///
    /// Errors: the client does not speak our frames.
    fn take(&mut self) -> Result<(), Box<dyn Error>> {
        if self.input.len() < self.bytes_min {
            return Ok(());
        }
        let mut taken = 0;
        loop {
            match FrameParser::new().parse(&self.input[taken..])? {
                Framed::Incomplete { bytes_min } => {
                    self.bytes_min = bytes_min;
                    break;
                }
                Framed::Frame { frame, consumed } => {
                    taken += consumed;
                    let Message::Part(part) = Message::decode(&frame)? else {
                        return Err("a frame that is no part".into());
                    };
                    let number = part.stream;
                    if let Some((kind, body)) = self.parts.take(&part)? {
                        answer(kind, number, body, &mut self.output)?;
                    }
                }
            }
        }
        self.input.drain(..taken);
        Ok(())
    }

    /// Answers what is there, and has the rest of a long frame received into its place, as links between nodes do.
    fn go_on(&mut self, io: &mut Io<()>, connection: ConnectionId) {
        if let Err(error) = self.take() {
            eprintln!("bars: {error}");
            return io.close(connection);
        }
        let missing = self.bytes_min.saturating_sub(self.input.len());
        if missing >= FILL_BYTES_MIN {
            self.input.reserve_exact(missing);
            io.fill(connection, &mut self.input, missing);
        }
    }
}

fn answer(
    kind: Kind,
    number: u64,
    body: Vec<u8>,
    output: &mut Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    if kind == ECHO {
        let mut parts = Parts::new(kind, number, body)?;
        while !parts.is_done() {
            parts.encode_next(output);
        }
    } else {
        Pong { stamp_ns: number }.encode(output)?;
    }
    Ok(())
}

/// Answers each body with itself, or with a word.
#[derive(Default)]
struct Answers {
    links: HashMap<ConnectionId, Link>,
}

impl Core for Answers {
    type Mail = ();
    type Note = ();

    fn accepted(&mut self, io: &mut Io<()>, _: ListenerId, socket: Socket) {
        match io.open(socket) {
            Ok(id) => {
                self.links.insert(id, Link::default());
            }
            Err(socket) => io.refuse(socket, b"full"),
        }
    }

    fn received(&mut self, io: &mut Io<()>, connection: ConnectionId, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        link.input.extend_from_slice(bytes);
        link.go_on(io, connection);
    }

    fn filled(&mut self, io: &mut Io<()>, connection: ConnectionId, buffer: Vec<u8>, _: usize) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        link.input = buffer;
        link.go_on(io, connection);
    }

    fn sent(&mut self, _: &mut Io<()>, _: ConnectionId) {}

    fn closed(&mut self, _: &mut Io<()>, connection: ConnectionId, _: CloseReason) {
        self.links.remove(&connection);
    }

    fn mail(&mut self, _: &mut Io<()>, _: usize, (): ()) {}

    fn note(&mut self, _: &mut Io<()>, (): ()) {}

    fn file_done(&mut self, _: &mut Io<()>, _: u64, _: io::Result<()>) {}

    fn tick(&mut self, _: &mut Io<()>) {}

    fn turn_end(&mut self, io: &mut Io<()>) {
        for (id, link) in &mut self.links {
            if !link.output.is_empty() {
                // What is in flight is followed by the rest when it has left.
                io.send(*id, &mut link.output);
            }
        }
    }
}

/// Serves on one core.
pub(super) fn serve(
    say_address: impl Fn(SocketAddr),
    wait_for_the_end: impl Fn(),
) -> Result<(), Box<dyn Error>> {
    let options = RuntimeOptions { cpus: vec![SERVER_CPU], ..RuntimeOptions::default() };
    let postboxes = Postboxes::new(1)?;
    let (address, addresses) = mpsc::channel();
    let handles =
        run(&options, &postboxes, move |_, io: &mut Io<()>| -> Result<Answers, String> {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = io.listen_tcp(any).map_err(|error| error.to_string())?;
            let ours = io.local_address(listener).ok_or("a listener has an address")?;
            address.send(ours).map_err(|error| error.to_string())?;
            Ok(Answers::default())
        })?;
    say_address(addresses.recv()?);
    wait_for_the_end();
    handles.stop();
    handles.join().map_err(|error| error.to_string().into())
}
