"""One SVG plot of bars in groups, on a logarithmic scale: each bar is a median, its whisker goes from the smallest to the largest."""

import math
from html import escape

COLOURS = ("#2563a8", "#d9822b", "#3d8b4f", "#a83d5c", "#6b5aa8", "#7a7a7a", "#1f9aa3")
LEFT, TOP, BOTTOM, BAR, GAP = 64, 64, 44, 14, 22
HEIGHT = 260


def text(x, y, words, anchor="middle", size=11, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="{anchor}" fill="#333">{escape(words)}</text>')


def decades(low, high):
    """The powers of ten around the figures."""
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def tick(exponent):
    return f"{10 ** exponent:,}" if exponent >= 0 else f"{10 ** exponent:.{-exponent}f}"


def plot(title, unit, groups, series, figures):
    """The SVG as text. `figures[group][series]` is (min, median, max), or is missing."""
    known = [figure for group in groups for figure in figures.get(group, {}).values()]
    low, high = min(it[0] for it in known if it[0] > 0), max(it[2] for it in known)
    ticks = list(decades(low, high))
    if len(ticks) < 2:
        ticks.append(ticks[0] + 1)
    width = LEFT + GAP + len(groups) * (len(series) * BAR + GAP)
    # The legend wants about 7 units a letter.
    width = max(width, 2 * LEFT + sum(28 + 6.4 * len(name) for name in series), 20 + 7.5 * len(title))

    def y_of(value):
        part = (math.log10(max(value, 10.0 ** ticks[0])) - ticks[0]) / (ticks[-1] - ticks[0])
        return TOP + HEIGHT * (1 - part)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{TOP + HEIGHT + BOTTOM}" font-family="sans-serif">',
           '<rect width="100%" height="100%" fill="#fff"/>', text(12, 20, title, "start", 13, "bold")]
    x = 12.0
    for at, name in enumerate(series):
        out.append(f'<rect x="{x:.1f}" y="32" width="10" height="10" fill="{COLOURS[at % len(COLOURS)]}"/>')
        out.append(text(x + 14, 41, name, "start"))
        x += 28 + 6.4 * len(name)
    for exponent in ticks:
        y = y_of(10.0 ** exponent)
        out.append(f'<line x1="{LEFT}" x2="{width - 8:.0f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, y + 4, tick(exponent), "end"))
    out.append(text(LEFT - 6, TOP - 8, unit, "end"))
    for group_at, group in enumerate(groups):
        left = LEFT + GAP + group_at * (len(series) * BAR + GAP)
        out.append(text(left + len(series) * BAR / 2, TOP + HEIGHT + 18, group))
        for at, name in enumerate(series):
            if name not in figures.get(group, {}):
                continue
            smallest, middle, largest = figures[group][name]
            x, top = left + at * BAR, y_of(middle)
            colour = COLOURS[at % len(COLOURS)]
            out.append(f'<rect x="{x:.1f}" y="{top:.1f}" width="{BAR - 2}" height="{TOP + HEIGHT - top:.1f}" fill="{colour}"/>')
            out.append(f'<line x1="{x + BAR / 2 - 1:.1f}" x2="{x + BAR / 2 - 1:.1f}" y1="{y_of(smallest):.1f}" '
                       f'y2="{y_of(largest):.1f}" stroke="#222"/>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
