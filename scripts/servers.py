"""Starts the servers that the scripts beside this file test, and ends them by their own pid."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

from resp import Client, ServerError

START_SECONDS_MAX = 60
START_TRIES = 5
STOP_SECONDS_MAX = 30
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class PortTaken(RuntimeError):
    """The port was free a moment ago."""


class Server:
    """One server on a port of its own, its data and its log below `folder`.

    `kind` is hyperion, redis (no files) or redis-aof (an append-only file); `mode` is the durability.
    """

    def __init__(self, kind, folder, binary=None, mode="interval", cores="0"):
        self.kind, self.folder, self.mode, self.cores = kind, folder, mode, cores
        self.binary = find_binary(kind, binary)
        self.process, self.start_seconds = None, 0.0
        self.memory = None  # the limit, as the flag takes it
        self.flags = []  # of Hyperion, others than those that all have
        self.core_ports = 0  # the first of the cores' own ports; 0: none
        self.port, self.http_port = free_ports(2)
        self.log_path = os.path.join(folder, "server.log")
        self.data = os.path.join(folder, "data")
        os.makedirs(self.data, exist_ok=True)

    def command(self):
        if self.kind == "hyperion":
            return [self.binary, "--data", self.data, "--cores", self.cores, "--storage", "disk",
                    "--resp", f"127.0.0.1:{self.port}", "--http", f"127.0.0.1:{self.http_port}",
                    "--resp-cores", str(self.core_ports), "--durability", self.mode,
                    *(["--memory", self.memory] if self.memory else []), *self.flags]
        log = ["--appendonly", "no"]
        if self.kind == "redis-aof":
            sync = {"always": "always", "interval": "everysec", "never": "no"}[self.mode]
            log = ["--appendonly", "yes", "--appendfsync", sync]
        return ["taskset", "-c", self.cores, self.binary, "--bind", "127.0.0.1", "--port", str(self.port),
                "--dir", self.data, "--save", "",
                "--enable-debug-command", "local", *log]

    def launch(self):
        """Starts the process and does not wait for it to answer."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        for left in reversed(range(START_TRIES)):
            try:
                return self.start_once()
            except PortTaken:
                if left == 0:
                    raise
                # Somebody else has taken it since it was found free.
                self.port, self.http_port = free_ports(2)

    def start_once(self):
        begin = time.monotonic()
        self.launch()
        while time.monotonic() - begin < START_SECONDS_MAX and self.alive():
            if self.answers():
                self.start_seconds = time.monotonic() - begin
                return
            time.sleep(0.01)
        how = f"did not answer within {START_SECONDS_MAX} s"
        if not self.alive():
            how = f"ended with exit code {self.process.poll()} before it answered"
            if "Address already in use" in self.tail():
                raise PortTaken(f"the server {how}; its last lines:\n{self.tail()}")
        raise RuntimeError(f"the server {how}; its last lines:\n{self.tail()}")

    def answers(self):
        try:
            client = Client(self.port)
        except OSError:
            return False
        try:
            # A PONG is not enough: Redis says LOADING to a command that needs the data.
            client.call("PING")
            client.call("DBSIZE")
            return True
        except (OSError, ServerError, ValueError):
            return False
        finally:
            client.close()

    def kill(self):
        """SIGKILL, if it still runs."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not stop within {STOP_SECONDS_MAX} s of SIGTERM") from None
        self.process = None
        return code

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def tail(self):
        with open(self.log_path, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log_path) - 3000))
            return log.read().decode(errors="replace")


def find_binary(kind, binary=None):
    """The program of a kind of server; a sentence and exit code 64 when it is not there."""
    if binary is None and kind == "hyperion":
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
        binary = os.path.join(target, "release", "hyperiond")
    found = shutil.which(binary or "redis-server")
    if not found:
        hint = "build it (cargo build --release) or name it with --binary" if kind == "hyperion" else "install redis-server"
        print(f"{binary or 'redis-server'} is not a program; {hint}", file=sys.stderr)
        raise SystemExit(64)
    return os.path.abspath(found)


def free_ports(count):
    """Ports below those that the system gives to clients: a client's port would be in the way of a server that starts again."""
    ports = []
    while len(ports) < count:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
