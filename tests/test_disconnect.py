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
