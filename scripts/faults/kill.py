"""kill: `kill-test` in all its forms, and its own negative control."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from faults.table import Row

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kill-test")
MODES = ("always", "interval", "never")
LOAD_SECONDS_MAX = 0.3
ROUND_SECONDS_MAX = 20
BEGIN_SECONDS_MAX = 120
KINDS = ("lost", "resurrected", "torn", "half")  # the columns of its table
BROKEN = 2  # kill-test's exit code when it could not go on


def kill(options, folder, rows):
    """The modes run side by side, as many as there are `--jobs`, each on a server of its own."""
    runs = []
    for number, mode in enumerate(MODES):
        cpu = options.cpus[number % len(options.cpus)]
        runs.append(("kill", ["--modes", mode, "--cores", cpu]))
    for mode in MODES:
        runs.append(("kill, many slots", ["--modes", mode, "--atomicity",
                                          *[part for cores in options.core_sets for part in ("--cores", cores)]]))
    with ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda one: run(options, folder, *one), runs):
            rows += found
    if shutil.which("redis-server"):
        rows += run(options, folder, "kill, Redis without files", ["--server", "redis", "--cycles", "2"], control=True)
    for kind in KINDS:
        rows += run(options, folder, f"kill, one key {kind}", ["--modes", "interval", "--cycles", "1", "--spoil", kind,
                    *(["--atomicity"] if kind == "half" else [])], control=True, kind=kind)


def run(options, folder, name, arguments, control=False, kind=None):
    """A row for each line of its table. `kind`: it alone must be found, and no other kind takes its place."""
    here = os.path.join(folder, "-".join([name, *arguments[1:2]]).replace(" ", "-").replace(",", ""))
    os.makedirs(here)
    command = [sys.executable, SCRIPT, "--seed", str(options.seed), "--cycles", str(options.kills), "--data", here,
               "--load-seconds", str(LOAD_SECONDS_MAX)]
    if not control or kind:
        command += ["--binary", options.binary]
    path = here + ".txt"
    with open(path, "w") as said:
        child = subprocess.Popen(command + arguments, stdout=said, stderr=subprocess.STDOUT)
        try:
            child.wait(BEGIN_SECONDS_MAX + ROUND_SECONDS_MAX * options.kills)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    with open(path) as said:
        lines, rows = said.read().splitlines(), []
    heads = [number for number, line in enumerate(lines) if line.startswith("mode ")]
    for line in lines[heads[-1] + 1:] if heads else ():
        words = line.replace(" atomicity", "-atomicity").split()
        if len(words) < 6 or not words[1].isdigit():
            continue
        row = Row(name if control else f"{name}, {words[0].removesuffix('-atomicity')}", control)
        row.rounds, row.acknowledged, row.lost = int(words[1]), int(words[2]), int(words[3])
        row.wrong = sum(map(int, words[4:]))
        if kind:
            row.lost, row.wrong = 0, int(words[3 + KINDS.index(kind)])
            row.example(f"{row.wrong} {kind}")
        rows.append(row)
    if not rows or child.returncode == BROKEN:
        row = Row(name, control)
        row.rounds = 1
        row.short("kill-test could not go on: " + " / ".join(lines[-4:]))
        rows.append(row)
    elif child.returncode and not control:
        for line in lines:
            if line.startswith("  "):
                rows[0].example(line.strip())
    return rows
