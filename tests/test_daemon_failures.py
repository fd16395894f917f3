"""Workers that die, that cannot start, and a server that is killed: what the client gets and what the log says."""

import os
import signal
import time

import pytest
from support import processes
from support.http import Cut
from support.processes import wait_until

CONF = ("WSGIDaemonProcess app {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\nSetEnv MOD_WSGI_TEST_DATA ${{ROOT}}/data\n"
        "WSGIScriptAlias /slow ${{ROOT}}/slow.py\nWSGIScriptAlias /stream ${{APPS}}/stream.py\nWSGIScriptAlias /process ${{APPS}}/process.py\n"
        "WSGIScriptAlias /hello ${{APPS}}/hello.py\n")
SLOW = '''"""Notes its process in a file, then waits until it is told to go on."""
import os, time
def application(environ, start_response):
    base = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    with open(base + ".run", "a") as note:
        note.write("%d\\n" % os.getpid())
    os.rename(base + ".run", base + ".pid")
    while not os.path.exists(base + ".go"):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slow but done"]
'''


@pytest.fixture
def server(serve):
    return serve(CONF.format(options="processes=1 threads=4"), files={"slow.py": SLOW})


def begun(server, name, timeout=10):
    """The process in which a slow request runs, once it does."""
    path = server.root / "data" / f"{name}.pid"
    wait_until(path.exists, timeout, "the slow request to begin")
    return int(path.read_text().split()[-1])


@pytest.mark.ours
def test_killed_before_the_head(server):
    with server.connect() as client:
        client.start("GET", "/slow?a")
        os.kill(begun(server, "a"), signal.SIGKILL)
        assert client.finish().status == 502
    line = server.wait_for_log(r"^.*\[client 127\.0\.0\.1:\d+\].*(SIGKILL|signal 9).*$").group()
    assert "slow.py" in line and "`app`" in line
    assert server.get("/hello").body == b"Hello, world!"
    server.wait_for_log(r"^502 GET /slow .*(SIGKILL|signal 9)", name="access.log")


@pytest.mark.ours
def test_killed_after_the_head(server):
    with server.connect() as client:
        client.start("GET", "/stream/generator?b")
        assert client.head().status == 200
        client.chunk()
        os.kill(int(server.get("/process").text.split('"pid": ')[1].split(",")[0]), signal.SIGKILL)
        with pytest.raises(Cut):
            client.chunk()
    server.wait_for_log(r"\[client .*(SIGKILL|signal 9)")
    assert server.get("/hello").body == b"Hello, world!"


@pytest.mark.ours
def test_a_crash_costs_only_the_requests_of_its_process(serve):
    server = serve(CONF.format(options="processes=2 threads=1"), files={"slow.py": SLOW})
    with server.connect() as first, server.connect() as second:
        first.start("GET", "/slow?a")
        killed = begun(server, "a")
        second.start("GET", "/slow?b")
        assert begun(server, "b") != killed
        os.kill(killed, signal.SIGSEGV)
        assert first.finish().status == 502
        server.write("data/b.go", "")
        assert second.finish().body == b"slow but done"
    server.wait_for_log("SIGSEGV|signal 11")


@pytest.mark.ours
def test_not_one_request_is_lost_between_death_and_replacement(server):
    for number in range(3):
        pid = int(server.get("/process").text.split('"pid": ')[1].split(",")[0])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes.alive(pid), 5)
        assert server.get("/hello").status == 200, number


@pytest.mark.ours
def test_interpreter_that_cannot_start(serve):
    server = serve("WSGIDaemonProcess bad python-home=${ROOT}/venv\nWSGIScriptAlias /bad ${APPS}/hello.py process-group=bad\n"
                   "WSGIDaemonProcess good\nWSGIScriptAlias /good ${APPS}/hello.py process-group=good\n", run=False)
    (server.root / "venv" / "bin").mkdir(parents=True)
    python = server.root / "venv" / "bin" / "python3"
    python.write_text("#!/bin/sh\necho broken on purpose >&2\nexit 9\n")
    python.chmod(0o755)
    server.start()
    response = server.get("/bad")
    assert response.status == 503
    assert int(response.header("Retry-After")) > 0
    server.wait_for_log("exit status 9|status 9")
    server.wait_for_log("broken on purpose")
    assert server.get("/good").status == 200
    time.sleep(2)  # no busy loop: attempts back off
    assert server.log().count("broken on purpose") < 8


@pytest.mark.ours
@pytest.mark.parametrize("victim", ["leader", "parent"])
def test_nothing_outlives_the_server(server, victim):
    assert server.get("/hello").status == 200
    daemons = [pid for pid in processes.descendants(server.pid) if pid not in server.httpd_children()]
    assert daemons
    if victim == "leader":
        leader = next(pid for pid in daemons if processes.parent(pid) == server.pid)
        os.kill(leader, signal.SIGKILL)
        wait_until(lambda: not any(map(processes.alive, daemons)), 5, "the end of the workers")
        assert server.get("/hello").status == 200
        return
    children = server.httpd_children()
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait(5)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(processes.alive, daemons)), 5, "the end of all daemon processes")


@pytest.mark.ours
def test_orphaned_children_are_served_until_the_last_ends(server):
    with server.connect() as client:
        client.start("GET", "/slow?c")
        begun(server, "c")
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(5)
        server.write("data/c.go", "")
        assert client.finish().body == b"slow but done"
    for pid in server.processes():
        if processes.name(pid) == "apache2":
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not server.processes(), 8, "the end of all processes")


@pytest.mark.ours
def test_queue_timeout(serve):
    server = serve(CONF.format(options="processes=1 threads=1 queue-timeout=3"), files={"slow.py": SLOW})
    with server.connect() as client:
        client.start("GET", "/slow?a")
        begun(server, "a")
        before = time.monotonic()
        assert server.get("/hello").status == 504
        assert time.monotonic() - before > 2.9
        server.write("data/a.go", "")
        assert client.finish().status == 200
    assert server.get("/hello").status == 200


@pytest.mark.ours
def test_a_request_whose_client_has_gone_is_not_run(serve):
    server = serve(CONF.format(options="processes=1 threads=1"), files={"slow.py": SLOW})
    with server.connect() as client:
        client.start("GET", "/slow?a")
        begun(server, "a")
        with server.connect() as gone:
            gone.start("GET", "/slow?never")
            time.sleep(0.3)  # it must have reached the queue
            gone.reset()
        time.sleep(0.3)
        server.write("data/a.go", "")
        assert client.finish().status == 200
    assert server.get("/hello").status == 200
    assert not (server.root / "data" / "never.pid").exists()


def test_requests_wait_for_a_thread(serve):
    server = serve(CONF.format(options="processes=1 threads=1"), files={"slow.py": SLOW})
    with server.connect() as client:
        client.start("GET", "/slow?a")
        begun(server, "a")
        waiting = [server.connect() for _ in range(5)]
        for connection in waiting:
            connection.start("GET", "/hello")
        server.write("data/a.go", "")
        assert client.finish().body == b"slow but done"
        for connection in waiting:
            assert connection.finish().body == b"Hello, world!"
            connection.close()
