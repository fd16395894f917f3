"""Modules of httpd before and behind the application: compression in both directions, headers, rates, substitution."""

import gzip
import hashlib
import json
import random
import select
import socket
import time
import zlib

import pytest
from support.http import Cut

TEXT = [["Content-Type", "text/plain"]]


def told(headers=TEXT, blocks=("text " * 1000,), status="200 OK", **more):
    """The header that makes apps/responses.py answer so."""
    return {"X-Response": json.dumps({"status": status, "headers": headers, "blocks": list(blocks), **more})}


@pytest.mark.parametrize("more", [{}, {"iterator": True}, {"write": ["first "]}, {"headers": [*TEXT, ["Content-Length", "5000"]]}])
def test_deflated_responses(serve, mode, more):
    server = serve("WSGIScriptAlias / ${APPS}/responses.py\nSetOutputFilter DEFLATE\n", mode)
    expected = "".join(more.get("write", [])) + "text " * 1000
    response = server.get("/", {**told(**more), "Accept-Encoding": "gzip"})
    assert response.header("Content-Encoding") == "gzip"
    assert response.header("Content-Length") in (None, str(len(response.body)))
    assert gzip.decompress(response.body).decode() == expected
    assert server.get("/", told(**more)).text == expected


def test_deflated_stream_comes_in_pieces(serve, mode):
    """Each block of the application is flushed through the filter."""
    server = serve("WSGIScriptAlias / ${APPS}/stream.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\nSetOutputFilter DEFLATE\n", mode)
    unzip, text = zlib.decompressobj(31), b""
    with server.connect() as client:
        client.start("GET", "/generator?zipped", {"Accept-Encoding": "gzip"})
        assert client.head().header("Content-Encoding") == "gzip"
        for step in (1, 2, 3):
            while not text.endswith(b"block %d\n" % step):
                text += unzip.decompress(client.chunk())
            server.write(f"data/zipped.{step + 1}", "")
        client.chunks()


@pytest.mark.parametrize("size", [5000, 500_000])
def test_deflated_file(serve, mode, size):
    server = serve("WSGIScriptAlias / ${APPS}/files.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\nSetOutputFilter DEFLATE\n", mode)
    server.write("data/file", b"0123456789" * (size // 10))
    response = server.get("/", {"X-File": '{"name": "file"}', "Accept-Encoding": "gzip"})
    assert gzip.decompress(response.body) == b"0123456789" * (size // 10)


@pytest.mark.ours
def test_a_deflated_response_that_is_cut_short_shows_it(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/failing.py\nSetOutputFilter DEFLATE\n", mode)
    with pytest.raises(Cut):
        server.get("/after", {"Accept-Encoding": "gzip"})


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_inflated_requests(serve, mode, size, chunked):
    conf = "WSGIScriptAlias / ${APPS}/digest.py\nSetInputFilter DEFLATE\nWSGIChunkedRequest On\n"
    server = serve(conf, mode)
    body = random.Random(1).randbytes(size // 2 + 1).hex().encode()[:size]
    packed = gzip.compress(body)
    response = server.request("POST", "/", {"Content-Encoding": "gzip"}, packed, chunked=chunked)
    assert response.status == 200
    assert response.text.split()[:2] == [str(size), hashlib.sha256(body).hexdigest()]


def test_request_that_is_no_gzip(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/digest.py\nSetInputFilter DEFLATE\n", mode)
    assert server.request("POST", "/", {"Content-Encoding": "gzip"}, b"not gzip at all, not at all").status in (400, 500)
    assert server.get("/").status == 200


def test_a_bomb_meets_the_limit(serve, mode):
    conf = "WSGIScriptAlias / ${APPS}/digest.py\nSetInputFilter DEFLATE\nLimitRequestBody 100000\n"
    server = serve(conf, mode)
    response = server.request("POST", "/", {"Content-Encoding": "gzip"}, gzip.compress(b"0" * 20_000_000))
    assert response.status in (400, 413, 500)
    assert server.get("/").status == 200


def test_mod_headers(serve, mode):
    conf = ("WSGIScriptAlias / ${APPS}/responses.py\nHeader set X-Set of-httpd\nHeader append X-Mine more\nHeader unset X-Gone\n"
            "Header always set X-Always yes\nHeader edit Set-Cookie ^(.*)$ \"$1; Secure\"\nHeader echo ^X-Asked\n"
            "RequestHeader unset X-Hidden\nHeader set X-Env \"%{FROM_ENV}e\"\nSetEnv FROM_ENV value\n")
    server = serve(conf, mode)
    headers = [["X-Mine", "mine"], ["X-Gone", "gone"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Set", "of-app"]]
    response = server.get("/", {**told(headers), "X-Asked": "answer"})
    assert response.header("X-Set") == "of-httpd"
    assert response.header("X-Mine") == "mine, more"
    assert response.header("X-Gone") is None
    assert response.header("X-Always") == "yes"
    assert response.all("Set-Cookie") == ["a=1; Secure", "b=2; Secure"]
    assert response.header("X-Asked") == "answer"
    assert response.header("X-Env") == "value"
    failed = server.get("/", told(status="no status"))
    assert (failed.status, failed.header("X-Always"), failed.header("X-Set")) == (500, "yes", None)


def test_mod_headers_changes_the_request(serve, mode):
    conf = "WSGIScriptAlias / ${APPS}/environ.py\nRequestHeader set X-New made\nRequestHeader unset X-Hidden\n"
    seen = json.loads(serve(conf, mode).get("/", {"X-Hidden": "x"}).body)
    assert seen["HTTP_X_NEW"] == ["str", "'made'"] and "HTTP_X_HIDDEN" not in seen


@pytest.mark.parametrize("path, headers", [("/responses", told(blocks=["x" * 100_000])), ("/files", {"X-File": '{"name": "file"}'})])
def test_ratelimit(serve, mode, path, headers):
    conf = ("WSGIScriptAlias /responses ${ROOT}/long.py\nWSGIScriptAlias /files ${APPS}/files.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n"
            "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 50\n")
    script = '"""100,000 bytes."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"x" * 100_000]\n'
    server = serve(conf, mode, modules=("ratelimit",), files={"long.py": script})
    server.write("data/file", b"x" * 100_000)
    headers = headers if path == "/files" else ()
    begun = time.monotonic()
    response = server.get(path, headers)
    assert response.body == b"x" * 100_000
    assert time.monotonic() - begun > 0.5  # 50 KiB a second, of which the first goes at once


def test_ratelimit_holds_no_daemon_thread(serve):
    conf = "WSGIScriptAlias / ${ROOT}/long.py\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 40\n"
    script = '"""100,000 bytes."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"x" * 100_000]\n'
    server = serve(conf, "daemon", options="threads=1", modules=("ratelimit",), files={"long.py": script})
    with server.connect() as slow, server.connect() as other:
        slow.start("GET", "/")
        head = slow.head()
        other.start("GET", "/")
        other.head()  # while the first response is still on its way:
        assert not select.select([slow.socket], [], [], 0)[0] or len(slow.socket.recv(200_000, socket.MSG_PEEK)) < 90_000
        assert slow.body("GET", head) == b"x" * 100_000


def test_substitute(serve, mode):
    conf = "WSGIScriptAlias / ${APPS}/responses.py\nAddOutputFilterByType SUBSTITUTE text/html\nSubstitute s/alpha/omega/n\n"
    server = serve(conf, mode)
    html = [["Content-Type", "text/html"]]
    assert server.get("/", told(html, ["an alpha, ", "an al", "pha\nand alpha\n"])).text == "an omega, an omega\nand omega\n"
    assert server.get("/", told([*html, ["Content-Length", "6"]], ["alpha\n"])).text == "omega\n"
    assert server.get("/", told(TEXT, ["alpha"])).text == "alpha"


def test_buckets_of_other_modules(serve, mode):
    """mod_buffer holds a response back until its end."""
    conf = "WSGIScriptAlias / ${APPS}/responses.py\n<Location />\nSetOutputFilter BUFFER\nBufferSize 100000\n</Location>\n"
    server = serve(conf, mode, modules=("buffer",))
    assert server.get("/", told(blocks=["a", "b", "c"], iterator=True)).text == "abc"


def test_buffered_request(serve, mode):
    conf = "WSGIScriptAlias / ${APPS}/digest.py\n<Location />\nSetInputFilter BUFFER\nBufferSize 100000\n</Location>\n"
    server = serve(conf, mode, modules=("buffer",))
    for size in (10, 300_000):
        assert server.post("/", b"b" * size).text.startswith(f"{size} ")


def test_cache(serve, mode):
    conf = ("WSGIScriptAlias / ${ROOT}/count.py\nCacheEnable disk /\nCacheRoot ${ROOT}/data/cache\nCacheIgnoreCacheControl On\n"
            "CacheIgnoreNoLastMod On\nCacheQuickHandler Off\n")
    script = ('"""Counts its calls."""\nimport itertools\ncounter = itertools.count(1)\ndef application(environ, start_response):\n'
              '    start_response("200 OK", [("Cache-Control", "max-age=100"), ("Content-Type", "text/plain")])\n'
              '    return [b"call %d" % next(counter)]\n')
    server = serve(conf, mode, modules=("cache", "cache_disk"), run=False, files={"count.py": script})
    (server.root / "data" / "cache").mkdir()
    (server.root / "data" / "cache").chmod(0o777)
    server.start()
    assert {server.get("/page").text for _ in range(4)} == {"call 1"}
    assert server.get("/other").text == "call 2"
