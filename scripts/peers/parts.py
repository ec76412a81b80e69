"""The parts of a measurement: which cells each has, and how a run of a cell is made.

Every repeat of a cell goes over all peers before the next repeat, each time beginning with another one: what the machine does
beside falls on all alike.
"""

import contextlib
import os
import shutil
import tempfile
import time

from peers import clients
from peers.programs import Absent, say
from peers.server import Peer, Setting

PARTS = ("throughput", "latency", "memory", "commits")
# Values of the memory cells; keys have 16 bytes.
MEMORY_SIZES = (8, 64)
KEY_BYTES = 16
# A load sets in so many seconds before the resident bytes are read.
SETTLE_SECONDS = 1.0
COMMIT_BYTES = 256
PERCENTILES = ("p50", "p90", "p99", "p99_9", "max")


class Bench:
    """What all parts share: programs by name, the clients, where servers write, and where the figures go."""

    def __init__(self, arguments, programs, folder, cells):
        self.arguments, self.programs, self.folder, self.cells = arguments, programs, folder, cells
        self.loadgen = None
        # What each peer was started with, for those who read the figures.
        self.told = {}
        self.progress = None

    def setting(self, sync=None):
        always = "always" if self.arguments.always else "everysec"
        return Setting(sync or always, self.arguments.storage == "disk", self.arguments.server_core)

    @contextlib.contextmanager
    def servers(self, part, names, setting):
        """Runs these peers side by side; only one of them is loaded at a time."""
        started, folder = [], tempfile.mkdtemp(prefix=f"{part}-", dir=self.folder)
        try:
            for name in names:
                started.append(Peer(name, self.programs[name], folder, setting))
                self.tell(part, started[-1])
            yield started
        finally:
            for peer in started:
                peer.stop()
            shutil.rmtree(folder, ignore_errors=True)

    def tell(self, part, peer):
        self.told.setdefault(peer.name, {"version": peer.version, "commands": {}})
        self.told[peer.name]["commands"].setdefault(part, peer.told())

    def measure(self, part, about, peer, load):
        """One run: its figures, the processor time that the server took for each of its requests, and the ticks of it, all and the kernel's."""
        before, ticks_before = peer.cpu_ns(), peer.kernel_ticks()
        figures = load()
        figures["server_cpu_ns"] = (peer.cpu_ns() - before) / max(figures["requests"], 1)
        for name, after, earlier in zip(("kernel_ticks", "ticks"), peer.kernel_ticks(), ticks_before):
            figures[name] = after - earlier
        self.cells.add(part, about, peer.name, figures)

    def rounds(self, peers):
        """The repeats of a cell: a number and a peer each."""
        for repeat in range(self.arguments.repeats):
            turn = repeat % len(peers)
            yield from ((repeat, peer) for peer in peers[turn:] + peers[:turn])


def takers(bench, client, commands):
    """The peers that take part with these commands."""
    names = [name for name in bench.programs if all(client.takes(name, command) for command in commands)]
    if not names:
        raise SystemExit(f"bench-peers: none of {', '.join(bench.programs)} can be asked {', '.join(commands)} by {client.name}")
    return names


def throughput_client(bench):
    return bench.loadgen if bench.arguments.client == "loadgen" else clients.RedisBenchmark(bench.arguments.client_core)


def throughput_takers(bench):
    return takers(bench, throughput_client(bench), bench.arguments.commands)


def throughput_cells(arguments):
    return [{"command": command, "bytes": size, "pipeline": pipeline, "clients": connections}
            for size in arguments.sizes for pipeline in arguments.pipelines
            for connections in arguments.clients for command in arguments.commands]


def throughput(bench):
    """Requests as fast as they are answered: rate, and processor time of the server for each."""
    arguments = bench.arguments
    client = throughput_client(bench)
    names = throughput_takers(bench)
    with bench.servers("throughput", names, bench.setting()) as peers:
        filled = None
        for about in throughput_cells(arguments):
            size, command = about["bytes"], about["command"]
            keys = clients.keys_of(size)
            for peer in peers if filled != size else []:
                client.run(peer, "set", size, 16, 20, keys * 4, keys)
                bench.progress.step(fill_seconds(size), f"filling {peer.name} with values of {size} B")
            filled = size
            for peer in peers:
                clients.prepare(peer, command)
            requests = max(int(clients.requests_of(size, about["pipeline"]) * arguments.scale / (4 if arguments.always else 1)), 1)
            for repeat, peer in bench.rounds(peers):
                def load():
                    return client.run(peer, command, size, about["pipeline"], about["clients"], requests, keys)
                bench.measure("throughput", about, peer, load)
                bench.progress.step(throughput_seconds(arguments), f"{command} {size} B x {about['pipeline']} {peer.name} {repeat + 1}")


def throughput_seconds(arguments):
    return 0.2 + 1.1 * arguments.scale


def fill_seconds(size):
    return 0.2 + clients.keys_of(size) * 4 / 400_000


def latency(bench):
    """Half reads and half writes at a rate that all keep, each timed from when it was to be sent: percentiles."""
    arguments = bench.arguments
    with bench.servers("latency", latency_takers(bench), bench.setting()) as peers:
        for about in latency_cells(arguments):
            size = about["bytes"]
            keys = clients.keys_of(size)
            for peer in peers:
                bench.loadgen.ask(peer, "--preload", "--keys", keys, "--value-bytes", size, "--requests", 1)
            for repeat, peer in bench.rounds(peers):
                def load():
                    report = bench.loadgen.ask(peer, "--rate", about["rate"], "--seconds", timed_seconds(arguments), "--connections",
                                               about["clients"], "--value-bytes", size, "--keys", keys, "--seed", repeat + 1)
                    times = {f"{name}_us": report["latency_us"][name] for name in PERCENTILES}
                    return {"requests": report["replies"], "unsent": report["unsent"], **times}
                bench.measure("latency", about, peer, load)
                bench.progress.step(timed_seconds(arguments) + 0.2, f"latency {size} B {peer.name} {repeat + 1}")


def latency_takers(bench):
    return takers(bench, bench.loadgen, ["get", "set"])


def latency_cells(arguments):
    return [{"bytes": size, "clients": connections, "rate": arguments.rate}
            for size in arguments.sizes for connections in arguments.clients]


def timed_seconds(arguments):
    """Of a run that goes by time."""
    return max(0.5, 3 * arguments.scale)


def memory(bench):
    """Resident bytes a key over key and value; each run begins with a server that is empty."""
    arguments = bench.arguments
    names = memory_takers(bench)
    for about in memory_cells(arguments):
        payload = KEY_BYTES + about["bytes"]
        for repeat, name in bench.rounds(names):
            with bench.servers("memory", [name], bench.setting()) as (peer,):
                before = peer.resident_bytes()
                bench.loadgen.ask(peer, "--preload", "--keys", about["keys"], "--value-bytes", about["bytes"], "--requests", 1)
                time.sleep(SETTLE_SECONDS)
                each = (peer.resident_bytes() - before) / about["keys"]
                bench.cells.add("memory", about, name, {"bytes_a_key": each, "over_payload": each - payload, "empty_mb": before / 1e6})
            bench.progress.step(memory_seconds(arguments), f"memory {about['bytes']} B {name} {repeat + 1}")


def memory_takers(bench):
    return takers(bench, bench.loadgen, ["set"])


def memory_cells(arguments):
    return [{"bytes": size, "keys": arguments.memory_keys} for size in MEMORY_SIZES]


def memory_seconds(arguments):
    return SETTLE_SECONDS + 0.7 + 1.2e-6 * arguments.memory_keys


def commits(bench):
    """Writes that are synced before their answer, one at a time on each connection."""
    arguments = bench.arguments
    with bench.servers("commits", commit_takers(bench), bench.setting("always")) as peers:
        for about in commit_cells(arguments):
            for repeat, peer in bench.rounds(peers):
                def load():
                    report = bench.loadgen.ask(peer, "--read-ratio", 0, "--seconds", timed_seconds(arguments), "--connections",
                                               about["clients"], "--value-bytes", about["bytes"])
                    return {"requests": report["replies"], "commits_per_second": report["operations_per_second"],
                            "p50_ms": report["latency_us"]["p50"] / 1e3, "p99_ms": report["latency_us"]["p99"] / 1e3}
                bench.measure("commits", about, peer, load)
                bench.progress.step(timed_seconds(arguments) + 0.2, f"commits {about['clients']} clients {peer.name} {repeat + 1}")


def commit_takers(bench):
    return [name for name in takers(bench, bench.loadgen, ["set"]) if name != "memcached"]


def commit_cells(arguments):
    return [{"clients": connections, "bytes": COMMIT_BYTES} for connections in arguments.commit_clients]


def expected_seconds(bench):
    """What all runs are thought to take."""
    arguments = bench.arguments
    timed = timed_seconds(arguments) + 0.2
    # Who takes part, how many cells there are, and what a run takes.
    each = {"throughput": lambda: (throughput_takers(bench), throughput_cells(arguments), throughput_seconds(arguments)),
            "latency": lambda: (latency_takers(bench), latency_cells(arguments), timed),
            "memory": lambda: (memory_takers(bench), memory_cells(arguments), memory_seconds(arguments)),
            "commits": lambda: (commit_takers(bench), commit_cells(arguments), timed)}
    seconds = 0.0
    for part in arguments.parts:
        names, cells, run = each[part]()
        seconds += len(names) * len(cells) * arguments.repeats * run
        if part == "throughput":
            seconds += len(names) * sum(map(fill_seconds, arguments.sizes))
    return seconds


def found_programs(programs, names):
    """The programs of the peers that are there, by name; a sentence for each that is not."""
    found = {}
    for name in names:
        try:
            found[name] = os.path.abspath(programs.find(name))
        except Absent as why:
            if name == "hyperion":
                raise SystemExit(f"bench-peers: there is no hyperiond to measure: {why}") from None
            say(f"{name} is left out: {why}")
    return found
