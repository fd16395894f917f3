"""Bodies shorter and longer than their Content-Length, bodies without one, and responses that have no body."""

import json

import pytest
from conftest import Application
from support.http import Cut
from test_start_response import answer

TEXT = ("Content-Type", "text/plain")


def test_right(wsgi):
    response = answer(wsgi, headers=[TEXT, ("Content-Length", "4")])
    assert (response.header("Content-Length"), response.body) == ("4", b"body")


@pytest.mark.parametrize("blocks", [["body and more"], ["bo", "dy", " and", " more"]])
def test_longer_is_cut_to_the_length(wsgi, blocks):
    with wsgi.server.connect() as client:
        wanted = json.dumps({"status": "200 OK", "headers": [TEXT, ("Content-Length", "4")], "blocks": blocks})
        response = client.request("GET", wsgi.prefix + "/responses.py", {"X-Response": wanted})
        assert response.body == b"body"
        assert client.request("GET", wsgi.prefix + "/hello.py").body == b"Hello, world!"


@pytest.mark.parametrize("blocks", [["bod"], ["b", "o"], pytest.param([], marks=pytest.mark.ours)])
def test_shorter_ends_the_connection(wsgi, blocks):
    with pytest.raises(Cut) as cut:
        answer(wsgi, headers=[TEXT, ("Content-Length", "4")], blocks=blocks)
    assert cut.value.received == "".join(blocks).encode()


@pytest.mark.ours
@pytest.mark.parametrize("blocks", [["one piece"], []])
def test_computed_for_one_known_piece(site, blocks):
    response = answer(Application(site, "/app"), blocks=blocks)
    assert response.header("Content-Length") == str(len("".join(blocks)))
    assert response.header("Transfer-Encoding") is None


def test_iterator_without_length(wsgi):
    response = answer(wsgi, blocks=["a", "b"], iterator=True)
    assert response.body == b"ab"


def test_http_1_0_without_length(site):
    with site.connect() as client:
        client.send(b"GET /app/unread.py HTTP/1.0\r\n\r\n")
        response = client.finish()
        assert (response.status, response.body) == (200, b"not read")


@pytest.mark.parametrize("headers", [[TEXT], [TEXT, ("Content-Length", "4")]])
def test_head(wsgi, headers):
    with wsgi.server.connect() as client:
        wanted = json.dumps({"status": "200 OK", "headers": headers + [("X-Mine", "yes")], "blocks": ["body"]})
        response = client.request("HEAD", wsgi.prefix + "/responses.py", {"X-Response": wanted})
        assert (response.status, response.header("X-Mine"), response.body) == (200, "yes", b"")
        assert response.header("Content-Length") in ("4", None)
        assert client.request("GET", wsgi.prefix + "/hello.py").body == b"Hello, world!"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_without_a_body(wsgi, status):
    with wsgi.server.connect() as client:
        wanted = json.dumps({"status": status, "headers": [("ETag", '"e"')], "blocks": []})
        response = client.request("GET", wsgi.prefix + "/responses.py", {"X-Response": wanted})
        assert (response.status, response.header("ETag"), response.body) == (int(status[:3]), '"e"', b"")
        assert client.request("GET", wsgi.prefix + "/hello.py").body == b"Hello, world!"


def test_body_where_none_may_be(site):
    with site.connect() as client:
        wanted = json.dumps({"status": "204 No Content", "headers": [], "blocks": ["stray body"]})
        client.start("GET", "/app/responses.py", {"X-Response": wanted})
        assert client.finish().status == 204
        try:
            assert client.request("GET", "/app/hello.py").body == b"Hello, world!"
        except (Cut, OSError):
            pass  # closing the connection is a right answer too, a stray body is not


def test_bad_length(site):
    assert site.get("/app/failing.py/bad-length").status == 500
    site.wait_for_log("ValueError", site.since)
