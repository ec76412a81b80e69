"""Streams and consumer groups as `redis-py-test` drives them through redis-py."""


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def streams_of(reply):
    """What was read, by stream: RESP2 gives a list of pairs, RESP3 a dict whose values may be a list in a list."""
    pairs = reply.items() if isinstance(reply, dict) else reply
    return {name: entries[0] if entries and isinstance(entries[0], list) else entries for name, entries in pairs}


class StreamTests:
    """Tests for a class that has `r`, a client, and `redis`, the module."""

    def test_streams(self):
        r = self.r
        one = r.xadd("s", {"a": "1"}, id="1-1")
        equal(one, b"1-1")
        r.xadd("s", {"b": "2", "c": "3"}, id="2-*")
        last = r.xadd("s", {"d": "4"})
        equal(r.xlen("s"), 3)
        equal(r.xrange("s", max="2"), [(b"1-1", {b"a": b"1"}), (b"2-0", {b"b": b"2", b"c": b"3"})])
        equal(r.xrevrange("s", count=1), [(last, {b"d": b"4"})])
        equal(streams_of(r.xread({"s": "2"}))[b"s"], [(last, {b"d": b"4"})])
        equal(r.xread({"s": last}), {} if self.protocol == 3 else [])
        equal(r.xadd("none", {"a": "1"}, nomkstream=True), None)
        info = r.xinfo_stream("s")
        equal((info["length"], info["last-generated-id"], info["entries-added"], info["first-entry"][0]), (3, last, 3, b"1-1"))
        equal(r.xdel("s", "2-0", "9-9"), 1)
        equal(r.xinfo_stream("s")["max-deleted-entry-id"], b"2-0")
        equal(r.xtrim("s", maxlen=1, approximate=False), 1)
        equal(r.xadd("s", {"e": "5"}, maxlen=1, approximate=False) > last, True)
        equal(r.xlen("s"), 1)
        equal(r.xtrim("s", minid="9999999999999-0", approximate=False), 1)
        equal(r.xlen("s"), 0)
        equal(r.execute_command("XSETID", "s", "99999999999999-5"), b"OK")
        equal(r.xadd("s", {"f": "6"}), b"99999999999999-6")

    def test_consumer_groups(self):
        r = self.r
        equal(r.xgroup_create("s", "g", id="0", mkstream=True), True)
        try:
            r.xgroup_create("s", "g")
            raise AssertionError("a group was made twice")
        except self.redis.exceptions.ResponseError as error:
            assert "BUSYGROUP" in str(error), error
        ids = [r.xadd("s", {"n": number}, id=f"{number}-1") for number in range(1, 11)]
        given = streams_of(r.xreadgroup("g", "ann", {"s": ">"}, count=4))[b"s"]
        equal([entry for entry, _ in given], ids[:4])
        equal(len(streams_of(r.xreadgroup("g", "bob", {"s": ">"}))[b"s"]), 6)
        equal(r.xack("s", "g", ids[0], ids[1]), 2)
        pending = r.xpending("s", "g")
        equal((pending["pending"], pending["min"], pending["max"]), (8, ids[2], ids[9]))
        equal({one["name"]: one["pending"] for one in pending["consumers"]}, {b"ann": 2, b"bob": 6})
        one, *_ = r.xpending_range("s", "g", "-", "+", 10, consumername="bob")
        equal((one["message_id"], one["consumer"], one["times_delivered"]), (ids[4], b"bob", 1))
        equal(r.xclaim("s", "g", "ann", 0, [ids[4]]), [(ids[4], {b"n": b"5"})])
        equal(r.xclaim("s", "g", "bob", 0, [ids[4]], justid=True, retrycount=9), [ids[4]])
        r.xdel("s", ids[5])
        cursor, taken, gone = r.xautoclaim("s", "g", "cy", 0, count=4)
        equal([entry for entry, _ in taken], [ids[2], ids[3], ids[4]])
        equal((cursor, gone), (ids[6], [ids[5]]))
        group, = r.xinfo_groups("s")
        equal((group["name"], group["consumers"], group["pending"], group["last-delivered-id"]), (b"g", 3, 7, ids[9]))
        consumers = {one["name"]: one["pending"] for one in r.xinfo_consumers("s", "g")}
        equal(consumers, {b"ann": 0, b"bob": 4, b"cy": 3})
        full = r.xinfo_stream("s", full=True)
        equal((full["length"], len(full["groups"])), (9, 1))
        equal(r.xgroup_createconsumer("s", "g", "dan"), 1)
        equal(r.xgroup_delconsumer("s", "g", "cy"), 3)
        equal(r.xgroup_setid("s", "g", "0"), True)
        equal(len(streams_of(r.xreadgroup("g", "ann", {"s": ">"}, noack=True))[b"s"]), 9)
        equal(r.xgroup_destroy("s", "g"), 1)
        equal(r.xinfo_groups("s"), [])
