"""What a response may hold: statuses, names, values, and the headers that are httpd's own."""

import json

import pytest


def answer(site, status="200 OK", headers=(("Content-Type", "text/plain"),), blocks=("body",), method="GET", request=(), **more):
    """A response as the application is told to make it."""
    wanted = json.dumps({"status": status, "headers": list(headers), "blocks": list(blocks), **more})
    return site.request(method, "/app/responses.py", [("X-Response", wanted), *request])


@pytest.mark.ours
@pytest.mark.parametrize("status", ["100 Continue", "101 Switching Protocols", "103 Early Hints", "199", "099 Low", "000"])
def test_interim_statuses_are_refused(site, status):
    assert answer(site, status).status == 500
    site.wait_for_log("ValueError: status", site.since)


@pytest.mark.parametrize("name", ["X:A", "X(A)", "X\"A", "X/A", "X[", "X\xe4", "X@", "X=", "X,", "X;", "X\x7f"])
def test_names_that_are_no_token(site, name):
    response = answer(site, "200 OK", [(name, "v")])
    assert response.status == 500 or response.header("X") == "A: v"  # the replaced module splits at the colon


@pytest.mark.ours
def test_the_line_is_named(site):
    answer(site, "200 OK", [("X:A", "v")])
    site.wait_for_log("ValueError: header name .X:A.", site.since)


@pytest.mark.parametrize("name", ["X-A", "x_a", "X.A", "X!#$%&'*+^`|~"])
def test_every_token_is_a_name(site, name):
    assert answer(site, "200 OK", [(name, "v")]).header(name) == "v"


@pytest.mark.parametrize("value", ["a\x01b", "a\x1bb", "a\x7fb", "\x0b"])
def test_control_characters_in_values(site, value):
    assert answer(site, "200 OK", [("X-A", value)]).status == 500


@pytest.mark.parametrize("value, seen", [("a\tb", "a\tb"), ("caf\xe9", "caf\xe9"), ("", ""), ("x" * 8000, "x" * 8000), ("a  b", "a  b")])
def test_values_as_given(site, value, seen):
    assert answer(site, "200 OK", [("X-A", value)]).header("X-A") == seen


def test_many_headers(site):
    headers = [(f"X-{number}", str(number)) for number in range(500)]
    script = answer(site, "200 OK", headers[:150])
    assert [script.header(name) for name, _ in headers[:150]] == [value for _, value in headers[:150]]


def test_date_and_server_are_those_of_httpd(site):
    given = [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")]
    response = answer(site, "200 OK", given)
    assert "1970" not in response.header("Date")
    assert response.header("Server").startswith("Apache")


@pytest.mark.ours
@pytest.mark.parametrize("value", ["Thu, 01 Jan 2099 00:00:00 GMT", "garbage", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
def test_last_modified_as_given(site, value):
    assert answer(site, "200 OK", [("Last-Modified", value)]).header("Last-Modified") == value


@pytest.mark.ours
@pytest.mark.parametrize("value", ["404 Not Found", "200", "junk"])
def test_status_header_as_given(site, value):
    response = answer(site, "202 Accepted", [("Status", value)])
    assert (response.status, response.header("Status")) == (202, value)


def test_conditions_are_the_application_s_affair(site):
    headers = [("ETag", '"x"'), ("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT")]
    request = [("If-None-Match", '"x"'), ("If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT")]
    response = answer(site, "200 OK", headers, request=request)
    assert (response.status, response.body) == (200, b"body")


def test_duplicates_in_order(site):
    given = [("Set-Cookie", "a=1; Path=/"), ("WWW-Authenticate", "Basic realm=a"), ("Set-Cookie", "b=2"), ("set-cookie", "c=3"),
             ("WWW-Authenticate", "Digest realm=b"), ("Link", "<a>"), ("Link", "<b>"), ("Vary", "Cookie"), ("Vary", "Accept")]
    response = answer(site, "401 Unauthorized", given)
    assert response.all("Set-Cookie") == ["a=1; Path=/", "b=2", "c=3"]
    assert response.all("WWW-Authenticate") == ["Basic realm=a", "Digest realm=b"]
    assert ", ".join(response.all("Link")) == "<a>, <b>"
    assert {"Cookie", "Accept"} <= {word.strip() for value in response.all("Vary") for word in value.split(",")}


def test_the_last_type_and_length_win(site):
    given = [("content-type", "text/a"), ("Content-Length", "9"), ("Content-Type", "text/b"), ("content-length", "4")]
    response = answer(site, "200 OK", given)
    assert (response.header("Content-Type"), response.header("Content-Length")) == ("text/b", "4")


@pytest.mark.parametrize("value", ["x", "-1", "+4", "4 ", "4x", "", "4.0", "99999999999999999999"])
def test_lengths_that_are_none(site, value):
    assert answer(site, "200 OK", [("Content-Length", value)]).status == 500
    site.wait_for_log("Content-Length", site.since)


def test_length_with_a_blank_in_front(site):
    response = answer(site, "200 OK", [("Content-Length", " 4")])
    assert (response.status, response.body) == (200, b"body")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("more", [{"blocks": []}, {"blocks": ["dropped"]}, {"blocks": ["a", "b"], "iterator": True}, {"write": ["a"], "blocks": []}])
def test_no_body_where_none_may_be(site, status, more):
    headers = [("ETag", '"x"'), ("X-Kept", "yes")]
    wanted = {"X-Response": json.dumps({"status": status, "headers": headers, **more})}
    with site.connect() as client:
        for _ in range(2):  # what follows on the connection is no body
            response = client.request("GET", "/app/responses.py", wanted)
            assert (response.status, response.header("ETag"), response.header("X-Kept")) == (int(status[:3]), '"x"', "yes")
            assert client.request("GET", "/app/hello.py").body == b"Hello, world!"


def test_reason_phrases(site):
    for status, reason in [("200 Very Well", "Very Well"), ("404 a b  c", "a b  c"), ("599 Odd", "Odd"), ("999 Odder", "Odder")]:
        response = answer(site, status)
        assert (response.status, response.reason) == (int(status[:3]), reason)


def test_no_type_is_invented(site):
    assert answer(site, "200 OK", []).header("Content-Type") is None
    assert answer(site, "200 OK", [("Content-Type", "")]).header("Content-Type") is None


@pytest.mark.ours
def test_type_as_given(site):
    for value in ("Text/HTML;Charset=X", "multipart/mixed; boundary=\"a b\"", "odd"):
        assert answer(site, "200 OK", [("Content-Type", value)]).header("Content-Type") == value


def test_connection_headers_do_not_break_the_response(site):
    with site.connect() as client:
        for headers in ([("Connection", "close")], [("Keep-Alive", "timeout=1")], [("Upgrade", "h2c")]):
            wanted = {"X-Response": json.dumps({"status": "200 OK", "headers": headers, "blocks": ["body"]})}
            assert client.request("GET", "/app/responses.py", wanted).body == b"body"
            if headers[0][0] == "Connection":
                client.close()
                client.__init__(site.port)


def test_http_1_0(site):
    with site.connect() as client:
        client.send(b"GET /app/responses.py HTTP/1.0\r\nX-Response: " + json.dumps(
            {"status": "200 OK", "headers": [], "blocks": ["a", "b"], "iterator": True}).encode() + b"\r\n\r\n")
        assert client.finish().body == b"ab"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FROBNICATE"])
def test_every_method_reaches_the_application(site, method):
    response = site.request(method, "/app/environ.py")
    assert response.status == 200
    assert json.loads(response.body)["REQUEST_METHOD"][1] == repr(method)


def test_trace_is_httpd_s(site):
    response = site.request("TRACE", "/app/environ.py", {"X-Mine": "seen"})
    assert response.header("Content-Type") == "message/http" and b"X-Mine: seen" in response.body


@pytest.mark.parametrize("status", ["200", "299", "404", "600"])
def test_a_reason_is_not_needed(site, status):
    assert answer(site, status).status == int(status)
