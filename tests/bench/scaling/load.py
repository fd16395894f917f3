"""What a request costs: wrk's load on one path, and the processor time of all of httpd's processes."""

import subprocess

from bench import load, processes

CONNECTIONS = 4
SECONDS = 2


def cost(httpd, path, host=None, seconds=SECONDS):
    """Microseconds of processor time for one request."""
    return measured(httpd, path, host, seconds)["cpu"]


def measured(httpd, path, host=None, seconds=SECONDS, connections=CONNECTIONS):
    """Processor time for a request, requests a second, and the times that wrk saw, in microseconds."""
    script = httpd.root / "wrk.lua"
    script.write_text(load.DONE)
    url = f"http://127.0.0.1:{httpd.port}{path}"
    headers = ["-H", f"Host: {host}"] if host else []
    httpd.get(path, host or "localhost")
    members = httpd.processes()
    before = processes.wakeups(members)[1]
    done = subprocess.run([*load.command(url, connections, seconds, script), *headers], text=True, capture_output=True)
    seen = load.parse(done)
    used = processes.wakeups(members)[1] - before
    return {"cpu": used * 1e6 / max(1, seen.requests), "rate": seen.requests * 1e6 / seen.duration, "p50": seen.p50,
            "p99": seen.p99, "failed": seen.failed + seen.closed}
