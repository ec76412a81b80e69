//! Owns comparisons with Redis itself: the same lines to both, and the same answers. Without a redis-server there is nothing to compare with.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::client::Client;
use super::harness::{START_TRIES, Setup, wait_for};

const REDIS: &str = "/usr/bin/redis-server";

/// A Redis of this test.
pub(crate) struct Redis {
    child: Child,
    pub(crate) port: u16,
    folder: PathBuf,
}

impl Redis {
    /// `None`, said loudly, where there is none.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        if !Path::new(REDIS).exists() {
            eprintln!("SKIPPED: there is no {REDIS}, so nothing was compared with Redis");
            return None;
        }
        for _ in 0..START_TRIES {
            let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            let mut command = Command::new(REDIS);
            command.args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--enable-debug-command",
                "yes",
            ]);
            command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
            let mut child = command.spawn().expect("it is there");
            let mut is_up = false;
            wait_for("Redis", || {
                is_up = Client::try_tcp(([127, 0, 0, 1], port).into()).is_ok();
                is_up || child.try_wait().is_ok_and(|end| end.is_some())
            });
            if is_up {
                return Some(Self { child, port, folder: folder.to_owned() });
            }
        }
        panic!("Redis found no port in {}", folder.display());
    }

    pub(crate) fn client(&self) -> Client {
        Client::tcp(([127, 0, 0, 1], self.port).into())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.folder.join("dump.rdb"));
    }
}

/// Sends all lines to both and compares what they answer.
fn compare(lines: &[&str]) {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    for version in ["2", "3"] {
        let (mut ours, mut theirs) = (node.client(), redis.client());
        for client in [&mut ours, &mut theirs] {
            client.ask(&format!("HELLO {version}"));
        }
        for line in lines {
            assert_eq!(ours.ask(line), theirs.ask(line), "RESP{version}: {line}");
        }
    }
}

#[test]
fn users() {
    compare(&[
        "ACL WHOAMI",
        "ACL LIST",
        "ACL USERS",
        "ACL GETUSER default",
        "ACL SETUSER a on >x ~k* %R~r* &ch* -@all +@read -get (+set ~z*)",
        "ACL LIST",
        "ACL GETUSER a",
        "ACL SETUSER a clearselectors resetkeys resetchannels nopass",
        "ACL GETUSER a",
        "ACL SETUSER b +foo",
        "ACL SETUSER b ~* ~a",
        "ACL SETUSER b &* &a",
        "ACL SETUSER b #ff",
        "ACL SETUSER b <nope",
        "ACL SETUSER b (+get",
        "ACL SETUSER b (+foo)",
        "ACL SETUSER b xx",
        "ACL SETUSER b +config|get|x",
        "ACL SETUSER b +select|0|1",
        "ACL SETUSER b -select|0",
        "ACL SETUSER b +@foo",
        "ACL SETUSER b %A~x",
        "ACL SETUSER b %~x",
        "ACL USERS",
        "ACL SETUSER b",
        "ACL GETUSER b",
        "ACL DELUSER default",
        "ACL DELUSER b nobody",
        "ACL GETUSER nope",
        "ACL CAT foo",
        "ACL CAT",
        "ACL DRYRUN nope get",
        "ACL DRYRUN a foo",
        "ACL DRYRUN a get",
        "ACL GENPASS 5000",
        "ACL LOG x",
        "ACL LOG RESET",
        "ACL LOG",
        "ACL foo",
        "ACL WHOAMI a",
        "ACL DRYRUN a",
        "ACL SETUSER",
        "AUTH x",
        "AUTH nobody x",
        "AUTH default x",
        "AUTH a b c d",
        "CLIENT KILL USER nobody",
    ]);
}

#[test]
fn categories_hold_the_same_commands() {
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let list = |text: String| -> Vec<String> {
        text.trim_matches(['[', ']']).split(' ').map(str::to_owned).collect()
    };
    let known = list(theirs.ask("COMMAND LIST"));
    let known_here = list(ours.ask("COMMAND LIST"));
    for category in list(ours.ask("ACL CAT")) {
        let line = format!("ACL CAT {category}");
        let is_shared = |name: &String| {
            let command = name.split('|').next().unwrap_or(name).to_owned();
            let is_new = ["client|setinfo", "client|no-touch", "cluster|myshardid"];
            known.contains(&command)
                && known_here.contains(&command)
                && !is_new.contains(&name.as_str())
        };
        let mut here: Vec<String> = list(ours.ask(&line)).into_iter().filter(is_shared).collect();
        let mut there: Vec<String> =
            list(theirs.ask(&line)).into_iter().filter(is_shared).collect();
        here.sort_unstable();
        there.sort_unstable();
        assert_eq!(here, there, "{category}");
    }
}
