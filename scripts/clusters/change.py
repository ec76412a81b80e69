"""What a single change of a large collection costs three nodes that all have it: bytes between them, bytes in their logs, processor time."""

import os
import subprocess
import time

from clusters.nodes import slot_of
from resp import Client, ServerError

# One slot for all keys, so that one node leads them.
TAG = "x"
HASH, LIST, STRING = (f"{{{TAG}}}{name}" for name in ("hash", "list", "string"))
LOAD_WORDS = 2_000
TRIES_MAX = 200
# Figures are read when what was written has reached every node and file.
SETTLE_SECONDS = 1.0


class Leader:
    """A client of whoever serves the slot."""

    def __init__(self, cluster):
        self.cluster, self.client = cluster, None
        self.find()

    def find(self):
        slot = slot_of(TAG)
        for first, last, leader, *_ in Client(self.cluster.resp_port(1)).call("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                self.client = Client(leader[1])

    def call(self, *words):
        last = None
        for _ in range(TRIES_MAX):
            try:
                return self.client.call(*words)
            except ServerError as error:
                if not str(error).startswith(("MOVED", "TRYAGAIN", "CLUSTERDOWN")):
                    raise
                last = error
                time.sleep(0.05)
                self.find()
        raise SystemExit(f"change: {words[0]} is refused again and again: {last}")


class Meter:
    """Figures of all nodes since the last look."""

    def __init__(self, cluster):
        self.numbers = cluster.numbers()
        self.pids = [cluster.pid(number) for number in self.numbers]
        self.peer_ports = {cluster.resp_port(number) + 2 for number in self.numbers}
        self.last = self.now()

    def link_bytes(self):
        """What nodes have sent each other over links that are open."""
        told = subprocess.run(["ss", "-tinHO"], capture_output=True, text=True, check=True).stdout
        total = 0
        for line in told.splitlines():
            words = line.split()
            ports = {int(word.rsplit(":", 1)[1]) for word in words[3:5] if word.rsplit(":", 1)[1].isdigit()}
            if words[0] == "ESTAB" and ports & self.peer_ports:
                total += sum(int(word.split(":")[1]) for word in words if word.startswith("bytes_sent:"))
        return total

    def now(self):
        written, cpu_ns = 0, 0
        for pid in self.pids:
            with open(f"/proc/{pid}/io") as lines:
                written += sum(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as line:
                    cpu_ns += int(line.read().split()[0])
        return {"link": self.link_bytes(), "log": written, "cpu_us": cpu_ns / 1e3}

    def since(self):
        before, self.last = self.last, self.now()
        return {name: self.last[name] - before[name] for name in before}


def load(leader, members):
    for first in range(0, members, LOAD_WORDS):
        numbers = range(first, min(first + LOAD_WORDS, members))
        leader.call("HSET", HASH, *(word for number in numbers for word in (f"field:{number:08}", f"value{number:012}")))
        leader.call("RPUSH", LIST, *(f"value{number:012}" for number in numbers))


def measure(cluster, members, changes):
    """Prints a line a kind of change."""
    leader = Leader(cluster)
    load(leader, members)
    # Changes that write the collection as a whole, and what packs or copies it afterwards, are over.
    time.sleep(3 * SETTLE_SECONDS)
    meter = Meter(cluster)
    time.sleep(SETTLE_SECONDS)
    idle = meter.since()
    print(f"change: with nothing to do, in a second: {idle['link']:,.0f} B between nodes, {idle['log'] / len(meter.numbers):,.0f} B written a node,"
          f" {idle['cpu_us']:,.0f} us of processor time in all")
    kinds = {
        "SET of 20 B": lambda number: ("SET", STRING, f"value{number:015}"),
        f"HSET of one of {members:,} fields": lambda number: ("HSET", HASH, f"field:{number * 7919 % members:08}", f"other{number:012}"),
        "HSET of a new field of it": lambda number: ("HSET", HASH, f"new:{number:08}", f"other{number:012}"),
        f"LPUSH to a list of {members:,}": lambda number: ("LPUSH", LIST, f"other{number:012}"),
        "RPOP from it": lambda _: ("RPOP", LIST),
    }
    for name, words in kinds.items():
        meter.since()
        begin = time.monotonic()
        for number in range(changes):
            leader.call(*words(number))
        each_us = (time.monotonic() - begin) / changes * 1e6
        time.sleep(SETTLE_SECONDS)
        took = meter.since()
        seconds = each_us * changes / 1e6 + SETTLE_SECONDS
        # What nodes say and do all the same is not the change's.
        own = {what: max(took[what] - idle[what] / SETTLE_SECONDS * seconds, 0) / changes for what in took}
        print(f"change: {name}: {own['link']:,.0f} B between nodes, {own['log'] / len(meter.numbers):,.0f} B written a node,"
              f" {own['cpu_us']:,.0f} us of processor time in all; {each_us:,.0f} us until its answer")
