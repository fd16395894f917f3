"""A full disk: below the error log, and below what a slow client has not taken yet."""

import contextlib
import os
import signal

import pytest
from support import disk, processes
from support.faulty import complaints, faulty, pid, told_once
from support.processes import wait_until

pytestmark = [pytest.mark.ours, pytest.mark.root]
EMBEDDED = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /app ${APPS}/faults.py\n"


@pytest.fixture
def full(serve):
    """Makes a server whose log folder becomes full once it runs; the file to remove."""

    def start(mode="daemon"):
        server = faulty(serve, run=False) if mode == "daemon" else serve(EMBEDDED, run=False)
        folder = stack.enter_context(disk.small(server.root / "logs"))
        server.start()
        first = pid(server)
        return server, first, disk.fill(folder)

    with contextlib.ExitStack() as stack:
        yield start


@pytest.mark.parametrize("mode", ["daemon", "embedded"])
def test_an_error_log_that_is_full(full, mode):
    """What cannot be written is lost; neither the application nor its process notices."""
    server, first, file = full(mode)
    since = server.mark()
    for way in ("print", "print-much", "errors", "logging", "subprocess"):
        response = server.get(f"/app/{way}")
        assert (response.status, response.text) == (200, str(first)), way
    assert server.get("/app/raise").status == 500
    assert pid(server) == first
    assert len(server.log(since)) < 16384, "800 KB were printed"
    file.unlink()
    since = server.mark()
    assert server.get("/app/print").status == 200
    server.wait_for_log("printed by the application", since)


def test_the_group_recovers_although_nobody_can_read_of_it(full):
    """The leader's log and that of a process that crashes are full, too."""
    server, first, file = full()
    assert server.get("/app/segfault").status == 502
    second = pid(server)
    assert second != first
    os.kill(second, signal.SIGTERM)
    wait_until(lambda: pid(server) != second, 15, "another process")
    third = pid(server)
    os.kill(processes.parent(third), signal.SIGKILL)
    wait_until(lambda: pid(server) != third, 15, "another leader")
    file.unlink()
    since = server.mark()
    assert server.get("/app/exit-3").status == 502
    server.wait_for_log("was lost: .* exited with status 3", since)


@pytest.fixture
def crowded(serve):
    """A server whose folder for temporary files is full."""
    with contextlib.ExitStack() as stack:

        def start(more=""):
            server = faulty(serve, "threads=1 " + more, run=False)
            folder = server.root / "tmp"
            folder.mkdir()
            server.env["TMPDIR"] = str(stack.enter_context(disk.small(folder)))
            disk.fill(folder)
            server.start()
            pid(server)
            return server

        yield start


def test_a_slow_client_gets_the_whole_response_all_the_same(crowded):
    """What it has not taken yet cannot be kept: the thread of the application waits for it."""
    server = crowded()
    with server.connect() as client:
        client.start("GET", "/app/large")
        head = client.head()
        assert head.status == 200
        told_once(server, "what slow clients have not taken yet cannot be kept in .*No space left.*make room there")
        assert len(client.body("GET", head)) == 64 << 20
    assert pid(server)
    assert len(complaints(server)) == 1


def test_a_body_that_cannot_be_kept(crowded):
    """request-buffering=on: the client is told; a body that fits into memory needs no disk."""
    server = crowded("request-buffering=on")
    response = server.post("/app", bytes(4 << 20))
    assert response.status == 507
    line = told_once(server, "a request body for process group `app` cannot be kept in .*No space left")
    assert "make room there, or name another folder with spool-directory=" in line
    server.wait_for_log("^507 POST /app a request body for process group `app` cannot be kept", name="access.log")
    assert server.post("/app", bytes(1000)).status == 200
    assert len(complaints(server)) == 1
