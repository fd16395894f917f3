"""Leaders behind one another: who starts processes, and when."""

import os
import select
import signal

import wire
from group import until

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


class Row:
    """A leader that waits for another one, and has one behind it; this process is both."""

    def __init__(self, group, script=HELLO, **changes):
        waits, self.before = os.pipe()
        self.after, passes = os.pipe()
        self.site = group(script, start=False, **changes)
        self.leader = self.site.start(behind=[waits, passes], waits_for_turn=True, passes_turn=True)
        os.close(waits)
        os.close(passes)

    def passed(self, timeout=0):
        """Whether the one behind may start."""
        return bool(select.select([self.after], [], [], timeout)[0])

    def starts(self):
        """How many processes the leader says it has started."""
        return self.site.errors().count("Starting process")


def test_processes_start_after_those_of_the_leader_before(group):
    row = Row(group, processes=2)
    assert not row.passed(0.5) and row.starts() == 0
    os.close(row.before)
    row.site.ready()
    assert row.passed(10) and row.starts() == 2
    assert row.site.get().body == b"hello"


def test_a_request_waits_for_nobody(group):
    row = Row(group)
    assert row.site.queued_get().body == b"hello"
    assert row.passed(10)
    os.close(row.before)


def test_the_end_of_a_leader_lets_the_next_one_begin(group):
    row = Row(group)
    os.kill(row.leader, signal.SIGTERM)
    assert row.passed(10) and row.starts() == 0
    row.site.wait(row.leader)
    os.close(row.before)


def test_a_process_that_hangs_does_not_hold_up_the_next_leader(group):
    row = Row(group, "import time; time.sleep(60)\n" + HELLO, imports=[])
    os.close(row.before)
    until(lambda: row.starts() == 1, "the start")
    assert row.passed(10)


def test_a_process_that_fails_does_not_hold_up_the_next_leader(group):
    row = Row(group, interpreter="/nowhere/python")
    os.close(row.before)
    assert row.passed(10)
    until(lambda: row.site.area.state == wire.FAILING, "the failure")
