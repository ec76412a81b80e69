"""What two servers tell of changes of keys (`oracle --events`): a connection to each is told of all events, and both must be told the same.

Compared in the order of each key and database: over several cores nobody says in which order events of two keys come. Not compared: that a
key has expired, which each server finds when it finds it.
"""

from resp import Client

PATTERN = "__keyevent@*__:*"
END = b"\x00 the end of a part"
# Which of a group's consumers there are is told by newer servers also where nothing was read; `expired` and `evicted` are each server's own.
OWN = {b"expired", b"evicted", b"xgroup-createconsumer", b"xgroup-delconsumer"}
SHOWN = 8


class Events:
    def __init__(self, ports):
        self.clients = [Client(port) for port in ports]
        for client in self.clients:
            client.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
            client.call("PSUBSCRIBE", PATTERN)

    def told(self, client):
        """The events since the last call: a list of names for each (database, key)."""
        client.send([("PING", END)])
        found = {}
        while True:
            reply = client.reply()
            if reply == [b"pong", END]:
                return found
            if reply[0] == b"pmessage":
                database, event = reply[2][len("__keyevent@"):].split(b"__:", 1)
                if event not in OWN:
                    found.setdefault((database, reply[3]), []).append(event)

    def differ(self):
        """Sentences: what one was told and the other not."""
        left, right = [self.told(client) for client in self.clients]
        if left == right:
            return []
        wrong = []
        for key in sorted({*left, *right}):
            one, other = left.get(key, []), right.get(key, [])
            if one != other:
                wrong.append(f"events of {key[1]!r}\n  redis     {text(one)}\n  tested    {text(other)}")
        return wrong[:1]


def text(events):
    shown = b" ".join(events[:SHOWN * 4]).decode()
    return shown if len(events) <= SHOWN * 4 else f"{shown} and {len(events) - SHOWN * 4} more"
