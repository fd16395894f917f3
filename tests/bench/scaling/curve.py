"""Curves: one panel for each figure, a line for each series, over the size of the configuration. SVG by hand."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 760, 150, 60, 200, 30, 22, 14
COLOURS = ("#2f81f7", "#d29922", "#8b949e", "#3fb950")
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.axis { stroke: #9aa7b4; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis { stroke: #57606a } }
"""


def svg(panels):
    """The whole picture; a panel is its title and its series: names, each with pairs of size and figure."""
    panels = [(title, {name: points for name, points in series.items() if points}) for title, series in panels]
    panels = [(title, series) for title, series in panels if series]
    step = TOP + HEIGHT + BOTTOM + GAP
    body = "\n".join(part for place, (title, series) in enumerate(panels) for part in panel(title, series, place * step))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(1, len(panels) * step)}" width="{WIDTH}" '
            f'role="img">\n<title>How figures grow with the configuration</title>\n<style>\n{STYLE}</style>\n{body}\n</svg>\n')


def panel(title, series, top):
    """Axes from 0 on, lines, and their names at the right end."""
    widest = max(size for points in series.values() for size, _ in points) or 1
    highest = max(figure for points in series.values() for _, figure in points) or 1
    floor, right = top + TOP + HEIGHT, WIDTH - RIGHT

    def place(size, figure):
        return LEFT + (right - LEFT) * size / widest, floor - HEIGHT * figure / highest

    yield f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>'
    yield f'<line class="axis" x1="{LEFT}" y1="{floor}" x2="{right}" y2="{floor}"/>'
    yield f'<text x="{LEFT - 8}" y="{top + TOP + 10}" text-anchor="end">{figure_of(highest)}</text>'
    yield f'<text x="{LEFT - 8}" y="{floor}" text-anchor="end">0</text>'
    yield f'<text x="{right}" y="{floor + 16}" text-anchor="end">{widest:,}</text>'
    names = sorted(series, key=lambda name: -series[name][-1][1])
    for row, name in enumerate(names):
        colour = COLOURS[list(series).index(name) % len(COLOURS)]
        points = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in series[name])
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for point in series[name]:
            x, y = place(*point)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        yield f'<circle cx="{right + 16}" cy="{top + TOP + 6 + 20 * row}" r="4" fill="{colour}"/>'
        yield f'<text x="{right + 26}" y="{top + TOP + 10 + 20 * row}">{escape(name)}</text>'


def figure_of(value):
    """As short as it may be."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
