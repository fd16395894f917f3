"""request-buffering=on: the whole body is in httpd's hands before a thread is taken, and reads like any other."""

import contextlib
import hashlib

import pytest
from support import disk, spool
from support.http2 import Http2
from support.processes import wait_until

pytestmark = pytest.mark.ours
CONF = """
WSGIScriptAlias /digest ${APPS}/digest.py
WSGIScriptAlias /chunked ${APPS}/chunked.py
WSGIScriptAlias /unread ${APPS}/unread.py
WSGIScriptAlias /hello ${APPS}/hello.py
WSGIScriptAlias /lines ${ROOT}/lines.py
<Location /chunked>
    WSGIChunkedRequest On
</Location>
"""
LINES = '''"""What a body looks like through each way to read it, across the buffer's edge."""
import hashlib
def application(environ, start_response):
    body, found = environ["wsgi.input"], [environ.get("CONTENT_LENGTH", "none")]
    found.append(str(len(body.readline())))
    found.append(str(len(body.read(70_000))))
    found.append(str(len(body.readline(10))))
    found.append(str(len(body.readlines(1000)) > 0))
    rest = b"".join(body)
    found.append(hashlib.sha256(rest).hexdigest())
    found.append(repr(body.read()))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(found).encode()]
'''


@pytest.fixture
def buffering(serve):
    """A server whose only thread of the application waits for no body, and one as usual beside it."""

    def start(options="", conf="", **settings):
        # Folders are made by others than root as well: httpd's user can write in data/.
        options = f"threads=1 request-buffering=on spool-directory=${{ROOT}}/data {options}"
        return serve(CONF + conf, "daemon", options=options, files={"lines.py": LINES}, **settings)

    return start


def told(body, length="none"):
    """What digest.py answers."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()} {length}"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000, 20_000_000])
def test_sizes(buffering, size):
    server = buffering()
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    for _ in range(3):
        assert server.post("/digest", body, {"Content-Length": str(size)}).text == told(body, str(size))
    pieces = [body[at : at + 50_000] for at in range(0, size, 50_000)]
    assert server.post("/chunked", pieces, chunked=True).text == told(body), "without a Content-Length, as ever"
    wait_until(lambda: not spool.files(server, server.root / "data"), what="the end of the files")


@pytest.mark.parametrize("option", ["request-buffer-size=0", "request-buffer-size=1000", "request-buffer-size=1M"])
def test_with_other_buffers(buffering, option):
    server = buffering(option)
    for size in (0, 1, 999, 1000, 1001, 1 << 20, (1 << 20) + 1):
        assert server.post("/digest", b"b" * size, {"Content-Length": str(size)}).text == told(b"b" * size, str(size))


def test_reads_like_any_other(serve, buffering):
    body = b"".join(b"line %d\n" % number for number in range(100_000))
    usual = serve(CONF, "daemon", files={"lines.py": LINES})
    assert buffering().post("/lines", body).text == usual.post("/lines", body).text


def test_slow_uploads_hold_no_thread(buffering):
    server = buffering()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(6)]
        for client in slow:
            client.start("POST", "/digest", {"Content-Length": "1000000"})
            client.send(b"x" * 600_000)
        wait_until(lambda: len(spool.files(server, server.root / "data")) >= 6, what="the bodies on disk")
        for status in spool.files(server, server.root / "data"):
            assert status.st_mode & 0o777 == 0o600
        assert server.get("/hello").body == b"Hello, world!"
        for client in slow:
            client.send(b"x" * 400_000)
            assert client.finish("POST").text == told(b"x" * 1_000_000, "1000000")
    wait_until(lambda: not spool.files(server, server.root / "data"), what="the end of the files")


def test_a_body_that_nobody_reads(buffering):
    server = buffering()
    with server.connect() as client:
        for _ in range(20):
            assert client.request("POST", "/unread", body=b"n" * 300_000).body == b"not read"
            assert client.request("POST", "/digest", body=b"n" * 300_000).text == told(b"n" * 300_000, "300000")
    wait_until(lambda: not spool.files(server, server.root / "data"), what="the end of the files")


def test_the_limit_of_httpd(buffering):
    server = buffering(conf="LimitRequestBody 300000\n")
    assert server.post("/digest", b"x" * 300_000).status == 200
    assert server.post("/digest", b"x" * 300_001).status == 413
    assert server.post("/chunked", [b"x" * 200_000, b"x" * 200_000], chunked=True).status == 413
    assert server.get("/hello").status == 200


def test_a_client_that_gives_up_takes_no_thread(buffering):
    server = buffering()
    with server.connect() as client:
        client.start("POST", "/digest", {"Content-Length": "1000000"})
        client.send(b"x" * 600_000)
        wait_until(lambda: spool.files(server, server.root / "data"), what="the body on disk")
        client.reset()
    wait_until(lambda: not spool.files(server, server.root / "data"), what="the end of the file")
    assert server.get("/hello").body == b"Hello, world!"
    assert "digest.py" not in server.log(), "it was never run"


def test_no_place_for_the_body(serve):
    server = serve(CONF, "daemon", options="request-buffering=on spool-directory=${ROOT}/missing")
    assert server.post("/digest", b"x" * 300_000).status == 500
    server.wait_for_log(r"a request body for process group `app` cannot be kept in .*/missing beyond its first 0 bytes there "
                        r"\(request-buffering=on\): No such file or directory .*; make room there, or name another folder with spool-directory=")
    assert server.post("/digest", b"x" * 1000).text == told(b"x" * 1000, "1000"), "what is in memory needs no place"


def test_a_full_disk(serve):
    server = serve(CONF, "daemon", options="request-buffering=on spool-directory=${ROOT}/small", run=False)
    small = server.root / "small"
    small.mkdir()
    with disk.small(small):
        server.start()
        assert server.post("/digest", b"x" * 3_000_000).status == 507
        server.wait_for_log(r"cannot be kept in .*/small beyond its first \d+ bytes there .*No space left on device")
        assert server.post("/digest", b"x" * 500_000).text == told(b"x" * 500_000, "500000"), "the room is free again"
        server.stop()


def test_through_http2(buffering):
    server = buffering(conf="Protocols h2c http/1.1\n", modules=("http2",))
    with Http2(server.port) as client:
        number = client.start("POST", "/digest", {"Content-Length": "500000"}, b"x" * 300_000, end=False)
        assert server.get("/hello").body == b"Hello, world!"
        client.send(number, b"x" * 200_000)
        assert client.finish(number).text == told(b"x" * 500_000, "500000")
