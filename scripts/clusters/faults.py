"""What happens to the nodes while the clients go on, drawn from a seed."""

import random
import threading
import time

from clusters.load import Probe
from clusters.network import alone
from clusters.nodes import SLOTS, slot_of
from resp import Client, ServerError

WEIGHTS = {"kill": 4, "kill-leader": 4, "pause": 3, "pause-leader": 5, "kill-majority": 2, "restart-all": 1, "lag": 2,
           "partition": 3, "partition-leader": 3, "disk-full": 2}
FLOOD_BYTES, FLOOD_VALUE, FLOOD_KEYS, FLOOD_BATCH = 150_000_000, 16_000, 4, 8


class Faults:
    def __init__(self, nodes, load, seed, names):
        self.nodes, self.load, self.dice = nodes, load, random.Random(f"{seed}/faults")
        self.names = names
        self.counts = dict.fromkeys(WEIGHTS, 0)
        self.without_majority = []  # (from, to, the nodes that were dead)
        self.probed = self.flooded = 0
        self.holders = nodes.holders()
        self.wipes = False

    def run(self, seconds):
        end = time.monotonic() + seconds
        self.rest(end, 0.5, 1.0)
        while time.monotonic() < end:
            name = self.dice.choices(self.names, [WEIGHTS[name] for name in self.names])[0]
            getattr(self, name.replace("-", "_"))()
            self.counts[name] += 1
            self.nodes.look()
            self.rest(end, 0.2, 1.6)

    def rest(self, end, least, most):
        """Sometimes short, so that the next fault meets a cluster that is still busy with the last."""
        time.sleep(max(0.0, min(self.dice.uniform(least, most), end - time.monotonic())))

    def leader(self):
        """Who leads the slot of one of the tags, as the nodes that answer tell."""
        table = self.nodes.layout()
        slot = slot_of(self.dice.choice(self.load.tags))
        return table[slot][0] if table else self.dice.choice(self.nodes.numbers)

    def kill_one(self, number):
        self.nodes.kill([number])
        time.sleep(self.dice.choice([0.05, self.dice.uniform(0.3, 2.5)]))
        self.nodes.start(number)

    def kill(self):
        self.kill_one(self.dice.choice(self.nodes.numbers))

    def kill_leader(self):
        self.kill_one(self.leader())

    def pause_one(self, number):
        self.nodes.pause(number)
        time.sleep(self.dice.choice([self.dice.uniform(0.2, 0.7), self.dice.uniform(0.5, 3.0)]))
        # Its socket still takes connections: what is sent now waits for it until it goes on.
        probe = Probe(self.load, number, self.dice)
        try:
            probe.send()
        except OSError:
            # It was about to start and does not listen yet.
            probe.lanes = []
        time.sleep(self.dice.choice([0, 0.01, 0.05]))
        self.nodes.resume(number)
        probe.take()
        self.probed += probe.answered

    def pause(self):
        self.pause_one(self.dice.choice(self.nodes.numbers))

    def pause_leader(self):
        self.pause_one(self.leader())

    def kill_majority(self):
        count = min(max(2, self.nodes.replication // 2 + 1), len(self.nodes.numbers))
        dead = self.dice.sample(self.nodes.numbers, count)
        self.nodes.kill(dead)
        begin = time.monotonic()
        time.sleep(self.dice.uniform(0.5, 3.0))
        self.without_majority.append((begin, time.monotonic(), set(dead)))
        for number in dead:
            self.nodes.start(number)
            time.sleep(self.dice.choice([0, 0.3]))

    def restart_all(self):
        self.nodes.kill(self.nodes.numbers)
        if self.wipes:
            self.nodes.wipe()
            self.nodes.say("the data of all nodes is taken away")
        time.sleep(self.dice.uniform(0, 0.5))
        for number in self.nodes.numbers:
            self.nodes.start(number)
        time.sleep(1)

    def lag(self):
        """A node is dead while the others write more than their logs keep: it must be given whole replicas."""
        number = self.dice.choice(self.nodes.numbers)
        self.nodes.kill([number])
        threads = [threading.Thread(target=self.flood, args=(other,), daemon=True) for other in self.nodes.numbers if other != number]
        together(threads)
        self.nodes.say(f"{self.flooded // 1_000_000} MB were written so far to make nodes lag")
        self.nodes.start(number)
        time.sleep(self.dice.uniform(0.1, 3.0))

    def partition_one(self, number):
        """One node and the others, or another, do not hear each other, or one of them does not; clients reach all."""
        others = [other for other in self.nodes.numbers if other != number]
        other, kind = self.dice.choice(others), self.dice.choice(("alone", "alone", "mute", "deaf", "pair"))
        pairs = {"alone": alone(number, self.nodes.numbers), "mute": [(number, other) for other in others],
                 "deaf": [(other, number) for other in others], "pair": [(number, other), (other, number)]}[kind]
        self.nodes.cut(pairs)
        time.sleep(self.dice.choice([self.dice.uniform(0.3, 1.2), self.dice.uniform(1.0, 5.0)]))
        self.nodes.join()

    def partition(self):
        self.partition_one(self.dice.choice(self.nodes.numbers))

    def partition_leader(self):
        self.partition_one(self.leader())

    def disk_full(self):
        """No room on the disk of one node while all are written to; sometimes it starts again meanwhile, or says that it cannot."""
        number = self.dice.choice((self.leader(), self.dice.choice(self.nodes.numbers)))
        with self.nodes.disks.full(number):
            self.nodes.say(f"the disk of n{number} is full")
            seconds = self.dice.uniform(1, 3)
            together([threading.Thread(target=self.flood, args=(one, seconds), daemon=True) for one in self.nodes.numbers])
            if self.dice.random() < 0.3:
                self.kill_one(number)
                time.sleep(self.dice.uniform(0.1, 1.5))
        self.nodes.say(f"the disk of n{number} has room")
        self.nodes.start_with_room(number)

    def flood(self, number, seconds=5):
        """Long values for the keys that this node leads."""
        end, value, room = time.monotonic() + seconds, b"f" * FLOOD_VALUE, FLOOD_BYTES // (len(self.nodes.numbers) - 1)
        keys = [f"{{{tag}}}:flood:{at}" for tag in self.load.tags for at in range(FLOOD_KEYS)]
        try:
            client = Client(self.nodes.port(number), seconds=self.load.timeout)
            while time.monotonic() < end and room > 0:
                some = self.dice.sample(keys, FLOOD_BATCH)
                # Those without an answer may be there too.
                self.load.others.update(some)
                client.send([("SET", key, value) for key in some])
                for key in some:
                    if not isinstance(client.reply(), ServerError):
                        room -= FLOOD_VALUE
                        self.flooded += FLOOD_VALUE
            client.close()
        except (OSError, ValueError):
            pass

    def acknowledged_without_majority(self):
        """Writes that were sent and answered while most of the replicas of their slot were dead."""
        found = []
        for begin, end, dead in self.without_majority:
            for thing in self.load.things:
                holders = self.holders[slot_of(thing.tag) * len(self.holders) // SLOTS]
                if 2 * len(holders - dead) > len(holders):
                    continue
                found += [(thing, one) for one in thing.operations if one.changed() and one.invoked > begin and one.returned < end]
        return found


def together(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
