"""Draws what belongs to no type for `oracle --group mixed`: scripts by their sum, functions, channels, payloads of DUMP, what a connection is
told of itself and of the server. Where a subscription is meant each command of it has one reply, so that both servers have as many.
"""

import hashlib
import re

LIBRARY = """#!lua name=oracle
redis.register_function('run', function(keys, args) return redis.call(unpack(args)) end)
redis.register_function('try', function(keys, args) return redis.pcall(unpack(args)) end)
redis.register_function{function_name='look', callback=function(keys, args) return redis.pcall(unpack(args)) end, flags={'no-writes'}}
redis.register_function('keys', function(keys, args) return keys end)
"""
FUNCTIONS = ["run", "try", "try", "look"]
CHANNELS = ["c", "d", "", "{tag}c"]
PATTERNS = ["c*", "[cd]*", "[cd]", "?"]
# Bytes that are no payload, and those of Redis 7.0 for "text", 7, and a list of two.
PAYLOADS = [
    b"", b"x" * 20, b"\x00\x04text\n\x00\x06\x01\x02\x03\x04\x05\x06\x07\x08",
]
COMMANDS = ["get", "set", "mset", "zunionstore", "xreadgroup", "eval", "sort", "blpop", "bitop", "georadius", "hset", "nonsense", "xadd", "lmpop", "copy",
            "expire", "sintercard", "publish", "multi", "watch", "select", "ping", "fcall", "scan", "getex", "zrange", "bitfield"]
PARAMETERS = ["hash-max-listpack-value", "zset-max-listpack-entries", "list-max-listpack-size", "set-max-intset-entries",
              "maxmemory-policy", "hll-sparse-max-bytes", "nonsense", "stream-node-max-entries", "databases"]

NUMBER, BEGINS_AS_NUMBER = re.compile(r"-?[1-9][0-9]*|0"), re.compile(r"\s*[+-]?[0-9]")


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


class Asides:
    """`mixed` draws keys, values and commands."""

    def __init__(self, mixed):
        self.mixed, self.dice = mixed, mixed.dice

    def draw(self):
        """Commands that belong together."""
        dice = self.dice
        return dice.choices([self.one, self.subscription, self.begin_again], [90, 8, 2])[0]()

    def one(self):
        dice = self.dice
        return [dice.choices([self.strings, self.payload, self.channel, self.self, self.server, self.table, self.sketch], [20, 20, 12, 12, 10, 10, 6])[0]()]

    def strings(self):
        dice, mixed = self.dice, self.mixed
        if dice.random() < 0.4:
            return "SUBSTR", mixed.key("string"), dice.choice([0, -1, 1, -3, 5, "x"]), dice.choice([0, -1, 1, -3, 100])
        options = [option for option in (["LEN"], ["IDX"], ["MINMATCHLEN", dice.choice([0, 1, 4, -1, "x"])], ["WITHMATCHLEN"], ["NONSENSE"]) if dice.random() < 0.25]
        dice.shuffle(options)
        # The work is the product of both lengths, so only keys whose values stay short.
        return "LCS", mixed.short(), mixed.short(), *[word for option in options for word in option]

    def payload(self):
        dice, mixed = self.dice, self.mixed
        if dice.random() < 0.7:
            return "DUMP", "across", mixed.any_key(), mixed.any_key()
        options = [option for option in (["REPLACE"], ["ABSTTL"], ["IDLETIME", dice.choice([0, -1, "x"])], ["FREQ", dice.choice([5, 256, -1])], ["NONSENSE"])
                   if dice.random() < 0.2]
        ttl = dice.choice([0, 0, 0, 100_000_000, -1, "x"])
        return "RESTORE", mixed.any_key(), ttl, dice.choice(PAYLOADS), *[word for option in options for word in option]

    def channel(self):
        dice = self.dice
        return dice.choice([
            (dice.choice(["PUBLISH", "SPUBLISH"]), dice.choice(CHANNELS), "message"), ("PUBSUB", "CHANNELS", *dice.choice([(), ("c*",)])),
            ("PUBSUB", "NUMSUB", *dice.choice([(), CHANNELS[:2]])), ("PUBSUB", "NUMPAT"), ("PUBSUB", "SHARDCHANNELS"), ("PUBSUB", "SHARDNUMSUB", "c"),
            ("PUBSUB", "NONSENSE"), ("PUBLISH", "c"),
        ])

    def self(self):
        dice = self.dice
        return dice.choice([
            ("CLIENT", "ID"), ("CLIENT", "GETNAME"), ("CLIENT", "SETNAME", dice.choice(["me", "", "a b"])), ("CLIENT", "NO-EVICT", dice.choice(["ON", "OFF", "x"])),
            ("CLIENT", "GETREDIR"), ("CLIENT", "UNPAUSE"), ("CLIENT", "UNBLOCK", dice.choice([999_999, "x"])), ("CLIENT", "KILL", "ID", dice.choice([999_999, "x"])),
            ("CLIENT", "TRACKINGINFO"), ("CLIENT", "CACHING", "YES"), ("CLIENT", "REPLY", "NONSENSE"), ("ACL", "WHOAMI"), ("ACL", "DRYRUN", "default", "GET", "k"),
            ("WAIT", 0, dice.choice([1, -1, "x"])), ("READONLY",), ("READWRITE",), ("ASKING",), ("CLUSTER", "KEYSLOT", "k"), ("HELLO", dice.choice([1, 4, "x"])),
            ("AUTH", "x"), ("AUTH", "x", "y"),
        ])

    def server(self):
        dice, mixed = self.dice, self.mixed
        return dice.choice([
            ("CONFIG", "GET", dice.choice(PARAMETERS)), ("CONFIG", "SET", dice.choice(["nonsense", "maxmemory-policy"]), "nonsense"), ("CONFIG", "RESETSTAT"),
            ("MEMORY", "USAGE", mixed.any_key()), ("MEMORY", "USAGE", mixed.any_key(), "SAMPLES", dice.choice([0, 5, -1, "x"])), ("MEMORY", "NONSENSE"),
            ("LASTSAVE",), ("TIME",), ("LATENCY", "RESET"), ("LATENCY", "HISTORY", "nonsense"), ("SLOWLOG", "RESET"), ("SLOWLOG", "GET", dice.choice([-2, "x"])),
            ("MODULE", "LIST"), ("SCRIPT", "EXISTS", sha1("return 1"), mixed.known_sum()), ("SCRIPT", "NONSENSE"),
            ("FUNCTION", "DELETE", "nonsense"), ("FUNCTION", "LOAD", "nonsense"), ("FUNCTION", "LOAD", LIBRARY), ("FCALL", "nonsense", 0),
            ("FCALL", "keys", dice.choice([0, 1, 2, -1, "x"]), "a", "b"), ("EVALSHA", "nonsense", 0), ("EVAL", "return {1, 2, {3, 'x'}, false, 1.9}", 0),
            ("EVAL", "return redis.error_reply('MY ERR')", 0), ("EVAL", "return redis.sha1hex(ARGV[1])", 0, "x"), ("EVAL", "return #KEYS", dice.choice([0, 2, 3, -1]), "a", "b"),
        ])

    def table(self):
        dice = self.dice
        if dice.random() < 0.5:
            return "COMMAND", "INFO", dice.choice(COMMANDS)
        return "COMMAND", "GETKEYS", *dice.choice([
            ("SORT", "a", "STORE", "b"), ("EVAL", "return 1", 2, "a", "b"), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", "b", ">", ">"), ("OBJECT", "ENCODING", "a"),
            ("GEORADIUS", "a", 1, 1, 1, "m", "STORE", "b"), ("LMPOP", 2, "a", "b", "LEFT"), ("BITOP", "AND", "a", "b", "c"), ("NONSENSE", "a"), ("SET", "a"), ("EVAL", "x", 0),
            ("ZUNIONSTORE", "a", 2, "b", "c"), ("ZUNIONSTORE", "a", "x", "b"),
        ])

    def sketch(self):
        dice, key = self.dice, self.mixed.key("sketch")
        return dice.choice([("PFDEBUG", "ENCODING", key), ("PFDEBUG", "GETREG", key), ("PFDEBUG", "TODENSE", key), ("PFDEBUG", "NONSENSE", key)])

    def subscription(self):
        """Begins and ends within the commands that it gives; each has one reply, also where it is refused."""
        dice, commands, held = self.dice, [], []
        kinds = [("SUBSCRIBE", "UNSUBSCRIBE", CHANNELS), ("PSUBSCRIBE", "PUNSUBSCRIBE", PATTERNS), ("SSUBSCRIBE", "SUNSUBSCRIBE", CHANNELS)]
        for _ in range(dice.randint(1, 3)):
            begin, end, names = dice.choice(kinds)
            name = dice.choice(names)
            commands.append((begin, name))
            held.append((end, name))
            commands += [dice.choice([("PING",), ("PING", "x"), ("GET", self.mixed.key("string")), ("UNSUBSCRIBE", "nobody's"), ("DBSIZE",), ("SET", self.mixed.key("string"), 1)])
                         for _ in range(dice.randint(0, 2))]
        dice.shuffle(held)
        return [*commands, *held]

    def begin_again(self):
        """RESET, within something or not, and the protocol as before."""
        dice, mixed = self.dice, self.mixed
        within = dice.choice([[], [("MULTI",), ("INCR", mixed.key("string"))], [("WATCH", mixed.any_key())], [("SUBSCRIBE", "c")], [("SELECT", 1)]])
        return [*within, ("RESET",), ("GET", mixed.key("string")), ("HELLO", mixed.protocol)]


def dump_across(clients, words):
    """What each server has at a key is restored on the other one at another key; gives the replies to that."""
    key, to = words[:2]
    payloads = []
    for client in clients:
        client.send([("DUMP", key)])
        payloads.append(client.raw_reply())
    if any(not isinstance(body, bytes) for _, body in payloads):
        return payloads
    replies = []
    for client, (_, body) in zip(clients, reversed(payloads)):
        client.send([("RESTORE", to, 0, body[:-2], "REPLACE")])
        replies.append(client.raw_reply())
    return replies


def same(name, command, left, right):
    """Whether two replies that differ in their bytes say the same; `None`: that is for others to say."""
    words = [word.upper() if isinstance(word, str) else word for word in command[:2]]
    if words in (["CLIENT", "ID"], ["MEMORY", "USAGE"]) or name in (b"LASTSAVE", b"TIME"):
        return left[0][:1] == right[0][:1] or None
    if b", on @user_" in left[0] and b", on @user_" in right[0]:
        # Where a call ends a function the line that an error names is the first.
        return re.sub(rb":\d+\.", b":.", left[0]) == re.sub(rb":\d+\.", b":.", right[0]) or None
    if words == ["COMMAND", "INFO"] and isinstance(left[1], list) and isinstance(right[1], list):
        return [described(one) for one in left[1]] == [described(one) for one in right[1]]
    if words == ["COMMAND", "GETKEYS"] and isinstance(left[1], list) and right[0].startswith(b"-ERR Invalid arguments"):
        # Redis looks for keys behind a number that the command itself would refuse.
        return any(isinstance(word, str) and BEGINS_AS_NUMBER.match(word) and not NUMBER.fullmatch(word) for word in command[3:5]) or None
    if words[0] == "RESTORE" and left[0][:1] == right[0][:1] == b"-":
        # Which of several things is wrong with a payload is each server's to say.
        return b"DUMP payload" in left[0] and b"ata format" in right[0] or left[0] == right[0]
    return None


def described(node):
    """Name, arity, flags, places of keys and categories of a command."""
    if not isinstance(node[1], list):
        return node
    name, arity, flags, first, last, step, categories = node[1][:7]
    # From 7.2 on a script may run what waits.
    flags = [flag for flag in flags[1] if flag[0] != b"+noscript\r\n" or (b"+blocking\r\n", None) not in flags[1]]
    return name, arity, sorted(map(repr, flags)), first, last, step, sorted(map(repr, categories[1]))
