"""The three files of a run: raw numbers, Markdown and the chart. The raw numbers are enough to make the others again."""

import dataclasses
import json
import pathlib

from bench import chart, peers, report
from bench.figures import medians
from bench.measure import Results

NAME = "results"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run has found, and on what machine."""

    facts: dict
    results: Results

    def raw(self):
        """For JSON, which has no keys of two parts."""
        return {"facts": self.facts, "missing": self.results.missing, "cells": self.results.cells,
                "failures": [[*key, reason] for key, reason in self.results.failures.items()]}


def read(path):
    """An earlier run's outcome from its raw numbers."""
    raw = json.loads(pathlib.Path(path).read_text())
    failures = {(server, workload): reason for server, workload, reason in raw["failures"]}
    return Outcome(raw["facts"], Results(raw["cells"], failures, raw["missing"]))


def write(folder, outcome):
    """Prints the report, and writes all three files."""
    folder.mkdir(parents=True, exist_ok=True)
    results = outcome.results
    text = report.markdown(outcome.facts, results.cells, results.failures, results.missing)
    picture = chart.svg(medians(results.cells), {server.name for server in peers.SERVERS if server.ours})
    contents = {"json": json.dumps(outcome.raw(), indent=1) + "\n", "md": text, "svg": picture}
    print(text)
    for suffix, content in contents.items():
        path = folder / f"{NAME}.{suffix}"
        path.write_text(content)
        print(path)
