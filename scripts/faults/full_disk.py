"""full-disk: no room for another segment; writes are refused, the rest goes on, and room brings writes back."""

import os
import time
from contextlib import ExitStack

from resp import Client, ServerError
from faults.book import make_value, read_all
from faults.disk import ext4, need
from faults.node import Node
from faults.table import Row

DISK_BYTES = 48 << 20
FILLER_BYTES = 8 << 20  # two of them
VALUE_BYTES = 20_000
WRITES_MAX = 6_000
DELETED = 40
OVERWRITTEN = 50
BACK_SECONDS_MAX = 15


def full_disk(options, folder, rows):
    need("mkfs.ext4", "losetup")
    # Without files no disk is full, and a kill loses all.
    for mode, storage in (("always", "disk"), ("interval", "disk"), ("always", "memory")):
        one(options, folder, mode, storage, rows)


def one(options, folder, mode, storage, rows):
    control = storage == "memory"
    row = Row(f"full-disk, {'storage memory' if control else mode}", control)
    rows.append(row)
    with ExitStack() as stack:
        image = ext4(stack, os.path.join(folder, f"full-{mode}-{storage}.img"), DISK_BYTES)
        point = image.attach(os.path.join(folder, f"full-{mode}-{storage}"))
        fillers = [os.path.join(point, f"filler-{number}") for number in (1, 2)]
        for filler in fillers:
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, FILLER_BYTES)
        node = Node(options, os.path.join(folder, f"log-{mode}-{storage}"), os.path.join(point, "data"), mode, storage=storage)
        stack.callback(node.kill)
        node.start()
        row.rounds = 1
        Filling(node, row, point).run(fillers)


class Filling:
    """The writes of one node, and what must be there of them."""

    def __init__(self, node, row, point):
        self.node, self.row, self.point, self.expected, self.number = node, row, point, {}, 0

    def run(self, fillers):
        client = Client(self.node.port)
        refused = self.fill(client, "before")
        if refused is None:
            self.row.short(f"{self.number} writes of {VALUE_BYTES} bytes were taken by a disk of {DISK_BYTES >> 20} MiB")
        else:
            self.say(f"a write: {refused}")
        self.check(client, "while the disk was full")
        self.delete(client)
        self.check(client, "after deletions on the full disk")
        try:
            self.say(f"status: writes_refused {self.node.status()['writes_refused']!r}")
        except (OSError, KeyError, ValueError) as error:
            self.row.short(f"GET /status on a full disk: {error!r}")
        client.close()
        os.unlink(fillers[0])
        self.come_back()
        self.restart_full()
        os.unlink(fillers[1])
        self.node.kill()
        try:
            self.node.start()
        except RuntimeError as error:
            self.row.short(f"after room was made: {error}")
            return
        client = Client(self.node.port)
        self.check(client, "after kill -9 and a restart")
        client.close()

    def say(self, text):
        self.row.note(text.replace(self.point, ""))

    def write(self, client, key):
        self.number += 1
        value = make_value(key, self.number, VALUE_BYTES)
        try:
            client.call("SET", key, value)
        except ServerError as error:
            return str(error)
        self.expected[key] = value
        self.row.acknowledged += 1
        return None

    def fill(self, client, prefix):
        """Writes new keys until one is refused: the sentence; None when none is."""
        for number in range(WRITES_MAX if not self.row.control else WRITES_MAX // 4):
            refused = self.write(client, f"{prefix}:{number}")
            if refused:
                return refused
        return None

    def check(self, client, when):
        lost = 0
        for key, value in read_all(client, list(self.expected)).items():
            if value == self.expected[key]:
                continue
            if isinstance(value, ServerError):
                self.row.short(f"{when}: GET {key} answered {value}")
            elif value is None or self.expected[key] is None:
                lost += 1
            else:
                self.row.short(f"{when}: {key} holds other bytes")
        self.row.lost += lost
        if lost:
            self.row.example(f"{when}: {lost} of {len(self.expected)} keys are not as answered")

    def delete(self, client):
        """DEL and overwrites of what is there; overwriting may be refused, deletion may not."""
        refused = 0
        for number in range(DELETED):
            key = f"before:{number}"
            try:
                client.call("DEL", key)
                self.expected[key] = None
                self.row.acknowledged += 1
            except ServerError as error:
                refused += 1
                sentence = str(error)
        if refused:
            self.row.short(f"{refused} of {DELETED} DEL were refused on the full disk: {sentence.replace(self.point, '')}")
        for number in range(DELETED, DELETED + OVERWRITTEN):
            self.write(client, f"before:{number}")

    def restart_full(self):
        """A kill and a start while there is no room: it serves, or says why not; both lose nothing."""
        self.node.kill()
        code, sentence = self.node.refusal()
        if code is None and sentence == "it serves":
            self.row.note("a restart on the full disk serves")
            client = Client(self.node.port)
            self.check(client, "after a restart on the full disk")
            client.close()
        else:
            self.say(f"a restart on the full disk ends with exit code {code}: {sentence}")
            if code != 74:
                self.row.short(f"a restart on the full disk ended with exit code {code}, not 74")

    def come_back(self):
        """Writes work again without a restart."""
        if not self.node.alive():
            self.row.short(f"it ended on the full disk: {self.node.sentence()}")
            return
        client, begin = Client(self.node.port), time.monotonic()
        while (refused := self.write(client, "after")) and time.monotonic() - begin < BACK_SECONDS_MAX:
            time.sleep(0.05)
        if refused:
            self.row.short(f"writes were refused {BACK_SECONDS_MAX} s after room was made: {refused.replace(self.point, '')}")
        else:
            self.row.note(f"writes again {time.monotonic() - begin:.1f} s after room was made")
            self.fill(client, "later")
        client.close()
