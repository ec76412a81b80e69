"""How far a measurement is: a bar on a terminal, elsewhere a line now and then."""

import os
import sys
import time

LINE_SECONDS = 30
BAR_WIDTH = 30
# What was thought beforehand counts as much as so many seconds of steps.
TRUST_SECONDS = 15
NAME = os.path.basename(sys.argv[0])


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Progress:
    """`expected` is the sum of what all steps are thought to take, in seconds; what is left follows from it and from what the steps so far took."""

    def __init__(self, expected):
        self.expected, self.done = max(expected, 0.1), 0.0
        self.begin = self.told = time.monotonic()
        self.is_terminal = sys.stderr.isatty()
        print(f"{NAME}: will take about {clock(self.expected)} min", file=sys.stderr, flush=True)

    def left(self, now):
        rate = (now - self.begin + TRUST_SECONDS) / (self.done + TRUST_SECONDS)
        return max(self.expected - self.done, 0) * rate

    def step(self, expected, text):
        self.done += expected
        now = time.monotonic()
        part, left = min(self.done / self.expected, 1.0), self.left(now)
        if self.is_terminal:
            filled = int(part * BAR_WIDTH)
            bar = "#" * filled + "-" * (BAR_WIDTH - filled)
            print(f"\r[{bar}] {part:4.0%}, {clock(left)} left  {text:<44.44}", end="", file=sys.stderr, flush=True)
        elif now - self.told >= LINE_SECONDS:
            self.told = now
            print(f"{NAME}: {part:.0%}, {clock(left)} left, {text}", file=sys.stderr, flush=True)

    def end(self):
        if self.is_terminal:
            print(f"\r{'':100}\r", end="", file=sys.stderr)
        print(f"{NAME}: took {clock(time.monotonic() - self.begin)} min", file=sys.stderr, flush=True)
