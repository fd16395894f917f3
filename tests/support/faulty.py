"""A daemon group whose application does itself harm (tests/apps/faults.py), and what is looked at afterwards."""

import re

import pytest

from .http import Cut
from .processes import wait_until

CONF = """
WSGIDaemonProcess app {options}
WSGIProcessGroup app
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /app ${{APPS}}/faults.py
{more}
"""
# A line of ours that says what went wrong; those of a traceback follow one.
COMPLAINT = re.compile(r"^\[[^]]*\] \[wsgi:(?:warn|error|crit)\] \[pid \d+:tid \d+\] (?:\[client [^]]*\] )?([^\[].*)$", re.M)
# What follows the first line of a traceback.
TRACEBACK = re.compile(r" |\(the traceback |Traceback |\w*(Error|Exit)\b(: .*)?$")


def faulty(serve, options="threads=3", more="", **settings):
    """A server with one such group."""
    return serve(CONF.format(options=options, more=more), **settings)


def pid(server, path="/app"):
    """The process that answers."""
    response = server.get(path)
    assert response.status == 200, response
    return int(response.text)


def before(server, way, status=502):
    """Harm before the head: the client gets a page."""
    response = server.get(f"/app/{way}")
    assert response.status == status, response
    return response


def after(server, way):
    """Harm when the client has a part of the response: it can tell that there is no more."""
    with server.connect() as client:
        client.start("GET", f"/app/{way}?after")
        assert client.head().status == 200
        assert client.chunk() == b"begun"
        server.write("data/go", "")
        with pytest.raises(Cut):
            client.chunks()
    (server.root / "data" / "go").unlink()


WHEN = pytest.mark.parametrize("harm", [before, after], ids=["before-the-head", "after-the-head"])


def complaints(server, since=0, pattern=""):
    """Our lines about what went wrong, from a mark on. What is said of the configuration at the start is none of them."""
    log = server.log(since) if since else server.log().partition("resuming normal operations")[2]
    lines = [line for line in COMPLAINT.findall(log) if not TRACEBACK.match(line)]
    return [line for line in lines if re.search(pattern, line)]


def told_once(server, pattern, since=0, timeout=15):
    """Waits for the line, of which there must be one."""
    wait_until(lambda: complaints(server, since, pattern), timeout, f"the line {pattern!r} in\n{server.log(since)}")
    found = complaints(server, since, pattern)
    assert len(found) == 1, found
    return found[0]
