"""cpu-time-limit, and stacks that overflow in C: before the head, and when the client has a part of the response."""

import pytest
from support.faulty import WHEN, before, complaints, faulty, pid, told_once

pytestmark = pytest.mark.ours


@WHEN
def test_what_does_not_stop_using_the_processor(serve, harm):
    """SIGXCPU has it replaced, and the kernel ends what goes on."""
    server = faulty(serve, "threads=3 cpu-time-limit=1 shutdown-timeout=1 graceful-timeout=60")
    first = pid(server)
    harm(server, "spin")
    line = told_once(server, "was lost: ")
    assert f"its process {first} was killed by signal 9 (SIGKILL)" in line
    assert "it was replaced because it had used up its processor time (cpu-time-limit)" in line
    assert "dmesg" not in line, "the reason is known"
    assert pid(server) != first


@WHEN
@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
def test_a_stack_that_overflows_in_c(serve, harm, group):
    server = faulty(serve, "threads=3", f"WSGIApplicationGroup {group}")
    first = pid(server)
    harm(server, "recurse")
    line = told_once(server, "was lost: ")
    assert f"its process {first} was killed by signal 11 (SIGSEGV)" in line
    assert "its Python stack is in the log above" in line
    server.wait_for_log("Fatal Python error: Segmentation fault")
    server.wait_for_log(r'faults\.py", line \d+ in (recurse|<lambda>)')
    assert pid(server) != first


@WHEN
@pytest.mark.parametrize("way", ["deep-json", "deep-pickle", "deep-regex"])
def test_what_python_itself_stops_in_time(serve, harm, way):
    server = faulty(serve)
    first = pid(server)
    harm(server, way, 500) if harm is before else harm(server, way)
    told_once(server, "RecursionError exception raised processing WSGI script")
    assert pid(server) == first
    assert len(complaints(server)) == 1
