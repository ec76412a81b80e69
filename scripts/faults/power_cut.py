"""power-cut: the disk as it was at one moment of a load, mounted and started elsewhere.

An ext4 image lies on an XFS that shares blocks. A reflink clone of it is a copy of one moment, taken while the
load goes on: XFS keeps all writers of the file out until the clone is whole. What the inner ext4 still held in
its page cache is not in it, as after a power cut. The load then goes on from the copy, so that cuts add up.
"""

import os
import random
import time
from contextlib import ExitStack

from faults.book import Book
from faults.disk import Image, clone, ext4, need
from faults.node import SYNC_INTERVAL_MS, Node
from faults.table import Row

DISK_BYTES = 768 << 20
STORE_BYTES = 8 << 30
CUTS_A_CHAIN = 10
# The longest that one sync may take on a busy machine; what was measured is printed beside it.
SYNC_SECONDS_MAX = 0.5
SLACK_SECONDS = {"always": 0.0, "interval": SYNC_INTERVAL_MS / 1000 + SYNC_SECONDS_MAX}


def power_cut(options, folder, rows):
    need("mkfs.xfs", "mkfs.ext4", "losetup")
    with ExitStack() as stack:
        store = Image(stack, os.path.join(folder, "store.img"), STORE_BYTES, "xfs", "-m", "reflink=1")
        place = store.attach(os.path.join(folder, "store"))
        fresh = os.path.join(place, "fresh.img")
        ext4(stack, fresh, DISK_BYTES)
        for mode, judged, control in (("always", "always", False), ("interval", "interval", False),
                                      ("never", "always", True), ("never", "interval", True)):
            cuts = 2 if control else options.cuts
            row = Row(f"power-cut, {mode} judged as {judged}" if control else f"power-cut, {mode}", control)
            rows.append(row)
            chains = Chains(options, folder, place, row, mode, judged, control)
            while row.rounds < cuts:
                chains.run(min(CUTS_A_CHAIN, (options.cuts + 1) // 2, cuts - row.rounds))
            if judged == "interval":
                row.note(f"{chains.young} keys lost a younger write; the oldest answered write that is gone was "
                         f"{chains.oldest * 1000:.0f} ms old (allowed {SLACK_SECONDS['interval'] * 1000:.0f})")
            row.note(f"clone {chains.clone_seconds * 1000:.0f} ms at most, start on the copy {chains.start_seconds * 1000:.0f} ms at most")


class Chains:
    """Runs of cuts, each of which goes on from the copy of the cut before."""

    def __init__(self, options, folder, place, row, mode, judged, control):
        self.options, self.folder, self.place, self.row = options, folder, place, row
        self.mode, self.slack, self.control = mode, SLACK_SECONDS[judged], control
        self.dice = random.Random(f"{options.seed}/power-cut/{mode}/{judged}")
        self.young = self.number = 0
        self.oldest = self.clone_seconds = self.start_seconds = 0.0

    def run(self, cuts):
        self.number += 1
        sets = self.options.core_sets
        cores = sets[0] if self.control else sets[self.number % len(sets)]
        # A segment that the control does not fill: the end of one is synced in every mode.
        segment = "64MiB" if self.control else self.dice.choice(["1MiB", "1MiB", "4MiB"])
        book = Book(f"{self.options.seed}/{self.mode}/{self.number}")
        with ExitStack() as stack:
            image = self.next_image(stack, "fresh.img")
            node = self.node(stack, image, cores, segment)
            for cut in range(cuts):
                image, node = self.cut(stack, book, image, node, cores, segment)
                self.row.rounds += 1
                self.options.say(f"{self.row.name}: cut {self.row.rounds}, cores {cores}, {book.answered()} answered, "
                                 f"{self.row.lost} lost, {self.row.wrong} wrong")
                if self.row.lost + self.row.wrong and not self.control:
                    self.row.note(f"first found with --seed {self.options.seed} in chain {self.number}, cut {cut + 1}, "
                                  f"cores {cores}, segments {segment}")
            node.kill()
            image.remove()

    def next_image(self, stack, source):
        path = os.path.join(self.place, f"disk-{time.monotonic_ns()}.img")
        clone(os.path.join(self.place, source), path)
        return Image(stack, path)

    def node(self, stack, image, cores, segment):
        point = image.attach(os.path.join(self.folder, os.path.basename(image.path)[:-4]))
        node = Node(self.options, os.path.join(self.folder, "log"), os.path.join(point, "data"), self.mode, cores, segment)
        stack.callback(node.kill)
        node.start()
        return node

    def cut(self, stack, book, image, node, cores, segment):
        book.start(node.port)
        time.sleep(self.dice.uniform(2.5, 3.0) if self.control else self.dice.uniform(0.05, self.options.load_seconds))
        if not node.alive():
            raise RuntimeError(f"the server ended by itself under load: {node.sentence()}")
        begin = time.monotonic()
        copy = self.next_image(stack, image.path)
        end = time.monotonic()
        self.clone_seconds = max(self.clone_seconds, end - begin)
        # A moment longer, so that answers after the cut are seen to be allowed to go.
        time.sleep(0.02)
        book.stop()
        node.kill()
        book.join()
        image.remove()
        after = self.node(stack, copy, cores, segment)
        self.start_seconds = max(self.start_seconds, after.start_seconds)
        if self.mode == "always":
            self.row.note(f"commits were {after.commits()}")
        finding = book.judge(after.port, begin, end, self.slack, in_order="," not in cores and "-" not in cores)
        self.row.take(finding)
        self.young += finding.young
        self.oldest = max(self.oldest, finding.oldest)
        for reply in sorted(set(book.refusals())):
            self.row.note(f"error reply: {reply}")
        return copy, after
