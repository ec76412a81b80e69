"""eio and read-only: the disk below fails or turns read-only under load.

- `eio, log`: the loop device is cut off in front of the log's first block, so that each write of it is an EIO.
- `eio, all`: it is cut off near its start: the journal fails too.
- `eio, no room below`: the image is sparse and the tmpfs below it is full, so that late writes fail.
- `read-only`: ext4 meets an error and remounts itself read-only; and a start on a read-only mount.

Then the device is made whole again: what was answered must be there.
"""

import glob
import os
import random
import subprocess
import time
from contextlib import ExitStack

from faults.book import Book
from faults.disk import Image, Mount, ext4, first_block, need, run
from faults.node import Node
from faults.power_cut import SLACK_SECONDS
from faults.table import Row

DISK_BYTES = 192 << 20
LOG_BEGINS_BYTES = 96 << 20  # a ballast in front keeps the log behind the file system's own blocks
TMPFS_BYTES = 40 << 20
SPARE_BYTES = 2 << 20
SHRINKS_MAX = 10
END_SECONDS_MAX = 8
EXIT_DISK = 74
E2FSCK_MENDED = 2  # exit codes up to this: sound, or mended without a question


def eio(options, folder, rows):
    need("mkfs.ext4", "losetup")
    for what in ("log", "all", "no room below"):
        for mode in ("always", "interval"):
            row = Row(f"eio, {what}, {mode}")
            rows.append(row)
            for number in range(options.errors):
                Failing(options, os.path.join(folder, f"eio-{len(rows)}-{number}"), row, mode, mode, number).run(what)
    row = Row("eio, log, never judged as always", control=True)
    rows.append(row)
    Failing(options, os.path.join(folder, "eio-control"), row, "never", "always", 0).run("log")


def read_only(options, folder, rows):
    need("mkfs.ext4", "losetup")
    for mode in ("always", "interval"):
        row = Row(f"read-only remount, {mode}")
        rows.append(row)
        for number in range(options.errors):
            Failing(options, os.path.join(folder, f"read-only-{mode}-{number}"), row, mode, mode, number).run("read-only")
    row = Row("read-only remount, never judged as always", control=True)
    rows.append(row)
    Failing(options, os.path.join(folder, "read-only-control"), row, "never", "always", 0).run("read-only")
    read_only_start(options, os.path.join(folder, "read-only-start"), rows)


class Failing:
    """One run: load, fault, the server's end, a whole disk again, a start, a check."""

    def __init__(self, options, folder, row, mode, judged, number):
        self.options, self.folder, self.row, self.mode = options, folder, row, mode
        self.slack, self.number = SLACK_SECONDS[judged], number
        self.dice = random.Random(f"{options.seed}/{row.name}/{number}")
        os.makedirs(folder)

    def run(self, what):
        with ExitStack() as stack:
            self.stack = stack
            image, below = self.image(what == "no room below")
            point = os.path.join(self.folder, "disk")
            image.attach(point, "-o", "errors=remount-ro") if what == "read-only" else image.attach(point)
            if what in ("log", "all"):
                with open(os.path.join(point, "ballast"), "wb") as ballast:
                    os.posix_fallocate(ballast.fileno(), 0, LOG_BEGINS_BYTES)
            node = Node(self.options, os.path.join(self.folder, "log"), os.path.join(point, "data"), self.mode, segment="4MiB")
            stack.callback(node.kill)
            node.start()
            book = Book(f"{self.options.seed}/{self.row.name}/{self.number}")
            book.start(node.port)
            time.sleep(self.dice.uniform(0.2, 0.8))
            begin = time.monotonic()
            self.break_disk(what, image, below, point)
            self.expect_end(node, book, begin)
            self.row.rounds += 1
            image.detach()
            if below:
                run("mount", "-o", f"remount,size={DISK_BYTES + SPARE_BYTES}", below.point)
            # The journal is replayed and what the kernel noted as an error is looked at, as a person would do.
            check = subprocess.run(["e2fsck", "-fp", image.path], capture_output=True).returncode
            if check > E2FSCK_MENDED:
                self.row.note(f"e2fsck -fp asked for a person (exit code {check}); -fy mended it")
                subprocess.run(["e2fsck", "-fy", image.path], capture_output=True)
            image.attach(point)
            # The mount is younger than the node: the node has to end first.
            stack.callback(node.kill)
            try:
                node.start()
            except RuntimeError as error:
                self.row.short(f"no start on the whole disk: {error}")
                return
            finding = book.judge(node.port, self.horizon(begin), None, self.slack)
            self.row.take(finding)
            self.options.say(f"{self.row.name}: {finding.acknowledged} answered, {finding.lost} lost, {finding.wrong} wrong")

    def horizon(self, begin):
        """With `always` every answer counts, those after the fault too; else those before it."""
        return begin if self.slack else None

    def image(self, sparse):
        if not sparse:
            return ext4(self.stack, os.path.join(self.folder, "disk.img"), DISK_BYTES), None
        below = Mount(self.stack, os.path.join(self.folder, "below"), "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "fault-test")
        return Image(self.stack, os.path.join(below.point, "disk.img"), DISK_BYTES, "ext4", "-m", "0", "-J", "size=4",
                     "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"), below

    def break_disk(self, what, image, below, point):
        if what == "log":
            segments = glob.glob(os.path.join(point, "data", "core-*", "segment-*"))
            image.limit(min(map(first_block, segments)))
        elif what == "all":
            image.limit(1 << 20)
        elif what == "read-only":
            with open(f"/sys/fs/ext4/{os.path.basename(image.device)}/trigger_fs_error", "w") as trigger:
                trigger.write("fault-test")
        else:
            # The rest of the tmpfs is taken away; a little is left, so that the fault falls into the load.
            shrink(below.point)

    def expect_end(self, node, book, begin):
        if self.row.control:
            time.sleep(1.0)
            node.kill()
            book.join()
            return
        code, sentence = node.ended(END_SECONDS_MAX)
        took = time.monotonic() - begin
        if code is None and book.refusals():
            # No segment could be made: refusing is as good as ending.
            self.row.note(f"writes were refused: {book.refusals()[-1].replace(self.folder, '')}")
        elif code is None:
            self.row.short(f"it served {END_SECONDS_MAX} s after the fault without a word")
        else:
            self.row.note(f"exit code {code}: {sentence.replace(self.folder, '')}")
            self.options.say(f"{self.row.name}: ended {took:.2f} s after the fault")
            if code != EXIT_DISK:
                self.row.short(f"exit code {code}, not {EXIT_DISK}: {sentence}")
            if "/segment-" not in sentence:
                self.row.short(f"no segment's file is named: {sentence}")
        node.kill()
        book.join()


def shrink(point):
    """Takes the free room of a tmpfs away but for a little. A size below what is used by then is refused: tried again."""
    for attempt in range(SHRINKS_MAX):
        room = os.statvfs(point)
        used = (room.f_blocks - room.f_bavail) * room.f_frsize
        try:
            return run("mount", "-o", f"remount,size={used + SPARE_BYTES}", point)
        except RuntimeError:
            if attempt + 1 == SHRINKS_MAX:
                raise


def read_only_start(options, folder, rows):
    """A start on a mount that is read-only; the control is the same start on one that is not."""
    for control in (False, True):
        row = Row("start on a " + ("writable mount" if control else "read-only mount"), control)
        rows.append(row)
        row.rounds = 1
        with ExitStack() as stack:
            os.makedirs(folder, exist_ok=True)
            image = ext4(stack, os.path.join(folder, "disk.img"), DISK_BYTES)
            point = image.attach(os.path.join(folder, "disk"))
            node = Node(options, os.path.join(folder, "log"), os.path.join(point, "data"))
            stack.callback(node.kill)
            node.start()
            book = Book(f"{options.seed}/read-only")
            book.start(node.port)
            time.sleep(0.2)
            book.join()
            node.kill()
            if not control:
                run("mount", "-o", "remount,ro", point)
            code, sentence = node.refusal()
            if code in (None, 0) or code < 0:
                row.short(f"not refused: {sentence}")
            else:
                row.note(f"exit code {code}: {sentence.replace(folder, '')}")
            node.kill()
            if not control:
                run("mount", "-o", "remount,rw", point)
                node.start()
                row.take(book.judge(node.port))
