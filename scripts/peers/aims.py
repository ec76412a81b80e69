"""What was aimed for beside the peers, and how near a measurement came: a line for each figure, with the reason where it falls short.

Reads the JSON that bench-peers writes, and measure-cluster's. A ratio is that of two medians; its least and most are of the runs of one
repeat, as these were made one after the other.
"""

import fnmatch
import statistics
from dataclasses import dataclass

from peers.figures import mean_spread
from peers.tables import NAMES, text

# Processor time an operation, of Redis 7's, by pipeline: geometric mean over the cells with 50 connections and values up to so many bytes.
CPU_OF_REDIS = {1: 0.85, 16: 0.45, 64: 0.35}
MEAN_BYTES_MAX = 256
CONNECTIONS = 50
# Up to here a cell must be below these peers.
CELL_BYTES_MAX = 65_536
CELL_PEERS = ("valkey", "kevy")
MEMORY_PEER = "valkey"
# Fewer samples of where the processor was say nothing.
TICKS_MIN = 50
# Writes synced before their answer, in times of Redis', with 50 connections.
COMMITS_OF_REDIS = 3.0
# Writes a second of three nodes with three copies, with so many outstanding; the median in milliseconds with fewer.
CLUSTER_WRITES, CLUSTER_OUTSTANDING = 60_000, 512
CLUSTER_P50_MS, CLUSTER_P50_OUTSTANDING = 2.0, 64


# What a file of results may be of.
KINDS = ("peers", "always", "cluster")


@dataclass
class Aim:
    name: str
    aim: str
    reached: str
    is_met: bool


class Results:
    """One file of bench-peers."""

    def __init__(self, plain):
        self.plain, self.runs = plain, {}
        for cell in plain["cells"]:
            about = tuple((name, value) for name, value in cell.items() if name not in ("peer", "figures", "runs"))
            self.runs[(about, cell["peer"])] = cell["runs"]

    def abouts(self, part):
        return [dict(about) for about in dict.fromkeys(about for about, _ in self.runs) if dict(about)["part"] == part]

    def figures(self, about, peer, figure):
        return [run[figure] for run in self.runs.get((tuple(about.items()), peer), []) if figure in run]

    def is_always(self):
        """Whether throughput was measured with every write synced before its answer."""
        commands = self.plain["peers"].get("hyperion", {}).get("commands", {})
        return "--durability always" in commands.get("throughput", "")

    def ratio(self, about, peer, figure):
        """Hyperion's to a peer's as (median, least, most); None where one of them was not measured."""
        ours, theirs = (self.figures(about, name, figure) for name in ("hyperion", peer))
        if not ours or not theirs:
            return None
        middle = statistics.median(ours) / statistics.median(theirs)
        each = [middle, *(one / other for one, other in zip(ours, theirs))]
        return middle, min(each), max(each)

    def mean_ratio(self, abouts, peer, figure):
        """The same of the geometric means over cells."""
        both = [(self.figures(about, "hyperion", figure), self.figures(about, peer, figure)) for about in abouts]
        both = [(ours, theirs) for ours, theirs in both if ours and theirs]
        if not both:
            return None
        # A repeat's ratio in a cell; the medians' ratio is that of the two means.
        repeats = mean_spread([[one / other for one, other in zip(ours, theirs)] for ours, theirs in both])
        ours, theirs = (mean_spread([pair[at] for pair in both])["median"] for at in (0, 1))
        return ours / theirs, min(repeats["min"], ours / theirs), max(repeats["max"], ours / theirs)


def words(ratio, of):
    middle, least, most = ratio
    return f"{middle:.2f} ({least:.2f}..{most:.2f}) of {of}'{'' if of.endswith('s') else 's'}"


def kernel_words(results, about):
    """The part of our processor time that is the kernel's, where enough of it was sampled."""
    kernel, ticks = (sum(results.figures(about, "hyperion", name)) for name in ("kernel_ticks", "ticks"))
    return f"; {kernel / ticks:.0%} of it in the kernel" if ticks >= TICKS_MIN else ""


def cell_name(about):
    return f"{about['command'].upper()} {about['bytes']} B, pipeline {about['pipeline']}"


def throughput(results):
    """The means by pipeline, then the cells."""
    figure = "operations_per_second" if results.is_always() else "server_cpu_ns"
    cells = [about for about in results.abouts("throughput") if about["clients"] == CONNECTIONS]
    for pipeline in dict.fromkeys(about["pipeline"] for about in cells):
        alike = [about for about in cells if about["pipeline"] == pipeline and about["bytes"] <= MEAN_BYTES_MAX]
        ratio = results.mean_ratio(alike, "redis", figure)
        if ratio and results.is_always():
            yield Aim(f"always, writes a second, mean, pipeline {pipeline}", f"at least {COMMITS_OF_REDIS:g}", words(ratio, "Redis"),
                      ratio[0] >= COMMITS_OF_REDIS)
        elif ratio and pipeline in CPU_OF_REDIS:
            bound = CPU_OF_REDIS[pipeline]
            yield Aim(f"CPU an operation, mean, pipeline {pipeline}", f"at most {bound}", words(ratio, "Redis"), ratio[0] <= bound)
    for about in cells if not results.is_always() else []:
        ratios = {peer: ratio for peer in CELL_PEERS if (ratio := results.ratio(about, peer, figure))}
        if about["bytes"] <= CELL_BYTES_MAX and ratios:
            reached = ", ".join(words(ratio, NAMES[peer]) for peer, ratio in ratios.items()) + kernel_words(results, about)
            yield Aim(f"CPU an operation, {cell_name(about)}", f"below {' and '.join(NAMES[peer] for peer in ratios)}", reached,
                      all(middle < 1 for middle, _, _ in ratios.values()))


def memory(results):
    for about in results.abouts("memory"):
        ratio = results.ratio(about, MEMORY_PEER, "over_payload")
        if ratio:
            ours = statistics.median(results.figures(about, "hyperion", "over_payload"))
            yield Aim(f"memory over key and value, {about['keys']:,} keys, 16 B and {about['bytes']} B", f"below {NAMES[MEMORY_PEER]}",
                      f"{text(ours)} B a key, {words(ratio, NAMES[MEMORY_PEER])}", ratio[0] < 1)


def commits(results):
    for about in results.abouts("commits"):
        ratio = results.ratio(about, "redis", "commits_per_second")
        if ratio and about["clients"] == CONNECTIONS:
            yield Aim(f"always, commits a second, {about['clients']} clients", f"at least {COMMITS_OF_REDIS:g}", words(ratio, "Redis"),
                      ratio[0] >= COMMITS_OF_REDIS)


def cluster(plain):
    """Of a file of measure-cluster."""
    for cell in plain["writes"]:
        rates, medians = cell["writes_per_second"], cell["p50_ms"]
        told = f"three nodes, three copies, always, {cell['outstanding']} outstanding"
        if cell["outstanding"] == CLUSTER_OUTSTANDING:
            yield Aim(f"writes a second, {told}", f"at least {CLUSTER_WRITES:,}",
                      f"{text(statistics.median(rates))} ({text(min(rates))}..{text(max(rates))})", statistics.median(rates) >= CLUSTER_WRITES)
        if cell["outstanding"] == CLUSTER_P50_OUTSTANDING:
            yield Aim(f"p50, {told}", f"below {CLUSTER_P50_MS:g} ms",
                      f"{text(statistics.median(medians))} ms ({text(min(medians))}..{text(max(medians))})",
                      statistics.median(medians) < CLUSTER_P50_MS)


def kind(plain):
    """Which of KINDS a file of results is; None for another."""
    if "writes" in plain:
        return "cluster"
    if "peers" not in plain:
        return None
    return "always" if Results(plain).is_always() else "peers"


def of_file(plain):
    """All aims that a file of results says something of."""
    if "writes" in plain:
        return list(cluster(plain))
    results = Results(plain)
    return [*throughput(results), *memory(results), *commits(results)]


def read_reasons(lines):
    """`PATTERN: reason` a line; a name of a figure that fits the pattern (`*` is anything) has that reason, the first that fits."""
    reasons = []
    for line in lines:
        line = line.strip()
        if line and not line.startswith("#"):
            pattern, colon, reason = line.partition(": ")
            if not colon:
                raise ValueError(f"{line!r} is not `PATTERN: reason`")
            reasons.append((pattern, reason))
    return reasons


def reason_of(reasons, name):
    return next((reason for pattern, reason in reasons if fnmatch.fnmatchcase(name, pattern)), None)


def table(aims, reasons):
    """Markdown, and the names of those that are missed without a reason."""
    lines = ["| figure | aim | reached | | why not |", "|---|---|---|---|---|"]
    unexplained = []
    for aim in aims:
        reason = "" if aim.is_met else reason_of(reasons, aim.name)
        if reason is None:
            unexplained.append(aim.name)
        lines.append(f"| {aim.name} | {aim.aim} | {aim.reached} | {'met' if aim.is_met else '**missed**'} | {reason or ''} |")
    return "\n".join(lines), unexplained
