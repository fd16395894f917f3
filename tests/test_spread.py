"""How requests spread over the processes of a group, and that each is run once."""

import threading
from collections import Counter

import pytest
from support.load import Load
from support.processes import wait_until

BUSY = '''"""Works in Python for some milliseconds."""
import os
def application(environ, start_response):
    total = 0
    for number in range(30_000):
        total += number * number
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
'''
COUNTED = '''"""Appends a line for each request to a file."""
import os
def application(environ, start_response):
    with open(os.path.join(environ["MOD_WSGI_TEST_DATA"], "count"), "ab", 0) as file:
        file.write(environ["QUERY_STRING"].encode() + b"\\n")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"counted"]
'''


@pytest.mark.ours
@pytest.mark.parametrize("keep", [False, True])
def test_work_spreads_evenly(serve, keep):
    server = serve("WSGIScriptAlias / ${ROOT}/busy.py\n", "daemon", options="processes=2 threads=4", files={"busy.py": BUSY})
    with Load(server, "/", clients=4, keep=keep) as load:
        wait_until(lambda: len(load.bodies) == 2, 60, "both processes to serve")
    with Load(server, "/", clients=4, keep=keep) as load:
        wait_until(lambda: load.count > 1000, 60, "requests")
    load.assert_clean()
    shares = [count / load.count for count in load.bodies.values()]
    # A process that the machine gives less time finishes, and so gets, less; one alone would get all.
    assert len(shares) == 2 and all(0.25 <= share <= 0.75 for share in shares), Counter(load.bodies)


def test_every_request_is_run_once(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/counted.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", mode,
                   options="processes=2 threads=2", files={"counted.py": COUNTED})
    failures = []

    def client(name):
        with server.connect() as connection:
            for number in range(100):
                if connection.request("GET", f"/?{name}-{number}", (), b"" if number % 3 else b"x" * 100_000).body != b"counted":
                    failures.append((name, number))

    threads = [threading.Thread(target=client, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (server.root / "data" / "count").read_text().split()
    assert not failures
    assert len(lines) == len(set(lines)) == 600


@pytest.mark.ours
def test_no_request_is_run_twice_while_scripts_reload(serve):
    server = serve("WSGIScriptAlias / ${ROOT}/counted.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", "daemon",
                   options="processes=2 threads=2", files={"counted.py": COUNTED})
    with Load(server, "/?x", b"counted", clients=4) as load:
        for round in range(5):
            wanted = load.count + 30
            wait_until(lambda: load.count > wanted, 20, "requests")
            server.write("counted.py", COUNTED + f"# {round}\n")
            server.graceful() if round == 2 else None
    load.assert_clean(150)
    assert len((server.root / "data" / "count").read_text().split()) == load.count


def test_more_clients_than_threads(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", mode, options="processes=1 threads=1", threads=32)
    with Load(server, "/", b"Hello, world!", clients=24) as load:
        wait_until(lambda: load.count > 1000, 30, "requests")
    load.assert_clean(1000)
