"""Clients that write down what they asked and what they were told, following MOVED."""

import random
import threading
import time

from clusters.history import Operation, Thing
from clusters.nodes import slot_of
from resp import Client, ServerError

OPERATIONS_MAX = 250  # then the key retires and another takes its place: the check is per key
UNKNOWN_MAX = 10
TRY_SECONDS_MAX = 4
VALUE_BYTES_MAX = 8000
REFUSALS = ("MOVED", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN")
MIX = {"register": [("SET", 0.35), ("GET", 0.35), ("DEL", 0.12), ("SETNX", 0.18)],
       "counter": [("INCR", 0.6), ("GET", 0.4)],
       "group": [("SET", 0.45), ("GET", 0.45), ("DEL", 0.1)]}


class Load:
    """What all clients share: the things of a round and who writes them."""

    def __init__(self, nodes, tags, seed, clients, timeout, replica_reads=False, long_share=0.1):
        self.nodes, self.tags, self.seed, self.timeout = nodes, tags, seed, timeout
        self.replica_reads, self.long_share = replica_reads, long_share
        self.lock, self.things, self.current, self.generation = threading.Lock(), [], {}, 0
        self.wrong, self.errors = [], {}
        self.others = set()  # keys outside of the histories
        self.refused = self.moved = self.probes = 0
        for tag in tags:
            for kind in Thing.KINDS:
                self.renew(tag, kind)
        self.clients = [Writer(self, number) for number in range(clients)]
        self.leaders = {}  # slot -> node, what clients heard last

    def renew(self, tag, kind):
        self.generation += 1
        self.current[tag, kind] = Thing(kind, tag, self.generation)
        self.things.append(self.current[tag, kind])

    def thing(self, tag, kind):
        with self.lock:
            found = self.current[tag, kind]
            if len(found.operations) >= OPERATIONS_MAX or found.unknown >= UNKNOWN_MAX:
                self.renew(tag, kind)
            return self.current[tag, kind]

    def start(self):
        for client in self.clients:
            client.thread.start()

    def stop(self):
        for client in self.clients:
            client.stopping = True
        for client in self.clients:
            client.thread.join(60)
            if client.failure is not None:
                raise client.failure

    def count(self):
        operations = [one for thing in self.things for one in thing.operations]
        unknown = sum(one.returned is None for one in operations)
        return len(operations) - unknown, sum(one.changed() for one in operations), unknown

    def settle(self, thing, operation, reply):
        """Takes a reply that is no refusal."""
        now = time.monotonic()
        if isinstance(reply, ServerError):
            with self.lock:
                text = " ".join(str(reply).split(" ")[:8])
                self.errors[text] = self.errors.get(text, 0) + 1
            thing.take(operation)
            return
        try:
            operation.result = thing.result(operation.name, reply)
            operation.returned = now
        except ValueError as error:
            self.wrong.append(f"{thing.name}: {error} ({operation.client}, n{operation.node})")
        thing.take(operation)


def kind_of(reply):
    return str(reply).split(" ")[0] if isinstance(reply, ServerError) else None


class Writer:
    def __init__(self, load, number):
        self.load, self.name = load, f"c{number}"
        self.dice = random.Random(f"{load.seed}/client/{number}")
        self.sequence, self.connections = 0, {}
        self.stopping, self.failure = False, None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopping:
                self.turn()
        except Exception as error:  # a mistake of the test itself
            self.failure = error
        finally:
            for node in list(self.connections):
                self.drop(node)

    def drop(self, node):
        client = self.connections.pop(node, None)
        if client is not None:
            client.close()

    def connection(self, node):
        if node not in self.connections:
            client = Client(self.load.nodes.port(node), seconds=self.load.timeout)
            self.connections[node] = client
            if self.load.replica_reads:
                client.call("READONLY")
        return self.connections[node]

    def turn(self):
        tags = self.load.tags
        tag = tags[int(len(tags) * self.dice.random() ** 2)]
        count = 1 if self.dice.random() < 0.6 else self.dice.randint(2, 4)
        steps = []
        for _ in range(count):
            thing = self.load.thing(tag, self.dice.choice(Thing.KINDS))
            names, weights = zip(*MIX[thing.kind])
            name, argument = self.dice.choices(names, weights)[0], None
            if name in ("SET", "SETNX"):
                self.sequence += 1
                argument = f"{self.name}.{self.sequence}".encode()
                if self.dice.random() < self.load.long_share:
                    argument += b"." * self.dice.randrange(VALUE_BYTES_MAX)
            steps.append((thing, Operation(self.name, name, argument)))
        self.send(slot_of(tag), steps)

    def anyone(self):
        return self.dice.choice(self.load.nodes.numbers)

    def send(self, slot, steps):
        leaders, end = self.load.leaders, time.monotonic() + TRY_SECONDS_MAX
        while steps and time.monotonic() < end:
            node = leaders.get(slot) or self.anyone()
            if self.load.nodes.plain or (self.load.replica_reads and all(one.name == "GET" for _, one in steps)):
                node = self.anyone()
            try:
                client = self.connection(node)
            except (OSError, ServerError, ValueError):
                # Nothing was sent; whoever leads now, another may know.
                self.drop(node)
                leaders[slot] = self.anyone()
                time.sleep(0.01)
                continue
            steps = self.exchange(client, node, slot, steps)
        self.load.refused += len(steps)

    def exchange(self, client, node, slot, steps):
        """Sends the steps in one go; returns those that were refused, which may be sent again."""
        again, told = [], set()
        for _, one in steps:
            one.node, one.invoked = node, time.monotonic()
        try:
            client.send([thing.command(one.name, one.argument) for thing, one in steps])
        except OSError:
            self.give_up(node, slot, steps)
            return []
        for at, (thing, one) in enumerate(steps):
            try:
                reply = client.reply()
            except (OSError, ValueError):
                self.give_up(node, slot, steps[at:])
                return again
            if kind_of(reply) in REFUSALS:
                told.add(kind_of(reply))
                if kind_of(reply) == "MOVED":
                    self.load.leaders[slot] = self.load.nodes.ports.get(int(str(reply).rsplit(":", 1)[1]))
                again.append((thing, one))
            else:
                self.load.settle(thing, one, reply)
        if "MOVED" in told:
            self.load.moved += 1
        if told and (told != {"MOVED"} or self.load.leaders[slot] == node):
            self.load.leaders[slot] = self.anyone()
            time.sleep(0.02)
        return again

    def give_up(self, node, slot, steps):
        """No answer: it may have happened or not, and it is not sent again."""
        for thing, one in steps:
            thing.take(one)
        self.drop(node)
        self.load.leaders[slot] = self.anyone()


class Probe:
    """Commands sent to a paused node just before it goes on: it must not answer from what it knew before its pause, nor say OK to a
    write that no other node hears of. Reads and writes come by connections of their own, in one turn of the node or in many."""

    CONNECTIONS = 4

    def __init__(self, load, node, dice):
        self.load, self.node, self.answered, self.clients = load, node, 0, []
        things = [load.current[tag, kind] for tag in load.tags for kind in Thing.KINDS]
        dice.shuffle(things)
        self.lanes = [[] for _ in range(self.CONNECTIONS)]
        for at, thing in enumerate(things):
            name, argument = "GET", None
            if dice.random() < 0.3:
                load.probes += 1
                name, argument = ("INCR", None) if thing.kind == "counter" else ("SET", f"probe.{load.probes}".encode())
            self.lanes[at % self.CONNECTIONS].append((thing, Operation("probe", name, argument)))

    def send(self):
        self.clients = [Client(self.load.nodes.port(self.node), seconds=self.load.timeout + 3) for _ in self.lanes]
        for client, steps in zip(self.clients, self.lanes):
            for _, one in steps:
                one.node, one.invoked = self.node, time.monotonic()
            client.send([thing.command(one.name, one.argument) for thing, one in steps])

    def take(self):
        for client, steps in zip(self.clients, self.lanes):
            try:
                while steps:
                    reply = client.reply()
                    thing, one = steps.pop(0)
                    if kind_of(reply) not in REFUSALS:
                        self.load.settle(thing, one, reply)
                        self.answered += 1
            except (OSError, ValueError):
                for thing, one in steps:
                    if one.name != "GET":
                        thing.take(one)
            client.close()
