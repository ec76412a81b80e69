"""The processes of a cluster: started, killed, paused and watched by those who started them."""

import importlib.machinery
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from resp import Client, ServerError

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAL_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 2
NO_ROOM = 74  # the exit code of a start that cannot write
SLOTS = 16384


def cluster_class():
    """`Cluster` of the script beside this folder, which has no ending that `import` knows."""
    loader = importlib.machinery.SourceFileLoader("cluster_script", os.path.join(HERE, "cluster"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cluster_script", loader))
    loader.exec_module(module)
    return module.Cluster


def free_range(count):
    """The first of ports that nobody holds, below those that outgoing connections take."""
    dice = random.Random()
    while True:
        first = dice.randrange(10_000, 32_000 - 10 * count)
        try:
            for number in range(count):
                for port in range(3):
                    with socket.socket() as one:
                        one.bind(("127.0.0.1", first + 10 * number + port))
            return first
        except OSError:
            continue


class Nodes:
    """`events` is what was done to them, with times; `wrong` is what they must not do."""

    def __init__(self, folder, count, replication, binary, settings, port=None, apart=10):
        self.cluster = cluster_class()(folder, port or free_range(count), binary, apart)
        self.replication, self.partitions = replication, settings.get("partitions", 64)
        self.plain = settings.get("resp", {}).get("cluster") == "transparent"
        self.cluster.write_config(count, replication, dict(settings))
        self.numbers = self.cluster.numbers()
        self.ports = {self.cluster.resp_port(number): number for number in self.numbers}
        self.processes, self.paused, self.lock = {}, set(), threading.RLock()
        self.events, self.wrong = [], []
        self.links, self.disks = self.cluster.network(), None

    def say(self, text):
        self.events.append((time.monotonic(), text))

    def port(self, number):
        return self.cluster.resp_port(number)

    def log_path(self, number):
        return os.path.join(self.cluster.node_folder(number), "log")

    # ---- faults

    def start(self, number):
        with self.lock:
            if number not in self.processes:
                self.say(f"n{number} starts")
                self.processes[number] = self.cluster.launch(number)

    def start_with_room(self, number):
        """Starts a node again that found no room for its start, said so and ended."""
        with self.lock:
            process = self.processes.get(number)
            if process is not None and process.poll() == NO_ROOM and "No space left" in self.tail(number):
                del self.processes[number]
                self.start(number)

    def kill(self, numbers):
        """SIGKILL to all of them, and they are gone when this returns."""
        with self.lock:
            gone = [(number, self.processes.pop(number)) for number in numbers if number in self.processes]
            for number, process in gone:
                self.ended_by_itself(number, process)
                process.send_signal(signal.SIGKILL)
                self.paused.discard(number)
            for _, process in gone:
                process.wait()
            self.say("SIGKILL of " + " and ".join(f"n{number}" for number, _ in gone))

    def pause(self, number):
        with self.lock:
            if number in self.processes:
                self.processes[number].send_signal(signal.SIGSTOP)
                self.paused.add(number)
                self.say(f"SIGSTOP of n{number}")

    def resume(self, number):
        with self.lock:
            if number in self.processes:
                self.say(f"SIGCONT of n{number}")
                self.processes[number].send_signal(signal.SIGCONT)
            self.paused.discard(number)

    def cut(self, pairs):
        """Nothing arrives from the first of each pair at the second."""
        self.links.cut(pairs)
        self.say("cut: " + ", ".join(f"n{one} to n{other}" for one, other in pairs))

    def join(self):
        self.links.heal()
        self.say("all nodes hear each other")

    def ended_by_itself(self, number, process):
        code = process.poll()
        if code is not None:
            self.wrong.append(f"n{number} ended by itself with exit code {code}; its last lines:\n{self.tail(number)}")
        return code is not None

    def look(self):
        """Notes who ended without being killed, and takes them off the list, so that `heal` starts them again."""
        with self.lock:
            for number, process in list(self.processes.items()):
                if self.ended_by_itself(number, process):
                    del self.processes[number]
                    self.say(f"n{number} is found ended")

    def heal(self):
        """All run again and every one says that all slots are served. False when that takes too long."""
        self.look()
        self.links.heal()
        for number in list(self.paused):
            self.resume(number)
        for number in self.numbers:
            self.start(number)
        end, states = time.monotonic() + HEAL_SECONDS_MAX, {}
        while time.monotonic() < end:
            self.look()
            states = {number: self.state(number) for number in self.numbers}
            if all(state == "ok" for state in states.values()):
                self.say("healed")
                return True
            time.sleep(0.05)
        told = ", ".join(f"n{number}: {state}" for number, state in states.items())
        self.wrong.append(f"not every node says cluster_state:ok {HEAL_SECONDS_MAX} s after all faults ended ({told})")
        return False

    def close(self):
        self.links.heal()
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    # ---- asking

    def ask(self, number, *words):
        """A reply, or the error as a value."""
        try:
            client = Client(self.port(number), seconds=ANSWER_SECONDS_MAX)
        except OSError as error:
            return error
        try:
            return client.call(*words)
        except (OSError, ServerError, ValueError) as error:
            return error
        finally:
            client.close()

    def state(self, number):
        info = self.ask(number, "CLUSTER", "INFO")
        found = re.search(rb"cluster_state:(\w+)", info) if isinstance(info, bytes) else None
        return found.group(1).decode() if found else repr(info)

    def layout(self):
        """For each slot, the nodes that hold it, the leader first; from the first node that tells of all slots."""
        for number in self.numbers:
            runs = self.ask(number, "CLUSTER", "SLOTS") if number in self.processes else None
            if not isinstance(runs, list):
                continue
            table = {slot: [self.ports.get(one[1]) for one in run[2:]] for run in runs for slot in range(run[0], run[1] + 1)}
            if len(table) == SLOTS:
                return table
        return None

    def holders(self):
        """For each partition, in the order of its slots, the nodes that vote in its group; from the state that a node keeps."""
        for number in self.numbers:
            path = os.path.join(self.cluster.node_folder(number), "data", "cluster.json")
            if os.path.exists(path):
                with open(path) as file:
                    # The first group is that of the config.
                    return [set(group["voters"]) for group in json.load(file)["placement"]["groups"][1:]]
        return [set(self.numbers)] * self.partitions

    # ---- logs

    def tail(self, number, bytes_max=2000):
        with open(self.log_path(number), "rb") as log:
            log.seek(max(0, os.path.getsize(self.log_path(number)) - bytes_max))
            return without_colour(log.read().decode(errors="replace"))

    def log_lines(self, words):
        """Lines of all logs that hold one of the words, each with the node's name and two lines that follow."""
        found = []
        for number in self.numbers:
            if not os.path.exists(self.log_path(number)):
                continue
            with open(self.log_path(number), errors="replace") as log:
                lines = without_colour(log.read()).splitlines()
            found += [f"n{number}: " + " | ".join(lines[at:at + 3]) for at, line in enumerate(lines)
                      if any(word in line for word in words)]
        return found

    def wipe(self):
        """Takes the data of all nodes away: the real loss that a control makes."""
        for number in self.numbers:
            shutil.rmtree(os.path.join(self.cluster.node_folder(number), "data"), ignore_errors=True)


def without_colour(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def slot_of(tag):
    """CRC16 (XMODEM) of a hash tag, as Redis Cluster has it."""
    sum_ = 0
    for byte in tag.encode():
        sum_ ^= byte << 8
        for _ in range(8):
            sum_ = (sum_ << 1 ^ 0x1021 if sum_ & 0x8000 else sum_ << 1) & 0xFFFF
    return sum_ % SLOTS


def tags_of(partitions, prefix=""):
    """A hash tag in each of the partitions."""
    found, number = {}, 0
    while len(found) < partitions:
        found.setdefault(slot_of(f"{prefix}{number}") * partitions // SLOTS, f"{prefix}{number}")
        number += 1
    return [found[at] for at in range(partitions)]
