"""bit-flips: one bit of a copy of a stopped server's files is turned over; the start names it or serves only right bytes.

What the last sync covered may look like a torn end when it is damaged: writes of the last moments before the
stop that are gone are counted beside the table, as `cut at the end`, and anything older is lost. After a refusal
`--repair` must start, keep the damaged file aside and serve whole values only; older ones may be back, of no
more keys than the refusal told records.

Two more rows: bytes behind an unsynced end are no damage, and a Redis with an append-only file, which keeps no
checksum of it, must be found serving wrong bytes.
"""

import glob
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

from resp import Client
from servers import Server
from faults.book import Book, read_all
from faults.node import Node
from faults.table import Row

LOAD_SECONDS = 0.8
FLIPS_LOAD_SECONDS = 0.4
CHECKED_EVERY = 10  # of so many flips one is shown to check-data too
REPAIRED_EVERY = 5  # and of so many that are refused one is repaired, once there are many
REPAIRED_ALL_BELOW = 100
MEMORY_FOLDER, MEMORY_BYTES_MIN = "/dev/shm", 2 << 30
TAIL_SECONDS = 0.25
HEADER_BYTES = 4096
STATE_OFFSET = 10  # in the header of a segment: 0 in use, 1 free
EXIT_DAMAGED = 65
RECORDS = re.compile(r"up to (\d+) records")
LOST_KEYS = 20
CONTROL_ROUNDS, CONTROL_BYTES = 12, 60_000  # the end of the file, whose values are not yet overwritten


def bit_flips(options, folder, rows):
    rows += [Row("bit-flips"), Row("torn end is no damage"), Row("a torn value behind twenty lost ones", control=True),
             Row("bit-flips in Redis' append-only file", control=True)]
    flips(options, os.path.join(folder, "flips"), rows[-4])
    torn_end(options, os.path.join(folder, "torn-end"), rows[-3])
    torn_value(options, os.path.join(folder, "torn-value"), rows[-2])
    redis_flips(options, os.path.join(folder, "redis-flips"), rows[-1])


def fill(options, stack, node, seed, clean=True, seconds=LOAD_SECONDS):
    stack.callback(node.kill)
    node.start()
    book = Book(f"{options.seed}/{seed}", keys=150)
    book.start(node.port)
    time.sleep(seconds)
    book.join()
    if not clean:
        node.kill()
    elif node.stop() != 0:
        raise RuntimeError("the clean stop was not clean")
    return book


@contextmanager
def working_folder(folder):
    """In memory where there is room: a bit is turned over after the stop, so nothing depends on the disk."""
    if os.path.isdir(MEMORY_FOLDER) and shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_BYTES_MIN:
        with tempfile.TemporaryDirectory(prefix=f"fault-test-{os.getpid()}-", dir=MEMORY_FOLDER, ignore_cleanup_errors=True) as made:
            yield made
    else:
        os.makedirs(folder, exist_ok=True)
        yield folder


def flips(options, folder, row):
    """The flips are dealt to `--jobs` processes, each with a server of its own; all begin with the same files."""
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder(folder))
        node = Node(options, os.path.join(folder, "filled"), mode="interval")
        book = fill(options, stack, node, "bit-flips", seconds=FLIPS_LOAD_SECONDS)
        stopped = time.monotonic()
        pristine = os.path.join(folder, "pristine")
        os.rename(node.data, pristine)
        checks = subprocess.run([node.binary, "check-data", "--help"], capture_output=True).returncode == 0
        repairs = b"--repair" in subprocess.run([node.binary, "--help"], capture_output=True).stdout
        context = multiprocessing.get_context("fork")
        results, outcomes = context.Queue(), Counter()
        jobs = min(options.jobs, options.flips)
        begun = [context.Process(target=some_flips, daemon=True,
                                 args=(options, folder, pristine, book, stopped, checks, repairs, results, number, jobs))
                 for number in range(jobs)]
        for process in begun:
            process.start()
            stack.callback(process.kill)
        for _ in begun:
            part, found, error = results.get()
            if error:
                raise RuntimeError(error)
            outcomes += found
            row.add(part)
        for process in begun:
            process.join()
    row.note(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    if not checks:
        row.note("check-data is not in this binary")


def some_flips(options, folder, pristine, book, stopped, checks, repairs, results, first, step):
    """Every `step`th flip from `first` on; what they came to goes to `results`."""
    row, outcomes, error = Row("bit-flips"), Counter(), None
    here = os.path.join(folder, f"job-{first}")
    node = Node(options, here, mode="interval", cores=options.cpus[first % len(options.cpus)])
    try:
        for number in range(first, options.flips, step):
            dice = random.Random(f"{options.seed}/bit-flips/{number}")
            shutil.rmtree(node.data, ignore_errors=True)
            shutil.copytree(pristine, node.data)
            path, offset, bit = choose(dice, node.data)
            flip(path, offset, bit)
            where = f"{os.path.relpath(path, node.data)} offset {offset} bit {bit}"
            checked = check_data(node) if checks and number % CHECKED_EVERY == 0 else None
            outcome, told = start(row, node, book, stopped, where, path)
            if checked is not None and outcome == "refused" and checked == 0:
                row.short(f"{where}: the start refuses, check-data finds nothing")
            outcomes[outcome] += 1
            if repairs and outcome == "refused" and (number < REPAIRED_ALL_BELOW or number % REPAIRED_EVERY == 0):
                outcomes[repair(row, node, book, where, told)] += 1
            row.rounds += 1
            if row.rounds % 50 == 0:
                options.say(f"bit-flips, job {first}: {row.rounds}, {dict(outcomes)}")
            node.kill()
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as failed:
        error = f"flip {number}: {failed}"
    finally:
        node.kill()
        results.put((row, outcomes, error))


def choose(dice, data):
    """A bit: most in what is written of a segment, some in headers, in empty room and in MANIFEST."""
    if dice.random() < 0.05:
        path = os.path.join(data, "MANIFEST")
        return path, dice.randrange(os.path.getsize(path)), dice.randrange(8)
    lengths = {path: used_bytes(path) for path in sorted(glob.glob(os.path.join(data, "core-*", "segment-*")))}
    # Free segments keep the bytes of their last use: flips there do no harm and tell little.
    in_use = [path for path, used in lengths.items() if used > HEADER_BYTES and not is_free(path)]
    path = dice.choice(in_use if in_use and dice.random() < 0.9 else list(lengths))
    size, used = os.path.getsize(path), lengths[path]
    draw = dice.random()
    if draw < 0.08:
        return path, dice.randrange(72), dice.randrange(8)
    if draw < 0.10:
        return path, dice.randrange(HEADER_BYTES), dice.randrange(8)
    end = used if draw < 0.97 and used > HEADER_BYTES else size
    return path, dice.randrange(HEADER_BYTES, end), dice.randrange(8)


def is_free(path):
    with open(path, "rb") as file:
        return file.read(HEADER_BYTES)[STATE_OFFSET] != 0


def used_bytes(path):
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def flip(path, offset, bit):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def check_data(node):
    done = subprocess.run([node.binary, "check-data", "--data", node.data], capture_output=True, timeout=60)
    return done.returncode


def start(row, node, book, stopped, where, path):
    """Starts on the damaged copy and reads all: what it came to, in a word, and the records that it says are concerned."""
    code, sentence = node.refusal()
    if code is not None:
        told = RECORDS.search(sentence)
        name = os.path.basename(path)
        if code != EXIT_DAMAGED:
            row.short(f"{where}: exit code {code}, not {EXIT_DAMAGED}: {sentence}")
        elif name not in sentence:
            row.short(f"{where}: the sentence does not name {name}: {sentence}")
        elif not told and name != "MANIFEST" and used_bytes(path) > HEADER_BYTES:
            row.short(f"{where}: the sentence does not say how many records are concerned: {sentence}")
        return "refused", int(told[1]) if told else None
    if sentence != "it serves" or not node.alive():
        row.short(f"{where}: {sentence}")
        return "no start", None
    finding = book.judge(node.port, stopped, stopped, TAIL_SECONDS, rebase=False)
    row.acknowledged = max(row.acknowledged, finding.acknowledged)
    row.lost += finding.lost
    row.wrong += finding.wrong
    for example in finding.examples[:1] if finding.lost or finding.wrong else ():
        row.example(f"{where}: served {finding.lost} lost, {finding.wrong} wrong: {example}")
    if finding.lost or finding.wrong:
        return "served what it must not", None
    if finding.errors:
        return "an error for the key", None
    return "cut at the end" if finding.young else "served whole", None


def repair(row, node, book, where, told):
    """Starts what was refused with --repair: what it came to, in a word. No more keys may have suffered than records were `told`."""
    node.after = ["--repair"]
    try:
        code, sentence = node.refusal()
    finally:
        node.after = []
    if code is not None:
        row.note(f"--repair refused, exit code {code}: {sentence.replace(node.data, '')}" if "MANIFEST" in where else
                 f"--repair refused {where}, exit code {code}: {sentence.replace(node.data, '')}")
        return "refused with --repair too"
    finding = book.judge(node.port, in_order=False, rebase=False)
    for text in finding.broken:
        row.short(f"{where}, after --repair: {text}")
    concerned = finding.lost + finding.young + finding.wrong - len(finding.broken)
    if told is not None and concerned > told:
        row.short(f"{where}: up to {told} records were told, {concerned} keys are not what they were")
    if not os.listdir(os.path.join(node.data, "quarantine")):
        row.short(f"{where}: --repair kept nothing in quarantine")
    return "repaired, all there" if finding.lost + finding.wrong + finding.young == 0 else "repaired with losses"


def torn_end(options, folder, row):
    """A kill, then noise behind the last byte of the newest segment: what a torn write leaves. No damage."""
    dice = random.Random(f"{options.seed}/torn-end")
    with ExitStack() as stack:
        for number in range(options.errors + 2):
            node = Node(options, os.path.join(folder, str(number)), mode=("never", "interval", "always")[number % 3])
            book = fill(options, stack, node, f"torn-end/{number}", clean=False)
            newest = max(glob.glob(os.path.join(node.data, "core-*", "segment-*")), key=last_batch)
            with open(newest, "r+b") as file:
                end = len(file.read().rstrip(b"\0"))
                size = os.path.getsize(newest)
                file.seek(min(size - 1, end + dice.choice([8, 64, 512])))
                file.write(dice.randbytes(min(dice.randrange(1, 5000), size - file.tell())))
            try:
                node.start()
            except RuntimeError as error:
                row.short(f"the unsynced end of {os.path.basename(newest)} was taken for damage: {error}")
                continue
            finally:
                row.rounds += 1
            row.take(book.judge(node.port))
            node.kill()


def torn_value(options, folder, row):
    """What is looked for after a repair: losses do not hide a value that nobody wrote."""
    with ExitStack() as stack:
        node = Node(options, folder, mode="interval")
        book = fill(options, stack, node, "torn-value")
        node.start()
        client, writer = Client(node.port), book.writers[0]
        observed = read_all(client, writer.keys)
        there = [key for key in writer.keys if observed[key] is not None]
        client.call("DEL", *there[:LOST_KEYS])
        client.call("SET", there[LOST_KEYS], observed[there[LOST_KEYS]][:-1] + b"?")
        client.close()
        finding = book.judge(node.port, in_order=False)
        row.rounds = 1
        for text in finding.broken if finding.lost >= LOST_KEYS else ():
            row.short(text)


def last_batch(path):
    """Segments that are in use before others, then by their number: the newest is the one that is written."""
    with open(path, "rb") as file:
        used = any(file.read()[HEADER_BYTES:HEADER_BYTES + 64])
    return used, int(re.search(r"segment-(\d+)", path)[1])


def redis_flips(options, folder, row):
    if not shutil.which("redis-server"):
        row.skipped = "redis-server is not installed"
        return
    dice = random.Random(f"{options.seed}/redis-flips")
    os.makedirs(folder)
    with ExitStack() as stack:
        node = Server("redis-aof", folder, mode="interval")
        book = fill(options, stack, node, "redis-flips")
        pristine = os.path.join(folder, "pristine")
        os.rename(node.data, pristine)
        for _ in range(CONTROL_ROUNDS):
            shutil.copytree(pristine, node.data)
            path = max(glob.glob(os.path.join(node.data, "**", "*.incr.aof"), recursive=True) or
                       glob.glob(os.path.join(node.data, "**", "*.aof"), recursive=True), key=os.path.getsize)
            size = os.path.getsize(path)
            flip(path, dice.randrange(max(0, size - CONTROL_BYTES), size), dice.randrange(8))
            try:
                node.start()
                row.take(book.judge(node.port, rebase=False))
            except (RuntimeError, OSError):
                pass  # refused, which is right
            node.kill()
            shutil.rmtree(node.data)
            row.rounds += 1
