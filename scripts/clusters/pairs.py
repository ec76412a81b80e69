"""Pairs of keys of different partitions that are always written together: no reader may see a half, after any fault.

Only for nodes that answer for all (`resp.cluster: transparent`). Each pair has one writer, which counts; so what was answered is there at
the end, or something later of the same writer.
"""

import threading
import time

from resp import Client, ServerError

PAIRS_A_WRITER = 4
REFUSALS = ("TRYAGAIN", "CLUSTERDOWN", "MISCONF", "LOADING")


class Pairs:
    def __init__(self, nodes, number, writers=2, timeout=3.0):
        self.nodes, self.number, self.timeout = nodes, number, timeout
        self.answered, self.refused, self.unknown, self.wrong, self.known = 0, 0, 0, [], {}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(writer,), daemon=True) for writer in range(writers)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def names(self, writer, pair):
        return [f"pair-{self.number}-{writer}-{pair}-{side}" for side in ("left", "right")]

    def write(self, writer):
        client, node, count = None, writer, 0
        while not self.stopping.is_set():
            try:
                if client is None:
                    node = node % len(self.nodes.numbers) + 1
                    client = Client(self.nodes.port(node), seconds=self.timeout)
                count += 1
                left, right = self.names(writer, count % PAIRS_A_WRITER)
                self.try_write(client, left, right, count)
                self.check(client.call("MGET", left, right), left)
            except ServerError as error:
                if not str(error).startswith(REFUSALS):
                    self.wrong.append(f"{left}: {error}")
                self.refused += 1
                time.sleep(0.01)
            except (OSError, ValueError):
                self.unknown += 1
                client = None
                time.sleep(0.01)

    def try_write(self, client, left, right, count):
        if client.call("MSET", left, count, right, count) == b"OK":
            self.answered += 1
            self.known[left] = count

    def check(self, found, left):
        if found[0] != found[1]:
            self.wrong.append(f"{left} and its other half are {found}")

    def end(self, seconds=20):
        """After all has healed: every pair is whole, as new as was answered, and can be read and written at once. Sentences."""
        for left, count in self.known.items():
            right = left.removesuffix("left") + "right"
            end, found = time.monotonic() + seconds, None
            while found is None and time.monotonic() < end:
                try:
                    client = Client(self.nodes.port(self.nodes.numbers[0]), seconds=self.timeout)
                    found = client.call("MGET", left, right)
                    client.call("MSET", left, found[0], right, found[1])
                except (OSError, ServerError, ValueError):
                    found = None
                    time.sleep(0.05)
            if found is None:
                self.wrong.append(f"{left} is locked for ever")
                continue
            self.check(found, left)
            if found[0] is None or int(found[0]) < count:
                self.wrong.append(f"{left} is {found[0]}, and {count} was answered")
        self.remove(seconds)
        return self.wrong

    def remove(self, seconds):
        """Removes all pairs: what is left of a round is counted elsewhere."""
        names = [name for writer in range(len(self.threads)) for pair in range(PAIRS_A_WRITER) for name in self.names(writer, pair)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                Client(self.nodes.port(self.nodes.numbers[0]), seconds=self.timeout).call("DEL", *names)
                return
            except (OSError, ServerError, ValueError):
                time.sleep(0.05)
        self.wrong.append("the pairs cannot be removed")
