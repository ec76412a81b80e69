"""A witness beside a server: whether its core was there at all while a turn seemed long, and a control: whether a program that does nothing but use
memory has such turns too.

Below a virtual machine a core may be taken away without the system noticing: its clock of processor time goes on, and a turn seems to
have used what it never had. `perf` looks at the core 4000 times a second; a time of a millisecond and more without a look is one in which the
core was away, and a turn that is short enough without these was not the server's fault. Only a core that is in its own code with interrupts on can be looked at, and programs always are.
"""

import datetime
import json
import os
import re
import shutil
import subprocess
import time

LOOKS_A_SECOND = 4000
# Four looks that did not come.
HOLE_SECONDS_MIN = 0.001
TURN = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z.*a turn took ([\d.]+) ms, ([\d.]+) ms of the processor")


def control(core, seconds, mib):
    """Turns of a program that does nothing but read and write memory of its own, on this core."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    subprocess.run(["cargo", "build", "--quiet", "--release", "--manifest-path", os.path.join(root, "Cargo.toml"), "--package", "hyperion-loadgen"], check=True)
    binary = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target")), "release", "hyperion-control")
    told = subprocess.run(["taskset", "-c", str(core), binary, str(seconds), str(mib)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(told)


class Witness:
    def __init__(self, core, folder):
        self.file, self.process = os.path.join(folder, "witness.perf"), None
        if shutil.which("perf"):
            self.process = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-C", str(core), "-F", str(LOOKS_A_SECOND),
                                             "-k", "CLOCK_MONOTONIC", "-o", self.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        """Looks no more."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def absences(self, log_path, turn_ms_max):
        """Long turns in the log while the witness looked, and those of them in which the core was away for what they took too long."""
        if self.process is None:
            return 0, 0
        self.end()
        told = subprocess.run(["perf", "script", "-i", self.file, "-F", "time"], capture_output=True, text=True, check=False).stdout
        looks = [float(line.strip().rstrip(":")) for line in told.splitlines() if line.strip()]
        if not looks:
            return 0, 0
        since = time.time() - time.monotonic()
        long, away = 0, 0
        with open(log_path, errors="replace") as lines:
            for turn in filter(None, map(TURN.search, lines)):
                end = datetime.datetime.fromisoformat(turn[1] + "+00:00").timestamp() - since
                begin, processor_ms = end - float(turn[2]) / 1e3, float(turn[3])
                if processor_ms <= turn_ms_max or begin < looks[0] or end > looks[-1]:
                    continue
                inside = [begin, *(look for look in looks if begin < look < end), end]
                gaps = [later - earlier for earlier, later in zip(inside, inside[1:])]
                holes_ms = sum(gap for gap in gaps if gap >= HOLE_SECONDS_MIN) * 1e3
                long += 1
                away += processor_ms - holes_ms <= turn_ms_max
        return long, away
