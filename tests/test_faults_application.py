"""What an application may do to its own process without ending it: the request, the log and the next requests go on."""

import re

import pytest
from support import processes
from support.faulty import WHEN, after, before, complaints, faulty, pid, told_once
from support.processes import wait_until

pytestmark = pytest.mark.ours
MODES = ["daemon", "embedded"]
EMBEDDED = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /app ${APPS}/faults.py\n"


def site(serve, mode):
    """One process with the application: httpd's own, or one of a group."""
    return faulty(serve) if mode == "daemon" else serve(EMBEDDED)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("when", ["", "?after"])
def test_a_child_that_returns_is_ended(serve, mode, when):
    """os.fork() without exec and without os._exit: both processes return from the application."""
    server = site(serve, mode)
    server.write("data/go", "")
    first = pid(server)
    with server.connect() as client:
        client.start("GET", f"/app/fork{when}")
        response = client.finish()
        assert response.status == 200 and response.body in (str(first).encode(), b"begundone")
        line = told_once(server, "a process that the application has forked came back from the request")
        assert "os._exit()" in line
        client.start("GET", "/app")
        assert client.finish().text == str(first), "nothing of the other one is in the connection"
    copies = [child for child in processes.children(first) if processes.name(child) == processes.name(first)]
    wait_until(lambda: not any(map(processes.alive, copies)), 5, "the end of the copy")
    assert pid(server) == first
    assert len(complaints(server)) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["lose-streams", "close-streams", "close-input", "handlers", "block-signals"])
def test_what_harms_nobody(serve, mode, way):
    server = site(serve, mode)
    first = pid(server)
    assert server.get(f"/app/{way}").status == 200
    assert server.get("/app/raise").status == 500
    told_once(server, "ZeroDivisionError exception raised processing WSGI script")
    for _ in range(4):
        assert pid(server) == first
    assert len(complaints(server)) == 1


def test_signals_are_still_heard_afterwards(serve):
    server = faulty(serve, "threads=1")
    first = pid(server)
    for way in ("handlers", "block-signals", "terminate"):
        assert server.get(f"/app/{way}").status == 200
    wait_until(lambda: not processes.alive(first), 10, "the end by SIGTERM")
    assert pid(server) != first


@WHEN
def test_closed_descriptors(serve, harm):
    """os.closerange takes the worker's own sockets away: nothing is left but to start anew."""
    server = faulty(serve)
    first = pid(server)
    harm(server, "close-all")
    line = told_once(server, "was lost: ")
    assert "exited with status 254: the application has closed file descriptors that are not its own" in line
    assert "os.closerange" in line
    assert pid(server) != first
    wait_until(lambda: not processes.alive(first), 5, "the end of the process")
    assert not re.search("panic|bug", server.log())


def test_closed_descriptors_in_a_thread_of_the_application(serve):
    """Nobody serves a request at the moment: the process notices with the next one, which another gets."""
    server = faulty(serve, "threads=1")
    first = pid(server)
    assert server.get("/app/close-all-later").status == 200
    wait_until(lambda: pid_or_none(server) not in (None, first), 15, "another process")


def pid_or_none(server):
    """The process that answers, unless the request was lost."""
    response = server.get("/app")
    return int(response.text) if response.status == 200 else None


@WHEN
def test_an_exception_is_no_fault_of_the_process(serve, harm):
    server = faulty(serve)
    first = pid(server)
    harm(server, "raise", 500) if harm is before else harm(server, "raise")
    told_once(server, "ZeroDivisionError exception raised")
    assert pid(server) == first


def test_the_process_survives_many_of_them(serve):
    server = faulty(serve, "threads=1")
    first = pid(server)
    for _ in range(5):
        after(server, "raise")
        before(server, "raise", 500)
    assert pid(server) == first
