"""The measurements: interleaved rounds, in which each server is started anew for each workload, so that it is alone on
the machine, and so that a slow minute hits all of them."""

import dataclasses
import urllib.error
import urllib.request

from bench import load, processes, syscalls
from bench.failure import Failure, Unavailable
from bench.running import started

WARM_UP = 1          # seconds of load before the first measurement, after the answer has been checked
LEAD = 16            # connections of the comparison that leads, and of the counting of system calls


@dataclasses.dataclass
class Results:
    """What came out: one dictionary per measurement, and what did not run with its reason, by server and workload."""

    cells: list
    failures: dict     # (server, workload) -> reason
    missing: dict      # server -> reason


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    servers: list
    workloads: list
    connections: list | None   # None: those of each workload
    rounds: int
    seconds: int

    def counts(self, workload):
        """The numbers of connections for one workload."""
        return [count for count in workload.connections if self.connections is None or count in self.connections]

    def pairs(self):
        """Each server with each workload that it takes part in, servers next to each other."""
        return [(server, workload) for workload in self.workloads for server in self.servers
                if self.counts(workload) and (not server.workloads or workload.name in server.workloads)]


def available(servers, parts):
    """The servers whose parts are there, and why the others are not."""
    have, missing = [], {}
    for server in servers:
        try:
            parts.need(server.needs)
            have.append(server)
        except Unavailable as reason:
            missing[server.name] = str(reason)
    return have, missing


def measure(plan, machine, way, results, say):
    """Fills `results`. A server that fails with a workload is not tried again with it; its reason is kept."""
    for number in range(1, plan.rounds + 1):
        for server, workload in plan.pairs():
            if (server.name, workload.name) in results.failures:
                continue
            say(f"round {number}/{plan.rounds}: {workload.name}, {server.name}")
            try:
                with started(server, machine, workload.application) as running:
                    one = One(running, server, workload)
                    cells = one.measure(plan.counts(workload), plan.seconds)
                    if way and number == plan.rounds:
                        one.count_calls(way, cells)
                    results.cells += [{"round": number, **cell} for cell in cells]
            except Failure as failure:
                results.failures[server.name, workload.name] = str(failure)
                say(f"failed: {server.name}, {workload.name}: {failure}")


class One:
    """One started server under one workload."""

    def __init__(self, running, server, workload):
        self.running, self.server, self.workload = running, server, workload
        path = workload.file if server.static else ""
        self.url = f"http://127.0.0.1:{running.site.port}/{path}"
        self.script = running.site.write("load.lua", workload.script + load.DONE)

    def measure(self, counts, seconds):
        """A cell for each number of connections, the fewest first."""
        self.check()
        self.under_load(LEAD, WARM_UP)
        cells = [self.cell(count, seconds) for count in sorted(counts)]
        pids = self.running.processes()
        pss = processes.memory(pids)
        return [{**cell, "pss": pss, "processes": len(pids)} for cell in cells]

    def check(self):
        """A server that is fast because it answers something else is not measured."""
        request = urllib.request.Request(self.url, data=b"x" * self.workload.upload or None)
        try:
            with urllib.request.urlopen(request, timeout=load.TIMEOUT) as response:
                body = response.read()
        except OSError as error:
            raise Failure(f"{error}\n{self.running.logs()}") from error
        if not self.workload.expected(body):
            raise Failure(f"unexpected answer {body[:200]!r}")

    def cell(self, connections, seconds):
        """One measurement; times in microseconds."""
        self.running.wait_until_idle()
        before = processes.usage(self.running.processes())
        seen = self.under_load(connections, seconds)
        used = processes.usage(self.running.processes()) - before
        answers = answered(seen, self.workload)
        return {
            "workload": self.workload.name, "server": self.server.name, "connections": connections,
            "requests": seen.requests, "closed": seen.closed, "rate": answers / seen.duration * 1e6,
            "p50": seen.p50, "p99": seen.p99, "p999": seen.p999,
            "cpu": used.cpu / answers * 1e6, "switches": used.switches / answers,
        }

    def under_load(self, connections, seconds):
        """What wrk saw, if it saw what it should."""
        seen = load.run(self.url, connections, seconds, self.script)
        if seen.failed or seen.closed >= seen.requests:
            raise Failure(f"{connections} connections: {seen.requests} requests succeeded, {seen.failed} failed, "
                          f"{seen.closed} connections were cut\n{self.running.logs()}")
        return seen

    def count_calls(self, way, cells):
        """Adds system calls per request to the cell of the leading number of connections."""
        for cell in cells:
            if cell["connections"] == LEAD:
                self.running.wait_until_idle()
                calls = way(self.running.processes(), load.command(self.url, LEAD, syscalls.SECONDS, self.script))
                cell["calls"] = calls.total / answered(calls.seen, self.workload)


def answered(seen, workload):
    """Requests answered; of large answers the parts of those that the end of the run cut off, too."""
    return max(seen.requests, seen.bytes / workload.download) if workload.download else seen.requests
