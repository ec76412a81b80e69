"""What the runs of a cell come to: the least, the median and the most of every figure."""

import math
import statistics


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def mean_spread(cells):
    """Of the figures of each repeat in several cells: the geometric mean of the medians, the least and the most of the repeats' means."""
    middle = geometric_mean([statistics.median(values) for values in cells])
    means = [middle, *(geometric_mean(values) for values in zip(*cells))]
    return {"min": min(means), "median": middle, "max": max(means)}


class Cells:
    """All runs. A cell is a part and what it is about: a dictionary with the same names in all cells of the part."""

    def __init__(self):
        self.runs = {}

    def add(self, part, about, peer, figures):
        self.runs.setdefault((part, tuple(about.items()), peer), []).append(figures)

    def add_plain(self, plain):
        """Puts in what `plain` gave, from another measurement too."""
        for cell in plain:
            about = {name: value for name, value in cell.items() if name not in ("part", "peer", "figures", "runs")}
            for run in cell["runs"]:
                self.add(cell["part"], about, cell["peer"], run)

    def parts(self):
        return list(dict.fromkeys(part for part, _, _ in self.runs))

    def cells(self, part):
        """What the cells of a part are about, in the order of their first runs."""
        return [dict(about) for about in dict.fromkeys(about for of, about, _ in self.runs if of == part)]

    def peers(self, part, order):
        there = {peer for of, _, peer in self.runs if of == part}
        return [peer for peer in order if peer in there]

    def values(self, part, about, peer, figure):
        return [run[figure] for run in self.runs.get((part, tuple(about.items()), peer), []) if figure in run]

    def spread(self, part, about, peer, figure):
        """None where the peer has no such figure."""
        values = self.values(part, about, peer, figure)
        return spread(values) if values else None

    def plain(self):
        """As JSON has it: each cell with the spread of its figures, and all runs."""
        plain = []
        for (part, about, peer), runs in self.runs.items():
            figures = {name: spread(values) for name in runs[0] if (values := self.values(part, dict(about), peer, name))}
            plain.append({"part": part, **dict(about), "peer": peer, "figures": figures, "runs": runs})
        return plain
