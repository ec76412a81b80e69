"""Draws commands of streams and consumer groups for `oracle --group streams`, and says which replies need not be equal.

Ids are small and explicit, because a server's clock is its own: `*` comes only behind an id far ahead. Idle times
are 0 or so long that no clock decides. Not compared: nodes of the radix tree, when consumers were seen, consumers
that have nothing pending (newer servers make them when they read nothing), the words of HELP and of unbalanced lists.
An approximate trim may leave what it likes, so `~` comes only where all or nothing goes.
"""

import random

KEYS = ["s0", "s1", "s2", "s3", "{tag}s", "text"]
GROUPS = ["g", "h", "group three"]
CONSUMERS = ["ann", "bob", "cy d"]
AHEAD = 18446744073709551
LONG_MS = 100_000_000
MASKED = {b"radix-tree-keys", b"radix-tree-nodes", b"idle", b"inactive", b"seen-time", b"active-time"}


class Commands:
    def __init__(self, seed):
        self.dice = random.Random(seed)

    def next(self):
        dice = self.dice
        name, *rest = getattr(self, dice.choices(self.NAMES, self.WEIGHTS)[0])()
        if dice.random() < 0.04:
            rest = self.wrong(rest)
        if dice.random() < 0.2:
            name = name.lower()
        return (name, *rest)

    def wrong(self, rest):
        dice, rest = self.dice, list(rest)
        draw = dice.random()
        if draw < 0.35 and rest:
            rest.pop(dice.randrange(len(rest)))
        elif draw < 0.65:
            rest.insert(dice.randint(0, len(rest)), dice.choice([self.key(), self.nonsense(), "COUNT", "1"]))
        elif rest:
            rest[dice.randrange(len(rest))] = self.nonsense()
        # What waits for ever, and what hangs on a clock, is no test.
        return ["1-1" if str(part) in ("*", "+", "~") else part for part in rest] if rest[-1:] != ["+"] else rest

    # --- arguments

    def key(self):
        return self.dice.choice(KEYS[:-1] if self.dice.random() < 0.97 else KEYS)

    def group(self):
        return self.dice.choice(GROUPS[:2] if self.dice.random() < 0.9 else GROUPS)

    def consumer(self):
        return self.dice.choice(CONSUMERS)

    def nonsense(self):
        return self.dice.choice(["", "abc", "1.5", "-1", "0", "99999999999999999999", " 1", "-", "1-", "-1-1", "1-1-1", "(", "(1", "$", ">",
                                 "01-1", "1-+2", "1\x00-5", "x" * 126, "18446744073709551615-18446744073709551615"])

    def id(self):
        dice = self.dice
        ms = dice.choice([dice.randint(0, 30), dice.randint(0, 30), dice.randint(0, 300)])
        return dice.choice([f"{ms}-{dice.randint(0, 4)}"] * 4 + [f"{ms}", f"{ms}-{dice.randint(0, 2**64 - 1)}"])

    def bound(self, ends="-+"):
        dice = self.dice
        return dice.choice([ends[0], ends[1], self.id(), self.id(), "(" + self.id()])

    def count(self):
        return ["COUNT", self.dice.choice([1, 2, 3, 10, 1000, 0, -1])] if self.dice.random() < 0.5 else []

    def trim(self):
        dice = self.dice
        if dice.random() < 0.2:
            what = dice.choice([["MAXLEN", "~", dice.choice([0, 100_000])], ["MINID", "~", dice.choice(["0", "0-0"])]])
            return what + (["LIMIT", dice.choice([0, 100_000])] if dice.random() < 0.3 else [])
        sign = dice.choice([[], ["="]])
        limit = ["LIMIT", dice.choice([0, 5, -1])] if dice.random() < 0.04 else []
        return dice.choice([["MAXLEN", *sign, dice.choice([0, 3, 8, 20, 40, 60, -1])], ["MINID", *sign, self.id()]]) + limit

    # --- commands

    def add(self):
        dice = self.dice
        options = []
        if dice.random() < 0.1:
            options.append("NOMKSTREAM")
        if dice.random() < 0.1:
            options += self.trim()
        fields = [dice.choice(["a", "b", "field", "", b"\x00\xff"]) if at % 2 == 0 else dice.choice(["1", "value", "", "y" * 100])
                  for at in range(2 * dice.choice([1, 1, 1, 2, 3]))]
        stamp = dice.choice([self.id(), f"{dice.randint(0, 300)}-*", f"{dice.randint(0, 300)}-*", f"{dice.randint(250, 400)}-*"])
        return "XADD", self.key(), *options, stamp, *fields

    def ahead(self):
        """Ids far ahead, where `*` is the next one."""
        key = "far"
        return "XADD", key, self.dice.choice([f"{AHEAD}-*", "*" if self.has_far else f"{AHEAD}-5"]), "a", "1"

    has_far = False

    def many(self):
        return self.dice.choice(["XLEN", "XLEN", "TYPE", "EXISTS"]), self.key()

    def range(self):
        if self.dice.random() < 0.5:
            return "XRANGE", self.key(), self.bound("--"), self.bound("++"), *self.count()
        return "XREVRANGE", self.key(), self.bound("++"), self.bound("--"), *self.count()

    def read(self):
        dice = self.dice
        keys = [self.key() for _ in range(dice.choice([1, 1, 2, 3]))]
        return "XREAD", *self.count(), "STREAMS", *keys, *[dice.choice([self.id(), "0", "$"]) for _ in keys]

    def remove(self):
        return "XDEL", self.key(), *[self.id() for _ in range(self.dice.choice([1, 3, 6]))]

    def trimmed(self):
        return "XTRIM", self.key(), *self.trim()

    def setid(self):
        dice, options = self.dice, []
        if dice.random() < 0.4:
            options += ["ENTRIESADDED", dice.choice([0, 5, 100, 1000, -1])]
        if dice.random() < 0.4:
            options += ["MAXDELETEDID", self.id()]
        # Below the greatest deleted id older servers go on.
        return "XSETID", self.key(), f"{dice.randint(301, 400)}-{dice.randint(0, 5)}", *options

    def info(self):
        dice = self.dice
        return dice.choice([("XINFO", "STREAM", self.key()), ("XINFO", "STREAM", self.key(), "FULL"),
                            ("XINFO", "STREAM", self.key(), "FULL", "COUNT", dice.choice([1, 0, 3, -1, 100])),
                            ("XINFO", "GROUPS", self.key()), ("XINFO", "CONSUMERS", self.key(), self.group()),
                            ("XINFO", dice.choice(["NONSENSE", "STREAM", "GROUPS", "CONSUMERS"]), self.key())])

    def make_group(self):
        dice = self.dice
        read = ["ENTRIESREAD", dice.choice([0, 1, 5, -1, -2, 100])] if dice.random() < 0.3 else []
        stamp = dice.choice(["0", "0", "$", self.id(), "-"])
        if dice.random() < 0.3:
            return "XGROUP", "SETID", self.key(), self.group(), stamp, *read
        return "XGROUP", "CREATE", self.key(), self.group(), stamp, *(["MKSTREAM"] if dice.random() < 0.3 else []), *read

    def change_group(self):
        dice = self.dice
        return dice.choice([("XGROUP", "DESTROY", self.key(), self.group()), ("XGROUP", "CREATECONSUMER", self.key(), self.group(), self.consumer()),
                            ("XGROUP", "DELCONSUMER", self.key(), self.group(), self.consumer()), ("XGROUP", "NONSENSE", self.key())])

    def read_group(self):
        dice = self.dice
        keys = [self.key() for _ in range(dice.choice([1, 1, 1, 2]))]
        noack = ["NOACK"] if dice.random() < 0.1 else []
        ids = [dice.choice([">", ">", ">", "0", self.id()]) for _ in keys]
        return "XREADGROUP", "GROUP", self.group(), self.consumer(), *self.count(), *noack, "STREAMS", *keys, *ids

    def ack(self):
        return "XACK", self.key(), self.group(), *[self.id() for _ in range(self.dice.choice([1, 3, 8]))]

    def pending(self):
        dice = self.dice
        if dice.random() < 0.4:
            return "XPENDING", self.key(), self.group()
        idle = ["IDLE", dice.choice([0, LONG_MS // 2, 10 * LONG_MS])] if dice.random() < 0.4 else []
        consumer = [self.consumer()] if dice.random() < 0.4 else []
        return "XPENDING", self.key(), self.group(), *idle, self.bound("--"), self.bound("++"), dice.choice([1, 3, 10, 100, 0, -1]), *consumer

    def claim(self):
        dice, options = self.dice, []
        for option in (["IDLE", LONG_MS], ["TIME", 1000], ["RETRYCOUNT", dice.choice([0, 3, -1])], ["FORCE"], ["JUSTID"], ["LASTID", self.id()]):
            if dice.random() < 0.25:
                options += option
        ids = [self.id() for _ in range(dice.choice([1, 3, 6]))]
        return "XCLAIM", self.key(), self.group(), self.consumer(), dice.choice([0, 0, LONG_MS // 2, -1]), *ids, *options

    def autoclaim(self):
        dice = self.dice
        justid = ["JUSTID"] if dice.random() < 0.3 else []
        count = ["COUNT", dice.choice([1, 2, 5, 100, 0])] if dice.random() < 0.6 else []
        return ("XAUTOCLAIM", self.key(), self.group(), self.consumer(), dice.choice([0, 0, LONG_MS // 2]), self.bound("--"), *count, *justid)

    def keyspace(self):
        dice = self.dice
        return dice.choice([("DEL", self.key()), ("RENAME", self.key(), self.key()), ("COPY", self.key(), self.key(), "REPLACE"), ("SET", "text", "1"),
                            ("OBJECT", "ENCODING", self.key()), ("EXPIRE", self.key(), 100_000), ("PERSIST", self.key())])

    MIX = {
        "add": 30, "ahead": 1, "many": 4, "range": 8, "read": 6, "remove": 6, "trimmed": 2.5, "setid": 1.5, "info": 8, "make_group": 6, "change_group": 2,
        "read_group": 12, "ack": 8, "pending": 6, "claim": 6, "autoclaim": 4, "keyspace": 1,
    }
    NAMES, WEIGHTS = list(MIX), list(MIX.values())


def is_refused_since(command, left, right):
    """Whether the tested server refuses an XSETID as Redis does since 7.2, before all else, and an older one does not."""
    since = b"-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id\r\n"
    return str(command[0]).upper() == "XSETID" and right[0] == since != left[0]


def same(name, left, right):
    """Whether two raw replies to one command of streams say the same, beyond being equal."""
    name = name.split(b" ")[0]
    if left[0].startswith(b"-") or right[0].startswith(b"-"):
        if left[0].startswith(b"-ERR Unbalanced") and right[0].startswith(b"-ERR Unbalanced"):
            return True
        return left[0].decode(errors="replace") == right[0].decode(errors="replace")
    if name == b"XGROUP":
        return left[0][:1] == right[0][:1]
    if name == b"XPENDING":
        return idle_masked(left) == idle_masked(right)
    if name == b"XINFO":
        return plain(left) == plain(right)
    return False


def idle_masked(node):
    line, body = node
    if isinstance(body, list) and len(body) == 4 and not isinstance(body[1][1], list) and body[2][0][:1] == b":":
        idle = int(body[2][0][1:])
        return [body[0], body[1], idle * 4 // LONG_MS, body[3]]
    return [line, [idle_masked(one) for one in body] if isinstance(body, list) else body]


def plain(node):
    """A reply of XINFO without what need not be equal."""
    line, body = node
    if not isinstance(body, list):
        return [line, body]
    # A script that speaks RESP3 gives the fields in the order of a table.
    names = [text(one) for one in body[::2]]
    if b"name" in names or b"length" in names:
        fields = {name: one for name, one in zip(names, body[1::2]) if name not in MASKED}
        if isinstance(fields.get(b"consumers", (b"", None))[1], list):
            busy = [one for one in fields[b"consumers"][1] if amount(one) != 0]
            fields[b"pending"] = times_masked(fields[b"pending"])
            fields[b"consumers"] = [sorted(full_consumer(one).items()) for one in busy]
            return sorted((name, plain(one) if isinstance(one, tuple) else one) for name, one in fields.items())
        fields.pop(b"consumers", None)
        return sorted((name, plain(one)) for name, one in fields.items())
    busy = [one for one in body if amount(one) != 0]
    return [plain(one) for one in busy]


def full_consumer(node):
    names, values = [text(one) for one in node[1][::2]], node[1][1::2]
    fields = {name: one for name, one in zip(names, values) if name not in MASKED}
    fields[b"pending"] = times_masked(fields[b"pending"])
    return fields


def times_masked(node):
    """Pending entries without the times at which they were given."""
    return [[one for at, one in enumerate(entry[1]) if at != len(entry[1]) - 2] for entry in node[1]]


def amount(node):
    """What is pending for a consumer; None for what is none."""
    if not isinstance(node[1], list) or len(node[1]) < 4:
        return None
    fields = {text(name): one for name, one in zip(node[1][::2], node[1][1::2])}
    if b"last-delivered-id" in fields or b"name" not in fields:
        return None
    line = fields.get(b"pel-count", fields.get(b"pending", (b":1", None)))[0]
    return int(line[1:])


def text(node):
    return node[1][:-2] if isinstance(node[1], bytes) else node[0]
