"""No file descriptors left: in a worker, in httpd's child, in the leader."""

import contextlib
import os
import re
import resource
import signal

import pytest
from support import processes
from support.faulty import WHEN, before, complaints, faulty, pid, told_once
from support.processes import wait_until
from support.rlimit import leave, limit

pytestmark = pytest.mark.ours
USED_UP = r"this process has used up its \d+ file descriptors: it is replaced\. Find out what leaves files or sockets open"


@contextlib.contextmanager
def limited(process, number, which=resource.RLIMIT_NOFILE):
    """A limit that holds for a while."""
    before = limit(process, number, which)
    try:
        yield
    finally:
        limit(process, before, which)


@WHEN
def test_an_application_that_leaks_them(serve, harm):
    """The request fails; the process cannot take others, and another takes its place."""
    server = faulty(serve)
    first = pid(server)
    limit(first, 64)
    harm(server, "leak", 500) if harm is before else harm(server, "leak")
    told_once(server, "OSError exception raised processing WSGI script")
    server.wait_for_log(r"Too many open files")
    server.wait_for_log(r'faults\.py", line \d+, in leak')
    told_once(server, USED_UP)
    wait_until(lambda: pid(server) != first, 15, "another process; every request meanwhile is answered")
    assert len(complaints(server)) == 2


def test_an_error_page_of_the_application(serve):
    server = faulty(serve)
    first = pid(server)
    limit(first, 64)
    assert server.get("/app/leak?page").body == b"an error page"
    told_once(server, USED_UP)
    wait_until(lambda: pid(server) != first, 15, "another process")


@pytest.mark.parametrize("count", [1, 2])
def test_a_request_that_cannot_be_taken_over_goes_elsewhere(serve, count):
    """The application has said nothing about its leak, so that the first to notice is a thread that gets no connection."""
    server = faulty(serve, f"processes={count} threads=3")
    assert server.get("/app/leak-quietly").status == 200
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3 * count)]
        for client in clients:
            client.start("GET", "/app/fine?after")
        for client in clients:
            assert client.head().status == 200
            assert client.chunk() == b"begun"
        told_once(server, USED_UP)
        server.write("data/go", "")
        for client in clients:
            assert client.chunks() == b"done"
    for _ in range(6):
        pid(server)
    assert len(complaints(server)) == 1


def test_used_up_for_a_moment(serve):
    """Nothing is missing any more when the request is over."""
    server = faulty(serve)
    first = pid(server)
    limit(first, 64)
    before(server, "leak-and-release", 500)
    assert [pid(server) for _ in range(5)] == [first] * 5
    assert not complaints(server, 0, USED_UP)


def serving_child(server):
    """The child of httpd that has clients; another one is mod_cgid's."""
    threaded = lambda child: len(os.listdir(f"/proc/{child}/task")) > 1  # noqa: E731
    child, = wait_until(lambda: [child for child in server.httpd_children() if threaded(child)], 10, "a child with threads")
    return child


def test_in_a_child_of_httpd(serve):
    """It has one for the client, and none for a connection to the group."""
    server = faulty(serve)
    child = serving_child(server)
    with server.connect() as client:
        client.start("GET", "/htdocs-is-empty")
        assert client.finish().status in (403, 404)
        with limited(child, leave(child, 1)):
            client.start("GET", "/app")
            response = client.finish()
            assert response.status == 503 and int(response.header("Retry-After")) > 0
        line = told_once(server, "process group `app` cannot be reached")
        assert "Too many open files" in line and "raise its limit on open files (ulimit -n, or LimitNOFILE= of the service)" in line
        server.wait_for_log("^503 GET /app process group `app` cannot be reached", name="access.log")
    assert pid(server)


def test_a_file_that_a_child_of_httpd_cannot_take_over(serve):
    """wsgi.file_wrapper: the connection is there, and the file's descriptor gets lost. It is not the application's fault."""
    server = faulty(serve)
    child = serving_child(server)
    with server.connect() as client:
        client.start("GET", "/app")
        client.finish()
        with limited(child, leave(child, 0)):
            client.start("GET", "/app/file")
            assert client.finish().status == 503
    line = told_once(server, "process group `app` cannot be reached")
    assert "Too many open files" in line
    assert server.get("/app/file").body.startswith(b'"""')


@pytest.mark.parametrize(("which", "number", "says"), [
    (resource.RLIMIT_NOFILE, None, "the system refuses what it needs: Too many open files.*look at the limits on open files"),
    (resource.RLIMIT_NPROC, 0, r"the group's user has reached its limit of processes \(ulimit -u\)"),
], ids=["files", "processes"])
@pytest.mark.root
def test_a_leader_that_can_start_nothing(serve, which, number, says):
    """It tries again, ever later, until it can; clients are told meanwhile."""
    server = faulty(serve)
    first = pid(server)
    leader = processes.parent(first)
    with limited(leader, leave(leader, 0) if number is None else number, which):
        os.kill(first, signal.SIGKILL)
        told_once(server, "cannot start a process: .*" + says + ".*the next attempt is in 1 s")
        response = server.get("/app")
        assert response.status == 503 and int(response.header("Retry-After")) > 0
        server.wait_for_log("the next attempt is in 2 s")
    wait_until(lambda: server.get("/app").status == 200, 15, "recovery")
    attempts = re.findall(r"the next attempt is in (\d+) s", server.log())
    assert attempts == ["1", "2", "4"][:len(attempts)]
