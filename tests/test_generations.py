"""graceful, restart and stop: nothing is cut or lost by the first, nothing is left by the last."""

import os
import signal

import pytest
from support import processes, reloads
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


SLOW_START = '''"""Takes its time to load."""
import os, time
time.sleep(0.4)
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
'''


@pytest.fixture
def slow_start(serve):
    """A group of three processes that take some time to load."""
    def made(options=""):
        server = serve(f"WSGIDaemonProcess app processes=3 threads=2 {options}\nWSGIScriptAlias / ${{ROOT}}/s.py process-group=app "
                       "application-group=%{GLOBAL}\n", files={"s.py": SLOW_START}, children=2)
        with Load(server, "/", clients=6) as load:
            wait_until(lambda: len(load.bodies) == 3, 20, "answers of three processes")
        return server
    return made


def finished(server, before):
    """Whether one leader is left, with three workers that were not there before."""
    now = reloads.workers(server)
    return len(reloads.leaders(server)) == 1 and len(now) == 3 and not now & before


def test_graceful_replaces_one_process_at_a_time(slow_start):
    server = slow_start()
    before, most, together = reloads.workers(server), 0, set()
    with Load(server, "/", clients=3) as load:
        wait_until(lambda: load.count > 20, 20, "requests")
        server.graceful()

        def watch():
            nonlocal most
            now = reloads.workers(server)
            most = max(most, len(now))
            together.add(len(now & before))
            return finished(server, before)

        wait_until(watch, 40, "the new processes")
    load.assert_clean(50)
    assert most == 4, "never more than one process too many"
    assert together >= {3, 2, 1}, "the old ones went one by one"


def test_graceful_again_and_again(slow_start):
    """Each generation takes over what the one before has left of the one before that."""
    server = slow_start()
    before = reloads.workers(server)
    with Load(server, "/", clients=3) as load:
        for count in (2, 3, 4):
            server.graceful()
            wait_until(lambda: len(reloads.leaders(server)) == count, 20, "another leader")
        wait_until(lambda: finished(server, before), 60, "the last generation")
    load.assert_clean(50)


def test_graceful_faster_than_it_can_be(serve):
    """Many generations at once: slots for two of them, and each leader has only begun to take over."""
    server = serve("WSGIDaemonProcess app processes=2 threads=2\nWSGIScriptAlias / ${APPS}/hello.py process-group=app\n")
    with Load(server, "/", b"Hello, world!", clients=2) as load:
        for _ in range(5):
            before = reloads.workers(server)
            for _ in range(6):
                mark = server.mark()
                server.graceful()
                server.wait_for_log("resuming normal operations", mark)
            wait_until(lambda: len(reloads.leaders(server)) == 1, 60, "the end of all but one generation")
            now = reloads.workers(server)
            assert len(now) == 2 and not now & before
    load.assert_clean(50)


def test_graceful_while_processes_are_worn_out(slow_start):
    server = slow_start("maximum-requests=40")
    with Load(server, "/", clients=4) as load:
        for _ in range(4):
            before = reloads.workers(server)
            server.graceful()
            wait_until(lambda: len(reloads.leaders(server)) == 1 and not reloads.workers(server) & before, 60, "the new processes")
    load.assert_clean(50)


def test_a_leader_that_dies_while_it_takes_over(slow_start):
    server = slow_start()
    before = reloads.workers(server)
    server.graceful()
    wait_until(lambda: len(reloads.leaders(server)) == 2 and len(reloads.workers(server) & before) == 2, 20, "the first yield")
    os.kill(reloads.leaders(server)[-1], signal.SIGKILL)
    wait_until(lambda: finished(server, before), 60, "another leader that takes over")
    assert int(server.get("/").body) in reloads.workers(server)


def test_the_old_leader_dies_while_it_yields(slow_start):
    server = slow_start()
    before = reloads.workers(server)
    server.graceful()
    wait_until(lambda: len(reloads.leaders(server)) == 2 and len(reloads.workers(server) & before) == 2, 20, "the first yield")
    os.kill(reloads.leaders(server)[0], signal.SIGKILL)
    wait_until(lambda: finished(server, before), 60, "the rest of the new processes")


def test_a_request_longer_than_graceful_timeout_holds_up_nobody(serve):
    server = serve(CONF.format(options="processes=2 threads=2 graceful-timeout=1"), files={"slow.py": SLOW})
    with server.connect() as one, server.connect() as two, server.connect() as three:
        for client, name in ((one, "a"), (two, "b"), (three, "c")):
            client.start("GET", f"/slow?{name}")
            begun(server, name)
        before = reloads.workers(server)
        server.graceful()
        wait_until(lambda: len(reloads.workers(server) - before) == 2, 20, "both new processes")
        for client, name in ((one, "a"), (two, "b"), (three, "c")):
            server.write(f"data/{name}.go", "")
            assert client.finish().body == b"slow but done"
    wait_until(lambda: len(reloads.leaders(server)) == 1, 20, "the end of the old leader")
