"""Draws commands of hashes whose fields expire for `oracle --group hash-expiry`: what came with Redis 7.4 (HEXPIRE and its family) and 8.0 (HGETDEL,
HGETEX, HSETEX), between plain commands of the same hashes. It wants a Redis of 8.0 or later.

Times lie far ahead or in the past. Not compared: times of fields beyond what two clocks may differ, and the order of fields.
"""

import random
import time

import oracle_collections

KEYS = [f"h{number}" for number in range(6)] + ["text", "{tag}h"]
FAR_MS = 100_000_000
UNITS = {"HEXPIRE": (1, False), "HPEXPIRE": (1000, False), "HEXPIREAT": (1, True), "HPEXPIREAT": (1000, True)}
TIMES = {b"HTTL": 2, b"HEXPIRETIME": 2, b"HPTTL": 2000, b"HPEXPIRETIME": 2000}


class Commands:
    protocol = 2

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.hashes = oracle_collections.Collections(self.dice, lambda _: self.key())
        self.waiting = []

    def key(self):
        return self.dice.choice(KEYS[:-2] * 5 + KEYS)

    def next(self):
        dice = self.dice
        if self.waiting:
            return self.waiting.pop(0)
        if dice.random() < 0.01:
            self.hashes.wide = dice.choice([3, 12, 60, 600])
        name, *rest = dice.choices([self.hash, self.expire, self.look, self.newer, self.keyspace], [30, 30, 20, 20, 6])[0]()
        if dice.random() < 0.05:
            rest = self.wrong(rest)
        return (name.lower() if dice.random() < 0.2 else name, *rest)

    def wrong(self, rest):
        dice, rest = self.dice, list(rest)
        words = ["", "abc", "-1", "0", "99999999999999999999", "FIELDS", "NX", "2", self.key(), "1.5"]
        draw = dice.random()
        if draw < 0.35 and rest:
            rest.pop(dice.randrange(len(rest)))
        elif draw < 0.65:
            rest.insert(dice.randint(0, len(rest)), dice.choice(words))
        elif rest:
            rest[dice.randrange(len(rest))] = dice.choice(words)
        return rest

    def fields(self, values=False):
        """FIELDS, their number and they."""
        dice = self.dice
        names = self.hashes.names()
        number = len(names) if dice.random() < 0.97 else dice.choice([0, -1, len(names) + 1, "x"])
        words = [part for name in names for part in (name, self.hashes.value())] if values else names
        return dice.choice(["FIELDS", "FIELDS", "FIELDS", "fields"]), number, *words

    def amount(self, thousand, absolute):
        """A time that is far, past or refused."""
        dice = self.dice
        far = dice.randint(1000, 100_000) + (int(time.time()) if absolute else 0)
        return dice.choice([far * thousand] * 7 + [0, 1 if absolute else 0, -1, 2**63 - 1, 2**48, "x"])

    def hash(self):
        while True:
            command = self.hashes.hash()
            if command[0] != "HRANDFIELD" or len(command) < 3 or command[2] != 0:
                return command

    def expire(self):
        dice = self.dice
        name = dice.choice(list(UNITS))
        thousand, absolute = UNITS[name]
        condition = dice.choice([(), (), (), ("NX",), ("XX",), ("GT",), ("LT",), ("gt",)])
        if dice.random() < 0.25:
            return "HPERSIST", self.key(), *self.fields()
        return name, self.key(), self.amount(thousand, absolute), *condition, *self.fields()

    def look(self):
        return self.dice.choice(["HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"]), self.key(), *self.fields()

    def newer(self):
        dice = self.dice
        word = dice.choice(["EX", "PX", "EXAT", "PXAT", "ex"])
        expiry = (word, self.amount(1000 if word[0].upper() == "P" else 1, word.endswith("AT")))
        if dice.random() < 0.2:
            return "HGETDEL", self.key(), *self.fields()
        if dice.random() < 0.4:
            return "HGETEX", self.key(), *dice.choice([(), expiry, expiry, ("PERSIST",), ("KEEPTTL",)]), *self.fields()
        condition = dice.choice([(), (), ("FNX",), ("FXX",), ("fnx",)])
        return "HSETEX", self.key(), *condition, *dice.choice([(), expiry, expiry, ("KEEPTTL",), ("PERSIST",)]), *self.fields(values=True)

    def keyspace(self):
        dice, key = self.dice, self.key()
        return dice.choice([("DEL", key), ("TYPE", key), ("EXISTS", key), ("RENAME", key, self.key()), ("COPY", key, self.key(), "REPLACE"), ("SET", "text", "1"),
                            ("EXPIRE", key, 100_000), ("TTL", key), ("PERSIST", key), ("HLEN", key), ("HSCAN", key, 0, "COUNT", 100_000, "NOVALUES"), ("DBSIZE",)])


def same(name, command, left, right):
    """Whether two replies that differ in their bytes say the same; `None`: that is for others to say."""
    if name in TIMES and isinstance(left[1], list) and isinstance(right[1], list) and left[0] == right[0]:
        return all(near(one, other, TIMES[name]) for one, other in zip(left[1], right[1]))
    if name == b"HSCAN" and (left[0].startswith(b"-") or left[1] and left[1][0][1] != b"0\r\n" or right[1] and right[1][0][1] != b"0\r\n"):
        # Where a scan stands is the server's own; Redis takes fewer words for a cursor from 8.0 on.
        return True
    if name == b"HSCAN" and str(command[-1]).upper() == "NOVALUES" and isinstance(left[1], list) and isinstance(right[1], list):
        return sorted(map(repr, left[1][1][1])) == sorted(map(repr, right[1][1][1]))
    return oracle_collections.same(name, command, left, right)


def near(left, right, most):
    one, other = int(left[0][1:]), int(right[0][1:])
    return one == other or min(one, other) > -1 and abs(one - other) <= most
