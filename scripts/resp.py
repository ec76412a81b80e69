"""The Redis protocol as the scripts beside this file need it: commands out, replies in."""

import socket


class ServerError(Exception):
    """An error reply."""


def encode(command):
    """The bytes of one command; a part is bytes, or anything that `str` turns into text."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Client:
    """One connection. Every wait ends with an OSError after `seconds`."""

    def __init__(self, port, host="127.0.0.1", database=0, seconds=60):
        self.socket = socket.create_connection((host, port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 16)
        if database:
            self.call("SELECT", database)

    def send(self, commands):
        self.socket.sendall(b"".join(map(encode, commands)))

    def reply(self):
        """One reply: bytes, int, None, a list, or a ServerError as a value."""
        return value(self.raw_reply())

    def raw_reply(self):
        """One reply of RESP2 or RESP3 as (its line, its body): the body is bytes, a list or None."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed by the server")
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-:_#,(":
            return line, None
        if kind not in b"$=!*~>%|":
            raise ConnectionError(f"not a reply: {line[:60]!r}")
        length = int(rest)
        if length < 0:
            return line, None
        if kind in b"$=!":
            body = self.file.read(length + 2)
            if len(body) < length + 2:
                raise ConnectionError("closed by the server")
            return line, body
        count = length * 2 if kind in b"%|" else length
        return line, [self.raw_reply() for _ in range(count)]

    def call(self, *command):
        self.send([command])
        reply = self.reply()
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def close(self):
        self.file.close()
        self.socket.close()


def value(raw):
    line, body = raw
    kind, rest = line[:1], line[1:-2]
    if kind == b"+" or kind == b",":
        return rest
    if kind == b"-":
        return ServerError(rest.decode(errors="replace"))
    if kind == b":":
        return int(rest)
    if isinstance(body, list):
        return [value(one) for one in body]
    return body if body is None else body[:-2]


def flat(raw):
    """A raw reply as the bytes that came over the wire."""
    line, body = raw
    if isinstance(body, list):
        return line + b"".join(map(flat, body))
    return line + (body or b"")
