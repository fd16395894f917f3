"""W3C trace context: which ids a request has, who sees them, and what WSGITraceContext changes."""

import re

import pytest
from support.environ import variables

pytestmark = pytest.mark.ours

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"
LATER = f"cc-{TRACE}-{PARENT}-01-what-comes-later"
INVALID = {
    "trace of zeroes": f"00-{'0' * 32}-{PARENT}-01",
    "parent of zeroes": f"00-{TRACE}-{'0' * 16}-01",
    "upper case": f"00-{TRACE.upper()}-{PARENT}-01",
    "version ff": f"ff-{TRACE}-{PARENT}-01",
    "more behind version 00": f"{VALID}-more",
    "too short": VALID[:-1],
    "words": "hello",
}
MADE = r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]"

CONF = """
LogFormat "%U %{WSGI_TRACE_ID}e" traces
CustomLog ${ROOT}/logs/traces.log traces
ErrorLogFormat "[trace %{WSGI_TRACE_ID}e] %M"
WSGIScriptAlias /auto ${APPS}/environ.py
WSGIScriptAlias /on ${APPS}/environ.py
WSGIScriptAlias /never ${APPS}/environ.py
WSGIScriptAlias /some ${APPS}/environ.py
WSGIScriptAlias /off ${APPS}/environ.py
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /talking ${APPS}/talking.py
WSGIScriptAlias /guarded ${APPS}/environ.py
<Location /on>
    WSGITraceContext On
</Location>
<Location /never>
    WSGITraceContext On sampled=0
</Location>
<Location /some>
    WSGITraceContext On sampled=0.5
</Location>
<Location /off>
    WSGITraceContext Off
</Location>
<Location /guarded>
    WSGIAccessScript ${ROOT}/guard.py
</Location>
<Location /failing>
    ErrorDocument 500 /auto/page
</Location>
"""

GUARD = '''"""Lets everybody in, and says what it has seen."""


def allow_access(environ, host):
    print("guard saw", environ.get("HTTP_TRACEPARENT"), environ.get("WSGI_TRACE_ID"), file=environ["wsgi.errors"])
    return True
'''


@pytest.fixture
def server(shared, mode):
    """One for all tests of a mode."""
    from conftest import daemon_lines
    from support.server import Server

    def make():
        server = Server(daemon_lines(mode) + CONF)
        server.write("guard.py", GUARD)
        return server

    return shared("traces", mode, make)


def seen(server, path, *headers):
    """What an application sees."""
    return variables(server.get(path, list(headers)))


@pytest.mark.parametrize("path", ["/auto", "/on"])
@pytest.mark.parametrize("value", [VALID, LATER, f"00-{TRACE}-{PARENT}-00"])
def test_a_valid_one_is_passed_through(server, path, value):
    environ = seen(server, path, ("traceparent", value), ("tracestate", "a=1,b=2"))
    assert (environ["HTTP_TRACEPARENT"], environ["HTTP_TRACESTATE"]) == (value, "a=1,b=2")
    assert (environ["mod_wsgi.traceparent"], environ["WSGI_TRACE_ID"]) == (value, TRACE)


def test_without_one_ids_are_made_and_headers_stay(server):
    environ = seen(server, "/auto", ("tracestate", "a=1"))
    made = environ["mod_wsgi.traceparent"]
    assert re.fullmatch(MADE, made) and made[3:35] == environ["WSGI_TRACE_ID"]
    assert "HTTP_TRACEPARENT" not in environ and environ["HTTP_TRACESTATE"] == "a=1"


def test_on_makes_the_header(server):
    environ = seen(server, "/on", ("tracestate", "a=1"))
    made = environ["HTTP_TRACEPARENT"]
    assert re.fullmatch(MADE, made) and made.endswith("-01")
    assert (environ["mod_wsgi.traceparent"], environ["WSGI_TRACE_ID"]) == (made, made[3:35])
    assert "HTTP_TRACESTATE" not in environ, "it belongs to no trace"


@pytest.mark.parametrize("value", INVALID.values(), ids=INVALID)
def test_an_invalid_one_is_replaced_or_left_alone(server, value):
    environ = seen(server, "/on", ("traceparent", value), ("tracestate", "a=1"))
    assert re.fullmatch(MADE, environ["HTTP_TRACEPARENT"]) and TRACE not in environ["HTTP_TRACEPARENT"]
    assert "HTTP_TRACESTATE" not in environ
    environ = seen(server, "/auto", ("traceparent", value), ("tracestate", "a=1"))
    assert (environ["HTTP_TRACEPARENT"], environ["HTTP_TRACESTATE"]) == (value, "a=1")
    assert environ["WSGI_TRACE_ID"] not in (TRACE, "0" * 32)


def test_two_headers_are_invalid(server):
    environ = seen(server, "/on", ("traceparent", VALID), ("traceparent", LATER))
    assert re.fullmatch(MADE, environ["HTTP_TRACEPARENT"]) and TRACE not in environ["HTTP_TRACEPARENT"]


def test_two_headers_of_tracestate_are_one_list(server):
    environ = seen(server, "/on", ("traceparent", VALID), ("tracestate", "a=1"), ("tracestate", "b=2"))
    assert environ["HTTP_TRACESTATE"].replace(" ", "") == "a=1,b=2"


def test_off_has_no_ids(server):
    environ = seen(server, "/off", ("traceparent", VALID))
    assert environ["HTTP_TRACEPARENT"] == VALID
    assert not {"mod_wsgi.traceparent", "WSGI_TRACE_ID"} & set(environ)


def test_each_request_has_ids_of_its_own(server):
    made = [seen(server, "/on")["HTTP_TRACEPARENT"].split("-") for _ in range(100)]
    assert len({trace for _, trace, _, _ in made}) == len({parent for _, _, parent, _ in made}) == 100


def test_the_share_of_sampled_traces(server):
    assert {seen(server, "/never")["HTTP_TRACEPARENT"][-2:] for _ in range(20)} == {"00"}
    # Of 60 fair coins all fall alike once in 2 ** 59 times.
    assert {seen(server, "/some")["HTTP_TRACEPARENT"][-2:] for _ in range(60)} == {"00", "01"}


def test_logs_have_the_id(server):
    mark = "mark-of-traces"
    server.get(f"/talking/x?{mark}", [("traceparent", VALID)])
    server.wait_for_log(f"{mark} logging", server.since)
    lines = [line for line in server.log(server.since).splitlines() if mark in line]
    assert len(lines) == 4 and all(line.startswith(f"[trace {TRACE}]") for line in lines), lines
    server.wait_for_log(f"^/talking/x {TRACE}$", name="traces.log")


def test_error_pages_belong_to_the_trace(server):
    """So does what the access log has of both."""
    since = server.mark("traces.log")
    page = server.get("/failing/before")
    page.status = 200
    environ = variables(page)
    made = environ["WSGI_TRACE_ID"]
    assert environ["REDIRECT_WSGI_TRACE_ID"] == made and re.fullmatch("[0-9a-f]{32}", made)
    assert re.fullmatch(r"[\w@+/-]+", environ["REDIRECT_WSGI_REQUEST_ID"])
    server.wait_for_log(f"^/failing/before {made}$", since, name="traces.log")
    assert f"[trace {made}] " in server.log(server.since)


def test_scripts_before_the_application_see_it(server):
    environ = seen(server, "/guarded", ("traceparent", VALID))
    assert environ["WSGI_TRACE_ID"] == TRACE
    server.wait_for_log(f"trace {TRACE}.*guard saw {VALID}", server.since)


@pytest.mark.parametrize("line, words", [
    ("WSGITraceContext", "value"),
    ("WSGITraceContext Maybe", "Maybe"),
    ("WSGITraceContext On sampled=2", "from 0 to 1"),
    ("WSGITraceContext On samples=1", "sampled"),
])  # fmt: skip
def test_mistakes_are_refused(serve, line, words):
    server = serve(line + "\n", run=False)
    result = server.configtest()
    assert result.returncode != 0 and words in result.stderr, result.stderr
