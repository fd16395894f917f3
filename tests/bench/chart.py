"""The chart for README: CPU time per request as bars, one panel for each of the leading workloads. SVG by hand: a few
rectangles and words, which follow the reader's light or dark colours."""

from xml.sax.saxutils import escape

from bench.measure import LEAD

PANELS = (("hello", "cpu", "Hello world: CPU µs per request", 1), ("django", "cpu", "Django page: CPU µs per request", 1),
          ("django", "pss", "Django: memory of all processes, MiB (PSS)", 1024))
WIDTH, NAMES, ROW, TITLE, GAP = 760, 210, 22, 30, 16
BARS = WIDTH - NAMES - 70

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #9aa7b4 }
.ours { fill: #2f81f7 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #57606a } }
"""


def svg(figures, ours):
    """The whole picture; `ours` names the servers whose bars stand out."""
    parts, top = [], 0
    for workload, figure, title, unit in PANELS:
        rows = [(server, found[figure] / unit) for (name, server, count), found in figures.items()
                if name == workload and count == LEAD]
        if rows:
            parts += panel(title, rows, ours, top)
            top += TITLE + ROW * len(rows) + GAP
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top, 1)}" width="{WIDTH}" role="img">\n'
            f"<title>CPU time and memory of WSGI servers at {LEAD} connections; shorter is better</title>\n"
            f"<style>\n{STYLE}</style>\n{body}\n</svg>\n")


def panel(title, rows, ours, top):
    """One title and its bars, the shortest first."""
    yield f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>'
    longest = max(value for _, value in rows) or 1
    for place, (server, value) in enumerate(sorted(rows, key=lambda row: row[1])):
        y = top + TITLE + ROW * place
        width = max(1, round(BARS * value / longest))
        kind = "bar ours" if server in ours else "bar"
        yield f'<text x="{NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(server)}</text>'
        yield f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{width}" height="{ROW - 5}" rx="2"/>'
        yield f'<text x="{NAMES + width + 6}" y="{y + 13}">{value:,.0f}</text>'
