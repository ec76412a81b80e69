//! Owns a cluster under test: its folders, its config, a process a node, and that nothing of them stays behind.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use hyperion_model::slot_of;
use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::{Client, command, show, words};
use super::harness::{
    BINARY, Folder, PATIENCE, PAUSE, START_TRIES, address, cpus, drop_ballast, free_ports,
    in_tmpfs, put, read_log, wait_for,
};
use super::http_call::{get, try_get};

/// Times that a client is sent on before it gives up.
const HOPS_MAX: u32 = 8;

/// Nodes of one config; they are counted from 1, as in the config. Dropping it ends the processes and removes the folders.
pub(crate) struct Cluster {
    folder: Folder,
    config: Value,
    environment: Vec<(&'static str, String)>,
    /// A node whose data folder is a tmpfs of so many bytes, so many of them taken, that it alone sees.
    tmpfs: Option<(u32, u64, u64)>,
    nodes: Vec<Member>,
}

struct Member {
    /// For Redis clients, for HTTP, for other nodes.
    ports: [u16; 3],
    child: Option<Child>,
    starts: u32,
}

impl Cluster {
    // ---- the config

    /// `count` nodes of one core each, 64 partitions, every node with a copy of everything; nothing runs yet.
    pub(crate) fn plan(count: u32) -> Self {
        let cpus = cpus();
        let node = |number: u32| {
            json!({
                "id": number,
                "name": format!("n{number}"),
                "uuid": format!("0000000{number}-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
                "cores": cpus[number as usize % cpus.len()].to_string(),
                "resp_cores": 0,
            })
        };
        let config = json!({
            "cluster_id": "11111111-2222-4333-8444-555555555555",
            "epoch": 1,
            "mode": "duplication",
            "replication": count,
            "partitions": 64,
            "nodes": (1..=count).map(node).collect::<Vec<_>>(),
            "settings": {
                "durability": "interval",
                "sync_interval_ms": 20,
                "segment_bytes": "4MiB",
                "memory_bytes_max": "512MiB",
                "auth": {},
            },
        });
        let nodes = (0..count).map(|_| Member { ports: [0; 3], child: None, starts: 0 }).collect();
        let environment = Vec::new();
        let mut cluster = Self { folder: Folder::new(), config, environment, tmpfs: None, nodes };
        cluster.draw_ports();
        cluster
    }

    /// Sets a field of the config of all nodes, by its JSON pointer.
    pub(crate) fn at(mut self, pointer: &str, value: Value) -> Self {
        put(&mut self.config, pointer, value);
        self
    }

    /// Sets a variable in the environment of all nodes.
    /// A node gets a small disk, `taken` bytes of it for a file that [`super::harness::drop_ballast`] removes.
    pub(crate) fn tmpfs(mut self, node: u32, bytes: u64, taken: u64) -> Self {
        self.tmpfs = Some((node, bytes, taken));
        self
    }

    /// The room on a node's small disk is given back.
    pub(crate) fn drop_ballast(&mut self, node: u32) {
        let pid = self.member(node).child.as_ref().expect("the node runs").id();
        drop_ballast(pid, &self.data(node));
    }

    pub(crate) fn environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// What the processes that start from now on find in their environment.
    pub(crate) fn set_environment(&mut self, environment: &[(&'static str, &str)]) {
        self.environment =
            environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    }

    fn draw_ports(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.ports = free_ports();
            for (field, port) in ["resp", "http", "peer"].into_iter().zip(node.ports) {
                put(
                    &mut self.config,
                    &format!("/nodes/{index}/{field}"),
                    json!(address(port).to_string()),
                );
            }
        }
    }

    /// The config that all nodes begin with.
    pub(crate) fn config(&self) -> &Value {
        &self.config
    }

    /// The entry of one more node, for a config; its process can be started under its number from then on.
    pub(crate) fn add_entry(&mut self) -> Value {
        let ports = free_ports();
        self.nodes.push(Member { ports, child: None, starts: 0 });
        let number = self.nodes.len();
        let mut entry = self.config["nodes"][0].clone();
        entry["id"] = json!(number);
        entry["name"] = json!(format!("n{number}"));
        entry["uuid"] = json!(format!("0000000{number}-bbbb-4ccc-8ddd-eeeeeeeeeeee"));
        for (field, port) in ["resp", "http", "peer"].into_iter().zip(ports) {
            entry[field] = json!(address(port).to_string());
        }
        entry
    }

    /// What is in a node's config file.
    pub(crate) fn file(&self, node: u32) -> Value {
        let text = fs::read(self.config_path(node)).expect("the file is there");
        serde_json::from_slice(&text).expect("the file is JSON")
    }

    /// Gives a node that does not run another config than the others.
    pub(crate) fn write_config(&self, node: u32, config: &Value) {
        fs::create_dir_all(self.home(node)).expect("the folder is ours");
        fs::write(self.config_path(node), config.to_string()).expect("the folder is ours");
    }

    // ---- the processes

    /// Starts all nodes and waits until every slot is served by who is to serve it.
    pub(crate) fn start(mut self) -> Self {
        self.start_unserved();
        self.wait_served();
        self.wait_led();
        self
    }

    /// Starts all nodes, on other ports when these are taken.
    pub(crate) fn start_unserved(&mut self) {
        for _ in 0..START_TRIES {
            self.numbers().for_each(|node| self.launch(node));
            if self.numbers().all(|node| self.listens(node)) {
                return;
            }
            for node in self.numbers() {
                self.kill_if_alive(node);
                fs::remove_dir_all(self.home(node)).expect("the folder is ours");
            }
            self.draw_ports();
        }
        panic!("no free ports after {START_TRIES} tries");
    }

    /// Starts some nodes of a cluster that was never formed.
    pub(crate) fn start_only(&mut self, nodes: &[u32]) {
        for &node in nodes {
            self.launch(node);
        }
        for &node in nodes {
            assert!(self.listens(node), "its ports are taken: {}", self.log(node));
        }
    }

    /// Starts a node that was there before, and waits until it takes clients.
    pub(crate) fn start_again(&mut self, node: u32) {
        self.launch(node);
        assert!(self.listens(node), "its ports are taken: {}", self.log(node));
    }

    /// The same with these flags.
    pub(crate) fn start_again_as(&mut self, node: u32, flags: &[&str]) {
        self.launch_as(node, flags);
        assert!(self.listens(node), "its ports are taken: {}", self.log(node));
    }

    /// Sends a signal by its name, such as TERM.
    pub(crate) fn signal(&mut self, node: u32, name: &str) {
        let child = self.member(node).child.as_ref().expect("the node runs");
        let line = format!("kill -{name} {}", child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().expect("sh is there").success());
    }

    /// Starts the process and does not wait for it.
    pub(crate) fn launch(&mut self, node: u32) {
        self.launch_as(node, &["--node", &format!("n{node}")]);
    }

    pub(crate) fn launch_as(&mut self, node: u32, flags: &[&str]) {
        if !self.config_path(node).exists() {
            self.write_config(node, &self.config);
        }
        self.member(node).starts += 1;
        let log = fs::File::create(self.log_path(node)).expect("the folder is ours");
        let mut command = match self.tmpfs {
            Some((small, bytes, ballast)) if small == node => {
                fs::create_dir_all(self.data(node)).expect("the folder is ours");
                in_tmpfs(&self.data(node), bytes, ballast)
            }
            _ => Command::new(BINARY),
        };
        command
            .args(["--config".as_ref(), self.config_path(node).as_os_str()])
            .args(["--data".as_ref(), self.data(node).as_os_str()])
            .args(flags)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let member = self.member(node);
        assert!(member.child.is_none(), "node {node} runs already");
        member.child = Some(command.spawn().expect("the binary is built"));
    }

    /// Waits until a node takes clients; `false` when its ports are taken.
    fn listens(&mut self, node: u32) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let child = self.member(node).child.as_mut().expect("it was started");
            if child.try_wait().expect("it is our child").is_some() {
                self.member(node).child = None;
                let log = self.log(node);
                assert!(log.contains("cannot listen on"), "node {node} did not start:\n{log}");
                return false;
            }
            if self.log(node).contains("ready: Redis clients on")
                && Client::try_tcp(self.resp(node)).is_ok()
            {
                return true;
            }
            sleep(PAUSE);
        }
        panic!("node {node} was not ready within {PATIENCE:?}:\n{}", self.log(node));
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, node: u32) {
        let mut child = self.member(node).child.take().expect("the node runs");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    fn kill_if_alive(&mut self, node: u32) {
        if let Some(mut child) = self.member(node).child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until a node ends by itself: exit code and standard error.
    pub(crate) fn wait_end(&mut self, node: u32) -> (i32, String) {
        let mut status = None;
        wait_for("the node's end", || {
            let child = self.member(node).child.as_mut().expect("it was started");
            status = child.try_wait().expect("it is our child");
            status.is_some()
        });
        self.member(node).child = None;
        let code = status.and_then(|status| status.code()).expect("it ends by itself");
        (code, self.log(node))
    }

    /// Waits until a node's process has ended, be it by a signal.
    pub(crate) fn wait_gone(&mut self, node: u32) {
        wait_for("the node's end", || !self.is_alive(node));
        self.member(node).child = None;
    }

    /// Whether a node's process is there.
    pub(crate) fn is_alive(&mut self, node: u32) -> bool {
        let child = self.member(node).child.as_mut();
        child.is_some_and(|child| child.try_wait().expect("it is our child").is_none())
    }

    // ---- places

    fn member(&mut self, node: u32) -> &mut Member {
        &mut self.nodes[node as usize - 1]
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        1..=u32::try_from(self.nodes.len()).expect("there are few")
    }

    /// The nodes whose processes were started and not killed.
    fn running(&self) -> Vec<u32> {
        self.numbers().filter(|&node| self.nodes[node as usize - 1].child.is_some()).collect()
    }

    pub(crate) fn resp(&self, node: u32) -> SocketAddr {
        address(self.nodes[node as usize - 1].ports[0])
    }

    pub(crate) fn http(&self, node: u32) -> SocketAddr {
        address(self.nodes[node as usize - 1].ports[1])
    }

    /// Waits until a node's `/health` says so: the status, and a part of the sentence.
    pub(crate) fn wait_health(&self, node: u32, status: u16, sentence: &str) {
        wait_for(&format!("{status} {sentence:?} of node {node}"), || {
            let answer = try_get(self.http(node), "/health");
            answer.is_some_and(|it| it.status == status && it.body.contains(sentence))
        });
    }

    pub(crate) fn peer(&self, node: u32) -> SocketAddr {
        address(self.nodes[node as usize - 1].ports[2])
    }

    pub(crate) fn client(&self, node: u32) -> Client {
        Client::tcp(self.resp(node))
    }

    /// A client of all nodes.
    pub(crate) fn routed(&self) -> Routed {
        let addresses = self.numbers().map(|node| self.resp(node)).collect();
        Routed::of(addresses)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.0.clone()
    }

    fn home(&self, node: u32) -> PathBuf {
        self.folder.0.join(format!("n{node}"))
    }

    pub(crate) fn data(&self, node: u32) -> PathBuf {
        self.home(node).join("data")
    }

    pub(crate) fn config_path(&self, node: u32) -> PathBuf {
        self.home(node).join("config.json")
    }

    fn log_path(&self, node: u32) -> PathBuf {
        self.home(node).join(format!("standard-error-{}.txt", self.nodes[node as usize - 1].starts))
    }

    /// What a node has said since its last start.
    pub(crate) fn log(&self, node: u32) -> String {
        read_log(&self.log_path(node))
    }

    // ---- what the cluster says

    /// Waits until every node that runs says that all slots are served. Who is just starting may reset connections.
    pub(crate) fn wait_served(&self) {
        for node in self.running() {
            wait_for("a leader of every slot", || {
                let info = Client::try_tcp(self.resp(node))
                    .and_then(|mut client| client.try_ask("CLUSTER INFO"));
                info.is_ok_and(|info| info.contains("cluster_state:ok"))
            });
        }
    }

    /// Waits until every node says that no lead is to go over to another node.
    pub(crate) fn wait_led(&self) {
        for node in self.numbers() {
            wait_for("leads where they should be", || {
                let status = get(self.http(node), "/status").json();
                status["cluster"]["leads_to_move"] == json!(0)
            });
        }
    }

    /// The node that serves a slot, as the nodes that run say; waits until all of them say the same.
    pub(crate) fn leader_of(&self, slot: u16) -> u32 {
        let mut leader = None;
        wait_for("a leader that all agree on", || {
            let running = self.running();
            let said: Vec<Option<u32>> =
                running.iter().map(|&node| self.leader_by(node, slot)).collect();
            leader = said[0];
            leader.is_some_and(|leader| running.contains(&leader))
                && said.iter().all(|it| *it == leader)
        });
        leader.expect("waited for it")
    }

    pub(crate) fn leader_by(&self, node: u32, slot: u16) -> Option<u32> {
        let runs = runs(&mut self.client(node));
        let run = runs.iter().find(|run| (run.first..=run.last).contains(&slot))?;
        self.numbers().find(|&node| self.resp(node).port() == run.nodes[0].port)
    }

    /// Waits until a node's own copy has each of these keys with its value, and none of those without one.
    pub(crate) fn wait_copies(&self, node: u32, expected: &BTreeMap<String, Option<Vec<u8>>>) {
        let mut client = self.client(node);
        assert_eq!(client.ask("READONLY"), "OK");
        let keys: Vec<&String> = expected.keys().collect();
        for keys in keys.chunks(64) {
            wait_for(&format!("copies on node {node} that are as the others'"), || {
                let asks: Vec<u8> =
                    keys.iter().flat_map(|key| command(&[b"GET", key.as_bytes()])).collect();
                client.send(&asks);
                let replies: Vec<Reply> = keys.iter().map(|_| client.reply()).collect();
                replies.iter().zip(keys).all(|(reply, key)| match (&expected[*key], reply) {
                    (Some(value), Reply::Bulk(bytes)) => value == bytes,
                    (None, Reply::Null) => true,
                    _ => false,
                })
            });
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.numbers() {
            self.kill_if_alive(node);
        }
        if std::thread::panicking() {
            for node in self.numbers() {
                for start in 1..=self.nodes[node as usize - 1].starts {
                    let path = self.home(node).join(format!("standard-error-{start}.txt"));
                    println!("--- start {start} of node {node} said:\n{}", read_log(&path));
                }
            }
        }
    }
}

/// Slots that are served by the same nodes, who leads them first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) nodes: Vec<Served>,
}

/// One of the nodes that keep a run of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) ip: String,
    pub(crate) port: u16,
    pub(crate) name: String,
}

/// What CLUSTER SLOTS says.
pub(crate) fn runs(client: &mut Client) -> Vec<Run> {
    let list = |reply: Reply| match reply {
        Reply::Array(replies) => replies,
        other => panic!("no list: {}", show(&other)),
    };
    let number = |reply: &Reply| match reply {
        Reply::Integer(number) => u16::try_from(*number).expect("slots and ports have 16 bits"),
        other => panic!("no number: {}", show(other)),
    };
    let served = |reply: Reply| {
        let fields = list(reply);
        Served { ip: show(&fields[0]), port: number(&fields[1]), name: show(&fields[2]) }
    };
    client.send(&words("CLUSTER SLOTS"));
    let run = |reply: Reply| {
        let mut fields = list(reply);
        let nodes = fields.drain(2..).map(served).collect();
        Run { first: number(&fields[0]), last: number(&fields[1]), nodes }
    };
    list(client.reply()).into_iter().map(run).collect()
}

/// A client that goes where it is sent, as those of Redis Cluster do.
pub(crate) struct Routed {
    addresses: Vec<SocketAddr>,
    /// Where it begins when it knows nothing.
    at: usize,
    links: BTreeMap<SocketAddr, Client>,
    /// Who has answered for a slot.
    known: BTreeMap<u16, SocketAddr>,
    /// Who was asked last.
    spoke_to: Option<SocketAddr>,
}

impl Routed {
    /// A client that begins with these addresses.
    pub(crate) fn of(addresses: Vec<SocketAddr>) -> Self {
        Self { addresses, at: 0, links: BTreeMap::new(), known: BTreeMap::new(), spoke_to: None }
    }

    /// Sends a command and follows MOVED; the second word is its key.
    pub(crate) fn try_call(&mut self, words: &[&[u8]]) -> io::Result<Reply> {
        let slot = slot_of(words[1]);
        let mut to = *self.known.get(&slot).unwrap_or(&self.addresses[self.at]);
        let bytes = command(words);
        for _ in 0..HOPS_MAX {
            let reply = self.exchange(to, &bytes).inspect_err(|_| {
                self.links.remove(&to);
                self.known.remove(&slot);
                self.at = (self.at + 1) % self.addresses.len();
            })?;
            let moved = match &reply {
                Reply::Error(line) => String::from_utf8_lossy(line)
                    .strip_prefix("MOVED ")
                    .and_then(|rest| rest.split_once(' ')?.1.parse().ok()),
                _ => None,
            };
            let Some(there) = moved else {
                self.known.insert(slot, to);
                return Ok(reply);
            };
            to = there;
        }
        Err(io::Error::other("sent on too often"))
    }

    /// Who was asked last.
    pub(crate) fn spoke_to(&self) -> Option<SocketAddr> {
        self.spoke_to
    }

    /// Begins at another node, as one that knows nothing.
    pub(crate) fn look_elsewhere(&mut self) {
        self.known.clear();
        self.at = (self.at + 1) % self.addresses.len();
    }

    fn exchange(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<Reply> {
        self.spoke_to = Some(to);
        let client = match self.links.entry(to) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Client::try_tcp(to)?),
        };
        client.try_send(bytes)?;
        client.try_reply()
    }

    /// Sends a command until it is answered, also where it may have been carried out already.
    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Reply {
        let mut answer = None;
        let mut last = String::new();
        let deadline = Instant::now() + PATIENCE;
        while answer.is_none() {
            match self.try_call(words) {
                Ok(Reply::Error(line))
                    if line.starts_with(b"CLUSTERDOWN") || line.starts_with(b"TRYAGAIN") =>
                {
                    self.known.clear();
                    self.at = (self.at + 1) % self.addresses.len();
                    last = String::from_utf8_lossy(&line).into_owned();
                }
                Ok(reply) => answer = Some(reply),
                Err(error) => last = error.to_string(),
            }
            if answer.is_none() {
                let name = String::from_utf8_lossy(words[0]).into_owned();
                assert!(Instant::now() < deadline, "{name} was not answered: {last}");
                sleep(PAUSE);
            }
        }
        answer.expect("looked at by the loop")
    }

    /// Sends the words of a line until it is answered.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        show(&self.call(&words))
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) {
        assert_eq!(show(&self.call(&[b"SET", key.as_bytes(), value])), "OK", "SET {key}");
    }

    /// Panics unless each key has its value, and those without one are not there.
    pub(crate) fn expect_all(&mut self, expected: &BTreeMap<String, Option<Vec<u8>>>) {
        for (key, value) in expected {
            let reply = self.call(&[b"GET", key.as_bytes()]);
            let found = match &reply {
                Reply::Bulk(bytes) => Some(bytes),
                Reply::Null => None,
                other => panic!("{key}: {}", show(other)),
            };
            assert!(found == value.as_ref(), "{key} has another value than was acknowledged");
        }
    }
}
