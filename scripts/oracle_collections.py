"""Draws commands of hashes, lists, sets, bitmaps, sketches and SORT for `oracle --group mixed`, and says which replies need not be equal.

Not compared byte by byte: the order of fields and members, which is a table's in Redis; random choices by their shape. SPOP takes all or
nothing, so that both servers keep the same members.
"""

import random

UNORDERED_PAIRS = {b"HGETALL"}
UNORDERED = {b"HKEYS", b"HVALS", b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"SPOP"}
RANDOM = {b"HRANDFIELD", b"SRANDMEMBER"}
SCANS = {b"HSCAN": 2, b"SSCAN": 1}


class Collections:
    """Draws arguments by `dice`, and keys by `key`, a call with the name of a type."""

    def __init__(self, dice, key):
        self.dice, self.key, self.wide = dice, key, 12

    # --- arguments

    def name(self):
        dice = self.dice
        if dice.random() < 0.03:
            return dice.choice(["", b"\x00", b"\xff\xfe", "w" * 64, "w" * 65, "w" * 300])
        return f"f{dice.randrange(self.wide)}"

    def names(self, most=3):
        return [self.name() for _ in range(self.dice.randint(1, 60 if self.wide > 50 and self.dice.random() < 0.2 else most))]

    def value(self):
        dice = self.dice
        return dice.choice([
            lambda: dice.randint(-20, 20), lambda: f"e{dice.randrange(9)}", lambda: dice.choice(["", "text", "1.5", "3e2", "007", " 1"]),
            lambda: dice.choice([2**63 - 1, -(2**63), 2**63, 2**31, 2**15]), lambda: "y" * dice.choice([40, 64, 65, 300, 9000]),
            lambda: dice.randbytes(dice.randint(0, 20)),
        ])()

    def integer(self):
        dice = self.dice
        return dice.choice([dice.randint(-20, 20), dice.randint(-20, 20), dice.randint(-300, 300), 2**63 - 1, -(2**63), 2**63, "x", "1.5"])

    def index(self):
        dice = self.dice
        return dice.choice([0, -1, 1, -2, 2, 5, -5, 100, -100, dice.randint(-40, 40)])

    def count(self):
        return self.dice.choice([0, 1, 2, 3, 10, 10, 1000, -1])

    def end(self):
        return self.dice.choice(["LEFT", "RIGHT", "LEFT", "RIGHT", "left", "MIDDLE"][: 6 if self.dice.random() < 0.1 else 5])

    def counted(self, kind, most=3):
        keys = [self.key(kind) for _ in range(self.dice.randint(1, most))]
        number = len(keys) if self.dice.random() < 0.97 else self.dice.choice([0, -1, len(keys) + 1, "x"])
        return number, *keys

    # --- commands

    def hash(self):
        dice, key = self.dice, self.key("hash")
        pairs = [part for name in self.names() for part in (name, self.value())]
        return dice.choice([
            ("HSET", key, *pairs), ("HSET", key, *pairs), ("HSET", key, *pairs), ("HMSET", key, *pairs), ("HSETNX", key, *pairs[:2]),
            ("HGET", key, self.name()), ("HMGET", key, *self.names()), ("HGETALL", key), ("HKEYS", key), ("HVALS", key), ("HLEN", key),
            ("HEXISTS", key, self.name()), ("HSTRLEN", key, self.name()), ("HDEL", key, *self.names()), ("HINCRBY", key, self.name(), self.integer()),
            ("HINCRBYFLOAT", key, self.name(), dice.choice(["1.5", "-0.1", "3e2", "1", "inf", "nan", "x", "1e300"])),
            ("HRANDFIELD", key), ("HRANDFIELD", key, dice.choice([0, 1, 3, 1000, -2, -5]), *dice.choice([(), ("WITHVALUES",), ("NONSENSE",)])),
            ("HSCAN", key, dice.choice([0, 0, 0, "x"]), *dice.choice([(), ("MATCH", "f1*")]), "COUNT", dice.choice([100000, 100000, 0])),
        ])

    def list(self):
        dice, key = self.dice, self.key("list")
        values = [self.value() for _ in range(dice.choice([1, 1, 2, 3, 40 if self.wide > 50 else 4]))]
        count = dice.choice([(), (), (self.count(),)])
        return dice.choice([
            (dice.choice(["LPUSH", "RPUSH"]), key, *values), (dice.choice(["LPUSH", "RPUSH"]), key, *values),
            (dice.choice(["LPUSHX", "RPUSHX"]), key, *values), (dice.choice(["LPOP", "RPOP"]), key, *count), ("LLEN", key), ("LINDEX", key, self.index()),
            ("LRANGE", key, self.index(), self.index()), ("LRANGE", key, 0, -1), ("LSET", key, self.index(), self.value()), ("LREM", key, self.index(), self.value()),
            ("LINSERT", key, dice.choice(["BEFORE", "AFTER", "after", "NONSENSE"]), self.value(), self.value()),
            ("LTRIM", key, dice.choice([0, 1, -20]), dice.choice([-1, 30, 5])),
            ("LPOS", key, self.value(), *dice.choice([(), ("RANK", self.index())]), *dice.choice([(), ("COUNT", self.count())]), *dice.choice([(), ("MAXLEN", self.count())])),
            ("LMOVE", key, self.key("list"), self.end(), self.end()), ("RPOPLPUSH", key, self.key("list")),
            ("LMPOP", *self.counted("list"), self.end(), *dice.choice([(), ("COUNT", self.count())])),
        ])

    def set(self):
        dice, key = self.dice, self.key("set")
        members = [dice.choice([dice.randint(-5, 5), self.name(), self.name(), dice.choice([2**15, 2**31, 2**63, "007"])]) for _ in self.names(4)]
        keys = [self.key("set") for _ in range(dice.randint(1, 3))]
        algebra = dice.choice(["SINTER", "SUNION", "SDIFF"])
        return dice.choice([
            ("SADD", key, *members), ("SADD", key, *members), ("SADD", key, *members), ("SREM", key, *members), ("SISMEMBER", key, members[0]),
            ("SMISMEMBER", key, *members), ("SCARD", key), ("SMEMBERS", key), (algebra, *keys), (algebra, *keys),
            (algebra + "STORE", key, *keys), ("SINTERCARD", *self.counted("set"), *dice.choice([(), ("LIMIT", self.count())])),
            ("SMOVE", key, self.key("set"), members[0]), ("SPOP", key, dice.choice([0, 1_000_000, -1, "x"])),
            ("SRANDMEMBER", key, *dice.choice([(), (dice.choice([0, 1, 3, 1000, -2, -5]),)])),
            ("SSCAN", key, dice.choice([0, 0, 0, "x"]), *dice.choice([(), ("MATCH", "f1*")]), "COUNT", dice.choice([100000, 100000, 0])),
        ])

    def bits(self):
        dice, key = self.dice, self.key("string")
        offset = dice.choice([dice.randint(0, 300), dice.randint(0, 300), dice.randint(0, 40_000), 2**32, -1, "x"])
        ends = dice.choice([(), (self.index(), self.index()), (self.index(), self.index(), dice.choice(["BYTE", "BIT", "bit", "NONSENSE"])), (self.index(),)])
        bit = dice.choice([0, 1, 1, 2])
        keys = [self.key("string") for _ in range(dice.randint(1, 3))]
        return dice.choice([
            ("SETBIT", key, offset, bit), ("SETBIT", key, offset, bit), ("GETBIT", key, offset), ("BITCOUNT", key, *ends), ("BITPOS", key, bit, *ends),
            ("BITOP", dice.choice(["AND", "OR", "XOR", "xor", "NONSENSE"]), self.key("string"), *keys), ("BITOP", "NOT", self.key("string"), *keys[:2]),
            ("BITFIELD", key, *self.fields()), ("BITFIELD_RO", key, *self.fields()),
        ])

    def fields(self):
        dice, words = self.dice, []
        for _ in range(dice.randint(1, 3)):
            kind = dice.choice(["u", "i"]) + str(dice.choice([1, 4, 8, 16, 32, 63, 64, 65, 0] if dice.random() < 0.2 else [1, 4, 8, 13, 32, 63]))
            offset = dice.choice([0, 3, 100, "#0", "#2", "#5", -1, "x"])
            words += dice.choice([
                ["GET", kind, offset], ["SET", kind, offset, self.integer()], ["INCRBY", kind, offset, self.integer()],
                ["OVERFLOW", dice.choice(["WRAP", "SAT", "FAIL", "sat", "NONSENSE"])],
            ])
        return words

    def sketch(self):
        dice, key = self.dice, self.key("sketch")
        members = [f"m{dice.randrange(50_000 if self.wide > 50 else 300)}" for _ in range(dice.choice([0, 1, 1, 5, 200 if self.wide > 50 else 20]))]
        keys = [self.key("sketch") for _ in range(dice.randint(1, 3))]
        return dice.choice([("PFADD", key, *members), ("PFADD", key, *members), ("PFADD", key, *members), ("PFCOUNT", *keys), ("PFCOUNT", key), ("PFMERGE", key, *keys)])

    def sort(self):
        """Ties in the order of texts are nobody's, so those sort by the elements themselves."""
        dice = self.dice
        by = dice.choice([(), (), ("BY", "k*"), ("BY", "nosort"), ("BY", "hash*->f1"), ("BY", "none*")])
        alpha = ("ALPHA",) if not by and dice.random() < 0.6 else ()
        get = dice.choice([(), (), ("GET", "#"), ("GET", "k*"), ("GET", "k*", "GET", "#", "GET", "hash*->f1")])
        limit = ("LIMIT", dice.choice([0, 1, -1]), dice.choice([1, 5, -1])) if by[1:] != ("nosort",) and dice.random() < 0.3 else ()
        order = dice.choice([(), ("DESC",), ("ASC",)])
        store = ("STORE", self.key("list")) if dice.random() < 0.25 else ()
        name = "SORT" if store or dice.random() < 0.7 else "SORT_RO"
        return name, self.key(dice.choice(["list", "list", "set", "zset"])), *by, *alpha, *limit, *get, *order, *store


def same(name, command, left, right):
    """Whether two replies that differ in their bytes say the same; `None`: that is for others to say.

    SORT of Redis takes what is behind a zero byte for nothing, so such elements come in any order.
    """
    one, other = left[1], right[1]
    if name in RANDOM:
        return shape(left) == shape(right)
    if name in (b"SORT", b"SORT_RO") and left[0].startswith(b"-ERR One or more scores can't be converted"):
        # Redis asks whether an error was set, which an earlier command may have done.
        return True
    if not isinstance(one, list) or not isinstance(other, list):
        return None
    has_zero = any(b"\x00" in (body or b"") for _, body in [*one, *other] if not isinstance(body, list))
    if name in (b"SORT", b"SORT_RO") and (is_not_sorted(command) or has_zero) and any(str(word).upper() == "LIMIT" for word in command):
        # A part of what comes in no order: as many.
        return left[0] == right[0]
    if name in UNORDERED or name in (b"SORT", b"SORT_RO") and (is_not_sorted(command) or has_zero):
        return left[0] == right[0] and sorted(map(repr, one)) == sorted(map(repr, other))
    if name in UNORDERED_PAIRS:
        return left[0] == right[0] and groups_of(2, one) == groups_of(2, other)
    if name in SCANS and str(command[2]) != "0":
        # A cursor that no scan gave is a place in a table that only one of them has.
        return left[0] == right[0]
    if name in SCANS and len(one) == len(other) == 2 and isinstance(one[1][1], list) and isinstance(other[1][1], list):
        return groups_of(SCANS[name], one[1][1]) == groups_of(SCANS[name], other[1][1])
    return None


def is_not_sorted(command):
    """Whether SORT has a pattern without a star: a set comes in its own order then."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
    return any(word.upper() == b"BY" and b"*" not in pattern for word, pattern in zip(words, words[1:]))


def groups_of(size, replies):
    return sorted(repr(replies[at:at + size]) for at in range(0, len(replies), size))


def shape(reply):
    line, body = reply
    return [shape(one) for one in body] if isinstance(body, list) else line[:1]
