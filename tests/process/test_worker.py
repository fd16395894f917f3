"""A worker and its requests: the ways in, bodies, panics, forks."""

import os
import signal
import socket
import struct
import time

import wire
from group import alive, until

HELLO = """
import os, time
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow": time.sleep(1)
    body = {
        "/pid": lambda: str(os.getpid()).encode(),
        "/echo": lambda: environ["wsgi.input"].read(),
        "/long": lambda: b"x" * 3_000_000,
    }.get(path, lambda: b"hello world")()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def test_says_hello(group):
    site = group(HELLO)
    site.ready()
    answer = site.get()
    assert (answer.status, answer.body, answer.outcome) == (200, b"hello world", 0), answer
    assert site.area.state == wire.RUNNING
    until(lambda: site.area.slot(0, "reserved") == 0 and site.area.slot(0, "busy") == 0, "the thread to be free")
    assert site.area.requests(0) == 1
    assert "Starting process" in site.errors()


def test_only_requests_that_need_the_script_count_for_its_loading(group):
    site = group(HELLO)
    site.ready()
    assert site.get(deadline=1).reject == wire.REJECT_TOO_LATE
    before = site.area.first(0)
    assert site.get().body == b"hello world"
    assert before == 0 and site.area.first(0)


def test_a_connection_is_kept(group):
    site = group(HELLO)
    site.ready()
    connection = site.send()
    for _ in range(50):
        response = wire.Response(connection)
        assert response.whole().keep == 1
        site.area.add(0, "reserved", 1)
        connection.send(site.message())
    assert wire.Response(connection).whole().body == b"hello world"
    connection.close()
    until(lambda: site.area.slot(0, "reserved") == 0, "the reservation")


def test_bodies_in_both_directions(group):
    site = group(HELLO)
    site.ready()
    for size in (0, 1, 60_000):
        answer = site.get("/echo", body=b"b" * size, environ={"REQUEST_METHOD": "POST"})
        assert answer.body == b"b" * size and answer.keep == 1, (size, answer.keep)
    assert site.get("/", body=b"unread" * 1000).keep == 1
    assert site.get("/long").body == b"x" * 3_000_000


def test_a_long_body_follows_when_the_request_was_taken(group):
    site = group(HELLO)
    site.ready()
    slot = site.reserve()
    flags = wire.RELOADING | wire.ANNOUNCE
    first = wire.frame(wire.REQUEST, wire.request(site.script, "/echo", flags=flags)) + wire.frame(wire.BODY, b"1" * 5000)
    connection = site.connection(first, site.slots[slot][0])
    response = wire.Response(connection)
    assert response.frame()[0] == wire.TAKEN
    for _ in range(50):
        connection.sendall(wire.frame(wire.BODY, b"2" * 10_000))
    connection.sendall(wire.frame(wire.BODY_END))
    assert response.whole().body == b"1" * 5000 + b"2" * 500_000


def test_the_overflow_feeds_idle_threads(group):
    site = group(HELLO, threads=2)
    site.ready()
    connections = [site.enqueue("/slow") for _ in range(4)]
    answers = [wire.Response(connection).whole() for connection in connections]
    assert {answer.status for answer in answers} == {200}
    assert {answer.pid for answer in answers} == {site.workers()[0]}
    assert site.area.queued == 0
    until(lambda: site.area.slot(0, "reserved") == 0, "the reservations")


def test_a_request_whose_client_has_gone_is_not_run(group):
    site = group(HELLO, threads=1)
    site.ready()
    slow = site.send(path="/slow")
    site.enqueue().close()
    assert wire.Response(slow).whole().status == 200
    until(lambda: site.area.queued == 0 and site.area.slot(0, "reserved") == 0, "the queue")
    assert site.area.requests(0) == 1


def test_a_request_that_waited_too_long_is_refused(group):
    site = group(HELLO)
    site.ready()
    assert site.get(deadline=1).reject == wire.REJECT_TOO_LATE


def test_a_panic_costs_one_request(group):
    site = group(HELLO, start=False)
    site.start(environment={"MOD_WSGI_FAULT": "worker-panic-in-request"})
    site.ready()
    pid = site.workers()
    for _ in range(2):
        answer = site.get()
        assert answer.outcome == 500 and "panic" in answer.log, answer
    assert site.workers() == pid


LEAVING = """
import atexit, os, time
while os.path.exists(__file__ + ".held"): time.sleep(0.01)
atexit.register(time.sleep, 2)
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow": time.sleep(3)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""


def test_a_worker_that_goes_takes_nothing_from_the_queue(group):
    """It ends once no thread has a request: one that a ticket has woken before that must not take it afterwards."""
    site = group(LEAVING, start=False)
    site.start(environment={"MOD_WSGI_FAULT": "woken-for-the-queue"})
    site.ready()
    assert site.get().body == b"hello"
    held = site.script.with_name(site.script.name + ".held")
    held.touch()
    old, = site.workers()
    os.kill(old, signal.SIGUSR1)
    until(lambda: len(site.workers()) == 2, "the start of the replacement")
    connection = site.enqueue("/slow")
    time.sleep(0.3)  # the thread is woken, and held up for a second; meanwhile its worker is told to go
    held.unlink()
    answer = wire.Response(connection).whole()
    connection.close()
    assert (answer.status, answer.body) == (200, b"hello"), answer
    until(lambda: not alive(old), "the end of the old worker")


FORKING = """
import os, signal, time
def application(environ, start_response):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
    start_response("200 OK", [])
    yield b"forked"
    time.sleep(20)
"""


def test_a_forked_process_does_not_hide_the_end_of_its_worker(group):
    site = group(FORKING)
    site.ready()
    connection = site.send()
    response = wire.Response(connection)
    assert [response.frame()[0] for _ in range(3)] == [wire.LOG, wire.HEAD, wire.BODY]
    pid = site.workers()[0]
    os.kill(pid, signal.SIGKILL)
    assert response.frame() is None
    assert until(lambda: site.area.exit_of(pid), "the record of the end", 1) == signal.SIGKILL


FILE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))
"""


def test_a_file_goes_out_by_descriptor(group):
    site = group(FILE)
    site.ready()
    answer = wire.Response(site.send())
    files = []
    while not files:
        data, files, _, _ = socket.recv_fds(answer.connection, 1 << 18, 1)
        assert data, "the end, and no descriptor"
        answer.buffer += data
    with open(files[0], "rb") as file:
        kind, payload = answer.frame()
        while kind != wire.FILE:
            kind, payload = answer.frame()
        offset, length = struct.unpack("<QQ", payload)
        assert os.pread(file.fileno(), length, offset) == FILE.encode()
    assert answer.frame()[0] == wire.END


def test_gil_bound_load_is_shared_by_processes(group):
    spin = """
import os, time
def application(environ, start_response):
    end = time.thread_time() + 0.02
    while time.thread_time() < end: pass
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
    site = group(spin, processes=2, threads=4)
    site.ready()
    counts = {}
    connections = [site.send() for _ in range(8)]
    for _ in range(5):
        for connection in connections:
            body = wire.Response(connection).whole().body
            counts[body] = counts.get(body, 0) + 1
            connection.close()
        until(lambda: not any(site.area.slot(n, "reserved") for n in range(4)), "free threads")
        connections = [site.send() for _ in range(8)]
    assert len(counts) == 2 and min(counts.values()) == max(counts.values()), counts


def test_a_thread_shows_its_request(group):
    site = group(HELLO, threads=2)
    site.ready()
    connection = site.send(path="/slow", environ={"REQUEST_URI": "/slow?x=1", "mod_wsgi.request_id": "id"})

    def shown():
        threads = [site.area.thread(0, number) for number in (1, 2)]
        return [thread for thread in threads if thread[0] and thread[2]]

    ((began, number, text),) = until(shown, "the request in the area")
    assert (number, text) == (1, "id GET /slow?x=1")
    assert abs(time.clock_gettime(time.CLOCK_MONOTONIC) * 1000 - began) < 60_000
    assert wire.Response(connection).whole().status == 200
    until(lambda: not shown(), "the end of the request in the area")
    assert site.area.thread(1, 1)[0] == 0
