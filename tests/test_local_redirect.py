"""`Location` with a path of this server and status 200: httpd answers with that URL (WSGILocalRedirect)."""

import json

import pytest
from support.processes import wait_until

CONF = """
<Location /default>
</Location>
<Location /on>
    WSGILocalRedirect On
</Location>
<Location /off>
    WSGILocalRedirect Off
</Location>
<Location /auto>
    WSGILocalRedirect Auto
</Location>
""" + "".join(f"WSGIScriptAlias /{name} ${{APPS}}/responses.py\n" for name in ("default", "on", "off", "auto")) + """
WSGIScriptAlias /environ ${APPS}/environ.py
WSGIScriptAlias /unread ${APPS}/unread.py
WSGIScriptAlias /failing ${ROOT}/failing.py
<Location /failing>
    WSGILocalRedirect On
</Location>
<Directory ${ROOT}/htdocs/private>
    Require all denied
</Directory>
AddType text/x-known .known
"""
FILES = {"htdocs/file": "a static file", "htdocs/file.known": "known", "htdocs/private/file": "secret", "failing.py": '''"""Fails after the head."""
def application(environ, start_response):
    write = start_response("200 OK", [("Location", "/file")])
    write(b"some")
    raise RuntimeError("after the head")
'''}


@pytest.fixture
def server(serve, mode):
    """One with each setting."""
    return serve(CONF, mode, files=FILES)


def wanted(location, status="200 OK", headers=(), blocks=("own body",), **more):
    """The header that makes apps/responses.py answer so."""
    headers = [["Content-Type", "text/x-mine"], ["Location", location], ["Set-Cookie", "a=b"], *headers]
    return {"X-Response": json.dumps({"status": status, "headers": headers, "blocks": list(blocks), **more})}


def redirects(server, place):
    """Whether httpd follows at this place."""
    response = server.get(f"/{place}", wanted("/file"))
    assert response.status == 200 and response.body in (b"a static file", b"own body")
    followed = response.body == b"a static file"
    assert (response.header("Location") is None) is followed
    return followed


def test_default_is_that_of_mod_wsgi(server):
    assert redirects(server, "default") is (server.mode == "daemon")


@pytest.mark.ours
def test_settings(server):
    assert redirects(server, "on") is True
    assert redirects(server, "off") is False
    assert redirects(server, "auto") is (server.mode == "daemon")


@pytest.mark.ours
def test_type_of_the_application_unless_httpd_knows_better(server):
    assert server.get("/on", wanted("/file")).header("Content-Type") == "text/x-mine"
    assert server.get("/on", wanted("/file.known")).header("Content-Type") == "text/x-known"


@pytest.mark.ours
@pytest.mark.parametrize("location, status, body", [("http://else.where/file", "200 OK", b"own body"), ("/file", "201 Created", b"own body"),
                                                    ("/file", "302 Found", b"own body"), ("file", "200 OK", b"own body")])
def test_other_responses_go_out(server, location, status, body):
    response = server.get("/on", wanted(location, status))
    assert (response.status, response.body, response.header("Location")) == (int(status[:3]), body, location)


@pytest.mark.ours
def test_what_httpd_refuses_stays_refused(server):
    assert server.get("/on", wanted("/none")).status == 404
    assert server.get("/on", wanted("/private/file")).status == 403


@pytest.mark.ours
def test_parts_and_conditions_work(server):
    response = server.get("/on", {**wanted("/file"), "Range": "bytes=2-7"})
    assert (response.status, response.body) == (206, b"static")
    tag = server.get("/on", wanted("/file")).header("ETag")
    assert server.get("/on", {**wanted("/file"), "If-None-Match": tag}).status == 304
    head = server.request("HEAD", "/on", wanted("/file"))
    assert (head.status, head.header("Content-Length")) == (200, "13")


@pytest.mark.ours
def test_target_may_be_an_application(server):
    response = server.get("/on/path?query", wanted("/environ/in%20fo?x=y"))
    values = {name: text for name, (_, text) in json.loads(response.body).items()}
    assert values["REQUEST_METHOD"] == "'GET'"
    assert (values["SCRIPT_NAME"], values["PATH_INFO"], values["QUERY_STRING"]) == ("'/environ'", "'/in fo'", "'x=y'")
    assert (values["REDIRECT_URL"], values["REDIRECT_QUERY_STRING"], values["REDIRECT_STATUS"]) == ("'/on/path'", "'query'", "'200'")
    assert (values["REDIRECT_SCRIPT_NAME"], values["REDIRECT_PATH_INFO"]) == ("'/on'", "'/path'")


@pytest.mark.ours
@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_was_not_read_is_not_taken_for_a_request(serve, mode, size, chunked):
    server = serve("WSGIChunkedRequest On\n" + CONF, mode, files=FILES)
    body = b"GET /file HTTP/1.1\r\nHost: smuggled\r\n\r\n" + b"x" * size
    with server.connect() as client:
        for _ in range(3):
            response = client.request("POST", "/on", wanted("/environ"), body, chunked=chunked)
            values = {name: text for name, (_, text) in json.loads(response.body).items()}
            assert values["REQUEST_METHOD"] == "'GET'" and "CONTENT_LENGTH" not in values
            assert client.request("GET", "/file").body == b"a static file"
    wait_until(lambda: server.log(name="access.log").count("\n") == 6, what="a line for each request")
    assert server.log(name="access.log").count("/file") == 3


@pytest.mark.ours
def test_an_error_after_the_head_is_an_error(server):
    assert server.get("/failing").status == 500
    server.wait_for_log("after the head")


@pytest.mark.ours
def test_a_long_body_is_dropped(server):
    assert server.get("/on", wanted("/file", blocks=["x" * 4000], iterator=True)).body == b"a static file"
    assert server.get("/on", wanted("/file", write=["x" * 3000], blocks=["y"])).body == b"a static file"
    assert server.get("/on", wanted("/on/loop")).status == 500  # httpd's LimitInternalRecursion ends the circle


@pytest.mark.ours
def test_bad_value(serve):
    assert "Auto, On or Off" in serve("WSGILocalRedirect Perhaps\n", run=False).configtest().stderr
