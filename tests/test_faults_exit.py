"""An application that ends its process, or has it killed, in a request: the client's view, the log, and the next request."""

import os
import signal
import time

import pytest
from support import processes
from support.faulty import WHEN, after, before, complaints, faulty, pid, told_once
from support.processes import wait_until

pytestmark = pytest.mark.ours
LOST = r"the application \S+/faults\.py in process group `app` was lost: its process \d+ "
SIGNALS = [("abort", r"killed by signal 6 \(SIGABRT\)", "at fault: its Python stack is in the log"),
           ("segfault", r"killed by signal 11 \(SIGSEGV\)", "at fault: its Python stack is in the log"),
           ("kill", r"killed by signal 9 \(SIGKILL\)", "nothing here has sent that.*dmesg.*cgroup.*memory-limit")]


@WHEN
@pytest.mark.parametrize("status", [0, 3])
def test_os_exit(serve, harm, status):
    server = faulty(serve)
    first = pid(server)
    harm(server, f"exit-{status}")
    line = told_once(server, LOST)
    assert f"exited with status {status}: the application, or something that it called, ended the process" in line
    assert pid(server) != first
    server.wait_for_log(rf"was lost: its process {first} exited with status {status}", name="access.log")


@WHEN
@pytest.mark.parametrize(("way", "how", "remedy"), SIGNALS)
def test_a_signal_that_kills(serve, harm, way, how, remedy):
    server = faulty(serve)
    first = pid(server)
    harm(server, way)
    told_once(server, LOST + "was " + how + ".*" + remedy)
    leader = told_once(server, rf"process {first} in slot 0 was {how}, no core dumped, after 1 requests, with 1 running; another starts")
    assert "dmesg" not in leader, "the request's line has that"
    assert pid(server) != first
    assert ("Fatal Python error" in server.log()) == (way != "kill")


@WHEN
def test_sys_exit_ends_the_request_only(serve, harm):
    server = faulty(serve)
    first = pid(server)
    harm(server, "exit", 500) if harm is before else harm(server, "exit")
    told_once(server, "SystemExit exception raised by WSGI script")
    assert pid(server) == first


@pytest.mark.parametrize("when", ["", "?after"])
def test_sigterm_lets_the_request_finish(serve, when):
    server = faulty(serve)
    first = pid(server)
    server.write("data/go", "")
    response = server.get(f"/app/terminate{when}")
    assert response.status == 200 and response.body in (str(first).encode(), b"begundone")
    wait_until(lambda: pid(server) != first, 10, "another process")
    wait_until(lambda: not processes.alive(first), 10, "the end of the process")
    assert not complaints(server), "an orderly end"


def test_killed_while_idle(serve):
    server = faulty(serve)
    first = pid(server)
    time.sleep(0.3)  # the client has its answer a moment before the thread is done
    os.kill(first, signal.SIGKILL)
    line = told_once(server, rf"process {first} in slot 0 was killed by signal 9")
    assert "with 0 running; nothing here has sent that: the system ran out of memory, as a rule" in line
    assert pid(server) != first
    assert len(complaints(server)) == 1


def test_killed_while_it_reads_a_body(serve):
    server = faulty(serve)
    first = pid(server)
    with server.connect() as client:
        client.send(b"POST /app HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + bytes(200_000))
        wait_until((server.root / "data" / "go.reading").exists, 10, "the application to read")
        os.kill(first, signal.SIGKILL)
        client.send(bytes(800_000))  # httpd takes in the rest of a body before it answers with a page, whatever the page
        assert client.finish().status == 502
    told_once(server, LOST + "was killed by signal 9")
    assert pid(server) != first


def test_what_runs_beside_it_is_lost_too_and_each_is_told(serve):
    server = faulty(serve)
    first = pid(server)
    with server.connect() as other:
        other.start("GET", "/app/fine?after")
        assert (other.head().status, other.chunk()) == (200, b"begun")
        before(server, "exit-3")
        with pytest.raises(Exception, match="chunk|line"):
            other.chunks()
    wait_until(lambda: len(complaints(server, 0, LOST)) == 2, 10, "a line for each request")
    told_once(server, rf"process {first} in slot 0 exited with status 3, after 1 requests, with 2 running; another starts")
    assert pid(server) != first


def test_a_group_of_two_serves_on(serve):
    server = faulty(serve, "processes=2 threads=1")
    after(server, "segfault")
    for _ in range(10):
        pid(server)
    told_once(server, LOST)
