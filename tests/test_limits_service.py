"""threads=0: processes that run a script instead of requests."""

import os
import signal
import time

import pytest
from support import processes
from support.processes import wait_until

pytestmark = pytest.mark.ours
CONF = """
WSGIDaemonProcess work threads=0 {options}
WSGIDaemonProcess app threads=2
WSGIScriptAlias /wrong ${{APPS}}/hello.py process-group=work
WSGIScriptAlias /right ${{APPS}}/hello.py process-group=app
{more}
"""
IMPORT = "WSGIImportScript ${ROOT}/work.py process-group=work application-group=%{GLOBAL}"
# Lines in the file `notes`: what happens, and in which process.
WORK = '''"""Works until it is told to stop."""
import atexit, os, signal, threading, time
NOTES = os.path.join(os.environ["MOD_WSGI_TEST"], "data", "notes")
def note(what):
    with open(NOTES, "a") as file:
        file.write(f"{what} {os.getpid()}\\n")
atexit.register(note, "atexit")
signal.signal(signal.SIGUSR2, lambda number, frame: note("signal"))
assert threading.current_thread() is threading.main_thread()
note("begun")
try:
    while True:
        time.sleep(60)
except SystemExit:
    note("told")
    raise
finally:
    note("finished")
'''


def start(serve, script=WORK, options="", more=IMPORT, **settings):
    return serve(CONF.format(options=options, more=more), files={"work.py": script}, **settings)


def notes(server):
    file = server.root / "data" / "notes"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


def noted(server, what, count=1):
    """Waits until something is noted so often; the process of the last."""
    found = lambda: [int(pid) for word, pid in notes(server) if word == what]  # noqa: E731
    return wait_until(lambda: len(found()) >= count and found(), 15, f"{count} times {what!r}")[-1]


def test_it_runs_on_the_main_thread_and_signals_are_its_own(serve):
    server = start(serve)
    process = noted(server, "begun")
    os.kill(process, signal.SIGUSR2)
    assert noted(server, "signal") == process
    assert "ignored" not in server.log()
    assert len([word for word, _ in notes(server) if word == "begun"]) == 1


def test_a_stop_raises_system_exit_in_it(serve):
    server = start(serve)
    process = noted(server, "begun")
    server.stop()
    assert [word for word, pid in notes(server) if int(pid) == process] == ["begun", "told", "finished", "atexit"]
    assert "SystemExit" not in server.log()


def test_requests_for_it_are_refused_and_others_served(serve):
    server = start(serve)
    noted(server, "begun")
    assert server.get("/wrong").status == 500
    server.wait_for_log(r"\[client .*process group `work` has no request threads \(threads=0\)")
    assert server.get("/right").status == 200


def test_it_is_started_again_and_ever_later(serve):
    script = WORK.split("try:")[0]
    server = start(serve, script)
    noted(server, "begun", 3)
    server.wait_for_log("has run its script and exited with status 0; it is run again in 1 s")
    before = len(notes(server))
    time.sleep(1)
    assert len(notes(server)) - before < 10, "it is no storm"


def test_what_it_raises_is_logged(serve):
    server = start(serve, "raise KeyError('on purpose')\n")
    server.wait_for_log("KeyError exception raised processing WSGI script '.*work.py'")
    server.wait_for_log("KeyError: 'on purpose'")
    server.wait_for_log("it is run again")


def test_a_killed_one_is_started_again(serve):
    server = start(serve)
    process = noted(server, "begun")
    os.kill(process, signal.SIGKILL)
    assert noted(server, "begun", 2) != process


def test_no_limit_concerns_it(serve):
    server = start(serve, options="restart-interval=1 inactivity-timeout=1 startup-timeout=1 request-timeout=1 deadlock-timeout=1")
    process = noted(server, "begun")
    time.sleep(4)
    assert processes.alive(process) and len(notes(server)) == 1


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_two_of_them_never_run_at_the_same_time(serve, mpm):
    server = start(serve, mpm=mpm)
    process = noted(server, "begun")
    server.graceful()
    assert noted(server, "begun", 2) != process
    wait_until(lambda: not processes.alive(process), 10)
    words = [(word, int(pid) == process) for word, pid in notes(server)]
    assert words == [("begun", True), ("told", True), ("finished", True), ("atexit", True), ("begun", False)]
    assert server.get("/right").status == 200


def test_one_that_does_not_listen_is_killed(serve):
    script = WORK.replace("except SystemExit:", "except ValueError:").replace("time.sleep(60)", "nap()")
    script = script.replace("note(\"begun\")\n", "def nap():\n    try:\n        time.sleep(60)\n    except SystemExit:\n        note('deaf')\nnote(\"begun\")\n")
    server = start(serve, script, options="shutdown-timeout=1")
    process = noted(server, "begun")
    server.graceful()
    assert noted(server, "deaf") == process
    assert noted(server, "begun", 2) != process
    server.wait_for_log(rf"process {process} in slot \d+ did not stop in time and is killed")


def test_without_a_script_it_says_what_is_missing(serve):
    server = start(serve, more="")
    server.wait_for_log(r"there is none: add `WSGIImportScript PATH process-group=work application-group=%\{GLOBAL\}`")
    assert server.get("/right").status == 200
