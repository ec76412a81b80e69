"""second-server, other-uuid, gone-file, file-size: starts that must be refused, and a file size limit under load.

The control of each is the same without the fault: what looks for a refusal must then find none.
"""

import os
import resource
import shutil
import time
from contextlib import ExitStack

from faults.book import Book
from faults.disk import run
from faults.node import Node
from faults.table import Row

LOAD_SECONDS = 0.4
END_SECONDS_MAX = 15
SEGMENT_BYTES = 1 << 20
EXIT_DISK = 74


def loaded(options, stack, folder, seed, mode="always", load=True):
    node = Node(options, folder, mode=mode)
    stack.callback(node.kill)
    node.start()
    book = Book(f"{options.seed}/{seed}")
    if load:
        book.start(node.port)
        time.sleep(LOAD_SECONDS)
        book.join()
    return node, book


def expect_refusal(row, node, words, folder):
    code, sentence = node.refusal()
    node.kill()
    if code is None or code <= 0:
        row.short(f"not refused (exit code {code}): {sentence}")
    elif not any(word in sentence for word in words):
        row.short(f"the refusal does not say what is wrong: {sentence}")
    else:
        row.note(f"exit code {code}: {sentence.replace(folder, '')}")


def second_server(options, folder, rows):
    for control in (False, True):
        row = Row("second-server" + (" on a folder of its own" if control else ""), control)
        rows.append(row)
        row.rounds = 1
        with ExitStack() as stack:
            here = os.path.join(folder, f"second-{control}")
            first, book = loaded(options, stack, os.path.join(here, "first"), "second-server", load=False)
            book.start(first.port)
            # Another config, so that only the data folder is the same.
            second = Node(options, os.path.join(here, "second"), None if control else first.data)
            second.configure()
            stack.callback(second.kill)
            expect_refusal(row, second, ["locked by process"], here)
            time.sleep(LOAD_SECONDS)
            book.join()
            if not first.alive():
                row.short(f"the first one ended: {first.sentence()}")
                continue
            row.take(book.judge(first.port, rebase=False))
            first.kill()
            first.start()
            row.take(book.judge(first.port))


def other_uuid(options, folder, rows):
    for control in (False, True):
        row = Row("other-uuid" + (", its own MANIFEST" if control else ""), control)
        rows.append(row)
        row.rounds = 1
        with ExitStack() as stack:
            here = os.path.join(folder, f"uuid-{control}")
            node, book = loaded(options, stack, os.path.join(here, "one"), "other-uuid")
            other, _ = loaded(options, stack, os.path.join(here, "other"), "other-uuid", load=False)
            node.kill()
            other.kill()
            manifest, kept = os.path.join(node.data, "MANIFEST"), os.path.join(here, "kept")
            shutil.copy(manifest, kept)
            shutil.copy(os.path.join(node.data if control else other.data, "MANIFEST"), os.path.join(here, "copied-in"))
            shutil.copy(os.path.join(here, "copied-in"), manifest)
            files = listing(node.data)
            expect_refusal(row, node, ["another node"], here)
            if not control and listing(node.data) != files:
                row.short("the refused start changed the segments")
            shutil.copy(kept, manifest)
            node.start()
            row.take(book.judge(node.port))


def gone_file(options, folder, rows):
    """A segment's file is gone. In the control all are, and the list that misses them: what is lost must be found by its client."""
    for control in (False, True):
        row = Row("gone-file" + (", all of them, and the list of files too" if control else ""), control)
        rows.append(row)
        row.rounds = 1
        with ExitStack() as stack:
            here = os.path.join(folder, f"gone-{control}")
            node, book = loaded(options, stack, here, "gone-file")
            node.kill()
            core = os.path.join(node.data, "core-000")
            segments = sorted(name for name in os.listdir(core) if name.startswith("segment-"))
            gone = os.path.join(core, segments[0])
            kept = os.path.join(here, "kept")
            if control:
                for name in [*segments, "FILES"]:
                    os.unlink(os.path.join(core, name))
                node.start()
                row.take(book.judge(node.port))
                continue
            shutil.move(gone, kept)
            expect_refusal(row, node, [f"{os.path.basename(gone)} is missing"], here)
            shutil.move(kept, gone)
            node.start()
            row.take(book.judge(node.port))


def listing(data):
    return sorted((os.path.join(folder, name), os.path.getsize(os.path.join(folder, name)))
                  for folder, _, names in os.walk(data) for name in names if name.startswith("segment-"))


def file_size(options, folder, rows):
    """RLIMIT_FSIZE: at a start, and set on the running server below what its files have."""
    for control in (False, True):
        row = Row("file-size at start" + (", a limit that is wide enough" if control else ""), control)
        rows.append(row)
        row.rounds = 1
        with ExitStack() as stack:
            here = os.path.join(folder, f"file-size-{control}")
            limit = SEGMENT_BYTES * (64 if control else 1) // 2
            node = Node(options, here, before=["prlimit", f"--fsize={limit}"])
            node.configure()
            stack.callback(node.kill)
            expect_refusal(row, node, ["File too large", "file size"], here)
    for mode in ("always", "interval"):
        for limit in (SEGMENT_BYTES // 2, 64 << 10):
            file_size_live(options, os.path.join(folder, f"file-size-{mode}-{limit}"), rows, mode, limit)
    file_size_live(options, os.path.join(folder, "file-size-live-control"), rows, "always", SEGMENT_BYTES * 64, True)


def file_size_live(options, here, rows, mode, limit, control=False):
    row = Row(f"file-size {limit >> 10} KiB while it runs, {mode}", control)
    rows.append(row)
    row.rounds = 1
    with ExitStack() as stack:
        node, book = loaded(options, stack, here, "file-size", mode, load=False)
        book.start(node.port)
        time.sleep(LOAD_SECONDS)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        code, sentence = node.ended(2 if control else END_SECONDS_MAX)
        if code is not None and code != EXIT_DISK:
            row.short(f"exit code {code}, not {EXIT_DISK} (-25: killed by SIGXFSZ): {sentence}")
        elif code is not None:
            row.note(f"exit code {code}: {sentence.replace(here, '')}")
        elif book.refusals():
            row.note(f"writes were refused: {book.refusals()[-1].replace(here, '')}")
        else:
            row.short("it served without a word")
        book.stop()
        node.kill()
        book.join()
        node.start()
        row.take(book.judge(node.port))


def other_cores(options, folder, rows):
    """Restarts with other numbers of cores; now and then a kill while the keys are written anew."""
    for control in (False, True):
        row = Row("other-cores" + (", an older copy put in its place" if control else ""), control)
        rows.append(row)
        with ExitStack() as stack:
            here = os.path.join(folder, f"other-cores-{control}")
            node = Node(options, here, mode="interval", cores=options.core_sets[0])
            stack.callback(node.kill)
            node.start()
            book = Book(f"{options.seed}/other-cores")
            if len(options.core_sets) == 1 and not control:
                row.skipped = "this machine has one core"
                continue
            for number in range(2 if control else options.errors + 2):
                book.start(node.port)
                time.sleep(LOAD_SECONDS)
                book.join()
                if number % 2 or control:
                    node.kill()
                elif node.stop() != 0:
                    row.short("the clean stop was not clean")
                older = os.path.join(here, "older")
                if control and number == 0:
                    run("cp", "-r", node.data, older)
                elif control:
                    shutil.rmtree(node.data)
                    os.rename(older, node.data)
                node.cores = options.core_sets[(number + 1) % len(options.core_sets)]
                for pause in ((0.01, 0.03, 0.06) if number % 2 and not control else ()):
                    node.launch()
                    time.sleep(pause)
                    node.kill()
                node.start()
                row.take(book.judge(node.port))
                row.rounds += 1
