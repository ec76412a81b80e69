"""The figures as Markdown: a section a part, its table, and what was measured how."""

from peers.figures import mean_spread
from peers.parts import COMMIT_BYTES, PERCENTILES

# A part of the requests that is worth a sentence when it was not sent.
UNSENT_SHARE_MIN = 0.001
NAMES = {"redis": "Redis", "redis-newest": "Redis", "valkey": "Valkey", "memcached": "Memcached", "kevy": "kevy", "hyperion": "Hyperion"}


def text(value):
    """Three digits that count, at least whole numbers above 100."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def figure(spread, base=None):
    """`median (ratio) min..max`."""
    if spread is None:
        return "-"
    ratio = f" ({spread['median'] / base['median']:.2f})" if base and base["median"] else ""
    return f"{text(spread['median'])}{ratio} {text(spread['min'])}..{text(spread['max'])}"


def table(first, peers, rows):
    lines = [f"| {first} | " + " | ".join(peers) + " |", "|---" * (len(peers) + 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cell_name(about):
    return f"{about['command'].upper()} {about['bytes']} B, pipeline {about['pipeline']}, {about['clients']} clients"


class Tables:
    def __init__(self, cells, order, versions):
        self.cells, self.order, self.versions = cells, order, versions

    def heads(self, peers):
        return [f"{NAMES[peer]} {self.versions[peer]}" for peer in peers]

    def of(self, part, what, name_of, metric, with_ratio=True, mean_over=None):
        """A table of one figure: a row a cell, a column a peer."""
        peers, rows = self.cells.peers(part, self.order), []
        for about in self.cells.cells(part):
            spreads = [self.cells.spread(part, about, peer, metric) for peer in peers]
            rows.append([name_of(about), *(figure(one, spreads[0] if with_ratio else None) for one in spreads)])
        if mean_over:
            rows += self.means(part, peers, metric, mean_over)
        return table(what, self.heads(peers), rows)

    def means(self, part, peers, metric, over):
        """The geometric mean of all cells that are alike in one thing."""
        rows, cells = [], self.cells.cells(part)
        for value in dict.fromkeys(about[over] for about in cells):
            alike = [about for about in cells if about[over] == value]
            means = [mean_spread([self.cells.values(part, about, peer, metric) for about in alike]) for peer in peers]
            rows.append([f"**geometric mean, {over} {value}**", *(figure(mean, means[0]) for mean in means)])
        return rows

    def throughput(self):
        return "\n\n".join([
            self.of("throughput", "server CPU, ns an operation", cell_name, "server_cpu_ns", mean_over="pipeline"),
            self.of("throughput", "operations a second", cell_name, "operations_per_second", mean_over="pipeline"),
            self.of("throughput", "p99, ms", cell_name, "p99_ms", with_ratio=False)])

    def latency(self):
        peers, rows = self.cells.peers("latency", self.order), []
        for about in self.cells.cells("latency"):
            for name in PERCENTILES:
                spreads = [self.cells.spread("latency", about, peer, f"{name}_us") for peer in peers]
                label = f"{about['bytes']} B, {about['clients']} clients, {name.replace('_', '.')}"
                rows.append([label, *(figure(one, spreads[0]) for one in spreads)])
        said = table("latency, us", self.heads(peers), rows)
        late = [f"{NAMES[peer]} {self.versions[peer]} {share:.1%} of {about['bytes']} B" for about in self.cells.cells("latency") for peer in peers
                if (share := self.unsent_share(about, peer)) > UNSENT_SHARE_MIN]
        return said + (f"\n\nNot sent in time, and in no percentile (median of the runs): {', '.join(late)}." if late else "")

    def unsent_share(self, about, peer):
        unsent, sent = (self.cells.spread("latency", about, peer, figure)["median"] for figure in ("unsent", "requests"))
        return unsent / (unsent + sent)

    def memory(self):
        def name(about):
            return f"{about['keys']:,} keys, 16 B and {about['bytes']} B"
        return "\n\n".join([self.of("memory", "resident bytes a key over key and value", name, "over_payload"),
                            self.of("memory", "resident MB before the first key", name, "empty_mb", with_ratio=False)])

    def commits(self):
        return "\n\n".join([
            self.of("commits", f"commits a second, {COMMIT_BYTES} B", lambda about: f"{about['clients']} clients", "commits_per_second"),
            self.of("commits", "p99, ms", lambda about: f"{about['clients']} clients", "p99_ms", with_ratio=False)])

    def part(self, name):
        return getattr(self, name)()
