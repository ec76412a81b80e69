"""Draws commands of all types for `oracle --group mixed`: over a few hundred keys, so that keys of one type are met by commands of another,
are overwritten and renamed, and commands over several keys find several types. Some come in transactions, watched or not, and some in scripts.

Each key has a type that it has more often than others. A reply within EXEC or from a script is compared as that of the command it is of.
Not compared beside what the groups say: how a value other than a string is encoded, as that hangs on what it was. Waits have one key and end
within milliseconds, as which key of several comes first may be another over several cores.
"""

import random

import oracle_asides
import oracle_collections
import oracle_sorted_sets
import oracle_streams

TYPES = ["string", "hash", "list", "set", "zset", "stream", "sketch"]
KEYS_A_TYPE = 40
OFTEN = 0.9
KEYS = [f"{kind}{number}" for kind in TYPES for number in range(KEYS_A_TYPE)] + [f"k{number}" for number in range(20)]
# Keys whose values stay short.
SHORT = ["short0", "short1", "short2", "short3"]
CALL = "return redis.call(unpack(ARGV))"
PCALL = "return redis.pcall(unpack(ARGV))"
SCRIPTS = [CALL, CALL, PCALL, PCALL, "redis.setresp(3) " + PCALL, "local reply = redis.pcall(unpack(ARGV)) return reply"]


# To Redis a stream whose groups, pending entries or last id change is none that has changed.
CHANGES_NO_WATCHED = {"XGROUP", "XREADGROUP", "XACK", "XCLAIM", "XAUTOCLAIM", "XSETID"}
ABOUT_ALL = b" cannot run together with commands about keys of several cores"
DAMAGED = b"-INVALIDOBJ Corrupted HLL object detected"
RUNS_ITS_WORDS = {*SCRIPTS, *map(oracle_asides.sha1, SCRIPTS), *oracle_asides.FUNCTIONS}


class Commands:
    BEGIN = [("FUNCTION", "LOAD", "REPLACE", oracle_asides.LIBRARY)]
    protocol = 2

    def __init__(self, seed, strings):
        self.dice = dice = random.Random(seed)
        self.collections = oracle_collections.Collections(dice, self.key)
        self.strings = with_keys(strings, seed + 1, lambda: self.key("string"))
        self.strings.connection = self.connection
        self.sorted_sets = with_keys(oracle_sorted_sets.Commands, seed + 2, lambda: self.key("zset"))
        self.streams = with_keys(oracle_streams.Commands, seed + 3, lambda: self.key("stream"))
        self.asides = oracle_asides.Asides(self)
        self.waiting = []

    def key(self, kind):
        dice = self.dice
        if dice.random() < OFTEN:
            # Most of them of the same few, so that those come to be large.
            return f"{kind}{min(dice.randrange(KEYS_A_TYPE), dice.randrange(KEYS_A_TYPE))}"
        return dice.choice(KEYS)

    def any_key(self):
        return self.dice.choice(KEYS)

    def short(self):
        return self.dice.choice(SHORT)

    def known_sum(self):
        return oracle_asides.sha1(self.dice.choice(SCRIPTS))

    def next(self):
        if self.waiting:
            return self.waiting.pop(0)
        if self.dice.random() < 0.002:
            self.collections.wide = self.dice.choice([5, 12, 60, 600])
        self.waiting = self.draw()
        return self.waiting.pop(0)

    def draw(self):
        """One command, or several that belong together."""
        draw = self.dice.random()
        if draw < 0.02:
            return self.transaction()
        if draw < 0.07:
            return [self.scripted()]
        if draw < 0.072:
            return [self.wait()]
        if draw < 0.102:
            return self.asides.draw()
        return [self.one()]

    def one(self, is_plain=False):
        dice = self.dice
        while True:
            group = dice.choices([self.strings, self.sorted_sets, self.streams, None], [16, 16, 14, 54])[0]
            command = group.next() if group else self.of_collections()
            # WITHSCORE is newer than 7.0, so a transaction would be refused there alone.
            if is_plain and str(command[0]).upper() in ("ZRANK", "ZREVRANK") and len(command) == 4:
                continue
            if is_plain and str(command[0]).upper() == "PFCOUNT" and len(command) == 2:
                # Of one sketch Redis would keep the estimate in the value.
                return (*command, command[1])
            # Scans are loops, and some commands are not for scripts here.
            if not (is_plain and str(command[0]).upper() in ("SCAN", "SELECT", "COMMAND")):
                return command

    def of_collections(self):
        dice, collections = self.dice, self.collections
        draws = [collections.hash, collections.list, collections.set, collections.bits, collections.sketch, collections.sort, self.keyspace]
        name, *rest = dice.choices(draws, [14, 14, 12, 6, 3, 2, 5])[0]()
        # A member by chance would be another on each server.
        if name != "SPOP" and dice.random() < 0.04:
            rest = self.wrong(rest)
        return (name.lower() if dice.random() < 0.2 else name, *rest)

    def wrong(self, rest):
        dice, rest = self.dice, list(rest)
        draw = dice.random()
        words = ["", "abc", "1.5", "-1", "0", "99999999999999999999", " 1", "COUNT", b"\x00\xff", self.any_key()]
        if draw < 0.35 and rest:
            rest.pop(dice.randrange(len(rest)))
        elif draw < 0.65:
            rest.insert(dice.randint(0, len(rest)), dice.choice(words))
        elif rest:
            rest[dice.randrange(len(rest))] = dice.choice(words)
        return rest

    def keyspace(self):
        dice, key = self.dice, self.any_key()
        short = "".join(dice.choices("abc", k=dice.randint(0, 30)))
        return dice.choice([
            ("SET", self.short(), short), ("SET", self.short(), short),
            ("DEL", key), ("DEL", key, self.any_key()), ("UNLINK", key, self.any_key()), ("EXISTS", key, self.any_key(), self.any_key()), ("TYPE", key),
            ("RENAME", key, self.any_key()), ("RENAMENX", key, self.any_key()), ("COPY", key, self.any_key()), ("COPY", key, self.any_key(), "REPLACE"),
            ("EXPIRE", key, dice.choice([1000, 20_000, 0])), ("PERSIST", key), ("TTL", key), ("EXPIRETIME", key), ("OBJECT", "ENCODING", key),
            ("OBJECT", "REFCOUNT", key), ("TOUCH", key, self.any_key()), ("MOVE", key, dice.choice([0, 1, 2])), ("SET", key, "text"), ("GET", key),
            ("STRLEN", key), ("LLEN", key), ("SCARD", key), ("HLEN", key), ("ZCARD", key), ("XLEN", key), ("MGET", key, self.any_key(), self.any_key()),
        ])

    def connection(self):
        dice = self.dice
        return dice.choice([
            ("PING",), ("PING", "a"), ("ECHO", "b"), ("SELECT", dice.choice([0, 0, 0, 1])), ("SELECT", dice.choice([16, -1, "x"])), ("NONSENSE", "a"),
            ("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2), ("COMMAND", "GETKEYS", "ZUNION", 2, "a", "b"),
            ("DBSIZE",), ("MULTI", "x"), ("EXEC",), ("DISCARD",), ("UNWATCH",), ("FLUSHDB",) if dice.random() < 0.05 else ("DBSIZE",),
        ])

    def transaction(self):
        dice = self.dice
        commands = [self.one(is_plain=True) for _ in range(dice.randint(0, 6))]
        commands = [self.scripted() if dice.random() < 0.05 else command for command in commands]
        if dice.random() < 0.1:
            commands.insert(0, self.wait())
        before = []
        if dice.random() < 0.4:
            before = [("WATCH", *[self.any_key() for _ in range(dice.randint(1, 3))])]
            earlier = [self.one(is_plain=True) for _ in range(dice.randint(0, 2))]
            before += [command for command in earlier if str(command[0]).upper() not in CHANGES_NO_WATCHED]
        return [*before, ("MULTI",), *commands, ("EXEC",) if dice.random() < 0.9 else ("DISCARD",)]

    def scripted(self):
        dice = self.dice
        command = self.one(is_plain=True)
        keys = [part for part in command[1:] if part in KEYS] if dice.random() < 0.7 else []
        name, script = dice.choice(["EVAL", "EVAL", "EVAL", "eval", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"]), dice.choice(SCRIPTS)
        if name.startswith("EVALSHA"):
            script = oracle_asides.sha1(script)
        elif name.startswith("FCALL"):
            script = dice.choice(oracle_asides.FUNCTIONS)
        return name, script, len(keys), *keys, *command

    def wait(self):
        """Of one key, and a time that is short or refused."""
        dice = self.dice
        seconds = dice.choice(["0.001", "0.002", "0.001", "-1", "x"])
        end = dice.choice(["LEFT", "RIGHT"])
        kept = self.key("list")
        return dice.choice([
            (dice.choice(["BLPOP", "BRPOP"]), kept, seconds), ("BLMOVE", kept, kept, end, end, seconds), ("BRPOPLPUSH", kept, kept, seconds),
            ("BLMPOP", seconds, 1, kept, end), (dice.choice(["BZPOPMIN", "BZPOPMAX"]), self.key("zset"), seconds),
            ("BZMPOP", seconds, 1, self.key("zset"), dice.choice(["MIN", "MAX"])),
            ("BLMOVE", kept, self.key("list"), end, "LEFT", seconds), ("BLMPOP", seconds, 1, kept, end, "COUNT", dice.choice([0, 2, 100])),
            ("XREAD", "BLOCK", dice.choice([1, 2, -1, "x"]), "STREAMS", self.key("stream"), dice.choice(["$", "0", "5-1"])),
            ("XREADGROUP", "GROUP", "g", "ann", "BLOCK", dice.choice([1, 2, -1]), "STREAMS", self.key("stream"), ">"),
        ])


def with_keys(commands, seed, key):
    drawn = commands(seed)
    drawn.key = key
    return drawn


def inner(command):
    """The command that a script runs, or the command itself."""
    name = command[0].upper() if isinstance(command[0], str) else b""
    if name in ("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO") and len(command) > 2 and command[1] in RUNS_ITS_WORDS:
        try:
            rest = command[3 + int(command[2]):]
        except ValueError:
            return command
        return rest or command
    return command


def is_refused_in_script(command, right):
    """Over several cores no script runs FLUSHDB and FLUSHALL, nor what looks at all keys once it has written."""
    return ABOUT_ALL in right[0] and inner(command) is not command


def leaves_apart(command, left, right, is_within):
    """What was done when the two may hold other data after replies that are as they must be; COMMANDS.md names each case. `is_within`: in EXEC."""
    ran = inner(command)
    name = ran[0].upper() if isinstance(ran[0], str) else b""
    if left[0][:1] == b"-" and right[0] == b"+QUEUED\r\n":
        return "a command that 7.0 did not queue, as 7.2 does"
    if name in ("FLUSHDB", "FLUSHALL") and is_refused_in_script(command, right):
        return "a script that flushed Redis alone"
    if name == "PFADD" and left[0].startswith(DAMAGED) and right[0].startswith(DAMAGED):
        # Redis keeps what it counted before it met the damage.
        return "PFADD to a damaged sketch"
    if name == "PFCOUNT" and len(ran) == 2 and left[0][:1] == b":" and (is_within or ran is not command):
        return "PFCOUNT of one sketch in a script or in EXEC"
    if name == "SORT" and left[0][:1] == b"-" != right[0][:1]:
        # Redis asks whether an error was set, which an earlier command may have done.
        return "SORT that Redis alone refused"
    return None


def out_of_script(name, left, right):
    """Whether replies differ by what a script makes of them alone: a map comes in the order of a table of Lua, and no scan before the script has met
    the expired keys that Redis' DBSIZE counts."""
    if name == b"DBSIZE":
        return left[0][:1] == right[0][:1] == b":"
    if left[0] != right[0] or left[0][:1] != b"%":
        return False
    pairs = [sorted(zip(map(repr, side[1][::2]), map(repr, side[1][1::2]))) for side in (left, right)]
    return pairs[0] == pairs[1]


def same(name, command, left, right):
    """Whether two replies that differ in their bytes say the same; `None`: that is for others to say."""
    said = oracle_asides.same(name, command, left, right)
    if said is not None:
        return said
    if without_estimates(left) == without_estimates(right):
        # PFCOUNT keeps an estimate where it is counted, and not in what runs on copies.
        return True
    if name in (b"BITCOUNT", b"BITPOS") and right[0].startswith(b"-ERR"):
        # 7.0 looks at the key before what stands behind it; 7.2 does not.
        return left[0] in (b":0\r\n", b":-1\r\n") or left[0].startswith(b"-WRONGTYPE") or None
    if name in (b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP") and left[0][:1] == right[0][:1] == b"*":
        return oracle_sorted_sets.alike(left, right)
    if name == b"GEOPOS" and left[0] == right[0] and isinstance(left[1], list):
        return oracle_sorted_sets.alike(left, right)
    if name == b"OBJECT REFCOUNT":
        # Small integers are one object in Redis.
        return left[0][:1] == right[0][:1]
    if name == b"COMMAND":
        # It takes a command without arguments from 7.2 on.
        return left[0].startswith(b"-ERR wrong number of arguments for 'command|getkeys'") or None
    if (left[0], right[0]) == (b":-9223372036854775808\r\n", b":9223372036854775807\r\n"):
        # The greatest integer out of a script, where it was a double, is what the processor makes of it.
        return True
    if name == b"OBJECT ENCODING":
        return left[0][:1] == right[0][:1] == b"$" and left[1] is not None and right[1] is not None or None
    return oracle_collections.same(name, command, left, right)


def without_estimates(reply):
    """A reply without what sketches say of their last estimate."""
    line, body = reply
    if isinstance(body, list):
        return line, [without_estimates(one) for one in body]
    return (line, body[:8] + body[16:]) if body and body.startswith(b"HYLL") else reply
