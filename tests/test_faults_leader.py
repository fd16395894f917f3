"""Leaders that are killed or stopped, and workers that are stopped: requests go on, and nothing has to be done by hand."""

import os
import re
import signal

import pytest
from support import processes
from support.faulty import complaints, faulty, pid, told_once
from support.processes import stopped, wait_until

pytestmark = pytest.mark.ours


def leader_of(server):
    """The leader of the worker that answers."""
    return processes.parent(pid(server))


def test_a_leader_that_is_killed(serve):
    server = faulty(serve, "processes=2 threads=2")
    first = leader_of(server)
    os.kill(first, signal.SIGKILL)
    line = told_once(server, f"the leader {first} of process group `app` was killed by signal 9")
    assert "nothing here has sent that" in line and line.endswith("; another one starts")
    for _ in range(5):
        pid(server)
    assert leader_of(server) != first


def test_a_leader_that_is_killed_while_a_response_is_on_its_way(serve):
    """Its workers finish what they have, within shutdown-timeout."""
    server = faulty(serve, "shutdown-timeout=30")
    with server.connect() as client:
        worker = pid(server)
        client.start("GET", "/app/fine?after")
        assert (client.head().status, client.chunk()) == (200, b"begun")
        os.kill(processes.parent(worker), signal.SIGKILL)
        wait_until(lambda: pid(server) != worker, 20, "new processes for the next requests")
        server.write("data/go", "")
        assert client.chunks() == b"done"


def test_a_leader_that_ends_again_and_again(serve):
    """Another one at once, then after 1, 2, 4 seconds. Requests wait through the first pauses; then clients are told why."""
    server = faulty(serve)
    pid(server)
    for _ in range(3):
        wait_until(lambda: kill_leader(server), 20, "a leader to kill")
    server.wait_for_log("another one starts in 2 s", timeout=15)
    assert server.get("/app").status == 200, "it was worth waiting"
    wait_until(lambda: kill_leader(server), 20, "a leader to kill")
    server.wait_for_log("another one starts in 4 s", timeout=15)
    pauses = re.findall(r"another one starts(?: in (\d+) s)?", server.log())
    assert pauses == ["", "1", "2", "4"], pauses
    response = server.get("/app")
    assert response.status == 503 and int(response.header("Retry-After")) > 0
    told_once(server, r"process group `app` cannot start its processes: its leader \d+ was killed by signal 9")
    wait_until(lambda: server.get("/app").status == 200, 20, "recovery")


def kill_leader(server):
    """Kills the leader that runs now."""
    for process in processes.children(server.pid):
        if processes.name(process).startswith("mod_wsgi_leader"):
            os.kill(process, signal.SIGKILL)
            wait_until(lambda: not processes.alive(process), 5)
            return True
    return False


def test_a_leader_that_is_stopped_is_not_missed_by_requests(serve):
    server = faulty(serve)
    first = pid(server)
    leader = processes.parent(first)
    with stopped(leader):
        for _ in range(5):
            assert pid(server) == first
        os.kill(first, signal.SIGKILL)
    told_once(server, f"process {first} in slot 0 was killed by signal 9", timeout=15)
    assert pid(server) != first
    assert processes.parent(pid(server)) == leader


def test_httpd_ends_with_a_leader_that_is_stopped(serve):
    server = faulty(serve)
    leader = leader_of(server)
    with stopped(leader):
        server.stop()  # looks whether anything is left
    assert not processes.alive(leader)


def test_a_worker_that_is_stopped_in_a_request(serve):
    """deadlock-timeout finds it; the client is told, and others are served by the process that takes its place."""
    server = faulty(serve, "threads=2 deadlock-timeout=2 shutdown-timeout=1")
    first = pid(server)
    with server.connect() as client:
        client.start("GET", "/app/fine?after")
        assert (client.head().status, client.chunk()) == (200, b"begun")
        with stopped(first):
            told_once(server, f"process {first} in slot 0 is deadlocked")
            assert pid(server) != first
            wait_until(lambda: not processes.alive(first), 15, "its end")
        with pytest.raises(Exception, match="chunk|line"):
            client.chunks()
    assert "deadlock-timeout" in told_once(server, "was lost: ")


def test_a_worker_that_is_stopped_for_a_moment(serve):
    server = faulty(serve)
    first = pid(server)
    with server.connect() as client:
        with stopped(first):
            client.start("GET", "/app")
            wait_until(lambda: processes.state(first) == "T", 5)
        assert client.finish().text == str(first)
    assert not complaints(server)
