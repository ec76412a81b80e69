"""Starts each peer on loopback with the settings that its documentation recommends for the job, and reads its processor time and memory."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

from peers.programs import jemalloc, say, version
from servers import free_ports

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10


class Setting:
    """What all servers of a part have in common. `sync` is everysec or always, `files` whether anything is written."""

    def __init__(self, sync="everysec", files=True, core=0):
        self.sync, self.files, self.core = sync, files, core

    def words(self):
        if not self.files:
            return "no files"
        return "every commit synced before its answer" if self.sync == "always" else "files synced about once a second"


def command(name, program, port, home, setting):
    """The command line of a peer, and writes its file of settings where it needs one."""
    if name in ("redis", "redis-newest", "valkey"):
        # Persistence as the documentation has it: an append-only file, everysec where not every write must be safe. Snapshots and
        # rewrites fork and would fall into some cells only, so they are off.
        return [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", home, "--daemonize", "no", "--save", "",
                "--appendonly", "yes" if setting.files else "no", "--appendfsync", setting.sync,
                "--auto-aof-rewrite-percentage", "0"]
    if name == "memcached":
        # A thread for each core that it has, no UDP; memory so much that nothing is evicted.
        return [program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "1", "-m", "8192", "-c", "4096", "-u", "root"]
    if name == "kevy":
        path = os.path.join(home, "kevy.toml")
        with open(path, "w") as file:
            file.write(kevy_toml(setting))
        return [program, "--config", path, "--port", str(port), "--dir", home]
    durability = "always" if setting.sync == "always" else "interval"
    return [program, "--data", home, "--cores", str(setting.core), "--resp", f"127.0.0.1:{port}",
            "--http", f"127.0.0.1:{free_ports(1)[0]}", "--resp-cores", "0", "--durability", durability,
            "--storage", "disk" if setting.files else "memory"]


def kevy_toml(setting):
    return (f'[server]\nthreads = 1\n[persistence]\naof = {"true" if setting.files else "false"}\n'
            f'appendfsync = "{setting.sync}"\nauto_aof_rewrite_percentage = 0\n')


class Peer:
    """One running server, on one core."""

    def __init__(self, name, program, folder, setting):
        self.name, self.version, self.setting = name, version(program), setting
        self.home = os.path.join(folder, name)
        os.makedirs(self.home)
        self.port = free_ports(1)[0]
        self.command = command(name, program, self.port, self.home, setting)
        environment = dict(os.environ)
        if name == "valkey":
            preload = jemalloc()
            if preload:
                environment["LD_PRELOAD"] = preload
            else:
                say("libjemalloc2 is missing; valkey's binary takes more time and memory without it")
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", str(setting.core), *self.command], cwd=self.home,
                                            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self):
        begin = time.monotonic()
        while time.monotonic() - begin < START_SECONDS_MAX and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.05)
        with open(self.log, errors="replace") as log:
            tail = "".join(log.readlines()[-5:])
        raise SystemExit(f"bench-peers: {self.name} did not answer on port {self.port}; its last lines:\n{tail}")

    def answers(self):
        request, reply = (b"version\r\n", b"VERSION") if self.name == "memcached" else (b"PING\r\n", b"+PONG")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as stream:
                stream.sendall(request)
                return stream.recv(64).startswith(reply)
        except OSError:
            return False

    def told(self):
        """The command line without what differs from run to run, and what its file of settings says."""
        words = [os.path.basename(self.command[0]), *self.command[1:]]
        line = " ".join(word.replace(self.home, "DIR") or "''" for word in words)
        line = re.sub(r"(-p |--port |127\.0\.0\.1:)\d+", r"\1PORT", line)
        return line + (f"; kevy.toml: {' '.join(kevy_toml(self.setting).split())}" if self.name == "kevy" else "")

    def cpu_ns(self):
        """Nanoseconds that all threads that live have run."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
        return total

    def kernel_ticks(self):
        """Ticks in the kernel, and in all. The split is sampled: only over many ticks it says something."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            user, kernel = map(int, file.read().rsplit(")", 1)[1].split()[11:13])
        return kernel, user + kernel

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
