"""Makes Markdown tables of what scripts/bars measured. A figure is the median of the repeats, then the smallest and the largest."""

import bars_break_even

BYTES = ((1_000_000, "MB"), (1_000, "KB"))


def size(text):
    """A length in words: powers of two in KiB and MiB, others in KB and MB."""
    count = int(text)
    for unit, word in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count % unit == 0:
            return f"{count // unit} {word}"
    for unit, word in BYTES:
        if count % unit == 0:
            return f"{count // unit} {word}"
    return f"{count} B"


def number(value):
    """Three digits that count."""
    if value >= 1000:
        return f"{value:.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def spread(figure):
    low, middle, high = (number(figure[key]) for key in ("min", "median", "max"))
    return middle if low == high else f"{middle} ({low}-{high})"


def table(first, columns, rows):
    """`rows` are a name and a text for each column."""
    lines = [f"| {first} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {name} | {' | '.join(texts)} |" for name, texts in rows]
    return "\n".join(lines)


def words(cells, key):
    """The values of a key in the order in which they come."""
    return list(dict.fromkeys(cell["cell"][key] for cell in cells if key in cell["cell"]))


def find(cells, **cell):
    for it in cells:
        if it["cell"] == cell:
            return it["figures"]
    return None


def grid(cells, first, row_key, column_key, figure, fixed, row_name=str):
    """A table of one figure: a row for each value of one key, a column for each of another."""
    cells = [it for it in cells if all(it["cell"].get(key) == value for key, value in fixed.items())]
    columns = words(cells, column_key)
    rows = []
    for row in words(cells, row_key):
        found = [find(cells, **fixed, **{row_key: row, column_key: column}) for column in columns]
        rows.append((row_name(row), [spread(it[figure]) if it else "-" for it in found]))
    return table(first, columns, rows)


def protocols(cells):
    parts = []
    for it in cells:
        server, client = it["figures"]["server_us"], it["figures"]["client_us"]
        it["figures"]["both_us"] = {key: server[key] + client[key] for key in ("min", "median", "max")}
    for way in ("round trip", "one way"):
        for figure, words_of_it in (("both_us", "processor time of server and client together"), ("server_us", "of it the server's"),
                                    ("wall_us", "time on the wall")):
            title = f"{way.capitalize()}: {words_of_it}, microseconds a message"
            parts.append(f"{title}\n\n" + grid(cells, "bytes", "bytes", "protocol", figure, {"way": way}, size))
    return parts


def serializers(cells):
    parts = []
    measured = [it for it in cells if it["figures"]]
    for kind, count in dict.fromkeys((it["cell"]["struct"], it["cell"]["count"]) for it in measured):
        rows = []
        for it in measured:
            if it["cell"]["struct"] == kind and it["cell"]["count"] == count:
                figures = it["figures"]
                rows.append((it["cell"]["library"], [spread(figures[key]) for key in ("encode_ns", "decode_ns", "bytes")]))
        many = "one struct, again and again" if count == "1" else f"lists of {int(count):,} structs"
        title = f"{kind.capitalize()} structs, {many}; a struct takes"
        parts.append(f"{title}\n\n" + table("library", ["encode, ns", "decode, ns", "bytes"], rows))
    times = [it["cell"] for it in cells if "time" in it["cell"]]
    names = list(dict.fromkeys(it["time"] for it in times))
    rows = [
        (library, [next(it["outcome"] for it in times if it["library"] == library and it["time"] == name) for name in names])
        for library in dict.fromkeys(it["library"] for it in times)
    ]
    parts.append("What becomes of a time\n\n" + table("library", names, rows))
    return parts


def compression(cells):
    parts = []
    for bytes_text in words(cells, "bytes"):
        for kind in words(cells, "data"):
            rows = [
                (it["cell"]["codec"], [spread(it["figures"][key]) for key in ("compress_mb_s", "expand_mb_s", "ratio")])
                for it in cells
                if it["cell"]["bytes"] == bytes_text and it["cell"]["data"] == kind
            ]
            title = f"{kind.capitalize()} data, {size(bytes_text)}"
            parts.append(f"{title}\n\n" + table("codec", ["compress, MB/s", "expand, MB/s", "ratio"], rows))
    shown, hidden = [], []
    for part in parts:
        (shown if part.startswith(("Json data, 128 KiB", "Struct data, 128 KiB")) else hidden).append(part)
    folded = "\n\n".join(hidden)
    details = f"<details><summary>Every kind of data and every length</summary>\n\n{folded}\n\n</details>"
    return [*bars_break_even.pages(cells), *shown, details]


def cache(cells):
    parts = []
    for command in words(cells, "command"):
        for figure, words_of_it in (("wall_us", "time on the wall as the client sees it, microseconds"),
                                    ("server_us", "processor time of the server, microseconds"),
                                    ("memory_kib", "memory that the client adds, KiB")):
            title = f"{command.upper()}: {words_of_it}"
            parts.append(f"{title}\n\n" + grid(cells, "bytes", "bytes", "server", figure, {"command": command}, size))
    return parts


def heading(result):
    machine = result["machine"]
    words_of_it = [
        f"`{result['command']}`, {result['date']}, {machine['model']} with {machine['cpus']} cpus, Linux {machine['kernel']}.",
        f"{result['repeats']} repeats: the median, then the smallest and the largest.",
    ]
    busy = result["processors_used_by_others"]
    quiet = "The machine was quiet." if busy < 0.05 else "The machine was not quiet: trust processor time before the wall."
    words_of_it.append(f"Other programs used {busy:.0%} of the processors meanwhile. {quiet}")
    if result["servers"]:
        words_of_it.append(", ".join(f"{name} {version}" for name, version in result["servers"].items()) + ".")
    if result["note"]:
        words_of_it.append(result["note"])
    return "\n".join(words_of_it)


def tables(result):
    """All tables of one result."""
    make = {"protocols": protocols, "serializers": serializers, "compression": compression, "cache": cache}[result["bar"]]
    return "\n\n".join(["", heading(result), *make(result["cells"]), ""])
