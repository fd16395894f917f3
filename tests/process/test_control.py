"""Control sockets that are full: a leader waits for nobody."""

import contextlib
import json
import os
import re
import signal

from group import alive, until

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""
# Each message about a script names it, so a long path fills a socket soon.
DEEP = "/".join(["d" * 200] * 15)
SCRIPTS = 150


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def replaces_a_killed_worker(site, slot):
    """Whether the leader does its work: which it can only when it waits for nothing else."""
    pid = site.area.slot(slot, "pid")
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in site.workers() and len(site.accepting()) >= site.count // 2, "the replacement")


def test_a_parent_that_hears_nothing(group):
    site = group(HELLO)
    (slot,) = site.ready()
    (leader,) = site.leaders
    control = site.leaders[leader]
    for _ in range(2000):
        site.say(leader, "WhatIsLoaded")
    replaces_a_killed_worker(site, slot)
    control.settimeout(10)
    answers = [json.loads(control.recv(1 << 17)) for _ in range(100)]
    assert {"Keeps": 1} in answers, answers[:3]


def test_a_stopped_worker_that_hears_nothing(group, tmp_path):
    """With reload=rolling the others are told of each script that one has loaded."""
    site = group(HELLO, processes=2, rolling=True)
    busy, deaf = site.ready(2)
    folder = tmp_path / DEEP
    folder.mkdir(parents=True)
    sleeper = site.area.slot(deaf, "pid")
    with stopped(sleeper):
        for number in range(SCRIPTS):
            script = folder / f"{number}.wsgi"
            script.write_text(HELLO)
            assert site.get(slot=busy, script=script).body == b"hello"
        replaces_a_killed_worker(site, busy)
        assert alive(sleeper)
    # What there was no room for it hears now. (The last scripts may not have been told: their worker was killed.)
    late = rf"(?m)\[pid {sleeper}:.*/{SCRIPTS - 20}\.wsgi'"
    until(lambda: re.search(late, site.errors()), "a script that was told late")


def test_an_application_that_writes_into_its_process(group):
    """To descriptor 3, which it has not opened."""
    site = group(HELLO.replace('    start_response', '    import os; os.write(3, b"junk")\n    start_response'))
    site.ready()
    (pid,) = site.workers()
    assert site.get().body == b"hello"
    until(lambda: f"a message of process {pid} is not understood, and is ignored" in site.errors(), "who has sent it")
    assert site.get().body == b"hello" and site.workers() == [pid]
