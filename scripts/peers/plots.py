"""Draws figures as SVG: lines or bars over named places, with the least and the most of each as a whisker."""

import math

COLOURS = {"redis": "#b5342a", "redis-newest": "#e08a7d", "valkey": "#2a5db0", "memcached": "#3f8f5f", "kevy": "#8a6bbf", "hyperion": "#111111"}
PANEL_WIDTH, PANEL_HEIGHT = 380, 270
# Of a whole picture: room for its legend.
WIDTH_MIN = 760
LEFT, TOP, RIGHT, BOTTOM = 66, 66, 16, 54
FONT = 'font-family="sans-serif"'


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(value):
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def ticks(low, high, is_log):
    """Values for the lines across a panel."""
    if is_log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        marks = [step * 10.0 ** power for power in range(first, last + 1) for step in ((1, 2, 5) if last - first < 4 else (1,))]
        below, above = max(mark for mark in marks if mark <= low), min(mark for mark in marks if mark >= high)
        return [mark for mark in marks if below <= mark <= above] if below < above else [below, below * 10]
    rough = high / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough)
    return [step * count for count in range(math.ceil(high / step) + 1)]


class Panel:
    """One pair of axes. `series` maps a peer to a spread (or None) for each of `labels`."""

    def __init__(self, title, labels, series, x_label=""):
        self.title, self.labels, self.series, self.x_label = title, labels, series, x_label

    def spreads(self):
        return [one for many in self.series.values() for one in many if one]

    def draw(self, left, whole_width, is_log, shape):
        bottom, top, width = TOP + PANEL_HEIGHT, TOP, whole_width - LEFT - RIGHT
        highest = max(spread["max"] for spread in self.spreads())
        lowest = min((spread["min"] for spread in self.spreads() if spread["min"] > 0), default=0.1) if is_log else 0
        marks = ticks(lowest, max(highest, 1e-3), is_log)
        low, high = marks[0], marks[-1]

        def y(value):
            if is_log:
                part = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
            else:
                part = (max(value, low) - low) / (high - low)
            return bottom - part * (bottom - top)

        begin = left + LEFT
        out = [f'<text x="{begin + width / 2:.1f}" y="{top - 12}" {FONT} font-size="12" text-anchor="middle">{escape(self.title)}</text>']
        for mark in marks:
            out.append(f'<line x1="{begin}" x2="{begin + width}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>')
            out.append(f'<text x="{begin - 6}" y="{y(mark) + 4:.1f}" {FONT} font-size="11" text-anchor="end">{short(mark)}</text>')
        step = width / len(self.labels)
        for at, label in enumerate(self.labels):
            out.append(f'<text x="{begin + step * (at + 0.5):.1f}" y="{bottom + 16}" {FONT} font-size="11"'
                       f' text-anchor="middle">{escape(label)}</text>')
        out.append(f'<text x="{begin + width / 2:.1f}" y="{bottom + 34}" {FONT} font-size="11" text-anchor="middle">{escape(self.x_label)}</text>')
        for number, (peer, spreads) in enumerate(self.series.items()):
            out += getattr(self, shape)(peer, number, spreads, begin, step, y, bottom)
        return out

    def lines(self, peer, number, spreads, begin, step, y, bottom):
        colour, out, points = COLOURS[peer], [], []
        # Whiskers of several peers at one place stand side by side.
        shift = (number - (len(self.series) - 1) / 2) * 4
        for at, spread in enumerate(spreads):
            if spread:
                x = begin + step * (at + 0.5) + shift
                points.append(f'{x:.1f},{y(spread["median"]):.1f}')
                out += [whisker(x, spread, y, colour),
                        f'<circle cx="{x:.1f}" cy="{y(spread["median"]):.1f}" r="2.6" fill="{colour}"/>']
        return [f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="{2.4 if peer == "hyperion" else 1.5}"/>', *out]

    def bars(self, peer, number, spreads, begin, step, y, bottom):
        colour, out = COLOURS[peer], []
        width = step * 0.84 / len(self.series)
        for at, spread in enumerate(spreads):
            if spread:
                x = begin + step * (at + 0.08) + width * number
                height = max(bottom - y(spread["median"]), 0)
                out += [f'<rect x="{x:.1f}" y="{bottom - height:.1f}" width="{width * 0.9:.1f}" height="{height:.1f}" fill="{colour}"/>',
                        whisker(x + width * 0.45, spread, y, "#777")]
        return out


def whisker(x, spread, y, colour):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(spread["min"]):.1f}" y2="{y(spread["max"]):.1f}" stroke="{colour}" stroke-width="1"/>'


def legend(peers, names, y):
    out, x = [], LEFT
    for peer in peers:
        out.append(f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{COLOURS[peer]}"/>')
        out.append(f'<text x="{x + 16}" y="{y + 1}" {FONT} font-size="11.5">{escape(names[peer])}</text>')
        x += 32 + 7 * len(names[peer])
    return out


def svg(title, y_label, panels, names, shape="bars", is_log=False):
    """The text of a picture: panels side by side, each on a scale of its own, peers told apart by the colours that a legend names."""
    peers = list(dict.fromkeys(peer for panel in panels for peer in panel.series))
    each = max(PANEL_WIDTH, WIDTH_MIN // len(panels))
    width, height = each * len(panels), TOP + PANEL_HEIGHT + BOTTOM + 22
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="16" y="24" {FONT} font-size="15" font-weight="bold">{escape(title)}</text>',
           f'<text x="16" y="{TOP + PANEL_HEIGHT / 2}" {FONT} font-size="11" text-anchor="middle"'
           f' transform="rotate(-90 16 {TOP + PANEL_HEIGHT / 2})">{escape(y_label)}</text>']
    for at, panel in enumerate(panels):
        out += panel.draw(at * each, each, is_log, shape)
    return "\n".join([*out, *legend(peers, names, height - 14), "</svg>", ""])
