"""A load that remembers what was sent and answered when, and judges what is found afterwards.

Each writer has keys of its own and one connection, so that the order of the writes to a key is known.
A key may hold the last write that was answered before the fault, or a later one that was sent. What is
older is lost; what was never sent, or fails its own checksum, is wrong.
"""

import random
import threading
import time
import zlib

from resp import Client, ServerError

KEYS_PER_WRITER = 300
PIPELINE_MAX = 16
REPLY_SECONDS_MAX = 30
READ_AT_ONCE = 100
BEGIN_SECONDS_MAX = 30
EXAMPLES_MAX = 6


def make_value(key, sequence, length):
    head = f"{key}|{sequence}|".encode()
    body = head + bytes([97 + sequence % 26]) * max(0, length - len(head) - 9)
    return body + b"|%08x" % zlib.crc32(body)


def is_torn(key, value):
    body, _, checksum = value.rpartition(b"|")
    return not body.startswith(key.encode() + b"|") or checksum != b"%08x" % zlib.crc32(body)


def value_length(dice):
    """Mostly small, now and then a block or more, seldom a chain of records (with segments of 1 MiB)."""
    draw = dice.random()
    if draw < 0.93:
        return dice.randrange(24, 400)
    return dice.randrange(400, 20_000) if draw < 0.998 else dice.randrange(100_000, 300_000)


class Write:
    """One write to one key: its place in its writer's order, and when it was sent and answered."""

    __slots__ = ("number", "value", "sent", "answered")

    def __init__(self, number, value, sent=0.0, answered=None):
        self.number, self.value, self.sent, self.answered = number, value, sent, answered


class Writer:
    """SET, MSET, DEL and GET in pipelines until it is stopped or the connection breaks."""

    def __init__(self, index, seed, keys=KEYS_PER_WRITER):
        self.index, self.dice = index, random.Random(f"{seed}/writer/{index}")
        self.keys = [f"writer:{index}:key:{number}" for number in range(keys)]
        self.rebase({})
        self.number = self.answered = 0
        self.begun, self.stopping, self.failure = threading.Event(), False, None
        self.refusals, self.surprises, self.thread = [], [], None

    def rebase(self, observed):
        """What was found is what must stay."""
        self.history = {key: [Write(0, observed.get(key), answered=0.0)] for key in self.keys}

    def start(self, port):
        self.begun.clear()
        self.stopping = False
        self.thread = threading.Thread(target=self.run, args=(port,), daemon=True)
        self.thread.start()

    def run(self, port):
        try:
            client = Client(port, seconds=REPLY_SECONDS_MAX)
            try:
                while not self.stopping:
                    self.turn(client)
            finally:
                client.close()
        except (OSError, ValueError):
            pass  # the server is gone, as the fault wants it
        except Exception as error:  # a mistake of the test itself
            self.failure = error

    def turn(self, client):
        steps = [self.step() for _ in range(self.dice.randint(1, PIPELINE_MAX))]
        sent = time.monotonic()
        for _, writes, _ in steps:
            for write in writes.values():
                write.sent = sent
        client.send([command for command, _, _ in steps])
        for command, writes, wanted in steps:
            reply = client.reply()
            if isinstance(reply, ServerError):
                self.refuse(reply, writes)
                continue
            # A refused write earlier in the pipeline is what a GET does not find.
            if wanted is not None and reply != wanted[0] and not (command[0] == "GET" and self.refusals):
                self.surprises.append(f"{command[0]} {command[1]} answered {brief(reply)}, not {brief(wanted[0])}")
            answered = time.monotonic()
            for write in writes.values():
                write.answered = answered
            self.answered += bool(writes)
        self.begun.set()

    def refuse(self, reply, writes):
        """An error reply says that nothing was written."""
        self.refusals.append(str(reply))
        for key, write in writes.items():
            self.history[key].remove(write)
        time.sleep(0.002)

    def step(self):
        """(command, {key: write}, (the reply,) if it is known)."""
        self.number += 1
        draw, key = self.dice.random(), self.any_key()
        if draw < 0.15 and not self.refusals:
            return ("GET", key), {}, (self.history[key][-1].value,)
        if draw < 0.70:
            writes = self.intend([key], True)
            return ("SET", key, writes[key].value), writes, (b"OK",)
        keys = list({self.any_key() for _ in range(self.dice.randint(2, 5))})
        if draw < 0.88:
            writes = self.intend(keys, True)
            return ("MSET", *[part for one in keys for part in (one, writes[one].value)]), writes, (b"OK",)
        return ("DEL", *keys), self.intend(keys, False), None

    def any_key(self):
        # A few keys are written often, many seldom: old segments hold live records beside dead ones.
        return self.keys[int(len(self.keys) * self.dice.random() ** 2)]

    def intend(self, keys, present):
        writes = {}
        for key in keys:
            value = make_value(key, self.number, value_length(self.dice)) if present else None
            writes[key] = Write(self.number, value)
            self.history[key].append(writes[key])
        return writes


class Finding:
    """What a check of all keys came to."""

    def __init__(self):
        self.acknowledged = self.lost = self.wrong = self.young = self.errors = 0
        self.oldest = 0.0  # seconds before the fault of the oldest answered write that is gone
        self.examples = []
        # What is wrong whatever was lost: values that nobody wrote, and a count of keys that is not theirs.
        self.broken = []

    def example(self, text):
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(text)

    def breaks(self, text):
        self.wrong += 1
        self.example(text)
        self.broken.append(text)


class Book:
    """The writers, and the check of what they wrote."""

    def __init__(self, seed, writers=4, keys=KEYS_PER_WRITER):
        self.writers = [Writer(index, seed, keys) for index in range(writers)]

    def start(self, port):
        for writer in self.writers:
            writer.start(port)
        for writer in self.writers:
            if not writer.begun.wait(BEGIN_SECONDS_MAX):
                raise RuntimeError(f"the load was not answered within {BEGIN_SECONDS_MAX} s")

    def stop(self):
        for writer in self.writers:
            writer.stopping = True

    def join(self):
        self.stop()
        for writer in self.writers:
            writer.thread.join(REPLY_SECONDS_MAX + 5)
            if writer.failure:
                raise writer.failure

    def refusals(self):
        return [reply for writer in self.writers for reply in writer.refusals]

    def answered(self):
        return sum(writer.answered for writer in self.writers)

    def judge(self, port, begin=None, end=None, slack=0.0, in_order=True, rebase=True):
        """Reads all keys. The fault fell between `begin` and `end` (none: after all answers); answered writes
        that are at most `slack` seconds older may be gone. `in_order`: a server of one core keeps each
        writer's order, so that nothing may be missing before something that is there."""
        finding = Finding()
        begin = time.monotonic() if begin is None else begin
        end = time.monotonic() if end is None else end
        client, present = Client(port, seconds=REPLY_SECONDS_MAX), 0
        for writer in self.writers:
            observed = read_all(client, writer.keys)
            present += sum(value is not None for value in observed.values())
            for text in writer.surprises:
                finding.wrong += 1
                finding.example(text)
            found = {key: judge_key(finding, key, observed[key], writer.history[key], begin, end, slack) for key in writer.keys}
            if in_order:
                judge_order(finding, writer, found)
            finding.acknowledged += sum(1 for writes in writer.history.values() for write in writes
                                        if write.number and write.answered is not None and write.answered <= begin)
            writer.surprises = []
            if rebase:
                writer.rebase({key: value for key, value in observed.items() if not isinstance(value, ServerError)})
        counted = client.call("DBSIZE")
        client.close()
        if counted != present:
            finding.breaks(f"DBSIZE is {counted}, {present} keys can be read")
        return finding


def read_all(client, keys):
    observed = {}
    for start in range(0, len(keys), READ_AT_ONCE):
        part = keys[start:start + READ_AT_ONCE]
        client.send([("GET", key) for key in part])
        for key in part:
            observed[key] = client.reply()
    return observed


def judge_key(finding, key, observed, writes, begin, end, slack):
    """Gives the places in `writes` that hold what was observed."""
    places = [place for place, write in enumerate(writes) if write.value == observed and write.sent <= end]
    if isinstance(observed, ServerError):
        finding.errors += 1
        finding.example(f"GET {key} answered {observed}")
        return []
    if not places:
        if isinstance(observed, bytes) and is_torn(key, observed):
            finding.breaks(f"{key} is {brief(observed)}, which is torn")
        else:
            finding.wrong += 1
            finding.example(f"{key} is {brief(observed)}, which was not sent before the fault")
        return []
    gone = [write for write in writes[places[-1] + 1:] if write.answered is not None and write.answered <= begin]
    if gone:
        age = begin - gone[0].answered
        finding.oldest = max(finding.oldest, age)
        if age > slack:
            finding.lost += 1
            finding.example(f"{key} is {brief(observed)}; {brief(gone[-1].value)} was answered {begin - gone[-1].answered:.3f} s before")
        else:
            finding.young += 1
    return places


def judge_order(finding, writer, found):
    """What is missing must be the end of the writer's order, not a hole in it."""
    last = max((writer.history[key][places[0]].number for key, places in found.items() if places), default=0)
    for key, places in found.items():
        if not places:
            continue
        later = [write for write in writer.history[key][places[-1] + 1:] if write.number <= last and write.answered is not None]
        if later:
            finding.wrong += 1
            finding.example(f"a hole: {key} misses write {later[0].number}, a later write {last} of the same connection is there")


def brief(value):
    if isinstance(value, bytes):
        return repr(value[:40]) + (f"... ({len(value)} bytes)" if len(value) > 40 else "")
    return "absent" if value is None else repr(value)
