//! Owns a node under test: its folder, its config, its process, and that nothing of them stays behind.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;

/// Nothing here takes so long; a test that waits longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
/// Starts that may find their ports taken.
pub(crate) const START_TRIES: u32 = 20;
/// Below the ports that the kernel gives to clients.
const PORT_FIRST: u16 = 12_000;
const PORT_COUNT: u16 = 20_000;

/// How a node is to be started.
pub(crate) struct Setup {
    config: Value,
    flags: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// The data folder is a tmpfs of so many bytes, seen by the node alone.
    tmpfs_bytes: Option<u64>,
    /// Bytes of a file that takes room there.
    pub(crate) ballast_bytes: u64,
    /// Standard error is a pipe, and nobody reads it.
    is_unread: bool,
    open_files: Option<u64>,
}

/// The node's program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_hyperiond");

/// The program with a tmpfs for a folder, a file in it that takes room. The mount is seen by this process alone and goes with it.
pub(crate) fn in_tmpfs(folder: &Path, bytes: u64, ballast_bytes: u64) -> Command {
    let script = "mount -t tmpfs -o size=$1 none \"$2\" && head -c $3 /dev/zero > \"$2/ballast\" \
         && binary=$4 && shift 4 && exec \"$binary\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", &bytes.to_string()]);
    command.arg(folder).arg(ballast_bytes.to_string()).arg(BINARY);
    command
}

/// Removes the file that takes room in the tmpfs of a process.
pub(crate) fn drop_ballast(pid: u32, folder: &Path) {
    let inside = PathBuf::from(format!("/proc/{pid}/root{}/ballast", folder.display()));
    fs::remove_file(inside).expect("the ballast is there");
}

impl Setup {
    /// One core, segments of 1 MiB, durability `interval`.
    pub(crate) fn new() -> Self {
        let config = json!({
            "cluster_id": "11111111-2222-4333-8444-555555555555",
            "nodes": [{
                "name": "node-1",
                "uuid": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
                "cores": one_cpu().to_string(),
                "resp_cores": 0,
            }],
            "settings": {
                "durability": "interval",
                "sync_interval_ms": 20,
                "segment_bytes": "1MiB",
                "memory_bytes_max": "256MiB",
                "limits": {},
            },
        });
        Self {
            config,
            flags: Vec::new(),
            environment: Vec::new(),
            tmpfs_bytes: None,
            ballast_bytes: 0,
            is_unread: false,
            open_files: None,
        }
    }

    /// Two cores; `None`, with the reason printed, where the machine has one.
    pub(crate) fn two_cores() -> Option<Self> {
        two_cpus().map(|cores| Self::new().at("/nodes/0/cores", json!(cores)))
    }

    /// Sets a field of the config, by its JSON pointer.
    pub(crate) fn at(mut self, pointer: &str, value: Value) -> Self {
        put(&mut self.config, pointer, value);
        self
    }

    pub(crate) fn durability(self, mode: &str) -> Self {
        self.at("/settings/durability", json!(mode))
    }

    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    pub(crate) fn environment(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The data folder is a small tmpfs with a file of `ballast_bytes` in it.
    pub(crate) fn tmpfs(mut self, bytes: u64, ballast_bytes: u64) -> Self {
        self.tmpfs_bytes = Some(bytes);
        self.ballast_bytes = ballast_bytes;
        self
    }

    /// The node may open so few files.
    pub(crate) fn open_files(mut self, count: u64) -> Self {
        self.open_files = Some(count);
        self
    }

    /// Nobody reads what the node says.
    pub(crate) fn unread(mut self) -> Self {
        self.is_unread = true;
        self
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(self) -> Node {
        let mut node = self.prepare();
        node.start();
        node
    }

    /// Starts it, to see it refuse: exit code and standard error.
    pub(crate) fn refusal(self) -> (i32, String) {
        self.prepare().refusal()
    }

    /// The folder and the config, without a process.
    pub(crate) fn prepare(self) -> Node {
        let folder = Folder::new();
        let node = Node {
            setup: self,
            folder,
            child: None,
            ports: [0; 3],
            secured_ports: [0; 3],
            starts: 0,
        };
        fs::create_dir(node.data()).expect("the folder is new");
        node.write_config(&node.setup.config);
        node
    }
}

/// A node under test. Dropping it ends the process and removes the folder.
pub(crate) struct Node {
    setup: Setup,
    folder: Folder,
    child: Option<Child>,
    /// For Redis clients, for HTTP, for the first core's own clients (the second core has the next).
    ports: [u16; 3],
    /// For Redis clients and for HTTP with TLS, where the config asks for them.
    secured_ports: [u16; 3],
    starts: u32,
}

impl Node {
    // ---- the process

    /// Starts it, on other ports when these are taken, and waits until it serves.
    pub(crate) fn start(&mut self) {
        for _ in 0..START_TRIES {
            self.launch();
            if self.becomes_ready() {
                return;
            }
            let log = self.log();
            assert!(log.contains("cannot listen on"), "the node did not start:\n{log}");
            self.ports = [0; 3];
        }
        panic!("no free ports after {START_TRIES} tries");
    }

    /// Starts the process and does not wait for it.
    pub(crate) fn launch(&mut self) {
        assert!(self.child.is_none(), "the node runs already");
        if self.ports[0] == 0 {
            self.ports = free_ports();
            self.secured_ports = free_ports();
        }
        self.write_ports();
        self.starts += 1;
        let log = fs::File::create(self.log_path()).expect("the folder is ours");
        let mut command = self.command();
        command
            .args(["--config".as_ref(), self.config_path().as_os_str()])
            .args(["--data".as_ref(), self.data().as_os_str()])
            .args(&self.setup.flags)
            .envs(self.setup.environment.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(if self.setup.is_unread { Stdio::piped() } else { Stdio::from(log) });
        self.child = Some(command.spawn().expect("the binary is built"));
    }

    fn command(&self) -> Command {
        if let Some(count) = self.setup.open_files {
            let mut command = Command::new("sh");
            let script = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
            command.args(["-c", &script, BINARY]);
            return command;
        }
        let Some(bytes) = self.setup.tmpfs_bytes else { return Command::new(BINARY) };
        in_tmpfs(&self.data(), bytes, self.setup.ballast_bytes)
    }

    /// Removes the file that takes room in the tmpfs.
    pub(crate) fn drop_ballast(&self) {
        drop_ballast(self.pid(), &self.data());
    }

    fn becomes_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.has_ended() {
                return false;
            }
            if (self.setup.is_unread || self.log().contains("ready: Redis clients on"))
                && Client::try_tcp(self.resp()).is_ok()
            {
                return true;
            }
            sleep(PAUSE);
        }
        panic!("the node was not ready within {PATIENCE:?}:\n{}", self.log());
    }

    /// Whether the process has ended by itself; it is forgotten then.
    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("the node was started");
        let ended = child.try_wait().expect("it is our child").is_some();
        if ended {
            self.child = None;
        }
        ended
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("the node runs");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        self.signal_term();
        self.wait_end().code().expect("it ends by itself")
    }

    pub(crate) fn signal_term(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &line]).status().expect("sh is there").success());
    }

    /// Waits until the process ends by itself.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the node runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("it is our child") {
                return status;
            }
            if Instant::now() > deadline {
                self.child = Some(child);
                panic!("the node did not end within {PATIENCE:?}:\n{}", self.log());
            }
            sleep(PAUSE);
        }
    }

    /// Starts it, to see it refuse: exit code and standard error.
    pub(crate) fn refusal(&mut self) -> (i32, String) {
        for _ in 0..START_TRIES {
            self.launch();
            let code = self.wait_end().code().expect("it ends by itself");
            let log = self.log();
            if !log.contains("cannot listen on") {
                return (code, log);
            }
            self.ports = [0; 3];
        }
        panic!("no free ports after {START_TRIES} tries");
    }

    pub(crate) fn kill_and_start(&mut self) {
        self.kill();
        self.start();
    }

    /// Gives a flag without a value to the starts that follow, or takes it away.
    pub(crate) fn set_flag(&mut self, name: &str, is_given: bool) {
        self.setup.flags.retain(|flag| flag != name);
        if is_given {
            self.setup.flags.push(name.to_owned());
        }
    }

    /// SIGTERM, then the next start with a changed config.
    pub(crate) fn stop_and_start_with(&mut self, changes: &[(&str, Value)]) {
        assert_eq!(self.stop(), 0, "{}", self.log());
        self.edit(changes);
        self.start();
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        !self.has_ended()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node runs").id()
    }

    /// A figure of `/proc/PID/status` in bytes, such as `VmRSS` or `VmHWM`.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the node runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok())
            .expect("the kernel shows it");
        kibibytes << 10
    }

    /// Bytes of memory of the node, but for what the store has asked huge pages for: of that, the system takes and gives as it likes.
    pub(crate) fn memory_but_arenas(&self) -> u64 {
        let maps =
            fs::read_to_string(format!("/proc/{}/smaps", self.pid())).expect("the node runs");
        let (mut sum, mut resident) = (0, 0);
        for line in maps.lines() {
            if let Some(kibibytes) = line.strip_prefix("Rss:") {
                let number = kibibytes.trim().trim_end_matches(" kB");
                resident = number.parse::<u64>().expect("the kernel shows kibibytes") << 10;
            } else if let Some(flags) = line.strip_prefix("VmFlags:") {
                let is_arena = flags.split_whitespace().any(|flag| flag == "hg");
                sum += if is_arena { 0 } else { resident };
            }
        }
        assert!(sum > 0, "the kernel shows no memory of the node");
        sum
    }

    // ---- places

    pub(crate) fn resp(&self) -> SocketAddr {
        address(self.ports[0])
    }

    pub(crate) fn http(&self) -> SocketAddr {
        address(self.ports[1])
    }

    /// For Redis clients that speak TLS; the config must ask for it.
    pub(crate) fn resp_tls(&self) -> SocketAddr {
        address(self.secured_ports[0])
    }

    /// For HTTP with TLS; the config must ask for it.
    pub(crate) fn http_tls(&self) -> SocketAddr {
        address(self.secured_ports[1])
    }

    /// The own address of a core; the config must ask for it.
    pub(crate) fn resp_core(&self, core: u16) -> SocketAddr {
        address(self.ports[2] + core)
    }

    pub(crate) fn client(&self) -> Client {
        Client::tcp(self.resp())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.0.join("config.json")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.0.join("standard-error.txt")
    }

    /// The segment files of a core, the oldest first.
    pub(crate) fn segments(&self, core: u16) -> Vec<PathBuf> {
        let folder = self.data().join(format!("core-{core:03}"));
        let entries = fs::read_dir(folder).expect("the node made it");
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("it reads").path()).collect();
        // Others are being made.
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "hyp"));
        paths.sort();
        paths
    }

    /// What the process has said since its last start, without colours.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log_path())
    }

    // ---- the config

    /// The config file as it is now.
    pub(crate) fn config(&self) -> Value {
        let text = fs::read(self.config_path()).expect("the config is there");
        serde_json::from_slice(&text).expect("the config is JSON")
    }

    /// Changes the config file of a node that does not run.
    pub(crate) fn edit(&self, changes: &[(&str, Value)]) {
        let mut config = self.config();
        for (pointer, value) in changes {
            put(&mut config, pointer, value.clone());
        }
        self.write_config(&config);
    }

    fn write_config(&self, config: &Value) {
        fs::write(self.config_path(), config.to_string()).expect("the folder is ours");
    }

    /// Writes ports into the config that nobody else has; a test may choose the IP address for Redis clients.
    fn write_ports(&self) {
        let Ok(text) = fs::read(self.config_path()) else { return };
        let Ok(mut config) = serde_json::from_slice::<Value>(&text) else { return };
        let Some(node) = config.pointer_mut("/nodes/0").and_then(Value::as_object_mut) else {
            return;
        };
        let ip = self
            .setup
            .config
            .pointer("/nodes/0/resp")
            .and_then(Value::as_str)
            .unwrap_or("127.0.0.1");
        node.insert("resp".to_owned(), json!(format!("{ip}:{}", self.ports[0])));
        node.insert("http".to_owned(), json!(self.http().to_string()));
        for (field, at) in [("resp_tls", self.resp_tls()), ("http_tls", self.http_tls())] {
            if node.contains_key(field) {
                node.insert(field.to_owned(), json!(at.to_string()));
            }
        }
        if node.get("resp_cores").is_some_and(|port| *port != json!(0)) {
            node.insert("resp_cores".to_owned(), json!(self.ports[2]));
        }
        self.write_config(&config);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            println!("--- start {} of the node said:\n{}", self.starts, self.log());
        }
    }
}

/// A folder of our own; dropping it removes it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path =
                std::env::temp_dir().join(format!("hyperion-test-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("no folder for a test at {}: {error}", path.display()),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until `is_so`, and panics with `what` when that takes too long.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        sleep(PAUSE);
    }
}

/// Waits until `state` is `None`, and panics with `what` when it stays the same for too long: what goes on may take its time.
pub(crate) fn wait_while_it_goes_on<T: PartialEq>(
    what: &str,
    mut state: impl FnMut() -> Option<T>,
) {
    let (mut last, mut deadline) = (None, Instant::now() + PATIENCE);
    while let Some(now) = state() {
        if last.as_ref() != Some(&now) {
            (last, deadline) = (Some(now), Instant::now() + PATIENCE);
        }
        assert!(Instant::now() < deadline, "nothing went on for {PATIENCE:?}: {what}");
        sleep(PAUSE);
    }
}

/// What a process wrote to a file, without colours.
pub(crate) fn read_log(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut plain = String::new();
    for (index, part) in text.split('\u{1b}').enumerate() {
        plain.push_str(if index == 0 {
            part
        } else {
            part.split_once('m').map_or("", |(_, rest)| rest)
        });
    }
    plain
}

pub(crate) fn put(config: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let parent = config.pointer_mut(parent).expect("the parent is there");
    let fields = parent.as_object_mut().expect("the parent is an object");
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Three ports and the one after the third, free a moment ago.
pub(crate) fn free_ports() -> [u16; 3] {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    loop {
        let draw = DRAWN.fetch_add(1, Ordering::Relaxed);
        let mixed = (std::process::id() ^ draw.wrapping_mul(0x9e37)).wrapping_mul(0x9e37_79b1) >> 8;
        let start = u16::try_from(mixed % u32::from(PORT_COUNT)).expect("it is below a port count");
        let first = PORT_FIRST + start;
        let ports = [first, first + 1, first + 2, first + 3];
        if ports.iter().all(|&port| TcpListener::bind(address(port)).is_ok()) {
            return [first, first + 1, first + 2];
        }
    }
}

/// The cpus that this process may use.
pub(crate) fn cpus() -> Vec<u16> {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel shows it");
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .expect("it is there");
    let number = |text: &str| text.trim().parse::<u16>().expect("cpus are numbers");
    list.split(',')
        .flat_map(|part| match part.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => number(part)..=number(part),
        })
        .collect()
}

/// Two cpus as a config names them; `None`, with the reason printed, where the machine has one.
pub(crate) fn two_cpus() -> Option<String> {
    let cpus = cpus();
    let [first, second, ..] = cpus.as_slice() else {
        println!("skipped: this process may use one cpu, the test needs two");
        return None;
    };
    Some(format!("{first},{second}"))
}

/// Tests of one machine are spread over its cpus.
fn one_cpu() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let cpus = cpus();
    let turn = std::process::id().wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
    cpus[turn as usize % cpus.len()]
}
