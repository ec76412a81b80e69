"""File systems in files: loop devices, mounts, copies of a moment; all undone at the end, whatever happens."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import time

from faults.table import Skipped

FICLONE = 0x40049409
FIEMAP = 0xC020660B
LOOP_SET_STATUS64, LOOP_GET_STATUS64 = 0x4C04, 0x4C05
UNMOUNT_SECONDS_MAX = 10
FOLDER = re.compile(r"/(?:fault|cluster)-test-(\d+)-")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def need(*programs):
    if os.geteuid() != 0:
        raise Skipped("loop devices and mounts need root")
    for program in programs:
        if not shutil.which(program):
            raise Skipped(f"{program} is not installed")


class Mount:
    """A mounted file system; `undo` may be called again."""

    def __init__(self, stack, point, *arguments):
        os.makedirs(point, exist_ok=True)
        self.point = point
        run("mount", *arguments, point)
        self.mounted = True
        stack.callback(self.undo)

    def undo(self):
        deadline = time.monotonic() + UNMOUNT_SECONDS_MAX
        while self.mounted:
            done = subprocess.run(["umount", self.point], capture_output=True, text=True)
            if done.returncode == 0 or "not mounted" in done.stderr:
                self.mounted = False
            elif time.monotonic() > deadline:
                run("umount", "--lazy", self.point)
                self.mounted = False
            else:
                time.sleep(0.05)


class Image:
    """A file with a file system in it, behind a loop device."""

    def __init__(self, stack, path, size=None, kind=None, *arguments):
        self.stack, self.path, self.device, self.mount = stack, path, None, None
        if size is not None:
            with open(path, "wb") as file:
                file.truncate(size)
            run(f"mkfs.{kind}", "-q", *arguments, path)
        stack.callback(self.detach)

    def attach(self, point, *arguments):
        self.device = run("losetup", "--find", "--show", self.path)
        self.mount = Mount(self.stack, point, *arguments, self.device)
        return point

    def detach(self):
        if self.mount:
            self.mount.undo()
            self.mount = None
        if self.device:
            run("losetup", "--detach", self.device)
            self.device = None

    def remove(self):
        self.detach()
        os.unlink(self.path)

    def limit(self, size):
        """The device ends after `size` bytes from now on (0: it is whole again); the file keeps all."""
        with open(self.device, "rb") as device:
            status = bytearray(fcntl.ioctl(device, LOOP_GET_STATUS64, bytes(232)))
            struct.pack_into("<Q", status, 32, size)
            fcntl.ioctl(device, LOOP_SET_STATUS64, bytes(status))


def ext4(stack, path, size):
    """An ext4 that does not write by itself in the background."""
    return Image(stack, path, size, "ext4", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")


def clone(source, target):
    """A copy of one moment: the file system keeps writers out until the clone is whole."""
    with open(source, "rb") as old, open(target, "wb") as new:
        fcntl.ioctl(new, FICLONE, old.fileno())


def first_block(path):
    """Where on its device the first byte of a file lies, in bytes."""
    with open(path, "rb") as file:
        ask = struct.pack("<QQIIII", 0, os.path.getsize(path), 1, 0, 1, 0) + bytes(56)
        answer = fcntl.ioctl(file, FIEMAP, ask)
    return struct.unpack_from("<QQQ", answer, 32)[1]


def clean_strays(folder):
    """Undoes mounts and loop devices that a killed test left below `folder`."""
    if os.geteuid() != 0:
        return
    folders = set()
    # Detached first, while the path of its file can be told: what is mounted goes with its mount.
    for line in run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE").splitlines():
        name, _, path = line.strip().partition(" ")
        if is_stray(folder, path.strip()):
            run("losetup", "--detach", name)
            folders.add(path.strip()[len(folder) + 1:].partition("/")[0])
    with open("/proc/self/mounts") as mounts:
        points = [line.split()[1] for line in mounts]
    for point in reversed([point for point in points if is_stray(folder, point)]):
        run("umount", "--lazy", point)
        folders.add(point[len(folder) + 1:].partition("/")[0])
    # A folder without any was kept for a person to look at.
    for name in folders:
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def is_stray(folder, path):
    found = FOLDER.search(path)
    return bool(found) and path.startswith(folder + "/") and not os.path.exists(f"/proc/{found[1]}")
