"""Sizes of buffers, the patience with clients, and options that are accepted without effect."""

import socket
import time

import pytest
from support.limited import limited

pytestmark = pytest.mark.ours
MORE = "WSGIScriptAlias /own ${ROOT}/own.py"
SOCKETS = '''"""The send buffers of the stream sockets that this process has."""
import os, socket
def application(environ, start_response):
    sizes = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            copy = os.dup(number)
        except OSError:
            continue
        try:
            with socket.socket(fileno=copy) as found:
                if found.family == socket.AF_UNIX and found.type == socket.SOCK_STREAM:
                    sizes.add(found.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
        except OSError:
            os.close(copy)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(map(str, sorted(sizes))).encode()]
'''
HEADERS = '''"""A header line of as many bytes as the query says."""
def application(environ, start_response):
    start_response("200 OK", [("X-Long", "x" * (int(environ["QUERY_STRING"]) - len("X-Long: ")))])
    return [b"short"]
'''
ENDLESS = '''"""Sends until nobody takes it, and notes that."""
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(4000):
        yield b"x" * 65536
'''


def test_the_size_of_connections(serve):
    server = limited(serve, "threads=1 send-buffer-size=64K receive-buffer-size=32K", more=MORE, files={"own.py": SOCKETS})
    assert server.get("/own").text == str(2 * 65536), "the kernel doubles it"


@pytest.mark.parametrize(("options", "longest"), [("", 32768), ("header-buffer-size=64K", 65536), ("header-buffer-size=8192", 8192)])
def test_the_longest_header_line(serve, options, longest):
    server = limited(serve, f"threads=1 {options}", more=MORE, files={"own.py": HEADERS})
    assert len(server.get(f"/own?{longest}").header("X-Long")) == longest - 8
    assert server.get(f"/own?{longest + 1}").status == 500
    server.wait_for_log(rf"\[client .*own\.py in process group `app` sent a header line of {longest + 1} bytes, and {longest} are")
    assert server.get("/own?100").status == 200


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_client_that_takes_nothing(serve, mpm):
    server = limited(serve, "threads=1 response-socket-timeout=2", more=MORE, files={"own.py": ENDLESS}, mpm=mpm)
    started = time.monotonic()
    with server.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.start("GET", "/own")
        assert server.get("/app/pid").status == 200, "the only thread is free again"
    assert time.monotonic() - started < 20, "httpd's Timeout is 30 s"


def test_what_has_no_effect_is_said_once(serve):
    server = limited(serve, "threads=1 socket-user=www-data response-buffer-size=1M interrupt-timeout=5")
    assert server.get("/app/pid").status == 200
    log = server.log()
    assert log.count("process group `app`: socket-user has no effect") == 1
    assert log.count("process group `app`: response-buffer-size has no effect") == 1
    assert "nothing comes of interrupt-timeout without request-timeout" in log


@pytest.mark.parametrize("option", ["send-buffer-size=511", "receive-buffer-size=1", "header-buffer-size=8191",
                                    "response-buffer-size=65535", "response-socket-timeout=-1", "socket-user="])
def test_sizes_that_make_no_sense(serve, option):
    result = limited(serve, option, run=False).configtest()
    assert result.returncode != 0 and option.split("=")[0] in result.stderr and "line" in result.stderr
