//! An echo core and a way to start some, at each ring level, and to run closures on them.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    CloseReason, ConnectionId, Core, CoreError, Handles, Io, ListenerId, Postboxes, RingLevel,
    RuntimeError, RuntimeOptions, Socket, available_cpus, run,
    tls::{TlsServer, Unsecured},
};

/// Long enough for a slow machine; no test waits it out when all is well.
pub(super) const HANG: Duration = Duration::from_secs(60);
pub(super) const LEVELS: [RingLevel; 3] = [RingLevel::V5_15, RingLevel::V6_1, RingLevel::V6_6];
/// An echo that holds more than this stops receiving.
pub(super) const HELD_BYTES_MAX: usize = 1 << 20;

pub(super) type Note = Box<dyn FnOnce(&mut Echo, &mut Io<u64>) + Send>;

#[derive(Default)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    ended: bool,
    /// The ring has the buffer.
    pub(super) is_away: bool,
}

/// Sends back what it receives; keeps what it saw.
#[derive(Default)]
pub(super) struct Echo {
    pub(super) held: HashMap<ConnectionId, Held>,
    pub(super) held_bytes_max: usize,
    pub(super) closed: Vec<(ConnectionId, CloseReason)>,
    pub(super) mails: Vec<(usize, u64)>,
    pub(super) to_post: Vec<(usize, u64)>,
    pub(super) refused_posts: usize,
    pub(super) files_done: Vec<(u64, io::Result<()>)>,
    pub(super) ticks: usize,
    pub(super) refuse_with: Option<&'static [u8]>,
    /// Close each connection after this reply.
    pub(super) last_words: Option<&'static [u8]>,
    /// Each input and each mail takes all the time that a turn has for such.
    pub(super) slow: bool,
    /// Has input received into a buffer of its own, so many bytes at a time.
    pub(super) fills: usize,
    pub(super) filled_bytes: usize,
    /// Speak TLS with who connects.
    pub(super) tls: Option<(TlsServer, Unsecured)>,
    pub(super) secured: Vec<ConnectionId>,
    /// Why TLS ended connections.
    pub(super) faults: Vec<String>,
}

/// What lies in a buffer before it is filled.
const BEFORE: &[u8] = b"before";

impl Echo {
    fn begin_filling(&mut self, io: &mut Io<u64>, connection: ConnectionId) {
        let mut buffer = BEFORE.to_vec();
        if self.fills > 0 && io.fill(connection, &mut buffer, self.fills) {
            assert!(buffer.is_empty(), "the ring has the buffer");
            self.held.get_mut(&connection).expect("it is open").is_away = true;
        }
    }
}

impl Core for Echo {
    type Mail = u64;
    type Note = Note;

    fn accepted(&mut self, io: &mut Io<u64>, _: ListenerId, socket: Socket) {
        let opened = match &self.tls {
            Some((server, otherwise)) => io.open_secured(socket, server, otherwise.clone()),
            None => io.open(socket),
        };
        match opened {
            Ok(id) => assert!(self.held.insert(id, Held::default()).is_none(), "{id:?} twice"),
            Err(socket) => io.refuse(socket, self.refuse_with.unwrap_or(b"full")),
        }
    }

    fn received(&mut self, io: &mut Io<u64>, connection: ConnectionId, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "received nothing");
        let held = self.held.get_mut(&connection).expect("bytes only of open connections");
        held.bytes.extend_from_slice(bytes);
        self.held_bytes_max = self.held_bytes_max.max(held.bytes.len());
        while self.slow && !io.is_part_over() {}
        if held.bytes.len() > HELD_BYTES_MAX {
            io.pause_receive(connection);
        } else {
            self.begin_filling(io, connection);
        }
    }

    fn filled(
        &mut self,
        io: &mut Io<u64>,
        connection: ConnectionId,
        buffer: Vec<u8>,
        bytes: usize,
    ) {
        let held = self.held.get_mut(&connection).expect("buffers only of open connections");
        assert!(std::mem::take(&mut held.is_away), "a buffer came back that was not away");
        let came = buffer.strip_prefix(BEFORE).expect("what was in it stays");
        assert!(came.len() == bytes && bytes <= self.fills, "{bytes} bytes more");
        held.bytes.extend_from_slice(came);
        self.held_bytes_max = self.held_bytes_max.max(held.bytes.len());
        self.filled_bytes += bytes;
        if held.bytes.len() > HELD_BYTES_MAX {
            io.pause_receive(connection);
        } else if bytes > 0 {
            self.begin_filling(io, connection);
        }
    }

    fn secured(&mut self, io: &mut Io<u64>, connection: ConnectionId) {
        assert!(io.is_secured(connection) && self.held[&connection].bytes.is_empty());
        self.secured.push(connection);
    }

    fn insecure(&mut self, _: &mut Io<u64>, connection: ConnectionId, why: &str) {
        assert!(self.held.contains_key(&connection), "{connection:?} was closed before");
        self.faults.push(why.to_owned());
    }

    fn ended(&mut self, _: &mut Io<u64>, connection: ConnectionId) {
        self.held.get_mut(&connection).expect("ends only open connections").ended = true;
    }

    fn sent(&mut self, io: &mut Io<u64>, connection: ConnectionId) {
        assert!(!io.is_sending(connection), "{connection:?} is sent and sending");
    }

    fn closed(&mut self, _: &mut Io<u64>, connection: ConnectionId, why: CloseReason) {
        assert!(self.held.remove(&connection).is_some(), "{connection:?} closed twice");
        self.closed.push((connection, why));
    }

    fn mail(&mut self, io: &mut Io<u64>, from: usize, mail: u64) {
        while self.slow && !io.is_part_over() {}
        self.mails.push((from, mail));
    }

    fn note(&mut self, io: &mut Io<u64>, note: Note) {
        note(self, io);
    }

    fn file_done(&mut self, _: &mut Io<u64>, token: u64, result: io::Result<()>) {
        self.files_done.push((token, result));
    }

    fn tick(&mut self, _: &mut Io<u64>) {
        self.ticks += 1;
    }

    fn turn_end(&mut self, io: &mut Io<u64>) {
        for (id, held) in &mut self.held {
            if !held.bytes.is_empty() && !io.is_sending(*id) {
                if let Some(words) = self.last_words {
                    held.bytes = words.to_vec();
                }
                assert!(io.send(*id, &mut held.bytes), "{id:?} did not send");
                if self.last_words.is_some() {
                    io.close_after_send(*id);
                } else if !held.ended {
                    io.resume_receive(*id);
                }
            }
            if held.ended && held.bytes.is_empty() {
                io.close_after_send(*id);
            }
        }
        while let Some((core, mail)) = self.to_post.pop() {
            if let Err(mail) = io.post(core, mail) {
                self.refused_posts += 1;
                self.to_post.push((core, mail));
                return;
            }
        }
    }
}

/// Running echo cores; stopped and joined on drop.
pub(super) struct Echoes {
    handles: Option<Handles<String>>,
    postboxes: Postboxes<Note>,
    pub(super) addresses: Vec<SocketAddr>,
}

/// `count` cpus, the same one twice if there are too few.
pub(super) fn cpus(count: usize) -> Vec<usize> {
    let available = available_cpus().unwrap();
    (0..count).map(|core| available[core % available.len()]).collect()
}

pub(super) fn options(level: RingLevel, cores: usize) -> RuntimeOptions {
    RuntimeOptions { cpus: cpus(cores), level: Some(level), ..RuntimeOptions::default() }
}

/// Starts echo cores; `None` when the kernel does not have the level.
pub(super) fn start(options: &RuntimeOptions) -> Option<Echoes> {
    let postboxes = Postboxes::new(options.cpus.len()).unwrap();
    let (address, addresses) = mpsc::channel();
    let started = run(options, &postboxes, move |core, io| -> Result<Echo, String> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = io.listen_tcp(any).map_err(|error| error.to_string())?;
        address.send((core, io.local_address(listener).unwrap())).unwrap();
        Ok(Echo::default())
    });
    let handles = match started {
        Ok(handles) => handles,
        Err(RuntimeError::LevelMissing { level }) => {
            eprintln!("left out: this kernel has no level {level}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let mut found: Vec<_> =
        (0..options.cpus.len()).map(|_| addresses.recv_timeout(HANG).unwrap()).collect();
    found.sort_unstable();
    let addresses = found.into_iter().map(|(_, address)| address).collect();
    Some(Echoes { handles: Some(handles), postboxes, addresses })
}

impl Echoes {
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[0]).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        stream
    }

    /// Runs `ask` on a core and gives its answer.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        core: usize,
        ask: impl FnOnce(&mut Echo, &mut Io<u64>) -> T + Send + 'static,
    ) -> T {
        let (answer, answers) = mpsc::channel();
        let note: Note = Box::new(move |echo, io| answer.send(ask(echo, io)).unwrap());
        assert!(self.postboxes.to(core).post(note).is_ok(), "postbox full");
        answers.recv_timeout(HANG).expect("the core answers")
    }

    /// Asks until the answer is there.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        core: usize,
        ask: impl Fn(&mut Echo, &mut Io<u64>) -> Option<T> + Send + Clone + 'static,
    ) -> T {
        let begin = std::time::Instant::now();
        loop {
            if let Some(answer) = self.ask(core, ask.clone()) {
                return answer;
            }
            assert!(begin.elapsed() < HANG, "waited in vain");
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn join(&mut self) -> Result<(), CoreError<String>> {
        self.handles.take().expect("joined once").join()
    }
}

impl Drop for Echoes {
    fn drop(&mut self) {
        if let Some(handles) = self.handles.take() {
            handles.stop();
            let result = handles.join();
            if !thread::panicking() {
                result.unwrap();
            }
        }
    }
}

pub(super) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

/// Sends from a second thread, so that neither side waits for the other's buffers.
pub(super) fn exchange_large(stream: &mut TcpStream, bytes: &[u8]) {
    thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        scope.spawn(move || writer.write_all(bytes).unwrap());
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).unwrap();
        assert!(back == bytes, "{} bytes came back different", bytes.len());
    });
}
