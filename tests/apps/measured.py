"""For the tests of metrics: /server answers with server_metrics(), /pid with the process; others do what they are named for."""

import gc
import json
import os
import time
from pathlib import Path

import mod_wsgi


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    value = os.getpid()
    if path == "/server":
        value = mod_wsgi.server_metrics()
    elif path == "/metrics":
        mod_wsgi.start_recording_metrics()
        value = [mod_wsgi.request_metrics(), mod_wsgi.process_metrics()]
    elif path == "/gc":
        gc.collect()
    elif path == "/raise":
        raise RuntimeError("as asked")
    elif path == "/fork":
        value = forked()
    elif path.startswith("/slow"):
        wait_for(Path(os.environ["MOD_WSGI_TEST"]) / "data" / "go")
    elif path == "/missing":
        start_response("404 Not Found", [])
        return [b"nothing"]
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Read", str(len(body)))])
    return [json.dumps(value).encode()]


def wait_for(file):
    """Until the file is there; at most a minute."""
    end = time.monotonic() + 60
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.02)


def forked():
    """What a forked copy of the process gets."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(mod_wsgi.server_metrics()).encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:
        value = json.loads(answer.read())
    os.waitpid(pid, 0)
    return value
