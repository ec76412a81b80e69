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

/// Scripts whose answers, errors and lines are to be those of Redis, in both protocols.
#[test]
fn scripts_give_what_they_give_in_redis() {
    let scripts = [
        "local ok, e = pcall(redis.call, 'nope') return { tostring(ok), type(e), e }",
        "local ok, e = pcall(redis.call, 'set') return e",
        "local ok, e = pcall(redis.call, 'nope') error(e)",
        "local e = redis.pcall('nope') local n = 0 for k in pairs(e) do n = n + 1 end return { n, e.err, tostring(e.ignore_error_stats_update) }",
        "local e = redis.pcall('set') return e",
        "local e = redis.pcall('nope')\n\nerror(e)",
        "\n\nreturn redis.call('nope')",
        "local f = coroutine.wrap(function()\n redis.call('nope') end)\n f()",
        "xpcall(function() redis.call('nope') end, function(e) error(type(e)) end)",
        "error({ err = 'My Err' })",
        "\nerror('x', 0)",
        "local function f()\n error('deep', 2)\nend\n\nf()",
        "local f = bit.bnot f(nil)",
        "local t = { g = bit.bnot } return t:g(nil)",
        "\nreturn cjson.decode('x')",
        "return { big_number = '123' }",
        "return { big_number = 123 }",
        "return { verbatim_string = { format = 'txt', string = 'abc' } }",
        "return { verbatim_string = { format = 't', string = 'abc' } }",
        "return { verbatim_string = { format = 'long', string = 'abc' } }",
        "return { verbatim_string = { format = 'txt' } }",
        "return { verbatim_string = { format = 'txt', string = 'a' }, map = { a = 1 } }",
        "return { verbatim_string = { format = 'txt', string = 'a' }, big_number = '1' }",
        "return { double = 1.5, big_number = '1', map = {} }",
        "return { double = '1.5' }",
        "return { map = { [{ 1 }] = { 2 } } }",
        "return { set = { [{ 1 }] = false } }",
        "return { err = 5, ok = 'x' }",
        "return { { big_number = '1' }, { double = 2.5 }, { map = { a = 1 } }, { set = { a = true } }, { ok = 'fine' }, { err = 'ERR bad' }, true, false, nil, 5 }",
        "redis.setresp(3) return { { big_number = '1' }, { map = { a = 1 } }, true, false }",
        "local t = {} for i = 1, 30 do t = { t } end return t",
        "local t = {} for i = 1, 30 do t = { map = { a = t } } end return t",
        "return redis.acl_check_cmd('set')",
        "return redis.acl_check_cmd('config', 'get')",
        "return redis.acl_check_cmd('config', 'nope')",
        "return redis.acl_check_cmd('nope')",
        "#!python\nreturn 1",
        "#! lua\nreturn 1",
        "math.randomseed(7) return { math.random(1000), math.random(5, 10), tostring(math.random()) }",
        "return { select(2, math.randomseed(1), math.random(9)), math.random(9) }",
        "return redis.sha1hex({})",
        "return cjson.encode({ 1e15, 123456789012345, 0.1, { a = { } }, { [1] = 1, [3] = 3 } })",
    ];
    let node = Setup::new().start();
    let Some(redis) = Redis::start(node.folder()) else { return };
    for version in ["2", "3"] {
        let (mut ours, mut theirs) = (node.client(), redis.client());
        let mut both = [&mut ours, &mut theirs];
        for script in scripts {
            let [ours, theirs] = both.each_mut().map(|client| {
                client.ask(&format!("HELLO {version}"));
                format!("{:?}", client.call(&[b"EVAL", script.as_bytes(), b"0"]))
            });
            assert_eq!(ours, theirs, "RESP{version}: {script}");
        }
    }
}
