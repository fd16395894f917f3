"""Requests that run too long: request-timeout and interrupt-timeout."""

import os
import re

import pytest
from support.http import Cut
from support.limited import begin, begun, limited, pid, reason, replaced

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_an_interrupted_request_gets_504_and_its_process_lives(serve, mpm):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5", mpm=mpm)
    before = pid(server)
    assert server.get("/app/patient?30").status == 504
    server.wait_for_log(r"GET /app/patient\?30 has run for .* longer than request-timeout=1; its stack follows")
    server.wait_for_log(r'limits\.py", line \d+, in patient')
    server.wait_for_log("Injected RequestTimeout into thread 1")
    server.wait_for_log(r"\[client .*Request interrupted by RequestTimeout; thread recovered")
    assert pid(server) == before
    assert "is replaced" not in server.log()


def test_an_interruption_works_in_every_interpreter(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5", group="sub")
    before = pid(server)
    assert server.get("/app/patient?30").status == 504
    server.wait_for_log("stack of thread 1 in application group 'sub'")
    assert pid(server) == before


def test_a_response_that_has_begun_is_cut(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5")
    before = pid(server)
    with server.connect() as client:
        client.start("GET", "/app/stream?30")
        assert client.head().status == 200
        assert client.chunk() == b"begun"
        with pytest.raises(Cut):
            client.chunk()
    assert pid(server) == before


def test_a_loading_script_is_interrupted_too(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5", more="WSGIScriptAlias /slow ${ROOT}/slow.py",
                     files={"slow.py": "import time\nfor _ in range(1500): time.sleep(0.02)\n"})
    assert server.get("/slow").status == 504
    assert server.get("/app/pid").status == 200


def test_the_request_after_an_interrupted_one_is_not_hit(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=20")
    before = pid(server)
    assert server.get("/app/asleep?2.5").status in (200, 504)  # the exception waits until the sleep in C is over
    for _ in range(20):
        assert pid(server) == before


def test_a_request_that_cannot_be_interrupted_costs_its_process(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=1 shutdown-timeout=1")
    with server.connect() as client:
        process = begin(server, client, "/stubborn?60", "stuck")
        assert client.finish().status == 502
    server.wait_for_log(r"\[client .*stubborn|\[client .*limits\.py.*request-timeout")
    assert reason(server, process) == "request_timeout"
    assert pid(server) != process


def test_without_an_interruption_the_process_is_replaced(serve):
    server = limited(serve, "threads=1 request-timeout=1 shutdown-timeout=1")
    with server.connect() as client:
        process = begin(server, client, "/patient?60", "stuck")
        new = replaced(server, process)
        assert client.finish().status == 502
    server.wait_for_log(r"process \d+ in slot \d+ is replaced, since .*GET /app/patient\?60 has run for")
    server.wait_for_log(r'limits\.py", line \d+, in patient')
    server.wait_for_log(r"\[client .* it was replaced because a request ran longer than request-timeout allows")
    assert reason(server, process) == "request_timeout"
    assert pid(server) == new


def test_other_requests_of_the_process_finish(serve):
    # three threads: the limit is 2.1 s, and what is not overdue is waited for
    server = limited(serve, "threads=3 request-timeout=1 graceful-timeout=30 shutdown-timeout=1")
    with server.connect() as stuck, server.connect() as other:
        process = begin(server, stuck, "/patient?60", "stuck")
        server.wait_for_log("its stack follows")
        assert begin(server, other, "/patient?2", "other") == process
        answer = other.finish()
        assert (answer.status, int(answer.text)) == (200, process)
        assert stuck.finish().status == 502


def test_each_limit_stands_on_its_own(serve):
    """The replaced module enforces request-timeout only beside deadlock-timeout or inactivity-timeout."""
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5 deadlock-timeout=0")
    assert server.get("/app/patient?30").status == 504


def test_no_limit_no_trouble(serve):
    server = limited(serve, "threads=2 interrupt-timeout=1")
    before = pid(server)
    assert server.get("/app/patient?3").status == 200
    assert pid(server) == before
    assert not re.search("has run for|Injected", server.log())


def test_what_runs_is_named_with_its_id(serve):
    server = limited(serve, "threads=1 request-timeout=1 interrupt-timeout=5", more="LogLevel warn wsgi:info")
    with server.connect() as client:
        process = begin(server, client, "/patient?30&" + "x" * 500, "long")
        begun(server, "long")
        assert client.finish().status == 504
    line = server.wait_for_log(r"process group 'app': (\S+) GET (\S+) has run for", timeout=5)
    assert len(line[2]) < 250 and line[2].startswith("/app/patient?30&xxx")
    os.kill(process, 0)

