"""What is looked at when the faults are over: the last values, equal replicas, and how long a failover takes."""

import threading
import time

from clusters.history import Operation, brief
from clusters.nodes import slot_of, tags_of
from resp import Client, ServerError

FINAL_SECONDS_MAX = 20
EQUAL_SECONDS_MAX = 30
FAILOVER_SECONDS_MAX = 30
BATCH = 200


def read_all(nodes, keys, seconds=FINAL_SECONDS_MAX):
    """The value of every key from the leader of its slot; keys that nobody answers for are missing."""
    found, connections, left = {}, {}, list(keys)
    home, end = {}, time.monotonic() + seconds
    while left and time.monotonic() < end:
        by_node = {}
        for key in left:
            by_node.setdefault(home.get(tag(key), nodes.numbers[0]), []).append(key)
        for node, some in by_node.items():
            for start in range(0, len(some), BATCH):
                try:
                    if node not in connections:
                        connections[node] = Client(nodes.port(node), seconds=5)
                    part = some[start:start + BATCH]
                    connections[node].send([("GET", key) for key in part])
                    for key in part:
                        reply = connections[node].reply()
                        if not isinstance(reply, ServerError):
                            found[key] = reply
                        elif str(reply).startswith("MOVED"):
                            home[tag(key)] = nodes.ports.get(int(str(reply).rsplit(":", 1)[1]))
                except (OSError, ValueError):
                    connections.pop(node, None)
                    home = {name: where for name, where in home.items() if where != node}
        left = [key for key in left if key not in found]
        if left:
            time.sleep(0.02)
    for client in connections.values():
        client.close()
    return found


def tag(key):
    return key[1:key.index("}")]


def final_reads(nodes, load):
    """A GET of every thing at the end, as an operation: ({thing: operation}, {key: value}, sentences of what is wrong)."""
    invoked = time.monotonic()
    found = read_all(nodes, [key for thing in load.things for key in thing.keys] + sorted(load.others))
    now, finals, wrong = time.monotonic(), {}, []
    for thing in load.things:
        replies = [found.get(key, b"?") for key in thing.keys]
        if b"?" in replies:
            wrong.append(f"{thing.name}: no node answers for it {FINAL_SECONDS_MAX} s after all faults ended")
            continue
        one = Operation("final", "GET")
        one.node, one.invoked, one.returned = 0, invoked, now
        try:
            one.result = thing.result("GET", replies if thing.kind == "group" else replies[0])
        except ValueError as error:
            wrong.append(f"{thing.name}: at the end {error}")
            continue
        finals[thing] = one
    return finals, found, wrong


def replica_values(nodes, number, keys):
    """What a node's own replicas hold; keys of which it has none are missing."""
    found, client = {}, Client(nodes.port(number), seconds=10)
    client.call("READONLY")
    for start in range(0, len(keys), BATCH):
        part = keys[start:start + BATCH]
        client.send([("GET", key) for key in part])
        for key in part:
            reply = client.reply()
            if not isinstance(reply, ServerError):
                found[key] = reply
    size = client.call("DBSIZE")
    client.close()
    return found, size


def differences(nodes, known):
    """Sentences: where a replica does not hold what the leaders said, or the number of keys is not theirs."""
    keys, found, sizes, wrong = list(known), {}, {}, []
    for number in nodes.numbers:
        try:
            found[number], sizes[number] = replica_values(nodes, number, keys)
        except (OSError, ServerError, ValueError) as error:
            return [f"n{number} does not answer READONLY reads: {error}"]
    for key in keys:
        holders = {number: values[key] for number, values in found.items() if key in values}
        if len(holders) != nodes.replication or set(holders.values()) != {known[key]}:
            told = ", ".join(f"n{number} {brief(value)}" for number, value in holders.items())
            wrong.append(f"{key} (slot {slot_of(tag(key))}): the leader said {brief(known[key])}, replicas say {told}")
    # A node counts the keys of the slots that it leads; to clients that do not know the cluster, those of all.
    wanted = sum(value is not None for value in known.values()) * (len(nodes.numbers) if nodes.plain else 1)
    if sum(sizes.values()) != wanted:
        wrong.append(f"DBSIZE sums to {sum(sizes.values())} ({sizes}), {wanted} wanted")
    return wrong


def converge(nodes, known):
    """Waits until all replicas are equal: (seconds, sentences of what still differs)."""
    begin, wrong = time.monotonic(), differences(nodes, known)
    while wrong and time.monotonic() - begin < EQUAL_SECONDS_MAX:
        time.sleep(0.3)
        wrong = differences(nodes, known)
    return time.monotonic() - begin, wrong


# --- how long a failover takes


class Failover:
    """One SIGKILL: when each partition takes a write again."""

    def __init__(self, nodes, tags):
        self.nodes, self.left, self.times, self.lock = nodes, set(tags), {}, threading.Lock()

    def run(self, victim):
        others = [number for number in self.nodes.numbers if number != victim]
        self.begin = time.monotonic()
        self.nodes.kill([victim])
        threads = [threading.Thread(target=self.probe, args=(number,), daemon=True) for number in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.times

    def probe(self, number):
        client = None
        while self.left and time.monotonic() - self.begin < FAILOVER_SECONDS_MAX:
            try:
                client = client or Client(self.nodes.port(number), seconds=5)
                part = sorted(self.left)
                client.send([("SET", f"{{{name}}}:failover", f"{self.begin}") for name in part])
                for name in part:
                    if not isinstance(client.reply(), ServerError):
                        with self.lock:
                            self.times.setdefault(name, time.monotonic() - self.begin)
                            self.left.discard(name)
            except (OSError, ValueError):
                client = None
            time.sleep(0.005)
        if client is not None:
            client.close()


def failovers(nodes, kills, rows, say):
    """Kills the node that leads the most, again and again; returns the keys that were written.

    A row is (seconds of each partition that the node led, seconds of the last of all, those that did not come back)."""
    tags = tags_of(nodes.partitions)
    for _ in range(kills):
        if not nodes.heal():
            break
        time.sleep(1.5)
        table = nodes.layout()
        if table is None:
            nodes.wrong.append("no node tells of all slots before a kill")
            break
        led = {number: sum(table[slot_of(name)][0] == number for name in tags) for number in nodes.numbers}
        victim = max(led, key=led.get)
        one = Failover(nodes, tags)
        times = one.run(victim)
        own = {name for name in tags if table[slot_of(name)][0] == victim}
        rows.append(([times[name] for name in own if name in times], max(times.values(), default=0), sorted(one.left)))
        say(f"kill {len(rows)}: n{victim} led {led[victim]} of {len(tags)}, slowest "
            + (f"{max(times.values()):.2f} s" if not one.left else f"over {FAILOVER_SECONDS_MAX} s ({len(one.left)} left)"))
    nodes.heal()
    return [f"{{{name}}}:failover" for name in tags]


def failover_table(rows, goal=1.0):
    slowest = sorted(last if not left else float("inf") for _, last, left in rows)
    if not slowest:
        return "failover: no kill"
    groups = sorted(value for times, _, _ in rows for value in times) or [0.0]
    within = sum(value <= goal for value in slowest)
    pick = lambda values, share: values[min(len(values) - 1, int(len(values) * share))]
    head = f"{'failover after SIGKILL, s':28} {'median':>7} {'90 %':>7} {'slowest':>8}"
    line = lambda name, values: f"{name:28} {pick(values, 0.5):7.2f} {pick(values, 0.9):7.2f} {values[-1]:8.2f}"
    return "\n".join([head, line("a partition that it led", groups), line("the last partition of a kill", slowest),
                      f"{within} of {len(slowest)} kills: every slot answers within {goal:g} s"])
