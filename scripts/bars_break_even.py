"""When does compressing pay? The page that follows from what the codecs did on this machine.

A link of `link` MB/s moves plain bytes at `link`. Compressed ones move as fast as the slowest of three that work at the same time: one
core that compresses, the link with its fewer bytes, one core that expands. Compressing pays when that is a tenth faster: the same
tenth by which the server decides (`TRIAL_PAYS_PERCENT` of src/peers/limits.rs; a test there reads the results and compares).
"""

import bars_tables

PAYS = 1.1
LINKS = (("100 Mb/s", 12.5), ("1 Gb/s", 125.0), ("10 Gb/s", 1250.0), ("25 Gb/s", 3125.0))
DISKS = (("100 MB/s", 100.0), ("500 MB/s", 500.0), ("2 GB/s", 2000.0))
# One part of a snapshot between nodes, and of one on the disk.
PART_BYTES = str(128 << 10)


def medians(figures):
    return tuple(figures[key]["median"] for key in ("compress_mb_s", "expand_mb_s", "ratio"))


def packed_rate(figures, link):
    """MB of plain bytes a second through one core, the link, and one core."""
    compress, expand, ratio = medians(figures)
    return min(compress, expand, link * ratio)


def break_even(figures):
    """The fastest link, in Mb/s, on which compressing pays; none where the data does not shrink by a tenth."""
    compress, expand, ratio = medians(figures)
    return min(compress, expand) / PAYS * 8 if ratio >= PAYS else None


def verdicts(cells):
    """The page of the wire as the results hold it, for whoever decides by it."""
    return [
        {"data": it["cell"]["data"], "codec": it["cell"]["codec"], "link_mb_s": link,
         "factor": packed_rate(it["figures"], link) / link, "pays": packed_rate(it["figures"], link) >= PAYS * link}
        for it in cells
        if it["cell"]["bytes"] == PART_BYTES
        for _, link in LINKS
    ]


def times(factor):
    text = f"{factor:.2f}" if factor < 10 else f"{factor:.1f}"
    return f"**{text}**" if factor >= PAYS else text


def link_page(cells, kind):
    rows = []
    for it in cells:
        if it["cell"]["data"] != kind or it["cell"]["bytes"] != PART_BYTES:
            continue
        until = break_even(it["figures"])
        factors = [times(packed_rate(it["figures"], link) / link) for _, link in LINKS]
        rows.append((it["cell"]["codec"], [f"{until:,.0f} Mb/s" if until else "never", *factors]))
    title = f"The wire, {kind} data in parts of 128 KiB: compressed against plain, in times the rate (bold: it pays)"
    return f"{title}\n\n" + bars_tables.table("codec", ["pays up to", *(name for name, _ in LINKS)], rows)


def disk_page(cells, kind):
    rows = []
    for it in cells:
        if it["cell"]["data"] != kind or it["cell"]["bytes"] != PART_BYTES:
            continue
        compress, expand, ratio = medians(it["figures"])
        writes = [min(compress, disk * ratio) / disk for _, disk in DISKS]
        reads = [min(expand, disk * ratio) / disk for _, disk in DISKS]
        texts = [f"{times(write)} / {times(read)}" for write, read in zip(writes, reads)]
        rows.append((it["cell"]["codec"], [f"{1 / ratio:.0%}", *texts]))
    title = f"The disk, {kind} data in parts of 128 KiB: what is left of the bytes, and times the rate of writing / reading (bold: a tenth faster)"
    return f"{title}\n\n" + bars_tables.table("codec", ["left", *(f"disk of {name}" for name, _ in DISKS)], rows)


def pages(cells):
    if not any(it["cell"]["bytes"] == PART_BYTES for it in cells):
        return []
    kinds = bars_tables.words(cells, "data")
    return [link_page(cells, kind) for kind in kinds if kind != "repeated"] + [disk_page(cells, kind) for kind in ("struct", "json")]
