"""HEAD: what the application sees (WSGIMapHEADToGET), with and without filters that look at the content, and what goes out."""

import gzip
import json

import pytest

TEXT = [["Content-Type", "text/plain"]]


def told(headers=TEXT, blocks=("x" * 2000,), **more):
    """The header that makes apps/responses.py answer so."""
    return {"X-Response": json.dumps({"status": "200 OK", "headers": headers, "blocks": list(blocks), **more})}


def method_seen(server, path="/environ"):
    """REQUEST_METHOD of a HEAD request, by a header, for there is no body."""
    response = server.request("HEAD", path)
    assert response.status == 200 and response.body == b""
    return response.header("X-Method")


METHOD = '''"""Says in a header which method it sees."""
def application(environ, start_response):
    body = b"body" * 500
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Method", environ["REQUEST_METHOD"])])
    return [body] if environ["REQUEST_METHOD"] == "GET" else []
'''
FILTER = "SetOutputFilter DEFLATE\n"


@pytest.mark.parametrize("lines, seen", [("", "HEAD"), (FILTER, "GET"), ("WSGIMapHEADToGET Auto\n", "HEAD"),
                                         ("WSGIMapHEADToGET Auto\n" + FILTER, "GET"), ("WSGIMapHEADToGET Off\n" + FILTER, "HEAD"),
                                         ("WSGIMapHEADToGET On\n", "GET"), ("WSGIMapHEADToGET On\n" + FILTER, "GET")])
def test_method(serve, mode, lines, seen):
    server = serve("WSGIScriptAlias / ${ROOT}/method.py\n" + lines, mode, files={"method.py": METHOD})
    assert method_seen(server, "/") == seen
    assert server.get("/").header("X-Method") == "GET"


def test_headers_are_those_of_get_behind_a_filter(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/method.py\n" + FILTER, mode, files={"method.py": METHOD})
    request = {"Accept-Encoding": "gzip"}
    get, head = server.get("/", request), server.request("HEAD", "/", request)
    assert gzip.decompress(get.body) == b"body" * 500
    assert get.header("Content-Encoding") == head.header("Content-Encoding") == "gzip"
    assert head.header("Vary") == get.header("Vary")


@pytest.mark.parametrize("more", [{}, {"iterator": True}, {"write": ["a" * 10]}, {"blocks": []}])
def test_no_body_goes_out(site, more):
    with site.connect() as client:
        for _ in range(3):
            response = client.request("HEAD", "/app/responses.py", told(**more))
            assert (response.status, response.body) == (200, b"")
            assert client.request("GET", "/app/hello.py").body == b"Hello, world!"


def test_length_as_given(site):
    response = site.request("HEAD", "/app/responses.py", told([*TEXT, ["Content-Length", "12345"]], []))
    assert response.header("Content-Length") == "12345"


@pytest.mark.ours
def test_length_is_computed(site):
    assert site.request("HEAD", "/app/responses.py", told()).header("Content-Length") == "2000"
    # An empty body tells nothing about what a GET would get.
    assert site.request("HEAD", "/app/responses.py", told(blocks=[])).header("Content-Length") is None


def test_errors(site):
    response = site.request("HEAD", "/app/failing.py/before")
    assert (response.status, response.body) == (500, b"")
    assert site.request("HEAD", "/app/hello.py").status == 200
