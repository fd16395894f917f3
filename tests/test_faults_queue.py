"""A queue that is full, a wait in it that is too long, and more connections on their way than the system allows."""

import contextlib
import re
import select

import pytest
from support.faulty import complaints, faulty, pid, told_once
from support.processes import wait_until
from support.rlimit import leave, limit

pytestmark = pytest.mark.ours


@contextlib.contextmanager
def busy(server, clients):
    """All threads run requests until the end; those must succeed."""
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(server.connect()) for _ in range(clients)]
        for client in running:
            client.start("GET", "/app/fine?after")
            assert (client.head().status, client.chunk()) == (200, b"begun")
        yield
        server.write("data/go", "")
        for client in running:
            assert client.chunks() == b"done"


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_full_queue(serve, mpm):
    """Two requests find room; whichever is the third is refused."""
    server = faulty(serve, "threads=1 listen-backlog=2 connect-timeout=1", mpm=mpm)
    pid(server)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        with busy(server, 1):
            for number, client in enumerate(clients):
                client.start("GET", f"/app/fine?{number}")
            ready, _, _ = select.select([client.socket for client in clients], [], [], 30)
            refused, = [client for client in clients if client.socket in ready]
            response = refused.finish()
            assert response.status == 503 and response.header("Retry-After") == "2"
            line = complaints(server, 0, "stayed full")[0]
            assert re.match(r"the queue of process group `app` stayed full for \d+ s \(connect-timeout\) with 2 requests waiting: "
                            "more processes or threads, or a larger listen-backlog, would help", line)
            server.wait_for_log("^503 GET /app/fine the queue of process group `app` stayed full", name="access.log")
        assert [client.finish().status for client in clients if client is not refused] == [200, 200]
    assert pid(server)


def test_a_wait_that_is_too_long(serve):
    server = faulty(serve, "threads=2 queue-timeout=3")
    with busy(server, 2):
        assert server.get("/app").status == 504
        line = told_once(server, r"the request for \S+/faults\.py waited \d+\.\d s for a thread of process group `app`")
        assert "longer than queue-timeout: 2 of its 2 threads were busy" in line
        server.wait_for_log("^504 GET /app the request for .* longer than queue-timeout", name="access.log")
    assert pid(server)
    assert len(complaints(server)) == 1


def test_those_who_wait_when_a_process_dies_are_served_by_the_next(serve):
    server = faulty(serve, "threads=1")
    first = pid(server)
    with contextlib.ExitStack() as stack:
        victim = stack.enter_context(server.connect())
        victim.start("GET", "/app/exit-3?after")
        assert (victim.head().status, victim.chunk()) == (200, b"begun")
        waiting = [stack.enter_context(server.connect()) for _ in range(4)]
        for client in waiting:
            client.start("GET", "/app")
        server.write("data/go", "")
        answers = {int(client.finish().text) for client in waiting}
    assert first not in answers and len(answers) == 1


@pytest.mark.root
def test_more_connections_on_their_way_than_the_system_allows(serve):
    """The kernel counts what waits in the queues of a user, against the limit of open files (ETOOMANYREFS). Root has none."""
    server = faulty(serve, "threads=1 listen-backlog=1000 connect-timeout=2", mpm="prefork", children=40)
    pid(server)
    for child in server.httpd_children():
        limit(child, leave(child, 6))
    with contextlib.ExitStack() as stack:
        with busy(server, 1):
            waiting = [stack.enter_context(server.connect()) for _ in range(38)]
            for client in waiting:
                client.start("GET", "/app")
            line = wait_until(lambda: complaints(server, 0, "stayed full"), 20, "a queue that is full")[0]
            assert int(re.search(r"with (\d+) requests waiting", line)[1]) < 38
        statuses = {client.finish().status for client in waiting}
        assert statuses == {200, 503}
    assert pid(server)
