"""Server-Sent Events: each event reaches the client before the next is made, in order, also behind what was spooled, and
the end of a client ends its stream."""

import json
import uuid

import pytest
from support.http import Connection
from support.processes import wait_until

EVENTS = '''"""Event after event; each after the first waits until the client has said that it has seen the one before."""
import os, time
def application(environ, start_response):
    name = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
    return events(name)
def events(name):
    try:
        number = 0
        while True:
            yield b"id: %d\\ndata: {\\"number\\": %d}\\n\\n" % (number, number)
            end = time.monotonic() + 30
            while not os.path.exists(f"{name}.{number}"):
                if time.monotonic() > end:
                    return
                time.sleep(0.002)
                if os.path.exists(f"{name}.burst"):
                    os.remove(f"{name}.burst")
                    yield b": " + b"x" * 3_000_000 + b"\\n\\n"
                yield b": still here\\n\\n"
            number += 1
    finally:
        open(f"{name}.closed", "w").close()
'''
CONF = "WSGIScriptAlias / ${ROOT}/events.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n"


def event(client, buffer):
    """The next event, past comments."""
    while True:
        while b"\n\n" not in buffer[0]:
            buffer[0] += client.chunk()
        text, buffer[0] = buffer[0].split(b"\n\n", 1)
        if not text.startswith(b":"):
            return dict(line.split(": ", 1) for line in text.decode().splitlines())


@pytest.mark.parametrize("conf", ["", "SetOutputFilter DEFLATE\n"], ids=["plain", "behind a filter"])
def test_each_event_before_the_next(serve, mode, conf):
    server = serve(CONF + conf, mode, files={"events.py": EVENTS})
    name, buffer = uuid.uuid4().hex, [b""]
    with server.connect() as client:
        client.start("GET", f"/?{name}")
        assert client.head().header("Content-Type") == "text/event-stream"
        for number in range(20):
            found = event(client, buffer)
            assert (found["id"], json.loads(found["data"])) == (str(number), {"number": number})
            server.write(f"data/{name}.{number}", "")
    wait_until((server.root / "data" / f"{name}.closed").exists, 20, "the end of the stream, whose client has gone")


def test_events_behind_a_burst(serve):
    """What a client has not taken for a while does not hold up what comes after it."""
    server = serve(CONF, "daemon", files={"events.py": EVENTS})
    name, buffer = uuid.uuid4().hex, [b""]
    with Connection(server.port) as client:
        client.start("GET", f"/?{name}")
        client.head()
        for number in range(10):
            assert event(client, buffer)["id"] == str(number)
            if number % 3 == 0:
                server.write(f"data/{name}.burst", "")
                wait_until(lambda: not (server.root / "data" / f"{name}.burst").exists(), what="the burst")  # noqa: B023
            server.write(f"data/{name}.{number}", "")


def test_many_listeners(serve):
    server = serve(CONF, "daemon", options="threads=12", files={"events.py": EVENTS})
    name = uuid.uuid4().hex
    clients = [(Connection(server.port), [b""]) for _ in range(10)]
    for client, _ in clients:
        client.start("GET", f"/?{name}")
        client.head()
    for number in range(5):
        for client, buffer in clients:
            assert event(client, buffer)["id"] == str(number)
        server.write(f"data/{name}.{number}", "")
    for client, _ in clients:
        client.close()
