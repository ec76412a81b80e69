"""Which plots are made of what scripts/bars measured; svg_bars.py draws them."""

import os

import svg_bars
from bars_break_even import PART_BYTES
from bars_tables import size, words


def figure(it, key):
    return tuple(it["figures"][key][part] for part in ("min", "median", "max"))


def grouped(cells, group_key, series_key, figure_key, name=str):
    """Groups, series and figures as the plot wants them."""
    figures = {}
    for it in cells:
        group = figures.setdefault(name(it["cell"][group_key]), {})
        group[it["cell"][series_key]] = figure(it, figure_key)
    return [name(word) for word in words(cells, group_key)], words(cells, series_key), figures


def protocols(cells):
    for way, file in (("round trip", "round-trip"), ("one way", "one-way")):
        chosen = [it for it in cells if it["cell"]["way"] == way]
        title = f"{way.capitalize()}: processor time of the server by the length of a message"
        yield f"protocols-{file}.svg", title, "us", *grouped(chosen, "bytes", "protocol", "server_us", size)


def serializers(cells):
    many = [it for it in cells if it["figures"] and it["cell"]["count"] != "1"]
    for key, title in (("encode_ns", "Encoding one struct of a long list"), ("decode_ns", "Decoding one struct of a long list")):
        yield f"serializers-{key[:6]}.svg", title, "ns", *grouped(many, "struct", "library", key)


def compression(cells):
    parts = [it for it in cells if it["cell"]["bytes"] == PART_BYTES and it["cell"]["data"] in ("struct", "json")]
    yield "compression-rate.svg", "Compressing parts of 128 KiB, one core", "MB/s", *grouped(parts, "codec", "data", "compress_mb_s")
    yield "compression-ratio.svg", "What compressing parts of 128 KiB saves: plain bytes a compressed byte", "", *grouped(
        parts, "codec", "data", "ratio")


def cache(cells):
    for command in ("get", "set"):
        chosen = [it for it in cells if it["cell"]["command"] == command]
        title = f"{command.upper()}: processor time of the server by the length of a value"
        yield f"cache-{command}.svg", title, "us", *grouped(chosen, "bytes", "server", "server_us", size)


def plots(result, folder):
    """Writes the plots of one result."""
    make = {"protocols": protocols, "serializers": serializers, "compression": compression, "cache": cache}[result["bar"]]
    for file, *what in make(result["cells"]):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
            out.write(svg_bars.plot(*what))
