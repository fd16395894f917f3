"""The load: wrk, one thread, a number of kept connections, and what it saw."""

import dataclasses
import json
import re
import shutil
import subprocess

from bench.failure import Failure

TIMEOUT = 30  # seconds for one answer; wrk's own 2 s are too few for 10 MiB over many connections

# wrk calls this at its end; the report for people goes to standard output and is not read.
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"duration":%d,"bytes":%d,"p50":%d,"p99":%d,"p999":%d,"failed":%d,"closed":%d}\\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.status + e.timeout, e.read + e.write))
end
"""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What wrk counted in one run; times in microseconds.

    `closed` are connections that the server cut, which wrk opens again: httpd's event MPM cuts kept connections while
    all its threads are busy.
    """

    requests: int
    duration: int
    bytes: int
    p50: int
    p99: int
    p999: int
    failed: int
    closed: int


def version():
    """wrk's version; fails without wrk."""
    if shutil.which("wrk") is None:
        raise Failure("wrk is not installed; on Debian: apt-get install wrk")
    return subprocess.run(["wrk", "-v"], text=True, capture_output=True).stdout.split("[")[0].strip()


def command(url, connections, seconds, script):
    """The command line of one run."""
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "--latency", "-s", script, url]


def run(url, connections, seconds, script):
    """One run; `script` is a file with [`DONE`] in it."""
    return parse(subprocess.run(command(url, connections, seconds, script), text=True, capture_output=True))


def parse(done):
    """What a finished wrk reported."""
    line = re.search(r"^\{.*\}$", done.stderr, re.M)
    if done.returncode != 0 or line is None:
        raise Failure(f"wrk ended with {done.returncode}: {done.stderr}{done.stdout}")
    return Seen(**json.loads(line[0]))
