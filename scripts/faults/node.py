"""A Hyperion on a data folder of its own, small segments, and what it says when it does not run."""

import json
import os
import re
import shutil
import time
import urllib.request
import uuid

from servers import Server

REFUSAL_SECONDS_MAX = 20
SYNC_INTERVAL_MS = 100
# A server ends with the script that started it, however that ends.
END_WITH_US = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Node(Server):
    """`data` is where its files lie; the log lies in `folder`. `before` is put in front of the command,
    `after` behind it."""

    def __init__(self, options, folder, data=None, mode="always", cores="0", segment="1MiB", storage="disk", before=()):
        os.makedirs(folder, exist_ok=True)
        super().__init__("hyperion", folder, options.binary, mode, cores)
        self.segment, self.storage, self.before, self.after = segment, storage, list(before), []
        if data is not None:
            self.data = data

    def command(self):
        command = super().command()
        command[command.index("disk")] = self.storage
        return END_WITH_US + self.before + command + self.after

    def configure(self):
        """A config with small segments, as a person would edit it, unless the folder has one."""
        os.makedirs(self.data, exist_ok=True)
        path = os.path.join(self.data, "config.json")
        if os.path.exists(path):
            return
        settings = {"segment_bytes": self.segment, "sync_interval_ms": SYNC_INTERVAL_MS, "memory_bytes_max": "1GiB"}
        config = {"cluster_id": str(uuid.uuid4()), "nodes": [{"name": "node-1", "uuid": str(uuid.uuid4())}], "settings": settings}
        with open(path, "w") as file:
            json.dump(config, file)
            file.flush()
            os.fsync(file.fileno())

    def start(self):
        self.configure()
        try:
            super().start()
        except RuntimeError as error:
            raise RuntimeError(f"{str(error).partition(';')[0]}: {self.sentence()}") from None

    def refusal(self):
        """Starts it and expects that it ends: (exit code, last sentence); (None, "it serves") when it serves."""
        self.launch()
        begin = time.monotonic()
        while self.alive() and time.monotonic() - begin < REFUSAL_SECONDS_MAX:
            if self.answers():
                return None, "it serves"
            time.sleep(0.01)
        return self.ended()

    def ended(self, seconds=0):
        """Waits for its end by itself: (exit code, last sentence)."""
        begin = time.monotonic()
        while self.alive() and time.monotonic() - begin < seconds:
            time.sleep(0.01)
        return (self.process.poll() if self.process else None), self.sentence()

    def sentence(self):
        lines = [COLOURS.sub("", line).strip() for line in self.tail().splitlines() if line.strip()]
        return re.sub(r"^[-0-9T:.]+Z\s+", "", lines[-1]) if lines else ""

    def commits(self):
        """How a commit of `always` is made durable here, as the server says at its start."""
        found = re.findall(r"commits that are synced at once are ([a-z ]+) on this disk", self.tail())
        return found[-1] if found else "writes and syncs"

    def status(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/status", timeout=5) as answer:
            return json.load(answer)
