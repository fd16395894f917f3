"""graceful, restart and stop: nothing is cut or lost by the first, nothing is left by the last."""

import os
import signal

import pytest
from support import processes
from support.load import Load
from support.processes import wait_until

from test_daemon_failures import CONF, SLOW, begun

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("keep", [False, True])
def test_graceful_under_load(serve, mode, keep):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", mode, options="processes=2 threads=4", children=2)
    with Load(server, "/", b"Hello, world!", clients=4, keep=keep) as load:
        for _ in range(4):
            wanted = load.count + 100
            wait_until(lambda: load.count > wanted, 20, "requests")
            server.graceful()
    load.assert_clean(400)


def test_graceful_finishes_what_runs(serve):
    server = serve(CONF.format(options="processes=1 threads=2"), files={"slow.py": SLOW})
    with server.connect() as running, server.connect() as waiting:
        running.start("GET", "/slow?a")
        waiting.start("GET", "/stream/generator?b")
        old = begun(server, "a")
        waiting.head()
        waiting.chunk()
        server.graceful()
        assert server.get("/hello").body == b"Hello, world!"
        for name in ("a.go", "b.2", "b.3"):
            server.write(f"data/{name}", "")
        assert running.finish().body == b"slow but done"
        assert waiting.chunks() == b"block 2\nblock 3\n"
    wait_until(lambda: not processes.alive(old), 10, "the end of the old process")


def test_graceful_brings_new_settings(serve):
    server = serve(CONF.format(options="processes=1 threads=2 lang=C"))
    assert '"LANG": "C"' in server.get("/process").text
    server.reconfigure("lang=C", "lang=C.UTF-8 processes=2")
    server.graceful()
    wait_until(lambda: '"LANG": "C.UTF-8"' in server.get("/process").text, 10, "the new setting")


def test_graceful_adds_and_removes_groups(serve):
    server = serve("WSGIDaemonProcess one\nWSGIScriptAlias / ${APPS}/process.py process-group=one\n")
    assert '"process_group": "one"' in server.get("/").text
    old = processes.descendants(server.pid)
    server.reconfigure("WSGIDaemonProcess one", "WSGIDaemonProcess two")
    server.reconfigure("process-group=one", "process-group=two")
    server.graceful()
    wait_until(lambda: '"process_group": "two"' in server.get("/").text, 10, "the new group")
    wait_until(lambda: not any(map(processes.alive, old)), 75, "the end of the old processes")


def test_new_code_that_cannot_be_loaded_leaves_the_old_running(serve):
    server = serve("WSGIDaemonProcess app processes=1\nWSGIScriptReloading Off\n"
                   "WSGIScriptAlias / ${ROOT}/s.py process-group=app application-group=%{GLOBAL}\n", files={"s.py": GOOD})
    assert server.get("/").body == b"good"
    server.write("s.py", "raise ValueError('bad version')\n")
    server.graceful()
    server.wait_for_log("ValueError: bad version")
    assert server.get("/").body == b"good"


GOOD = '"""Good."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"good"]\n'


@pytest.mark.parametrize("times", [3])
def test_restart(serve, mode, times):
    server = serve("WSGIScriptAlias / ${APPS}/process.py\n", mode)
    for _ in range(times):
        before = processes.descendants(server.pid)
        assert server.get("/").status == 200
        server.restart()
        assert server.get("/").status == 200
        wait_until(lambda: not any(map(processes.alive, before)), 10, "the end of the old processes")


def test_graceful_many_times_leaves_nothing(serve):
    server = serve(CONF.format(options="processes=2 threads=2"))
    def descriptors():
        return len(os.listdir(f"/proc/{server.pid}/fd"))
    for _ in range(3):
        server.graceful()
        server.get("/hello")
    wait_until(lambda: len(processes.descendants(server.pid)) <= 5, 20, "the end of old generations")
    first = descriptors()
    for _ in range(6):
        server.graceful()
        server.get("/hello")
    wait_until(lambda: len(processes.descendants(server.pid)) <= 5, 20, "the end of old generations")
    wait_until(lambda: descriptors() <= first, 10, "closed descriptors")


def test_stop_ends_long_requests_in_time(serve):
    server = serve(CONF.format(options="processes=1 threads=2 shutdown-timeout=1"), files={"slow.py": SLOW})
    with server.connect() as client:
        client.start("GET", "/slow?a")
        begun(server, "a")
        os.kill(server.pid, signal.SIGTERM)
        server.process.wait(10)
        wait_until(lambda: not server.processes(), 5, "the end of all processes")


def test_exit_functions_run_at_stop(serve, mode):
    script = ('"""Leaves a file at its end."""\nimport atexit, os\n'
              'atexit.register(lambda: open("{root}/data/ended", "w").close())\n' + GOOD.split("\n", 1)[1])
    server = serve("WSGIScriptAlias / ${ROOT}/s.py\n", mode, run=False)
    server.write("s.py", script.replace("{root}", str(server.root)))
    server.start()
    assert server.get("/").body == b"good"
    if mode == "embedded":
        # TERM aborts connections, and mod_mpm_event itself can crash on one that is just closing (gdb: apr_os_sock_get
        # below join_workers, nothing of ours), before the child's end runs anything. A graceful stop aborts none.
        server.process.send_signal(signal.SIGWINCH)
        server.process.wait(20)
    server.stop()
    assert (server.root / "data" / "ended").exists()
