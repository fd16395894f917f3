"""One measurement: wrk's numbers, and what the server's processes used meanwhile (/proc)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 1  # seconds; the application is loaded before it by a request of its own

# wrk calls this at its end; the report for people goes to standard output and is not read.
SCRIPT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"duration":%d,"bytes":%d,"p50":%d,"p99":%d,"failed":%d,"closed":%d}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.status + e.timeout, e.read + e.write))
end
"""


class Failure(Exception):
    """Something the caller can put right; the text says what."""


def wrk_version():
    if shutil.which("wrk") is None:
        raise Failure("wrk is not installed; on Debian: apt-get install wrk")
    text = subprocess.run(["wrk", "-v"], text=True, capture_output=True).stdout
    return text.split("[")[0].strip()


class Run:
    """All measurements of one started server."""

    def __init__(self, running, load, expected):
        self.running, self.load = running, load
        self.check(expected)
        self.script = running.root / "report.lua"
        self.script.write_text(SCRIPT)

    def check(self, expected):
        """A server that is fast because it answers something else is not measured."""
        try:
            with urllib.request.urlopen(self.running.url, timeout=60) as response:
                body = response.read()
        except OSError as error:
            raise Failure(f"{self.running.name}, {self.load}: {error}\n{self.running.logs()}") from error
        if not expected(body):
            raise Failure(f"{self.running.name}, {self.load}: unexpected answer {body[:200]!r}")

    def measure(self, round_number, connections, seconds):
        self.wrk(max(connections), WARM_UP)
        results = []
        for count in connections:
            before = cpu(self.running.processes())
            numbers = self.wrk(count, seconds)
            after = cpu(self.running.processes())
            used = sum(after[pid] - before.get(pid, 0) for pid in after)
            results.append({
                "round": round_number,
                "workload": self.load,
                "server": self.running.name,
                "connections": count,
                "requests": numbers["requests"],
                "closed": numbers["closed"],
                "rate": numbers["requests"] / (numbers["duration"] / 1e6),
                "p50": numbers["p50"],
                "p99": numbers["p99"],
                "cpu": used / TICK * 1e6 / numbers["requests"],
            })
        pss = memory(self.running.processes())
        for result in results:
            result["pss"] = pss
            result["processes"] = len(self.running.processes())
        return results

    def wrk(self, connections, seconds):
        duration = max(1, round(seconds))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--latency", "-s", self.script, self.running.url]
        done = subprocess.run(command, text=True, capture_output=True)
        line = re.search(r"^\{.*\}$", done.stderr, re.M)
        if done.returncode != 0 or line is None:
            raise Failure(f"wrk ended with {done.returncode}: {done.stderr}{done.stdout}")
        numbers = json.loads(line[0])
        # The event MPM closes kept connections while all its threads are busy; wrk connects again. More than a few
        # of them are something else.
        closed = numbers["closed"] > 0.02 * numbers["requests"] + connections
        if numbers["failed"] or closed or not numbers["requests"]:
            raise Failure(f"{self.running.name}, {self.load}: {numbers['failed']} requests failed, {numbers['closed']} "
                          f"connections were cut, {numbers['requests']} succeeded\n{self.running.logs()}")
        return numbers


def tree(root):
    """`root` and all its descendants."""
    children = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        fields = stat(folder)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def stat(folder):
    """The fields of /proc/<pid>/stat after the name: state, parent, …; None when the process is gone."""
    try:
        return (folder / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def cpu(pids):
    """User and system time in ticks by process id."""
    used = {}
    for pid in pids:
        fields = stat(pathlib.Path(f"/proc/{pid}"))
        if fields:
            used[pid] = int(fields[11]) + int(fields[12])
    return used


def memory(pids):
    """Proportional set size of all processes together, in KiB: what they would free by ending."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total
