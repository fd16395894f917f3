"""preload=on, and the process that loads the application fails: it is ended and tried again, the old code serves, and the
status says what is wrong."""

import json
import os
import signal

import pytest
from support.processes import wait_until
from test_preload import CONF, ask, ask_all, leader, preload, put, template, workers  # noqa: F401 (a fixture among them)

pytestmark = pytest.mark.ours

STATUS = "<Location /wsgi-status>\n    SetHandler wsgi-status\n    Require local\n</Location>\n"
LIMIT = 10  # within which Python has to start on a slow machine
HARM = {
    "raises": ("raise ValueError('broken')", r"the application could not be loaded"),
    "ends": ("os._exit(3)", r"exited with status 3"),
    "hangs": ("time.sleep(600)", rf"the application is not loaded after {LIMIT} s \(startup-timeout\)"),
}


def group(server):
    """State of the group, and the reason for it."""
    found = json.loads(server.get("/wsgi-status?format=json").body)["groups"][0]
    return found["state"], found["reason"] or ""


def becomes(server, state, words="", timeout=60):
    """Waits until the group's state is this one, and the reason has these words."""
    wait_until(lambda: (now := group(server))[0] == state and words in now[1], timeout, f"the state {state}", 0.2)


def broken(server, loading):
    """What the script loads is broken, and the script itself is as it was."""
    server.write("data/loading", loading)


@pytest.mark.parametrize("reload", ["strict", "rolling"])
@pytest.mark.parametrize("harm", HARM)
def test_a_signal_with_broken_code_keeps_the_old_and_says_so(preload, harm, reload):
    loading, words = HARM[harm]
    server = preload(f"processes=2 threads=1 reload={reload} startup-timeout={LIMIT}", conf=STATUS + CONF)
    before, made = ask_all(server, 2), template(server)
    assert group(server) == ("running", "")
    broken(server, loading)
    os.kill(leader(server), signal.SIGUSR1)
    server.wait_for_log(f"the processes serve on with the code that they have, since newer code cannot be had: .*{words}", timeout=60)
    becomes(server, "outdated", "the processes serve on with the code that they have")
    assert set(ask_all(server, 2)) == set(before) and template(server) == made

    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in (now := workers(server)) and len(now) == 2, 20, "a replacement")
    after = ask_all(server, 2)
    assert {one["made"] for one in after.values()} == {before[victim]["made"]}, "it is a copy of the old code"
    assert group(server)[0] == "outdated", "which changes nothing"

    broken(server, "")
    os.kill(leader(server), signal.SIGUSR1)
    becomes(server, "running")
    wait_until(lambda: {one["made"] for one in ask_all(server, 2).values()}.isdisjoint({before[victim]["made"]}), 30, "new code")
    assert group(server) == ("running", "")


def test_a_lost_template_that_cannot_be_had_again(preload):
    server = preload("processes=2 threads=1", conf=STATUS + CONF)
    before, made = ask_all(server, 2), template(server)
    broken(server, "os._exit(3)")
    os.kill(made, signal.SIGKILL)
    becomes(server, "outdated", "exited with status 3")
    assert set(ask_all(server, 2)) == set(before), "the workers live on"
    server.wait_for_log("another process loads the application in 2 s", timeout=30)
    broken(server, "")
    becomes(server, "running")
    assert template(server) != made


def attempts(server):
    """How often a process began to load the application."""
    return server.log().count("it loads the application, and workers are forked from it")


@pytest.mark.parametrize("options, hang, words", [
    ("deadlock-timeout=3", "import ctypes; ctypes.PyDLL(None).sleep(600)",
     r"the application has kept Python's lock \(the GIL\) for 3 s while it is loaded \(deadlock-timeout\)"),
    (f"startup-timeout={LIMIT}", "time.sleep(600)", rf"the application is not loaded after {LIMIT} s \(startup-timeout\)")],
    ids=["with the lock", "without"])
def test_an_application_that_hangs_while_it_is_loaded(preload, options, hang, words):
    server = preload(f"processes=2 threads=1 {options}", hang, conf=STATUS + CONF)
    server.wait_for_log(f"{words}; the process that loads it is ended, and its stack is below", timeout=60)
    server.wait_for_log(r'File ".*preloaded\.py", line \d+ in <module>', timeout=20)
    server.wait_for_log(f"cannot start a process: .*{words}.*; the next attempt is in 1 s", timeout=20)
    becomes(server, "failing", options.split("=")[0])
    assert server.get("/").status == 503
    server.wait_for_log(f"cannot start a process: .*{words}.*; the next attempt is in 2 s", timeout=60)
    assert attempts(server) >= 2
    broken(server, "")
    wait_until(lambda: server.get("/").status == 200, 60, "recovery")
    assert {one["loaded_by"] for one in ask_all(server, 2).values()} == {template(server)}
    becomes(server, "running")


def test_who_loads_for_long_and_shares_the_lock_is_left_alone(preload):
    server = preload("processes=2 threads=1 deadlock-timeout=3", "end = time.monotonic() + 6\nwhile time.monotonic() < end: pass\n")
    wait_until(lambda: ask(server), 60, "the application")
    assert {one["loaded_by"] for one in ask_all(server, 2).values()} == {template(server)}, "the prober is no obstacle to forks"
    assert attempts(server) == 1 and "deadlock-timeout)" not in server.log()
