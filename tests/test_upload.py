"""Request bodies: chunked, 100-continue, large ones, limits, and clients that give up half-way."""

import hashlib
import json
import random
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http import Cut
from support.processes import wait_until


def told(body, length="none"):
    """What digest.py answers for a body."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()} {length}"


def peak(server):
    """The most memory that httpd's children have had so far, in kilobytes."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in server.httpd_children()]
    return sum(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) for text in texts)


def test_large(site):
    body = bytes(range(256)) * (50 * 4096)
    assert site.post("/app/digest.py", body).text == told(body, str(len(body)))


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 1_000_000])
def test_sizes_around_the_buffer(wsgi, size):
    body = b"s" * size
    assert wsgi.post("/digest.py", body).text == told(body, str(size))


def test_chunked_needs_the_directive(wsgi):
    assert wsgi.post("/digest.py", b"abc", chunked=True).status == 411


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"a" * 70_000, b"b", b"c" * 8192]])
def test_chunked(wsgi, pieces):
    response = wsgi.post("/chunked.py", pieces, chunked=True)
    assert response.text == told(b"".join(pieces))


@pytest.mark.parametrize("size", [1, 3, 4001])
def test_many_small_chunks(wsgi, size):
    body = bytes(range(251)) * 300
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert wsgi.post("/chunked.py", pieces, chunked=True).text == told(body)


def test_a_client_that_sends_byte_by_byte_costs_no_memory(serve, mode):
    """In chunks of one byte, as fast as it can: they are put together, whatever went before them."""
    server = serve("WSGIScriptAlias / ${APPS}/chunked.py\nWSGIChunkedRequest On\n", mode)
    for before in ([], [b"x" * 8000], [b"x" * 5000, b"y" * 20_000]):
        pieces = [*before, *[b"z"] * 3000]
        assert server.post("/", pieces, chunked=True).text == told(b"".join(pieces))
    highest = peak(server)
    pieces = [b"z"] * 200_000
    assert server.post("/", pieces, chunked=True).text == told(b"".join(pieces))
    assert peak(server) - highest < 10 << 10


def test_odd_pieces_of_many_clients(wsgi):
    """Each sends its body in pieces that fit no buffer, and reads it in others; none gets a byte of another's."""

    def upload(number):
        size = 1_000_003 + 70_001 * number
        body = random.Random(number).randbytes(size)
        with wsgi.server.connect() as client:
            headers = {"Content-Length": str(size), "X-Sizes": json.dumps([1, 65_536, 8 + number, 300_001, 16_384, 131_072])}
            client.start("POST", wsgi.prefix + "/pieces.py", headers)
            for at in range(0, size, 12_347 + number):
                client.send(body[at : at + 12_347 + number])
            return client.finish("POST").text == told(body, str(size))

    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(upload, range(24)))


def test_other_transfer_encoding(site):
    assert site.post("/app/chunked.py", headers={"Transfer-Encoding": "identity"}).status in (400, 501)


def test_bad_content_length(site):
    for value in ("x", "-1", "1x"):
        assert site.post("/app/digest.py", headers={"Content-Length": value}).status == 400


def test_continue_when_the_body_is_wanted(wsgi):
    body = b"wanted" * 100
    with wsgi.server.connect() as client:
        client.start("POST", wsgi.prefix + "/digest.py", {"Expect": "100-continue", "Content-Length": str(len(body))})
        assert client.head().status == 100
        client.send(body)
        assert client.finish("POST").text == told(body, str(len(body)))


def test_no_continue_for_a_body_that_is_refused(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/digest.py\nLimitRequestBody 10\n", mode)
    with server.connect() as client:
        client.start("POST", "/", {"Expect": "100-continue", "Content-Length": "11"})
        assert client.head().status == 413


def test_unread_body_and_kept_connection(wsgi):
    with wsgi.server.connect() as client:
        for size in (10, 200_000):
            response = client.request("POST", wsgi.prefix + "/unread.py", (), b"z" * size)
            assert (response.status, response.body) == (200, b"not read")
        assert client.request("GET", wsgi.prefix + "/hello.py").body == b"Hello, world!"


def test_limit_of_httpd(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/digest.py\nLimitRequestBody 1000\nWSGIChunkedRequest On\n", mode)
    assert server.post("/", b"x" * 1000).status == 200
    assert server.post("/", b"x" * 1001).status == 413


@pytest.mark.ours
def test_limit_of_httpd_for_chunked(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/digest.py\nLimitRequestBody 1000\nWSGIChunkedRequest On\n", mode)
    response = server.post("/", [b"x" * 600, b"y" * 600], chunked=True)
    assert response.status == 413
    assert response.text.count("<title>") == 1 and "500" not in response.text
    assert server.get("/").status == 200


def test_client_that_gives_up(site):
    name = uuid.uuid4().hex
    with site.connect() as client:
        client.start("POST", f"/app/broken_upload.py?{name}", {"Content-Length": "200000"})
        client.send(b"x" * 100_000)
        client.reset()
    note = site.root / "data" / name
    wait_until(note.exists, what="the application's note")
    assert note.read_text() == "OSError OSError"
    assert site.get("/app/hello.py").status == 200


@pytest.mark.ours
def test_slow_upload_holds_no_thread(serve):
    server = serve("WSGIScriptAlias / ${APPS}/digest.py\n", "daemon", options="threads=1")
    with server.connect() as slow:
        slow.start("POST", "/", {"Content-Length": "1000"})
        slow.send(b"x" * 10)
        assert server.get("/").text == told(b"")
        slow.send(b"x" * 990)
        assert slow.finish("POST").text == told(b"x" * 1000, "1000")


def test_body_that_ends_early(site):
    with site.connect() as client:
        client.start("POST", "/app/digest.py", {"Content-Length": "100"})
        client.send(b"x" * 10)
        client.socket.shutdown(1)
        try:
            assert client.finish("POST").status >= 400
        except Cut:
            pass
    assert site.get("/app/hello.py").status == 200
