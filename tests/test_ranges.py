"""Ranges: httpd serves parts of files that go out by wsgi.file_wrapper; any other response goes out as it was given."""

import json
from email.parser import BytesParser

import pytest

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def send(site):
    """Requests a part of a file; `X-File` as apps/files.py has it."""
    site.write("data/ranges", CONTENT)

    def request(part, method="GET", headers=(), body=b"", **wanted):
        wanted = json.dumps({"name": "ranges", **wanted})
        return site.request(method, "/app/files.py", [("X-File", wanted), ("Range", part), *headers], body)

    return request


@pytest.mark.ours
@pytest.mark.parametrize("part, first, last", [("bytes=0-0", 0, 0), ("bytes=100-299", 100, 299), ("bytes=-5", 255_995, 255_999),
                                               ("bytes=255990-", 255_990, 255_999), ("bytes=5-999999", 5, 255_999)])
def test_part_of_a_file(send, part, first, last):
    response = send(part)
    assert (response.status, response.body) == (206, CONTENT[first:last + 1])
    assert response.header("Content-Range") == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.header("Content-Length") == str(last + 1 - first)


@pytest.mark.ours
def test_part_of_what_the_application_sends_of_a_file(send):
    response = send("bytes=10-19", offset=1000, length=500)
    assert (response.status, response.body) == (206, CONTENT[1010:1020])
    assert response.header("Content-Range") == "bytes 10-19/500"


@pytest.mark.ours
def test_several_parts(send):
    response = send("bytes=0-3,100-103")
    assert response.status == 206
    head = f"Content-Type: {response.header('Content-Type')}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + response.body).get_payload()
    assert [part.get_payload(decode=True)[:4] for part in parts] == [CONTENT[:4], CONTENT[100:104]]


@pytest.mark.ours
def test_beyond_the_end(send):
    assert send("bytes=999999-").status == 416


def test_other_methods_and_what_is_no_file_have_no_parts(send):
    response = send("bytes=0-9", "POST", body=b"x")
    assert (response.status, response.body) == (200, CONTENT)
    response = send("bytes=0-9", kind="bytesio")
    assert (response.status, response.body) == (200, CONTENT)
    assert send("lines=0-9").body == CONTENT


@pytest.mark.parametrize("more", [{}, {"iterator": True}, {"write": ["0123"]}])
@pytest.mark.parametrize("headers", [[], [["Content-Length", "10"], ["ETag", '"x"']]])
def test_a_body_goes_out_whole(site, headers, more):
    blocks = ["456789"] if "write" in more else ["0123", "456789"]
    wanted = json.dumps({"status": "200 OK", "headers": headers, "blocks": blocks, **more})
    response = site.get("/app/responses.py", {"X-Response": wanted, "Range": "bytes=1-2"})
    assert (response.status, response.body) == (200, b"0123456789")
    assert response.header("Content-Range") is None


def test_a_part_that_the_application_has_made(site):
    headers = [["Content-Range", "bytes 1-2/10"], ["Content-Length", "2"]]
    wanted = json.dumps({"status": "206 Partial Content", "headers": headers, "blocks": ["12"]})
    response = site.get("/app/responses.py", {"X-Response": wanted, "Range": "bytes=1-2"})
    assert (response.status, response.body, response.header("Content-Range")) == (206, b"12", "bytes 1-2/10")


def test_the_connection_goes_on(site):
    site.write("data/ranges", CONTENT)
    with site.connect() as client:
        for _ in range(2):
            response = client.request("GET", "/app/files.py", {"X-File": '{"name": "ranges"}', "Range": "bytes=3-5"})
            assert response.body in (CONTENT[3:6], CONTENT)
            assert client.request("GET", "/app/hello.py", {"Range": "bytes=1-1"}).body == b"Hello, world!"
