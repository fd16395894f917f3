"""httpd's own limits on requests: bodies, header fields, the request line, and the time that a client may take."""

import hashlib

import pytest
from support.http import Cut

CONF = "WSGIScriptAlias /digest ${APPS}/digest.py\nWSGIScriptAlias /unread ${APPS}/unread.py\nWSGIChunkedRequest On\n"


def told(body):
    """What digest.py answers for a body, without the length that was announced."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}"


@pytest.fixture
def limited(serve, mode):
    """A server whose bodies may have 100,000 bytes."""
    return serve(CONF + "LimitRequestBody 100000\n", mode)


@pytest.mark.ours
@pytest.mark.parametrize("size, status", [(0, 200), (99_999, 200), (100_000, 200), (100_001, 413), (5_000_000, 413)])
def test_length_is_known(limited, size, status):
    body = b"b" * size
    with limited.connect() as client:
        client.start("POST", "/digest", {"Content-Length": str(size)})
        try:
            client.send(body)
        except OSError:
            pass  # a server that has refused may close before it has read it all
        response = client.finish("POST")
    assert response.status == status
    if status == 200:
        assert response.text.startswith(told(body))
    else:
        assert response.text.count("<title>") == 1
        limited.wait_for_log("LimitRequestBody")


@pytest.mark.ours
@pytest.mark.parametrize("pieces, status", [([b"a" * 50_000, b"b" * 50_000], 200), ([b"a" * 50_000, b"b" * 50_001], 413),
                                            ([b"a" * 1000] * 300, 413), ([b"a" * 200_000], 413)])
def test_chunked(limited, pieces, status):
    body = b"".join(pieces)
    with limited.connect() as client:
        try:
            client.start("POST", "/digest", (), pieces, chunked=True)
        except OSError:
            pass
        response = client.finish("POST")
        assert response.status == status
        if status == 200:
            assert response.text.startswith(told(body))
        else:
            assert response.text.count("<title>") == 1 and "Internal Server Error" not in response.text
            assert not client.pending and not client.fill()  # nothing behind the one answer
    assert limited.get("/digest").status == 200


@pytest.mark.ours
def test_chunked_that_nobody_reads(limited):
    response = limited.request("POST", "/unread", (), [b"a" * 1000] * 300, chunked=True)
    assert response.status in (200, 413)
    assert limited.get("/unread").body == b"not read"


def test_no_limit(serve, mode):
    server = serve(CONF + "LimitRequestBody 0\n", mode)
    body = b"n" * 3_000_000
    assert server.post("/digest", body).text.startswith(told(body))


def test_number_of_fields(serve, mode):
    server = serve(CONF + "LimitRequestFields 20\n", mode)
    assert server.get("/digest", [(f"X-{number}", "v") for number in range(15)]).status == 200
    assert server.get("/digest", [(f"X-{number}", "v") for number in range(25)]).status == 400


def test_size_of_a_field(serve, mode):
    server = serve(CONF + "LimitRequestFieldSize 1000\n", mode)
    assert server.get("/digest", {"X-Long": "v" * 900}).status == 200
    assert server.get("/digest", {"X-Long": "v" * 1100}).status == 400


def test_length_of_the_line(serve, mode):
    server = serve(CONF + "LimitRequestLine 500\n", mode)
    assert server.get("/digest?" + "q" * 400).status == 200
    assert server.get("/digest?" + "q" * 600).status == 414


def test_large_fields_where_they_are_allowed(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\nLimitRequestFieldSize 200000\nLimitRequestLine 200000\n", mode)
    response = server.get("/?" + "q" * 150_000, {"Cookie": "c" * 150_000})
    assert response.status == 200 and "q" * 150_000 in response.text and "c" * 150_000 in response.text


@pytest.mark.ours
def test_a_body_that_comes_too_slowly(serve, mode):
    server = serve(CONF + "RequestReadTimeout body=1\n", mode, modules=("reqtimeout",))
    with server.connect() as client:
        client.start("POST", "/digest", {"Content-Length": "1000"})
        client.send(b"x" * 10)
        try:
            assert client.finish("POST").status == 408
        except Cut:
            pytest.fail("no answer, where httpd says 408")
    assert server.get("/digest").status == 200


def test_a_long_body_that_stops(serve, mode):
    """It is longer than what is read before a thread is taken, so the application has begun to read it."""
    server = serve(CONF + "RequestReadTimeout body=1\n", mode, modules=("reqtimeout",))
    with server.connect() as client:
        client.start("POST", "/digest", {"Content-Length": "1000000"})
        client.send(b"x" * 500_000)
        assert client.finish("POST").status == 408
    assert server.get("/digest").status == 200


@pytest.mark.parametrize("head", ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 6", "Content-Length: +5", "Content-Length: 0x5"])
def test_lengths_that_contradict(serve, mode, head):
    server = serve(CONF, mode)
    with server.connect() as client:
        client.send(f"POST /digest HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n12345".encode())
        assert client.finish("POST").status == 400


@pytest.mark.parametrize("coding, status", [("chunked", 200), ("Chunked", 200), ("gzip, chunked", (400, 501)), ("identity", (400, 501)), ("chunked, gzip", (400, 501)), ("x", (400, 501))])
def test_transfer_codings(serve, mode, coding, status):
    server = serve(CONF, mode)
    with server.connect() as client:
        client.send(f"POST /digest HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode())
        assert client.finish("POST").status in ((status,) if isinstance(status, int) else status)


def test_chunked_goes_before_a_length(serve, mode):
    """httpd drops the length; what follows is the next request, or none."""
    server = serve(CONF, mode)
    with server.connect() as client:
        client.send(b"POST /digest HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        response = client.finish("POST")
    assert response.status == 400 or response.text == told(b"abc") + " none"


@pytest.mark.parametrize("body", [b"zz\r\nabc\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nabc"])
def test_chunks_that_are_none(serve, mode, body):
    server = serve(CONF, mode)
    with server.connect() as client:
        client.send(b"POST /digest HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert client.finish("POST").status in (400, 413)
    assert server.get("/digest").status == 200
