"""Clients that go away: the application ends soon, the thread is free again, nothing is logged as an error."""

import uuid

import pytest
from support.processes import wait_until


@pytest.mark.parametrize("way", ["reset", "close"])
def test_endless_response_ends(serve, mode, way):
    server = serve("WSGIScriptAlias /endless ${APPS}/closing.py\nWSGIScriptAlias /hello ${APPS}/hello.py\n"
                   "SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", mode, options="threads=1")
    for _ in range(3):
        name = uuid.uuid4().hex
        client = server.connect()
        client.start("GET", f"/endless/endless?{name}")
        client.take(100_000)
        getattr(client, way)()
        wait_until((server.root / "data" / name).exists, 10, "the end of the response")
    assert server.get("/hello").body == b"Hello, world!"
    assert "Traceback" not in server.log()


def test_while_the_application_waits(site):
    base = uuid.uuid4().hex
    with site.connect() as client:
        client.start("GET", f"/app/stream.py/generator?{base}")
        assert client.head().status == 200
        client.chunk()
        client.reset()
    site.write(f"data/{base}.2", "")
    site.write(f"data/{base}.3", "")
    wait_until((site.root / "data" / f"{base}.closed").exists, 10, "close()")
    assert (site.root / "data" / f"{base}.closed").read_text() == "closed\n"
    assert site.get("/app/hello.py").status == 200


def test_before_the_request_is_complete(site):
    for text in (b"GET", b"GET /app/hello.py HTTP/1.1\r\n", b"POST /app/digest.py HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"):
        with site.connect() as client:
            client.send(text)
            client.reset()
    assert site.get("/app/hello.py").status == 200


@pytest.mark.parametrize("way", ["reset", "close"])
def test_write_raises(site, way):
    name = uuid.uuid4().hex
    client = site.connect()
    client.start("GET", f"/app/writing.py?{name}")
    client.take(200_000)
    getattr(client, way)()
    note = site.root / "data" / name
    wait_until(note.exists, 20, "the application's note")
    assert note.read_text() == "OSError OSError"
    assert site.get("/app/hello.py").status == 200


def test_in_the_middle_of_an_upload(site):
    """The application waits in read(); the end of the client ends that."""
    name = uuid.uuid4().hex
    client = site.connect()
    client.start("POST", f"/app/broken_upload.py?{name}", {"Content-Length": "10000000"})
    client.send(b"x" * 3_000_000)
    note = site.root / "data" / name
    wait_until(note.with_suffix(".begun").exists, 20, "the application to begin")
    client.reset()
    wait_until(note.exists, 20, "the application's note")
    assert note.read_text() == "OSError OSError"
    assert "Traceback" not in site.log(site.since)


def test_in_the_middle_of_a_file(site):
    site.write("data/long-file", b"f" * 30_000_000)
    for _ in range(3):
        client = site.connect()
        client.start("GET", "/app/files.py", {"X-File": '{"name": "long-file"}'})
        client.take(1_000_000)
        client.reset()
    assert site.get("/app/hello.py").status == 200
    assert "Traceback" not in site.log(site.since)


def test_half_closed_client_gets_its_answer(site):
    with site.connect() as client:
        client.start("GET", "/app/hello.py", {"Connection": "close"})
        client.socket.shutdown(1)
        assert client.finish().body == b"Hello, world!"
