"""A group at rest: nobody wakes up, and the first request after a pause finds everybody awake."""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import wire
from group import until

SLEEPER = """
import time
def application(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [])
    return [b"done"]
"""


def naps(pid):
    """How often the threads of a process have gone to sleep."""
    found = 0
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", path.read_text(), re.M)[1])
    return found


def asleep(pid):
    """Whether nobody of a process wakes up for three seconds."""
    before = naps(pid)
    time.sleep(3)
    return naps(pid) == before


def test_a_group_without_requests_sleeps(group):
    site = group(SLEEPER)
    leader = next(iter(site.leaders))
    site.ready()
    assert site.get().body == b"done"
    assert not asleep(leader), "what has just happened may go on"
    until(lambda: asleep(leader) and asleep(site.workers()[0]), "rest", 40)


def test_limits_count_for_the_first_request_after_a_rest(group):
    site = group(SLEEPER, request_timeout=1, threads=1)
    leader = next(iter(site.leaders))
    site.ready()
    until(lambda: asleep(leader), "rest", 40)
    began = time.monotonic()
    connection = site.send(environ={"QUERY_STRING": "20"})
    until(lambda: "has run for" in site.errors(), "the line about the slow request", 9)
    assert time.monotonic() - began < 9, "not only with the next look of a leader at rest, after ten seconds"
    connection.close()


def test_a_reservation_that_a_dead_child_has_left_is_taken_back_after_a_rest(group):
    site = group(SLEEPER, threads=1)
    leader = next(iter(site.leaders))
    site.ready()
    until(lambda: asleep(leader), "rest", 40)
    assert site.reserve() == 0, "and nothing comes"
    with site.enqueue() as connection:  # as no thread is free
        assert wire.Response(connection).whole().body == b"done"
    until(lambda: "took back 1 reservations" in site.errors(), "the line about it")


def test_a_worker_that_is_stuck_at_rest_is_replaced(group):
    site = group(SLEEPER, deadlock_timeout=40)
    leader = next(iter(site.leaders))
    site.ready()
    until(lambda: asleep(leader), "rest", 40)
    (old,) = site.workers()
    os.kill(old, signal.SIGSTOP)  # as if Python's lock were never given back, and no request to notice it
    until(lambda: f"process {old} in slot 0 is deadlocked" in site.errors(), "the deadlock", 60)
    until(lambda: site.workers() not in ([], [old]), "the replacement")


def test_a_worker_that_dies_at_rest_is_replaced_at_once(group):
    site = group(SLEEPER)
    leader = next(iter(site.leaders))
    site.ready()
    until(lambda: asleep(leader), "rest", 40)
    (old,) = site.workers()
    os.kill(old, 9)
    until(lambda: site.workers() not in ([], [old]), "the replacement", 5)
    site.ready()
    assert site.get().body == b"done"
