"""The Markdown: per target whether it is met, then one table per workload, then what is missing and why."""

from bench import targets
from bench.figures import medians
from bench.measure import LEAD
from bench.workloads import WORKLOADS

MANY_CUT = 0.02  # connections per request; httpd's event MPM cuts kept ones while all its threads are busy


def markdown(facts, cells, failures, missing):
    """The whole report."""
    figures = medians(cells)
    lines = [heading(facts), "", "### Targets", "", *verdicts(figures)]
    for workload in WORKLOADS:
        lines += tables(workload, figures)
    lines += notes(facts, figures, failures, missing)
    return "\n".join(lines) + "\n"


def heading(facts):
    """How to read the numbers, and where they come from."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores shared with the load generator, Linux {facts['kernel']}; "
            f"httpd {facts['httpd']} (event MPM), Python {facts['python']}; {versions}. The application has 2 processes of 8 "
            f"threads everywhere. Medians of {facts['rounds']} interleaved rounds of {facts['seconds']} s. CPU: user and system "
            "time of all server processes per request, or per MiB of a large body. PSS: memory of all of them after the load.")


def verdicts(figures):
    """One line per target."""
    yield f"At {LEAD} connections; speed is judged by CPU time per request, and the rates' ratio stands beside it."
    yield ""
    yield "| target | wanted | is | rate | |"
    yield "|---|--:|--:|--:|---|"
    for verdict in targets.verdicts(figures):
        target = verdict.target
        words = {True: "met", False: "**not met**", None: "not measured"}[verdict.met]
        yield f"| {target.title} | {target.wanted} | {times(verdict.ratio)} | {times(verdict.rate)} | {words} |"


def times(ratio):
    """A ratio, or a dash."""
    return "–" if ratio is None else f"{ratio:.2f} ×"


def tables(workload, figures):
    """One table for each number of connections, the leading one first and with the counts."""
    counts = sorted({count for name, _, count in figures if name == workload.name}, key=lambda count: (count != LEAD, count))
    lines = ["", f"### {workload.title}"] if counts else []
    for count in counts:
        rows = {server: figure for (name, server, c), figure in figures.items() if (name, c) == (workload.name, count)}
        lines += ["", f"{count} connection{'s' if count > 1 else ''}:", "", *table(workload, rows)]
    return lines


def table(workload, rows):
    """One line per server."""
    unit, each = (workload.mebibytes, "MiB") if workload.mebibytes else (1, "req")
    yield (f"| server | CPU µs/{each} | {each}/s | p50 ms | p99 ms | p99.9 ms | system calls | context switches | PSS MiB |")
    yield "|---|" + "--:|" * 8
    for server, figure in rows.items():
        calls = "–" if figure["calls"] is None else number(figure["calls"])
        yield (f"| {server} | {number(figure['cpu'] / unit)} | {figure['rate'] * unit:,.0f} | {figure['p50'] / 1000:.2f} | "
               f"{figure['p99'] / 1000:.2f} | {figure['p999'] / 1000:.2f} | {calls} | {number(figure['switches'])} | "
               f"{figure['pss'] / 1024:.0f} |")


def number(value):
    """With a decimal where it matters."""
    return f"{value:,.1f}" if value < 20 else f"{value:,.0f}"


def notes(facts, figures, failures, missing):
    """What a reader must know before believing any of it."""
    lines = ["", "### Notes", "", "- System calls and context switches are per request, of all server processes."]
    lines.append(f"- System calls were {'counted by' if facts['counted'] else 'not counted:'} {facts['calls']}.")
    if facts["rounds"] > 1 and figures:
        (workload, server, count), worst = max(figures.items(), key=lambda item: item[1]["spread"])
        lines.append(f"- Largest distance between rounds of one cell: {worst['spread']:.0%} of its median CPU time "
                     f"({server}, {workload}, {count} connections).")
    lines += cuts(figures)
    lines += [f"- Not available: {server}: {reason}." for server, reason in missing.items()]
    lines += [f"- Failed: {server} with {workload}: {outline(reason)}" for (server, workload), reason in failures.items()]
    return lines


def cuts(figures):
    """Where connections were cut often, one line for each workload and number of connections."""
    found = {}
    for (workload, server, count), figure in figures.items():
        if figure["closed"] > MANY_CUT:
            found.setdefault((workload, count), []).append(f"{server} {figure['closed']:.0%}")
    return [f"- Connections that the server cut, in parts of the requests, {workload}, {count} connections: {', '.join(servers)}."
            for (workload, count), servers in found.items()]


def outline(text):
    """The reason and the first words of the logs that follow it."""
    return " / ".join(line.strip() for line in text.strip().splitlines()[:3])[:400]
