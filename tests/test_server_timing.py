"""The header Server-Timing: on which responses it is, and what it says."""

import json
import re

import pytest

pytestmark = pytest.mark.ours

CONF = """
WSGIScriptAlias /on ${APPS}/responses.py
WSGIScriptAlias /off ${APPS}/responses.py
WSGIScriptAlias /slow ${ROOT}/slow.py
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIServerTiming On
<Location /off>
    WSGIServerTiming Off
</Location>
"""
PHASE = r"{}=\d+\.\d{{3}}"
VALUE = {
    "embedded": r"app;dur=(\d+\.\d{3})",
    "daemon": r"queue;dur=\d+\.\d{3}, daemon;dur=\d+\.\d{3}, app;dur=(\d+\.\d{3})",
}

SLOW = '''"""Takes its time before and after its first output."""

import time


def application(environ, start_response):
    time.sleep(0.2)
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    time.sleep(0.4)
    yield b"second"
'''


@pytest.fixture
def server(serve, mode):
    """One with the header."""
    return serve(CONF, mode, files={"slow.py": SLOW})


def timings(server, path, *, method="GET", **wanted):
    """The headers' values for a response of apps/responses.py."""
    wanted = {"status": "200 OK", "headers": [], "blocks": ["body"], **wanted}
    response = server.request(method, path, {"X-Response": json.dumps(wanted)})
    assert response.status == int(wanted["status"].split()[0]), response
    return [value for name, value in response.headers if name.lower() == "server-timing"]


def test_the_phases_of_the_mode(server):
    (value,) = timings(server, "/on")
    assert re.fullmatch(VALUE[server.mode], value), value


def test_it_is_added_to_what_the_application_says(server):
    given = "db;dur=53, cache;desc=\"hit\""
    values = timings(server, "/on", headers=[["Server-Timing", given]])
    assert values[0] == given and re.fullmatch(VALUE[server.mode], values[1]), values


def test_time_counts_up_to_the_head(server):
    response = server.get("/slow")
    assert response.text == "firstsecond"
    milliseconds = float(re.fullmatch(VALUE[server.mode], response.header("Server-Timing")).group(1))
    assert 200 <= milliseconds, "the time before the first output"
    # What comes after it took 400 ms; a noisy machine may add to the 200 before, so only nonsense is refused.
    assert milliseconds < 60_000


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "302 Found", "500 Oh"])
def test_every_status_of_the_application_has_it(server, status):
    blocks = [] if status.startswith("204") else ["body"]
    assert len(timings(server, "/on", status=status, blocks=blocks)) == 1


def test_head_has_it(server):
    assert len(timings(server, "/on", method="HEAD")) == 1


def test_where_it_is_not(server):
    """A 304 updates what caches have stored; httpd's own pages are no responses of the application."""
    assert timings(server, "/on", status="304 Not Modified", blocks=[]) == []
    assert timings(server, "/off") == []
    assert server.get("/failing/before").header("Server-Timing") is None
