"""start_response: what it refuses, when it may be called again, and how headers go out."""

import json

import pytest
from conftest import Application

REFUSED = {
    "headers-tuple": "TypeError", "headers-none": "TypeError", "status-bytes": "TypeError", "status-int": "TypeError",
    "status-short": "ValueError", "status-letters": "ValueError",
    "status-four-digits": "ValueError", "status-no-space": "ValueError", "status-control": "ValueError",
    "header-list": "TypeError", "header-three": "ValueError", "name-bytes": "TypeError", "name-empty": "ValueError",
    "name-space": "ValueError", "value-int": "TypeError",
    "value-newline": "ValueError", "value-return": "ValueError", 
    "exc-info-list": "RuntimeError", "no-arguments": "TypeError", "one-argument": "TypeError", "keyword": "TypeError",
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_once(site, case):
    response = site.get(f"/app/rules.py/{case}")
    assert response.status == 200
    assert response.text.split(":")[0] == REFUSED[case]


@pytest.mark.ours
@pytest.mark.parametrize("headers", ['("X-%d" % n, "") for n in range(10_001)', '("X", "x" * (9 << 20)) for n in range(1)'])
def test_more_than_httpd_takes(serve, mode, headers):
    """The application hears of it, and the log has its traceback."""
    script = f'def application(environ, start_response):\n    start_response("200 OK", [{headers}])\n    return [b""]\n'
    server = serve("WSGIScriptAlias / ${ROOT}/many.py\n", mode, files={"many.py": script})
    assert server.get("/").status == 500
    assert "ValueError: the response has more than 9992 headers, or more than 8M of them" in server.log()


@pytest.mark.ours
@pytest.mark.parametrize("case", ["status-unicode", "name-unicode", "value-unicode"])
def test_what_latin_1_cannot_say(site, case):
    assert site.get(f"/app/rules.py/{case}").text.startswith("UnicodeEncodeError")


def test_again_after_output(site):
    begun, plain, with_info, text = site.get("/app/rules.py/after-output").text.split("|")
    assert begun == "begun"
    assert plain.startswith("RuntimeError")
    assert with_info == "KeyError: 'original'"
    assert text.startswith("TypeError")


def test_again_before_output_replaces(site):
    response = site.get("/app/rules.py/replaced")
    assert (response.status, response.reason, response.body) == (418, "Teapot", b"replaced")
    assert response.header("X-Second") == "yes" and response.header("X-First") is None


def test_headers_go_out_with_an_empty_write_but_not_with_an_empty_block(site):
    assert site.get("/app/rules.py/empty-write").text.startswith("RuntimeError")
    response = site.get("/app/rules.py/empty-blocks-first")
    assert (response.status, response.text) == (201, "accepted")


def answer(wsgi, status="200 OK", headers=(("Content-Type", "text/plain"),), blocks=("body",), method="GET", **more):
    """A response as the application is told to make it."""
    wanted = json.dumps({"status": status, "headers": list(headers), "blocks": list(blocks), **more})
    return wsgi.request(method, "/responses.py", {"X-Response": wanted})


@pytest.mark.parametrize("status, reason", [("200 OK", "OK"), ("404 Nowhere at all", "Nowhere at all"),
                                            ("299 Odd", "Odd"), ("500 Mine", "Mine"), ("201 ", None)])
def test_status_and_reason_as_given(wsgi, status, reason):
    response = answer(wsgi, status)
    assert response.status == int(status[:3])
    assert response.body == b"body"
    if reason:
        assert response.reason == reason


def test_headers_as_given(wsgi):
    headers = [("Content-Type", "Text/X-Odd; charset=koi8-r"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
               ("X-Latin", "caf\xe9"), ("X-Empty", ""), ("x-lower", "v"), ("WWW-Authenticate", "Basic realm=x")]
    response = answer(wsgi, "200 OK", headers)
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response.header("X-Latin") == "caf\xe9"
    assert response.header("X-Empty") == ""
    assert response.header("WWW-Authenticate") == "Basic realm=x"
    assert ("x-lower", "v") in response.headers
    assert response.header("Content-Type").lower() == "text/x-odd; charset=koi8-r"


@pytest.mark.ours
@pytest.mark.parametrize("name, value", [("Status", "404 Changed"), ("Last-Modified", "garbage"),
                                         ("Content-Type", "Text/HTML; Charset=X"), ("X-Many", "a")])
def test_no_header_is_rewritten(site, name, value):
    headers = [("Content-Type", "text/plain")] if name != "Content-Type" else []
    response = answer(Application(site, "/app"), "200 OK", [*headers, (name, value), ("X-Many", "b")])
    assert response.status == 200
    assert response.all(name)[0] == value
    assert "b" in response.all("X-Many")


def test_www_authenticate_survives_an_error(wsgi):
    response = answer(wsgi, "401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="r"')])
    assert (response.status, response.header("WWW-Authenticate"), response.body) == (401, 'Basic realm="r"', b"body")


def test_local_redirect_in_daemon_mode(site):
    headers = [("Content-Type", "text/plain"), ("Location", "/app/hello.py")]
    response = answer(Application(site, "/app"), "200 OK", headers)
    if site.mode == "daemon":
        assert response.body == b"Hello, world!"
    else:
        assert (response.body, response.header("Location")) == (b"body", "/app/hello.py")


def test_redirect(wsgi):
    response = answer(wsgi, "302 Found", [("Content-Type", "text/plain"), ("Location", "/elsewhere")], ["moved"])
    assert (response.status, response.body) == (302, b"moved")
    assert response.header("Location").endswith("/elsewhere")


FRAMED = """
def application(environ, start_response):
    start_response("200 OK", [("Transfer-Encoding", "chunked")])
    return iter([b"one ", b"two"])
"""


@pytest.mark.ours
def test_framing_is_left_to_httpd(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/framed.py\n", mode, files={"framed.py": FRAMED})
    with server.connect() as client:
        for _ in range(2):
            assert client.request("GET", "/").body == b"one two"
