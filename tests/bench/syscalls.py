"""System calls per request, in a short pass of its own: perf where it may trace, else strace, which slows the server
down but counts the same calls. Says why where neither can."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import tempfile

from bench import load
from bench.failure import Failure

EVENT = "raw_syscalls:sys_enter"
SECONDS = 1


@dataclasses.dataclass(frozen=True)
class Calls:
    """The system calls of all processes, and what wrk saw meanwhile."""

    total: int
    seen: load.Seen


def counter():
    """The way that works here, a function of process ids and wrk's command line, or None; and its name, or the reason."""
    reasons = []
    for program, probe, way in (("perf", ["perf", "stat", "-e", EVENT, "true"], with_perf),
                                ("strace", ["strace", "-c", "-f", "true"], with_strace)):
        if shutil.which(program) is None:
            reasons.append(f"{program} is not installed")
        elif subprocess.run(probe, capture_output=True).returncode != 0:
            reasons.append(f"{program} may not trace here")
        else:
            return way, program
    return None, ", ".join(reasons)


def with_perf(pids, command):
    """perf ends with the command that it runs."""
    done = subprocess.run(["perf", "stat", "-x,", "-e", EVENT, "-p", ",".join(map(str, pids)), "--", *command],
                          text=True, capture_output=True)
    return Calls(perf_calls(done.stderr), load.parse(done))


def perf_calls(text):
    """The count in `perf stat -x,`: 12345,,raw_syscalls:sys_enter,…"""
    found = re.search(rf"^(\d+),[^,]*,{EVENT}", text, re.M)
    if found is None:
        raise Failure(f"perf counted nothing: {text}")
    return int(found[1])


def with_strace(pids, command):
    """strace counts until it is told to stop."""
    with tempfile.NamedTemporaryFile("r", prefix="mod_wsgi-bench-", suffix=".strace") as table:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", table.name, *(f"-p{pid}" for pid in pids)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            for _ in pids:
                tracer.stderr.readline()  # "Process N attached"
            seen = load.parse(subprocess.run(command, text=True, capture_output=True))
        finally:
            os.kill(tracer.pid, signal.SIGINT)
            tracer.communicate()
        return Calls(strace_calls(table.read()), seen)


def strace_calls(text):
    """The count in the last line of `strace -c`: 100.00 0.001 2 12345 67 total"""
    found = re.search(r"^\s*100\.00\s+\S+\s+\S+\s+(\d+)(?:\s+\d+)?\s+total$", text, re.M)
    if found is None:
        raise Failure(f"strace counted nothing: {text[-500:]}")
    return int(found[1])
