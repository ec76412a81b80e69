"""Starts the servers of the cache bar on free ports and one core, without files, and ends them."""

import json
import os
import re
import socket
import subprocess
import time

SERVER_CPU = "0"
START_SECONDS_MAX = 20
MEMORY_MB = 512
WARM_BYTES = 512 << 10


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def version(command):
    """What a program says of itself."""
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+(\.\d+)?", said)
    return found.group(0) if found else "unknown"


def warm(port):
    """Writes as much as a server may hold, so that its memory is touched once before anything is measured: a new page costs more than the
    work on it, and a log takes new pages until it comes round."""
    value = b"x" * WARM_BYTES
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rb") as answers:
        for at in range(2 * (MEMORY_MB << 20) // WARM_BYTES):
            key = b"bar:%d:%d" % (WARM_BYTES, at % 64)
            sock.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(value), value))
            if answers.readline() != b"+OK\r\n":
                raise SystemExit(f"bars: the server on port {port} does not take values of {WARM_BYTES} bytes")


class CacheServers:
    """Hyperion over Redis' protocol and memcached's, Redis, Memcached."""

    def __init__(self, folder, binary):
        self.folder, self.binary, self.processes, self.versions = folder, binary, [], {}

    def start(self):
        """The flags that tell the client where they are."""
        if not os.path.exists(self.binary):
            raise SystemExit(f"bars: {self.binary} is not there; cargo build --release, or name it with --binary")
        redis, memcached, resp, text, http = (free_port() for _ in range(5))
        config = os.path.join(self.folder, "hyperion.json")
        with open(config, "w", encoding="utf-8") as file:
            file.write(hyperion_config(resp, text, http))
        commands = [
            ("redis", redis, ["redis-server", "--bind", "127.0.0.1", "--port", str(redis), "--save", "", "--appendonly", "no",
                              "--dir", self.folder]),
            ("memcached", memcached, ["memcached", "-l", "127.0.0.1", "-p", str(memcached), "-U", "0", "-m", str(MEMORY_MB),
                                      "-t", "1", *(["-u", "root"] if os.getuid() == 0 else [])]),
            ("hyperion", resp, [self.binary, "--config", config, "--data", os.path.join(self.folder, "data"), "--cores", SERVER_CPU,
                                "--resp-cores", "0", "--storage", "memory"]),
        ]
        pids = {name: self.launch(name, port, command) for name, port, command in commands}
        self.wait("hyperion", text)
        for port in (resp, redis):
            warm(port)
        self.versions = {
            "redis": version(["redis-server", "--version"]),
            "memcached": version(["memcached", "-V"]),
            "hyperion": version([self.binary, "--version"]),
        }
        servers = [
            ("hyperion", "resp", resp, pids["hyperion"]),
            ("redis", "resp", redis, pids["redis"]),
            ("hyperion by memcached's protocol", "memcached", text, pids["hyperion"]),
            ("memcached", "memcached", memcached, pids["memcached"]),
        ]
        return [
            part
            for name, protocol, port, pid in servers
            for part in ("--server", f"{name},{protocol},127.0.0.1:{port},{pid}")
        ]

    def launch(self, name, port, command):
        with open(os.path.join(self.folder, f"{name}.log"), "wb") as log:
            process = subprocess.Popen(["taskset", "-c", SERVER_CPU, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        self.wait(name, port)
        return process.pid

    def wait(self, name, port):
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until and self.processes[-1].poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8", errors="replace") as log:
            raise SystemExit(f"bars: {name} does not listen on port {port}; its last lines:\n{log.read()[-2000:]}")

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def hyperion_config(resp, text, http):
    """One node that speaks memcached's protocol too."""
    return json.dumps({
        "cluster_id": "11111111-2222-4333-8444-555555555555",
        "nodes": [{
            "name": "node-1",
            "uuid": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "cores": SERVER_CPU,
            "resp": f"127.0.0.1:{resp}",
            "memcached": f"127.0.0.1:{text}",
            "http": f"127.0.0.1:{http}",
            "resp_cores": 0,
        }],
        "settings": {"memory_bytes_max": f"{MEMORY_MB}MiB"},
    })
