"""How much of a server's processor time an operation is the kernel's and how much its own, beside Redis with an append-only file: what no
change of the server's own code can save. By utime and stime of its threads, which are counted by the tick: runs are long enough for that."""

import os
import statistics
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")
# Commands sent together, and how many go in a round.
ROUNDS = ((1, 100_000), (16, 1_000_000), (64, 2_000_000))


def seconds(pid):
    """Own and kernel's processor seconds of all threads."""
    own, kernel = 0, 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        own, kernel = own + int(fields[11]), kernel + int(fields[12])
    return own / TICKS, kernel / TICKS


def load(server, command, pipeline, count):
    """Own and kernel's nanoseconds an operation."""
    before = seconds(server.process.pid)
    subprocess.run(["taskset", "-c", "1", "redis-benchmark", "-p", str(server.port), "-t", command, "-n", str(count), "-P", str(pipeline),
                    "-c", "50", "-r", "100000", "-d", "16", "-q"], stdout=subprocess.DEVNULL, check=True)
    return [(after - begin) / count * 1e9 for begin, after in zip(before, seconds(server.process.pid))]


def measure(servers, repeats):
    """Prints a line a command and pipeline. `servers` are names and servers that run, all on one core; the load comes from the next."""
    print("kernel: processor time an operation, 50 connections, values of 16 bytes, median of"
          f" {repeats}: own + the kernel's (the kernel's part)")
    for command in ("set", "get"):
        for pipeline, count in ROUNDS:
            taken = {name: [] for name, _ in servers}
            for _ in range(repeats):
                for name, server in servers:
                    taken[name].append(load(server, command, pipeline, count))
            line = f"  {command.upper()}, pipeline {pipeline:2}:"
            for name, rounds in taken.items():
                own, kernel = (statistics.median(column) for column in zip(*rounds))
                line += f"  {name} {own:.0f} + {kernel:.0f} ns ({kernel / (own + kernel):.2f})"
            print(line, flush=True)
