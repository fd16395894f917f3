"""Options of WSGIDaemonProcess about limits of the processes, the queue and the waits between httpd and them."""

import contextlib
import json
import re
import select

import pytest
from support.processes import wait_until

LIMITS = '''"""Tells the limits of its process and of this thread's stack."""
import ctypes, json, os, resource

def stack():
    c, attributes, size = ctypes.CDLL(None), (ctypes.c_char * 128)(), ctypes.c_size_t()
    c.pthread_self.restype = ctypes.c_void_p
    assert c.pthread_getattr_np(ctypes.c_void_p(c.pthread_self()), attributes) == 0
    assert c.pthread_attr_getstacksize(attributes, ctypes.byref(size)) == 0
    return size.value

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    limits = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("DATA", "AS")}
    return [json.dumps({**limits, "nice": os.getpriority(os.PRIO_PROCESS, 0), "stack": stack()}).encode()]
'''
WAITING = '''"""Begins, says so by a file, goes on when the test has put another one there."""
import os, time
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

def wait(name):
    until = time.monotonic() + 30
    while not os.path.exists(os.path.join(DATA, name)) and time.monotonic() < until:
        time.sleep(0.01)

def application(environ, start_response):
    name = environ["QUERY_STRING"]
    open(os.path.join(DATA, name + " begun"), "w").close()
    if environ["PATH_INFO"] != "/pieces":
        wait(name)
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first "
    wait(name)
    yield b"second"
'''


def told(server, mount):
    """What limits.py tells."""
    return json.loads(server.get(mount).body)


@pytest.mark.ours
@pytest.mark.root
def test_limits_and_priority(serve):
    server = serve("WSGIDaemonProcess a cpu-priority=5 memory-limit=900M virtual-memory-limit=4G stack-size=24M threads=2\n"
                   "WSGIDaemonProcess b threads=2\n"
                   "WSGIScriptAlias /a ${ROOT}/limits.py process-group=a\nWSGIScriptAlias /b ${ROOT}/limits.py process-group=b\n",
                   files={"limits.py": LIMITS})
    limited, free = told(server, "/a"), told(server, "/b")
    assert limited["DATA"] == [900 << 20] * 2 and limited["AS"] == [4 << 30] * 2
    assert limited["nice"] == free["nice"] + 5
    assert 24 << 20 <= limited["stack"] < 25 << 20 and 8 << 20 <= free["stack"] < 9 << 20
    assert free["DATA"] != limited["DATA"] and free["AS"] != limited["AS"]


@pytest.fixture
def waiting(serve):
    """A group of one thread with options, and the script that waits."""

    def start(options):
        return serve("WSGIScriptAlias / ${ROOT}/waiting.py\n", "daemon", options=f"threads=1 {options}", files={"waiting.py": WAITING})

    return start


def begin(server, client, path, name):
    """Sends a request and waits until the application runs it."""
    client.start("GET", f"{path}?{name}")
    wait_until((server.root / "data" / f"{name} begun").exists, 10, f"the begin of {name}")


def answered(clients):
    """Those for whom something has come."""
    ready, _, _ = select.select([client.socket for client in clients], [], [], 0)
    return [client for client in clients if client.socket in ready]


@pytest.mark.ours
def test_a_full_queue(waiting):
    """listen-backlog requests wait, further ones for connect-timeout; then 503 and the reason."""
    server = waiting("listen-backlog=1 connect-timeout=1")
    (server.root / "data" / "two").touch()
    with contextlib.ExitStack() as stack:
        running, *others = (stack.enter_context(server.connect()) for _ in range(4))
        begin(server, running, "/", "one")
        server.since = server.mark()
        for client in others:
            client.start("GET", "/?two")
        wait_until(lambda: len(answered(others)) == 2, 10, "two refusals")
        refused = answered(others)
        assert [client.finish().status for client in refused] == [503, 503]
        (server.root / "data" / "one").touch()
        queued, = (client for client in others if client not in refused)
        assert running.finish().body == queued.finish().body == b"first second"
    server.wait_for_log("listen-backlog", server.since)
    assert server.get("/?two").body == b"first second"


@pytest.mark.ours
def test_who_finds_the_queue_full_stands_in_line(serve):
    """First come, first served: nobody is overtaken by more than those who came with him."""
    server = serve("<Location /status>\nSetHandler server-status\n</Location>\nWSGIScriptAlias /app ${ROOT}/waiting.py\n", "daemon",
                   options="threads=1 listen-backlog=2", modules=("status",), files={"waiting.py": WAITING})

    def busy():
        return int(re.search(r"^BusyWorkers: (\d+)$", server.get("/status?auto").text, re.M)[1])

    with contextlib.ExitStack() as stack:
        running, *others = (stack.enter_context(server.connect()) for _ in range(13))
        begin(server, running, "/app", "go")
        for number, client in enumerate(others):
            client.start("GET", f"/app/pieces?{number}")
            wait_until(lambda: busy() >= number + 3, 10, "a thread of httpd for it")  # and one for the status itself
        for number in range(12):
            (server.root / "data" / str(number)).touch()
        (server.root / "data" / "go").touch()
        assert [client.finish().body for client in (running, *others)] == [b"first second"] * 13
    made = [(server.root / "data" / f"{number} begun").stat().st_mtime_ns for number in range(12)]
    served = sorted(range(12), key=made.__getitem__)
    assert all(abs(place - number) <= 2 for place, number in enumerate(served)), served


@pytest.mark.ours
def test_a_silent_application(waiting):
    """Nothing to read for socket-timeout: 504, and the next request is served."""
    server = waiting("socket-timeout=1 processes=2")
    response = server.get("/?never")
    assert response.status == 504
    server.wait_for_log("socket-timeout")
    (server.root / "data" / "soon").touch()
    assert server.get("/?soon").body == b"first second"


@pytest.mark.parametrize("delay, together", [("0", False), ("5", False), ("20s", True)])
def test_pieces_travel_together(waiting, delay, together):
    """What comes within response-flush-delay is sent in one go; what comes later does not hold up what is there."""
    server = waiting(f"response-flush-delay={delay}")
    with server.connect() as client:
        begin(server, client, "/pieces", "x")
        if together:
            (server.root / "data" / "x").touch()
            assert client.finish().body == b"first second"
        else:
            assert client.head().status == 200
            assert client.chunk() == b"first "
            (server.root / "data" / "x").touch()
            assert client.chunks() == b"second"
