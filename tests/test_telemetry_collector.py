"""The collector of mod_wsgi's telemetry (PyPI: mod_wsgi-telemetry) understands what our processes send."""

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import wait_until
from support.server import free_port

COLLECTOR = Path(sys.executable).with_name("mod_wsgi-telemetry")
CONF = """WSGITelemetryService unix:${ROOT}/data/telemetry interval=0.5
WSGISlowRequests 0.2
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / ${APPS}/measured.py
"""

pytestmark = pytest.mark.skipif(not COLLECTOR.exists(), reason="THE COLLECTOR IS NOT INSTALLED: pip install mod_wsgi-telemetry")


@contextmanager
def collector(server, command, *options):
    """Runs a command of the collector on the server's socket."""
    place = server.root / "data" / "telemetry"
    output = open(server.root / "logs" / "collector", "wb+")  # noqa: SIM115: closed below
    arguments = [COLLECTOR, command, "--listen", f"unix:{place}", "--socket-mode", "0666", *options]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until(lambda: place.exists() or process.poll() is not None, 30, "the collector's socket")
        assert process.poll() is None, Path(output.name).read_text()
        yield output.name
    finally:
        process.terminate()
        process.wait(10)
        output.close()


def reports(name):
    lines = Path(name).read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def test_dump(serve, mode):
    server = serve(CONF, mode, "threads=2", run=False)
    with collector(server, "dump", "--format", "json") as output:
        server.start()
        pid = int(server.get("/pid").body)
        server.get("/gc")
        with server.connect() as connection:
            connection.start("GET", "/slow?secret")
            wait_until(lambda: any(r["kind"].startswith("slow") for r in reports(output)), 20, "a slow request")
            server.write("data/go", "")
            connection.finish()
        server.graceful()
        wait_until(lambda: any(r["kind"] == "process_stopped" for r in reports(output)), 20, "the end")
        found = [report for report in reports(output) if report["pid"] == pid]
    kinds = {report["kind"] for report in found}
    assert {"process_started", "request_metrics", "process_stopping", "process_stopped"} <= kinds and len(kinds) == 7, kinds
    started = next(report for report in found if report["kind"] == "process_started")
    assert started["fields"]["mod_wsgi_version"] == "6.1.1" and started["fields"]["process_parent_pid"] == server.pid
    samples = [report["fields"] for report in found if report["kind"] == "request_metrics"]
    assert sum(sample["request_count"] for sample in samples) == 3
    for sample in samples:
        assert sample["slow_requests_threshold"] == 0.2 and len(sample["request_time_buckets"]) == 65
    text = json.dumps(found)
    assert "secret" not in text and not any(f'"{number}"' in text for number in range(1, 325)), "all ids are known to it"


def test_serve_shows_our_processes(serve, mode):
    server, port = serve(CONF, mode, "threads=2", run=False), free_port()
    with collector(server, "serve", "--http-port", str(port)):
        server.start()
        pid = int(server.get("/pid").body)

        def shown():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=10) as answer:
                    processes = {process["pid"]: process for process in json.load(answer)["processes"]}
            except OSError:
                return None
            return processes.get(pid) if processes.get(pid, {}).get("samples") else None

        process = wait_until(shown, 30, "our process")
    assert (process["mod_wsgi_version"], process["mpm_name"]) == ("6.1.1", "event")
    assert (process["process_group"] or "") == ("app" if mode == "daemon" else "")
