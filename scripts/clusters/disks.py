"""A file system of its own for the data of each node, so that it can be filled."""

import os
import tempfile
import threading
from contextlib import ExitStack, contextmanager

from faults.disk import ext4, need
from faults.table import Skipped

DISK_BYTES = 1 << 30
PROBE_BYTES = 8 << 20
TOP_UP_SECONDS = 0.05


def missing():
    """Why no disk can be filled here; None when it can."""
    try:
        need("mkfs.ext4", "losetup", "mount")
        # Also a root may not be allowed to, in a container.
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            ext4(stack, os.path.join(folder, "probe.img"), PROBE_BYTES).attach(os.path.join(folder, "probe"))
    except (Skipped, RuntimeError) as why:
        return str(why)
    return None


class Disks:
    """Made before the nodes start for the first time; undone with `stack`, when they have ended."""

    def __init__(self, stack, cluster, numbers):
        self.points = {}
        for number in numbers:
            point = os.path.join(cluster.folder, f"disk-{number}")
            self.points[number] = ext4(stack, f"{point}.img", DISK_BYTES).attach(point)
            os.makedirs(cluster.node_folder(number))
            os.mkdir(os.path.join(point, "data"))
            os.symlink(os.path.join(point, "data"), os.path.join(cluster.node_folder(number), "data"))

    @contextmanager
    def full(self, number):
        """No block is free on a node's disk, and what it gives back is taken at once."""
        path, done = os.path.join(self.points[number], "filler"), threading.Event()
        with open(path, "wb") as file:
            top_up(file)
            thread = threading.Thread(target=keep_full, args=(file, done), daemon=True)
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()
                os.unlink(path)


def keep_full(file, done):
    while not done.wait(TOP_UP_SECONDS):
        top_up(file)


def top_up(file):
    """Takes all blocks that are free."""
    told = os.fstatvfs(file.fileno())
    step = told.f_bavail * told.f_frsize
    while step >= told.f_frsize:
        try:
            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, step)
            told = os.fstatvfs(file.fileno())
            step = told.f_bavail * told.f_frsize
        except OSError:
            step //= 2
