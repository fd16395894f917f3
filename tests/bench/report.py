"""Medians, ratios, Markdown and JSON."""

import collections
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess

import workload
from measure import wrk_version

PAIRS = [("embedded", "mod_wsgi embedded"), ("daemon 1x16", "mod_wsgi daemon 1x16"), ("daemon 2x8", "mod_wsgi daemon 2x8")]


def machine(setup, options):
    """What a reader needs to judge the numbers."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "httpd": first(r"Apache/(\S+)", output([setup.httpd, "-v"])),
        "python": first(r"Python (\S+)", output([setup.home / "bin/python", "-V"])),
        "mod_wsgi": first(r"^Version: (\S+)", output(["dpkg", "-s", "libapache2-mod-wsgi-py3"])),
        "wrk": wrk_version(),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def processor():
    return first(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text()) or platform.machine()


def output(command):
    try:
        return subprocess.run(command, text=True, capture_output=True).stdout
    except OSError:
        return ""


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found[1] if found else None


def save(folder, facts, results):
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"results-{stamp}.json"
    path.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")
    return path


def medians(results):
    """{workload: {server: {connections: {number: median}}}}"""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result["workload"], result["server"], result["connections"]].append(result)
    table = {}
    for (load, name, count), runs in groups.items():
        numbers = {key: statistics.median(run[key] for run in runs) for key in ("rate", "p50", "p99", "cpu", "pss")}
        rates = [run["rate"] for run in runs]
        numbers["spread"] = (max(rates) - min(rates)) / numbers["rate"]
        table.setdefault(load, {}).setdefault(name, {})[count] = numbers
    return table


def markdown(facts, results):
    lines = [heading(facts)]
    for load, servers in medians(results).items():
        counts = sorted({count for by_count in servers.values() for count in by_count})
        notes = list(ratios(servers, counts))
        if facts["rounds"] > 1:
            worst = max(numbers["spread"] for by_count in servers.values() for numbers in by_count.values())
            notes.append(f"- Largest distance between the rounds of one cell: {worst:.0%} of its median requests/s.")
        lines += ["", f"### {workload.TITLES[load]}", "", *table(servers, counts), *([""] if notes else []), *notes]
    return "\n".join(lines) + "\n"


def heading(facts):
    theirs = f", mod_wsgi {facts['mod_wsgi']}" if facts["mod_wsgi"] else ""
    return (f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores shared with the load generator, Linux {facts['kernel']}; "
            f"httpd {facts['httpd']} (event MPM, one child of 16 threads), Python {facts['python']}{theirs}, {facts['wrk']} -t1. "
            f"Medians of {facts['rounds']} interleaved rounds of {facts['seconds']:g} s. CPU: user and system time of all server "
            f"processes per request. PSS: memory of all of them after the load.")


def table(servers, counts):
    columns = "".join(f" c={count} req/s | p50 ms | p99 ms | CPU µs |" for count in counts)
    yield f"| server |{columns} PSS MiB |"
    yield "|---|" + "--:|--:|--:|--:|" * len(counts) + "--:|"
    for name, by_count in servers.items():
        cells = "".join(cell(by_count.get(count)) for count in counts)
        pss = max(numbers["pss"] for numbers in by_count.values()) / 1024
        yield f"| {name} |{cells} {pss:.0f} |"


def cell(numbers):
    if numbers is None:
        return " – | – | – | – |"
    return f" {numbers['rate']:,.0f} | {numbers['p50'] / 1000:.2f} | {numbers['p99'] / 1000:.2f} | {numbers['cpu']:.0f} |"


def ratios(servers, counts):
    for ours, theirs in PAIRS:
        if ours not in servers or theirs not in servers:
            continue
        parts = []
        for count in counts:
            a, b = servers[ours].get(count), servers[theirs].get(count)
            if a and b:
                parts.append(f"c={count}: {a['rate'] / b['rate']:.2f} × the requests/s at {a['cpu'] / b['cpu']:.2f} × the CPU time")
        yield f"- {ours} against {theirs}: {'; '.join(parts)}."
