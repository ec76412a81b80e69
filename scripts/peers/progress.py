"""How far a measurement is: a bar on a terminal, elsewhere a line now and then."""

import sys
import time

LINE_SECONDS = 30
BAR_WIDTH = 30


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Progress:
    """`expected` is the sum of what all steps are thought to take; what is left follows from what the steps so far took."""

    def __init__(self, expected):
        self.expected, self.done = max(expected, 0.1), 0.0
        self.begin = self.told = time.monotonic()
        self.is_terminal = sys.stderr.isatty()

    def step(self, expected, text):
        self.done += expected
        now = time.monotonic()
        spent, part = now - self.begin, min(self.done / self.expected, 1.0)
        left = spent / part * (1 - part)
        if self.is_terminal:
            filled = int(part * BAR_WIDTH)
            bar = "#" * filled + "-" * (BAR_WIDTH - filled)
            print(f"\r[{bar}] {part:4.0%}, {clock(left)} left  {text:<44.44}", end="", file=sys.stderr, flush=True)
        elif now - self.told >= LINE_SECONDS:
            self.told = now
            print(f"bench-peers: {part:.0%}, {clock(left)} left, {text}", file=sys.stderr, flush=True)

    def end(self):
        if self.is_terminal:
            print(f"\r{'':100}\r", end="", file=sys.stderr)
        print(f"bench-peers: took {clock(time.monotonic() - self.begin)}", file=sys.stderr, flush=True)
