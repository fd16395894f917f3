"""HTTP/2 (h2c with prior knowledge): streams side by side, uploads, downloads, early ends, and bodies that nobody reads."""

import hashlib
import json
import uuid

import h2.exceptions
import pytest
from support.environ import variables
from support.http2 import Http2, Reset
from support.processes import wait_until

CONF = """
Protocols h2c http/1.1
WSGIScriptAlias /environ ${APPS}/environ.py
WSGIScriptAlias /digest ${APPS}/digest.py
WSGIScriptAlias /chunked ${APPS}/chunked.py
WSGIScriptAlias /unread ${APPS}/unread.py
WSGIScriptAlias /hello ${APPS}/hello.py
WSGIScriptAlias /stream ${APPS}/stream.py
WSGIScriptAlias /files ${APPS}/files.py
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /closing ${APPS}/closing.py
WSGIScriptAlias /responses ${APPS}/responses.py
WSGIScriptAlias /short ${ROOT}/short.py
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
<Location /chunked>
    WSGIChunkedRequest On
</Location>
"""
SHORT = '''"""Promises more than it sends."""
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    yield b"too short"
'''


@pytest.fixture(scope="module", params=["embedded", "daemon"])
def server(request):
    """One for all tests of a mode."""
    from conftest import LIVE, daemon_lines
    from support.server import Server
    made = Server(daemon_lines(request.param, "processes=2 threads=8") + CONF, threads=32, modules=("http2",))
    made.write("short.py", SHORT)
    made.mode = request.param
    LIVE.append(made)
    made.start()
    try:
        yield made
        made.stop()
    finally:
        LIVE.remove(made)
        made.discard()


@pytest.fixture
def client(server):
    """One connection."""
    with Http2(server.port) as connection:
        yield connection


def told(headers=(), blocks=("body",), **more):
    """The header that makes apps/responses.py answer so."""
    return {"X-Response": json.dumps({"status": "200 OK", "headers": list(headers), "blocks": list(blocks), **more})}


def test_environ(server, client):
    values = variables(client.request("GET", "/environ/in%20fo?q=1", {"X-Mine": "mine", "Cookie": "a=1"}))
    assert values["SERVER_PROTOCOL"] in ("HTTP/2.0", "HTTP/2")
    assert (values["SCRIPT_NAME"], values["PATH_INFO"], values["QUERY_STRING"]) == ("/environ", "/in fo", "q=1")
    assert values["REQUEST_URI"] == "/environ/in%20fo?q=1"
    assert values["HTTP_HOST"] == f"127.0.0.1:{server.port}"
    assert (values["REMOTE_ADDR"], values["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert (values["HTTP_X_MINE"], values["HTTP_COOKIE"]) == ("mine", "a=1")
    assert int(values["REMOTE_PORT"]) == client.socket.getsockname()[1]
    assert values["wsgi.url_scheme"] == "http" and values["HTTP2"] == "on"


def test_cookies_in_several_fields_are_one_header(client):
    values = variables(client.request("GET", "/environ", [("Cookie", "a=1"), ("Cookie", "b=2")]))
    assert values["HTTP_COOKIE"] == "a=1; b=2"


def test_a_connection_goes_on(client):
    for _ in range(50):
        assert client.request("GET", "/hello").body == b"Hello, world!"


def test_streams_side_by_side(client):
    numbers = [client.start("POST", "/digest", {"Content-Length": str(size)}, b"p" * size) for size in range(0, 40_000, 1000)]
    for size, number in zip(range(0, 40_000, 1000), numbers, strict=True):
        assert client.finish(number).text.split()[0] == str(size)


@pytest.mark.parametrize("size", [1, 65_535, 65_537, 1_000_000, 20_000_000])
def test_upload(client, size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    response = client.request("POST", "/digest", {"Content-Length": str(size)}, body)
    assert response.text.split()[:2] == [str(size), hashlib.sha256(body).hexdigest()]


def test_upload_of_unknown_length(client):
    """Without a Content-Length: as a chunked body of HTTP/1."""
    assert client.request("POST", "/chunked", (), b"u" * 300_000).text.split()[0] == "300000"
    assert client.request("POST", "/digest", (), b"u" * 300_000).status == 411


def test_upload_in_pieces(client):
    number = client.start("POST", "/digest", {"Content-Length": "400000"}, b"1" * 100_000, end=False)
    other = client.request("GET", "/hello")
    client.send(number, b"2" * 100_000, end=False)
    assert other.body == b"Hello, world!"
    client.send(number, b"3" * 200_000)
    assert client.finish(number).text.split()[0] == "400000"


@pytest.mark.parametrize("size", [50_000, 100_000, 500_000, 3_000_000])
@pytest.mark.parametrize("path", ["/unread", "/failing/before", "/none"])
def test_a_body_that_nobody_reads(server, size, path):
    for _ in range(5):
        with Http2(server.port, window=1 << 16) as client:
            number = client.start("POST", path, {"Content-Length": str(size)}, b"n" * size)
            response = client.finish(number)
            assert response.status == {"/unread": 200, "/failing/before": 500, "/none": 404}[path]
            if path == "/unread":
                assert response.body == b"not read"
                assert not client.streams[number].unsent and client.streams[number].reset is None
            assert client.request("GET", "/hello").body == b"Hello, world!"


def test_a_body_that_stops_does_not_hold_the_response(client):
    """The client waits for the answer before it goes on; the end of the response comes although the body does not."""
    number = client.start("POST", "/unread", {"Content-Length": "1000000"}, b"n" * 70_000, end=False)
    stream = client.streams[number]
    client.wait(lambda: stream.response and stream.response.body == b"not read")
    client.wait(lambda: stream.ended)
    client.cancel(number)
    assert client.request("GET", "/hello").body == b"Hello, world!"


@pytest.mark.parametrize("size", [0, 1, 70_000, 30_000_000])
def test_download(server, client, size):
    server.write("data/h2-file", bytes(range(256)) * (size // 256) + b"y" * (size % 256))
    for kind in ("file", "bytesio"):
        response = client.request("GET", "/files", {"X-File": json.dumps({"name": "h2-file", "kind": kind})})
        assert (response.status, len(response.body)) == (200, size)
    assert hashlib.sha256(response.body).digest() == hashlib.sha256((server.root / "data" / "h2-file").read_bytes()).digest()


def test_streaming(server, client):
    name = uuid.uuid4().hex
    number = client.start("GET", f"/stream/generator?{name}")
    stream = client.streams[number]
    for step in (1, 2, 3):
        client.wait(lambda: stream.response and stream.response.body.endswith(b"block %d\n" % step))
        assert client.request("GET", "/hello").body == b"Hello, world!"  # beside it
        server.write(f"data/{name}.{step + 1}", "")
    client.finish(number)
    wait_until((server.root / "data" / f"{name}.closed").exists, 10, "close()")


@pytest.mark.parametrize("path", ["/failing/after", "/short"])
def test_a_response_that_is_cut_short_shows_it(server, client, path):
    with pytest.raises((Reset, h2.exceptions.ProtocolError)):
        client.request("GET", path)
    with Http2(server.port) as other:
        assert other.request("GET", "/hello").body == b"Hello, world!"


def test_client_gives_a_stream_up(server, client):
    name = uuid.uuid4().hex
    number = client.start("GET", f"/closing/endless?{name}")
    stream = client.streams[number]
    client.wait(lambda: stream.response and len(stream.response.body) > 100_000)
    client.cancel(number)
    wait_until((server.root / "data" / name).exists, 15, "close()")
    assert client.request("GET", "/hello").body == b"Hello, world!"
    assert (server.root / "data" / name).read_text() == "closed\n"


def test_client_gives_an_upload_up(server, client):
    number = client.start("POST", "/digest", {"Content-Length": "1000000"}, b"x" * 200_000, end=False)
    client.cancel(number)
    assert client.request("GET", "/hello").body == b"Hello, world!"
    with Http2(server.port) as other:
        other.start("POST", "/digest", {"Content-Length": "1000000"}, b"x" * 200_000, end=False)
    assert client.request("GET", "/hello").body == b"Hello, world!"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_body(client, status):
    wanted = {"X-Response": json.dumps({"status": status, "headers": [["X-Kept", "yes"]], "blocks": []})}
    response = client.request("GET", "/responses", wanted)
    assert (response.status, response.body, response.header("X-Kept")) == (int(status[:3]), b"", "yes")


def test_head(client):
    response = client.request("HEAD", "/hello")
    assert (response.status, response.body, response.header("content-length")) == (200, b"", "13")


def test_headers_of_a_connection_are_not_passed_on(client):
    response = client.request("GET", "/responses", told([("X-Mine", "mine"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]))
    assert (response.body, response.header("x-mine"), response.all("set-cookie")) == (b"body", "mine", ["a", "b"])


def test_errors(client):
    assert client.request("GET", "/failing/before").status == 500
    assert client.request("GET", "/none").status == 404
