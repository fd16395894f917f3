"""From measurements to figures: the median of each over the rounds."""

import collections
import statistics

NAMES = ("rate", "p50", "p99", "p999", "cpu", "switches", "pss")


def medians(cells):
    """{(workload, server, connections): {figure: median}}, in the order of the cells."""
    groups = collections.defaultdict(list)
    for cell in cells:
        groups[cell["workload"], cell["server"], cell["connections"]].append(cell)
    return {key: summary(runs) for key, runs in groups.items()}


def summary(runs):
    """The medians of one group, how far its rounds are apart, cut connections per request, and the system calls of the round that counted them."""
    figures = {name: statistics.median(run[name] for run in runs) for name in NAMES}
    figures["spread"] = spread([run["cpu"] for run in runs])
    figures["closed"] = statistics.median(run["closed"] / run["requests"] for run in runs)
    figures["calls"] = next((run["calls"] for run in runs if run.get("calls") is not None), None)
    return figures


def spread(values):
    """The distance between the largest and the smallest, in parts of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0
