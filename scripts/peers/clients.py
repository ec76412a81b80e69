"""What loads a server: redis-benchmark, or the load generator of benches/loadgen where that would be the limit."""

import csv
import hashlib
import json
import subprocess

from resp import Client

SCRIPT = "return redis.call('set', KEYS[1], ARGV[1])"
SHA = hashlib.sha1(SCRIPT.encode()).hexdigest()
RANDOM = "__rand_int__"

# Every command that a cell may be of. None: redis-benchmark has a test of that name. Else the words to send, given the bytes of a value;
# redis-benchmark puts a number of --keys in the place of RANDOM.
COMMANDS = {
    **dict.fromkeys(["ping", "ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "spop",
                     "hset", "zadd", "zpopmin", "mset"]),
    # As its own tests of these names, without the LPUSH that those run first: `prepare` does that once.
    **{f"lrange_{count}": lambda _, count=count: ["LRANGE", "mylist", "0", str(count - 1)] for count in (100, 300, 500, 600)},
    "lrange": lambda _: ["LRANGE", "mylist", "0", "99"],
    "hget": lambda _: ["HGET", "myhash", f"element:{RANDOM}"],
    "xadd": lambda size: ["XADD", "mystream", "*", "field", "x" * size],
    "evalsha": lambda size: ["EVALSHA", SHA, "1", f"key:{RANDOM}", "x" * size],
}
# What the load generator and memcached's protocol know.
LOADGEN_COMMANDS = ("get", "set", "incr", "del", "exists", "ping")
MEMCACHED_COMMANDS = ("get", "set")


def requests_of(size, pipeline):
    """About one second of work on one core."""
    if size >= 65_536:
        return 8_000
    if pipeline == 1:
        return 40_000 if size >= 4_096 else 50_000
    if pipeline <= 16:
        return 120_000 if size >= 4_096 else 320_000
    return 160_000 if size >= 4_096 else 640_000


def keys_of(size):
    return 1_000 if size >= 65_536 else 20_000 if size >= 4_096 else 100_000


def prepare(peer, command):
    """What a command needs to find on a server."""
    if command not in ("evalsha",) and not command.startswith("lrange"):
        return
    client = Client(peer.port)
    if command == "evalsha":
        client.call("SCRIPT", "LOAD", SCRIPT)
    else:
        client.call("DEL", "mylist")
        client.call("RPUSH", "mylist", *["element"] * 1_000)
    client.close()


class RedisBenchmark:
    name = "redis-benchmark"

    def __init__(self, core):
        self.core = core

    def takes(self, peer, command):
        return peer != "memcached" and command in COMMANDS

    def run(self, peer, command, size, pipeline, connections, requests, keys):
        """Figures of one run: requests that were answered, rate and latencies."""
        what = COMMANDS[command]
        words = ["taskset", "-c", str(self.core), "redis-benchmark", "-p", str(peer.port), "-d", str(size), "-P", str(pipeline),
                 "-c", str(connections), "-n", str(requests), "-r", str(keys), "--csv"]
        words += ["-t", command] if what is None else what(size)
        done = subprocess.run(words, capture_output=True, text=True)
        # `-t ping` is two tests; each line but the head is one.
        rows = [row for row in csv.reader(done.stdout.splitlines()) if len(row) == 8 and row[0] != "test"]
        if not rows:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise SystemExit(f"bench-peers: redis-benchmark gave no figures for {peer.name} {command} {size} B: {' '.join(last)}")
        row = rows[-1]
        return {"requests": requests * len(rows), "operations_per_second": float(row[1]),
                "p50_ms": float(row[4]), "p99_ms": float(row[6])}


class Loadgen:
    name = "loadgen"

    def __init__(self, program, core):
        self.program, self.core = program, core

    def takes(self, peer, command):
        return command in (MEMCACHED_COMMANDS if peer == "memcached" else LOADGEN_COMMANDS)

    def ask(self, peer, *flags):
        """One run of it with these flags, as its JSON."""
        words = ["taskset", "-c", str(self.core), self.program, "--port", str(peer.port), "--server-pid", str(peer.process.pid),
                 "--quiet", "--json", "-", *map(str, flags)]
        if peer.name == "memcached":
            words += ["--protocol", "memcached"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench-peers: loadgen on {peer.name}: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if report["errors"] or report["lost"]:
            raise SystemExit(f"bench-peers: {peer.name} answered {report['errors']} errors and lost {report['lost']} requests:"
                             f" {report['first_error']}")
        return report

    def run(self, peer, command, size, pipeline, connections, requests, keys):
        report = self.ask(peer, "--commands", f"{command}:1", "--value-bytes", size, "--pipeline", pipeline, "--connections",
                          connections, "--requests", requests, "--keys", keys, "--threads", 1)
        latency = report["latency_us"]
        return {"requests": report["replies"], "operations_per_second": report["operations_per_second"],
                "p50_ms": latency["p50"] / 1e3, "p99_ms": latency["p99"] / 1e3}
