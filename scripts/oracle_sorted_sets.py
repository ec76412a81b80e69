"""Draws commands of sorted sets and places for `oracle --group sorted-sets`, and says which replies need not be equal.

Not compared byte by byte: doubles, which Redis 7.0 prints with 17 digits and newer ones with the fewest, are compared as numbers (0 and
-0 are one: a small Redis set forgets the sign); sums of three and more sets may be added up in another order; ZRANDMEMBER by its shape; a ZSCAN
by the set of its words, because Redis gives them in the order of a table; OBJECT ENCODING after a set was large, which only Redis remembers.
WITHSCORE of ZRANK is newer than 7.0. Ranges of members are drawn for keys that have one score, or few members. Places that
are counted come with their distances, so that any of those at the last one may be told, and no other.
"""

import random

KEYS = ["z0", "z1", "z2", "z3", "{tag}z", "lex", "geo", "set", "text"]
DOUBLES = {b"ZSCORE", b"ZMSCORE", b"ZINCRBY", b"ZADD", b"ZRANGE", b"ZREVRANGE", b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE", b"ZPOPMIN",
           b"ZPOPMAX", b"ZMPOP", b"ZUNION", b"ZINTER", b"ZDIFF", b"ZSCAN"}


class Commands:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.wide = 12

    def next(self):
        dice = self.dice
        if dice.random() < 0.01:
            self.wide = dice.choice([5, 12, 60, 400])
        name, *rest = getattr(self, dice.choices(self.NAMES, self.WEIGHTS)[0])()
        # Ranges of members mean something only where all have one score, or few have several.
        kept = 2 if name == "ZRANGESTORE" else 1
        if {"lex", "few"}.isdisjoint(rest[:kept]):
            kept = 0
        if dice.random() < 0.04 and not (kept and name == "ZADD"):
            rest = [*rest[:kept], *self.wrong(rest[kept:])]
        if dice.random() < 0.2:
            name = name.lower()
        return (name, *rest)

    def wrong(self, rest):
        dice, rest = self.dice, list(rest)
        draw = dice.random()
        if draw < 0.35 and rest:
            rest.pop(dice.randrange(len(rest)))
        elif draw < 0.65:
            words = [self.key(), self.nonsense(), "WITHSCORES", "LIMIT", "NX", "REV", "1"]
            rest.insert(dice.randint(0, len(rest)), dice.choice(words))
        elif rest:
            rest[dice.randrange(len(rest))] = self.nonsense()
        return rest

    # --- arguments

    def nonsense(self):
        return self.dice.choice(["", "abc", "1.5", "-1", "0", "nan", "(", "[", "99999999999999999999", " 1", b"\x00\xff"])

    def key(self):
        return self.dice.choice(KEYS[:5] * 4 + KEYS[6:])

    def option(self, word):
        return word.lower() if self.dice.random() < 0.2 else word

    def maybe(self, chance, *words):
        return [self.option(word) if isinstance(word, str) else word for word in words] if self.dice.random() < chance else []

    def member(self):
        dice = self.dice
        if dice.random() < 0.02:
            return "w" * dice.choice([64, 65, 300, 3000, 20000])
        return dice.choice(["", b"\x00", b"\xff\xfe"]) if dice.random() < 0.02 else f"m{dice.randrange(self.wide)}"

    def score(self):
        dice = self.dice
        draw = dice.random()
        if draw < 0.5:
            return dice.randint(-5, 5)
        if draw < 0.9:
            return dice.choice([0.5, -0.25, 3.1, 1e10, -1e-5, 100.125, 123456789.25])
        return dice.choice(["inf", "-inf", "+inf", "-0", "1e300", "0x1p3", "1e-7", "nan", "1e400", "Infinity", ".5", "5.", "+1", ""])

    def bound(self):
        dice = self.dice
        return dice.choice(["", "", "", "("]) + str(dice.choice([dice.randint(-6, 6), dice.randint(-6, 6), "-inf", "+inf", 3.1, 0.5]))

    def lex(self):
        dice = self.dice
        return dice.choice(["-", "+", f"[m{dice.randrange(self.wide)}", f"(m{dice.randrange(self.wide)}", f"[m{dice.randrange(9)}", "[", "("])

    def limit(self):
        dice = self.dice
        return self.maybe(0.3, "LIMIT", dice.choice([0, 0, 1, 2, 5, -1, 100]), dice.choice([1, 2, 10, 0, -1, -3]))

    def rank(self):
        dice = self.dice
        return dice.choice([0, -1, 1, 2, -2, 5, -5, 100, -100, dice.randint(-500, 500)])

    def counted(self, most=3):
        keys = [self.key() for _ in range(self.dice.randint(1, most))]
        number = len(keys) if self.dice.random() < 0.97 else self.dice.choice([0, -1, len(keys) + 1, "x"])
        return number, *keys

    # --- commands

    def zadd(self):
        dice = self.dice
        options = [self.option(word) for word in dice.choice(
            [[], [], [], [], ["NX"], ["XX"], ["GT"], ["LT"], ["CH"], ["XX", "GT"], ["GT", "CH"], ["NX", "GT"], ["NX", "XX"], ["LT", "GT"]])]
        pairs = dice.choice([1, 1, 1, 2, 3, 30, 200] if self.wide > 50 else [1, 1, 1, 2, 3])
        if dice.random() < 0.1:
            options, pairs = [*options, self.option("INCR")], dice.choice([1, 1, 1, 1, 2])
        return "ZADD", self.key(), *options, *[part for _ in range(pairs) for part in (self.score(), self.member())]

    def lexadd(self):
        return "ZADD", "lex", *[part for _ in range(self.dice.randint(1, 4)) for part in (0, self.member())]

    def few(self):
        """Members of several scores, so few and short that Redis keeps them in a list. LIMIT would count what is outside too."""
        dice = self.dice
        words = [dice.choice("-+"), dice.choice("-+"), *(f"{dice.choice('[(')}m{dice.randrange(12)}" for _ in range(6))]
        ends = dice.choice(words), dice.choice(words)
        return dice.choice([
            ("ZADD", "few", dice.randint(-5, 5), f"m{dice.randrange(12)}", dice.randint(-5, 5), f"m{dice.randrange(12)}"),
            (dice.choice(["ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT", "ZREMRANGEBYLEX"]), "few", *ends),
            ("ZRANGE", "few", *ends, "BYLEX", *self.maybe(0.5, "REV")), ("DEL", "few") if dice.random() < 0.1 else ("ZRANGE", "few", 0, -1, "WITHSCORES"),
        ])

    def others(self):
        dice = self.dice
        return dice.choice([
            ("SADD", "set", self.member(), self.member()), ("SET", "text", "1"), ("DEL", dice.choice(KEYS)), ("TYPE", self.key()),
            ("EXPIRE", self.key(), 1000), ("TTL", self.key()), ("OBJECT", "ENCODING", dice.choice(KEYS[:5])), ("EXISTS", self.key()),
            ("COPY", self.key(), self.key(), "REPLACE"), ("RENAME", self.key(), self.key()),
        ])

    def zincrby(self):
        return "ZINCRBY", self.key(), self.score(), self.member()

    def zrem(self):
        return "ZREM", self.key(), *[self.member() for _ in range(self.dice.choice([1, 1, 2, 100 if self.wide > 50 else 3]))]

    def read(self):
        dice = self.dice
        return dice.choice([
            ("ZSCORE", self.key(), self.member()), ("ZMSCORE", self.key(), self.member(), self.member()), ("ZCARD", self.key()),
            ("ZCOUNT", self.key(), self.bound(), self.bound()), ("ZLEXCOUNT", "lex", self.lex(), self.lex()),
            ("ZRANK", self.key(), self.member()), ("ZREVRANK", self.key(), self.member()),
        ])

    def zrange(self):
        dice = self.dice
        by = dice.choice(["", "", "BYSCORE", "BYLEX"])
        key, ends = self.key(), (self.rank(), self.rank())
        if by == "BYSCORE":
            ends = (self.bound(), self.bound())
        if by == "BYLEX":
            key, ends = "lex", (self.lex(), self.lex())
        options = [[self.option(by)] if by else [], self.maybe(0.4, "REV"), self.limit() if by or dice.random() < 0.1 else []]
        if by != "BYLEX" or dice.random() < 0.1:
            options.append(self.maybe(0.4, "WITHSCORES"))
        dice.shuffle(options)
        name = ("ZRANGE", key) if dice.random() < 0.7 else ("ZRANGESTORE", self.key(), key)
        if name[0] == "ZRANGESTORE":
            options = [option for option in options if option not in (["WITHSCORES"], ["withscores"])]
        return *name, *ends, *[part for option in options for part in option]

    def zrange_elder(self):
        dice = self.dice
        return dice.choice([
            ("ZREVRANGE", self.key(), self.rank(), self.rank(), *self.maybe(0.5, "WITHSCORES")),
            (dice.choice(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]), self.key(), self.bound(), self.bound(), *self.maybe(0.5, "WITHSCORES"), *self.limit()),
            (dice.choice(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), "lex", self.lex(), self.lex(), *self.limit()),
        ])

    def zremrange(self):
        return self.dice.choice([
            ("ZREMRANGEBYRANK", self.key(), self.rank(), self.rank()), ("ZREMRANGEBYSCORE", self.key(), self.bound(), self.bound()),
            ("ZREMRANGEBYLEX", "lex", self.lex(), self.lex()),
        ])

    def pop(self):
        dice = self.dice
        return dice.choice([
            (dice.choice(["ZPOPMIN", "ZPOPMAX"]), self.key(), *self.maybe(0.5, dice.choice([0, 1, 2, 5, 100, -1]))),
            ("ZMPOP", *self.counted(), self.option(dice.choice(["MIN", "MAX"])), *self.maybe(0.5, "COUNT", dice.choice([1, 2, 9, 0, -1]))),
        ])

    def random_member(self):
        return "ZRANDMEMBER", self.key(), *self.maybe(0.7, self.dice.choice([0, 1, 3, 1000, -2, -5]), *self.maybe(0.4, "WITHSCORES"))

    def scan(self):
        return "ZSCAN", self.key(), self.dice.choice([0, 0, 0, "x"]), *self.maybe(0.3, "MATCH", "m1*"), "COUNT", self.dice.choice([10000, 10000, 0])

    def algebra(self):
        dice = self.dice
        name = dice.choice(["ZUNION", "ZINTER", "ZDIFF"])
        stores = dice.random() < 0.5
        counted = self.counted()
        options = []
        if name != "ZDIFF" or dice.random() < 0.05:
            weights = [dice.choice([1, 2, -1, 0.5, 0, "inf", 3]) for _ in counted[1:]]
            options = [self.maybe(0.4, "WEIGHTS", *weights), self.maybe(0.5, "AGGREGATE", dice.choice(["SUM", "MIN", "MAX", "AVG"]))]
        if not stores or dice.random() < 0.05:
            options.append(self.maybe(0.5, "WITHSCORES"))
        dice.shuffle(options)
        words = [part for option in options for part in option]
        return (name + "STORE", self.key(), *counted, *words) if stores else (name, *counted, *words)

    def intercard(self):
        return "ZINTERCARD", *self.counted(), *self.maybe(0.5, "LIMIT", self.dice.choice([0, 1, 2, 100, -1]))

    def place(self):
        dice = self.dice
        if dice.random() < 0.3:
            return dice.choice([(0, 0), (180, 85), (-180, -85), (180, -85.05), (181, 0), (0, 86), ("x", 1), (13.361389, 38.115556)])
        if dice.random() < 0.5:
            return round(13 + dice.random() * 3, 5), round(37 + dice.random() * 2, 5)
        return round(dice.uniform(-180, 180), 4), round(dice.uniform(-85, 85), 4)

    def geoadd(self):
        dice = self.dice
        options = dice.choice([[], [], [], ["NX"], ["XX"], ["CH"], ["NX", "CH"], ["NX", "XX"]])
        return "GEOADD", "geo", *options, *[part for _ in range(dice.choice([1, 1, 2, 5])) for part in (*self.place(), self.member())]

    def geo_read(self):
        dice = self.dice
        return dice.choice([
            ("GEOPOS", "geo", self.member(), self.member()), ("GEOHASH", "geo", self.member(), self.member()), ("GEOPOS", self.key(), self.member()),
            ("GEODIST", "geo", self.member(), self.member(), *self.maybe(0.5, dice.choice(["m", "km", "ft", "mi", "xx"]))),
        ])

    def geo_options(self):
        dice = self.dice
        options = [self.maybe(0.5, dice.choice(["ASC", "DESC"])), self.maybe(0.3, "COUNT", dice.choice([1, 2, 5, 0]), *self.maybe(0.2, "ANY")),
                   self.maybe(0.3, "WITHCOORD"), self.maybe(0.3, "WITHDIST"), self.maybe(0.3, "WITHHASH")]
        if options[1]:
            # Which of several places as far away is counted is open, and only the distances tell that they are.
            options[3] = [self.option("WITHDIST")]
        dice.shuffle(options)
        return [part for option in options for part in option]

    def length(self):
        dice = self.dice
        return dice.choice([0, 1, 50, 200, 1000, 5000, 30000, 0.5, -1]), self.option(dice.choice(["km", "km", "km", "m", "mi", "ft"]))

    def geosearch(self):
        dice = self.dice
        middle = dice.choice([["FROMLONLAT", *self.place()], ["FROMMEMBER", self.member()]])
        size, unit = self.length()
        shape = dice.choice([["BYRADIUS", size, unit], ["BYBOX", size, dice.choice([1, 100, 800, 9000]), unit]])
        parts = [middle, shape]
        dice.shuffle(parts)
        words = [part for one in parts for part in one]
        if dice.random() < 0.2:
            return "GEOSEARCHSTORE", self.key(), "geo", *words, *self.maybe(0.5, "STOREDIST")
        return "GEOSEARCH", "geo", *words, *self.geo_options()

    def georadius(self):
        dice = self.dice
        stores = [dice.choice(["STORE", "STOREDIST"]), self.key()] if dice.random() < 0.15 else []
        name, middle = dice.choice([("GEORADIUS", self.place()), ("GEORADIUSBYMEMBER", (self.member(),))])
        name += dice.choice(["", "", "_RO"])
        options = self.geo_options()
        # Of places as far away as each other either may be stored.
        return name, "geo", *middle, *self.length(), *([] if stores and not {"COUNT", "count"}.isdisjoint(options) else options), *stores

    MIX = {
        "zadd": 20, "lexadd": 3, "few": 3, "others": 5, "zincrby": 4, "zrem": 5, "read": 14, "zrange": 12, "zrange_elder": 8, "zremrange": 3, "pop": 4,
        "random_member": 2, "scan": 2, "algebra": 8, "intercard": 2, "geoadd": 5, "geo_read": 4, "geosearch": 6, "georadius": 4,
    }
    NAMES, WEIGHTS = list(MIX), list(MIX.values())


def same(name, command, left, right):
    """Whether two replies that differ in their bytes say the same; `None`: that is for others to say."""
    if name == b"OBJECT ENCODING" and left[1] == b"skiplist\r\n":
        return right[1] == b"listpack\r\n"
    if name in (b"ZRANK", b"ZREVRANK") and len(command) == 4:
        return True
    if left[0][:1] == b"-" or right[0][:1] == b"-":
        return None
    if name.startswith((b"GEOSEARCH", b"GEORADIUS")) and isinstance(left[1], list) and isinstance(right[1], list):
        return left[0] == right[0] and same_places(command, left[1], right[1])
    if name == b"ZRANDMEMBER":
        return shape(left) == shape(right)
    if name == b"ZSCAN" and str(command[2]) != "0":
        # A cursor that no scan gave is a place in a table that only one of them has.
        return left[0] == right[0]
    if name == b"ZSCAN":
        return pairs(left[1][1]) == pairs(right[1][1]) if isinstance(left[1], list) and isinstance(right[1], list) else None
    if name in DOUBLES:
        return alike(left, right)
    return None


def same_places(command, one, other):
    """Places as far away as each other come in any order, and any of them where they are counted: those of the last distance."""
    words = {str(word).upper() for word in command}
    told = [sorted(map(repr, map(plain, places))) for places in (one, other)]
    if told[0] == told[1] or "ANY" in words:
        return True
    if "WITHDIST" not in words or not one:
        return "COUNT" in words
    ends = [[row[1][1][1] for row in places] for places in (one, other)]
    if "COUNT" not in words or ends[0] != ends[1]:
        return False
    nearer = [sorted(repr(plain(row)) for row in places if row[1][1][1] != ends[0][-1]) for places in (one, other)]
    return nearer[0] == nearer[1]


def plain(reply):
    """A reply with its numbers as such."""
    line, body = reply
    if isinstance(body, list):
        return [plain(one) for one in body]
    told = number(line[1:] if line[:1] == b"," else body)
    return reply if told is None else told


def shape(reply):
    line, body = reply
    return [shape(one) for one in body] if isinstance(body, list) else line[:1]


def pairs(reply):
    words = [word for _, word in reply[1]]
    return sorted((member, number(score)) for member, score in zip(words[::2], words[1::2]))


def number(word):
    """Rounded, as sums may be added up in another order."""
    try:
        return float(f"{float(word):.14g}") + 0.0
    except (TypeError, ValueError):
        return None


def alike(left, right):
    (line, body), (other_line, other_body) = left, right
    if isinstance(body, list) and isinstance(other_body, list):
        return line == other_line and len(body) == len(other_body) and all(map(alike, body, other_body))
    if (line, body) == (other_line, other_body):
        return True
    if line[:1] != other_line[:1]:
        return False
    one, other = (number(line[1:]), number(other_line[1:])) if line[:1] == b"," else (number(body), number(other_body))
    return one is not None and one == other
