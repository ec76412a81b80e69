"""What was asked of a key and what came back, and whether one order of it all explains every answer.

A *thing* is a register (SET, GET, DEL, SETNX), a counter (INCR, GET) or a group: three keys that are written by MSET with one
value, read by MGET and deleted together. It has a list of operations, each with the time it was sent and the time its answer
came. An operation without an answer may have happened at any time after it was sent, or never.
"""

UNREAD = b"(a value nobody read)"
STEPS_MAX = 400_000
LINES_MAX = 60

WRITES = ("SET", "SETNX", "DEL", "INCR")


def brief(value):
    """A value without the dots that make it long."""
    if isinstance(value, bytes):
        short = value.rstrip(b".")
        return short.decode(errors="replace") + (f" (+{len(value) - len(short)})" if len(short) < len(value) else "")
    return "absent" if value is None else value


class Operation:
    """`returned` is None as long as the outcome is unknown."""

    __slots__ = ("client", "node", "name", "argument", "invoked", "returned", "result")

    def __init__(self, client, name, argument=None):
        self.client, self.name, self.argument = client, name, argument
        self.node = self.invoked = self.returned = self.result = None

    def copy(self):
        other = Operation(self.client, self.name, self.argument)
        other.node, other.invoked, other.returned, other.result = self.node, self.invoked, self.returned, self.result
        return other

    def changed(self):
        """It was acknowledged and left a value or took one away."""
        if self.returned is None:
            return False
        return self.name in ("SET", "INCR") or (self.name in ("SETNX", "DEL") and self.result == 1)

    def text(self, zero):
        end = f"{(self.returned - zero) * 1e3:10.1f}" if self.returned is not None else "   unknown"
        argument = f" {brief(self.argument)}" if self.argument is not None else ""
        result = "?" if self.returned is None else brief(self.result)
        return (f"{(self.invoked - zero) * 1e3:10.1f} {end} ms  {self.client:8} n{self.node}  {self.name}{argument} -> {result}")


class Thing:
    KINDS = ("register", "counter", "group")

    def __init__(self, kind, tag, generation):
        self.kind, self.tag = kind, tag
        self.keys = [f"{{{tag}}}:{kind}:{generation}"]
        if kind == "group":
            self.keys = [f"{self.keys[0]}:{part}" for part in "abc"]
        self.operations, self.unknown = [], 0

    @property
    def name(self):
        return self.keys[0]

    def take(self, operation):
        self.operations.append(operation)
        self.unknown += operation.returned is None

    def command(self, name, argument):
        if self.kind != "group":
            return (name, self.keys[0]) if argument is None else (name, self.keys[0], argument)
        if name == "SET":
            return ("MSET", *[part for key in self.keys for part in (key, argument)])
        return ("MGET" if name == "GET" else name, *self.keys)

    def result(self, name, reply):
        """The reply as the checker takes it; ValueError when a group is seen half done."""
        if self.kind == "group":
            if name == "GET":
                if len(set(reply)) != 1:
                    raise ValueError(f"a group was seen half done: {reply}")
                return reply[0]
            if name == "DEL":
                if reply not in (0, len(self.keys)):
                    raise ValueError(f"DEL of a group of {len(self.keys)} found {reply}")
                return min(reply, 1)
        if self.kind == "counter" and name == "GET":
            return int(reply) if reply is not None else 0
        return reply


def after(operation, state):
    """The state that the operation leaves."""
    name = operation.name
    if name == "SET":
        return operation.argument
    if name == "SETNX":
        return operation.argument if state is None else state
    if name == "DEL":
        return None
    return state + 1 if name == "INCR" else state


def answers(operation, state):
    """Whether its result is what this state gives."""
    name, result = operation.name, operation.result
    if name == "SET":
        return True
    if name == "SETNX":
        return result == int(state is None)
    if name == "DEL":
        return result == int(state is not None)
    return result == (state + 1 if name == "INCR" else state)


class Search:
    """Looks for one order of a thing's operations that agrees with the times and with every answer (Wing and Gong), with a
    memory of what was tried (Lowe). Operations of unknown outcome that cannot be told apart are tried in the order they were
    sent, and values that nobody read count as one."""

    def __init__(self, thing, operations=None):
        operations = thing.operations if operations is None else operations
        read = {one.result for one in operations if one.name == "GET" and one.returned is not None}
        self.start = 0 if thing.kind == "counter" else None
        self.definite, kinds = [], {}
        for one in sorted(operations, key=lambda one: one.invoked):
            if one.argument is not None and one.argument not in read:
                one = one.copy()
                one.argument = UNREAD
            if one.returned is not None:
                self.definite.append(one)
            elif one.name in WRITES:
                kinds.setdefault((one.name, one.argument), []).append(one)
        self.unknown = list(kinds.values())
        self.deepest, self.steps = 0, 0

    def next(self, done, used, state):
        """What may come next: (done, used, state), answered operations first."""
        definite, count = self.definite, len(self.definite)
        at = (~done & (done + 1)).bit_length() - 1
        first_return, found = float("inf"), []
        while at < count and definite[at].invoked <= first_return:
            if not done >> at & 1:
                one = definite[at]
                first_return = min(first_return, one.returned)
                if answers(one, state):
                    found.append((one.returned, at, one))
            at += 1
        for _, at, one in sorted(found, key=lambda item: item[:2]):
            yield done | 1 << at, used, after(one, state)
        for kind, some in enumerate(self.unknown):
            if used[kind] < len(some) and some[used[kind]].invoked <= first_return:
                left = after(some[used[kind]], state)
                if left != state:
                    yield done, (*used[:kind], used[kind] + 1, *used[kind + 1:]), left

    def run(self):
        """True, False, or None when it took too many steps to say."""
        whole = (1 << len(self.definite)) - 1
        begin = (0, (0,) * len(self.unknown), self.start)
        seen, stack = {begin}, [self.next(*begin)]
        if whole == 0:
            return True
        while stack:
            one = next(stack[-1], None)
            if one is None:
                stack.pop()
                continue
            if one[0] == whole:
                return True
            if one in seen:
                continue
            seen.add(one)
            self.steps += 1
            if self.steps > STEPS_MAX:
                return None
            if bin(one[0]).count("1") > bin(self.deepest).count("1"):
                self.deepest = one[0]
            stack.append(self.next(*one))
        return False

    def stuck_at(self):
        """Where the longest order that was found ends."""
        left = [one for at, one in enumerate(self.definite) if not self.deepest >> at & 1]
        return min(left, key=lambda one: one.returned)


def lost(thing, final):
    """A sentence when the value at the end is older than an acknowledged one; None when it is not.

    `final` is the GET at the end. The write that it shows may have been sent at any time, but none that was acknowledged may lie
    between that write's answer and the end.
    """
    changes = [one for one in thing.operations if one.changed()]
    if thing.kind == "counter":
        top = max((one.result for one in changes), default=0)
        if final.result < top:
            return f"holds {final.result} at the end, INCR was answered {top}"
        return None
    if final.result is None:
        writers = [one for one in thing.operations if one.name == "DEL"]
        if not changes:
            return None
    else:
        writers = [one for one in thing.operations if one.argument == final.result and one.name != "GET"]
    ends = [float("inf") if one.returned is None else one.returned for one in writers]
    newest = max((one for one in changes), key=lambda one: one.invoked, default=None)
    if newest is None or (ends and max(ends) >= newest.invoked):
        return None
    what = newest.name + (f" {brief(newest.argument)}" if newest.argument else "")
    return f"holds {brief(final.result)} at the end, but {what} was acknowledged after that"


def explain(thing, stuck, zero, events):
    """The history around the operation that no order explains, with the faults between."""
    lines = sorted([(one.invoked, one.text(zero)) for one in thing.operations]
                   + [(at, f"{(at - zero) * 1e3:10.1f}  ------- {text}") for at, text in events])
    mark = next((at for at, line in enumerate(lines) if stuck is not None and line == (stuck.invoked, stuck.text(zero))), len(lines))
    begin = max(0, mark - LINES_MAX * 2 // 3)
    shown = [("  >>" if at == mark else "    ") + lines[at][1] for at in range(begin, min(len(lines), begin + LINES_MAX))]
    return "\n".join(["    sent       answered       client   node operation", *shown])
