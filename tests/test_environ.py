"""What the application sees in environ: names, types and values."""

import ast
import json

import pytest
from conftest import Application

# Every key of a plain GET request, and nothing else.
CGI = {
    "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "DOCUMENT_ROOT", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR",
    "REMOTE_PORT", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR", "SERVER_ADMIN",
    "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "HTTP_HOST",
}
WSGI = {
    "wsgi.version", "wsgi.url_scheme", "wsgi.input", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess",
    "wsgi.run_once", "wsgi.file_wrapper", "wsgi.input_terminated",
}
OURS = {
    "mod_wsgi.version", "apache.version", "mod_wsgi.process_group", "mod_wsgi.application_group",
    "mod_wsgi.callable_object", "mod_wsgi.request_handler", "mod_wsgi.handler_script", "mod_wsgi.script_name",
    "mod_wsgi.path_info", "mod_wsgi.listener_host", "mod_wsgi.listener_port", "mod_wsgi.server_pid",
    "mod_wsgi.request_id", "mod_wsgi.thread_id", "mod_wsgi.request_start", "mod_wsgi.queue_start",
    "mod_wsgi.daemon_start", "mod_wsgi.application_start",
}
TRACE = {"mod_wsgi.traceparent", "WSGI_TRACE_ID"}
OPTIONAL = {"mod_wsgi.connection_id"}
SETENV = {"MOD_WSGI_TEST_DATA", "MOD_WSGI_TEST_ROOT", "FROM_SETENV"}


def fetch(wsgi, path="/environ.py", headers=(), method="GET", body=b"", **kwargs):
    """The environ: name to type, and name to value where it has a literal."""
    response = wsgi.request(method, path, headers, body, **kwargs)
    assert response.status == 200
    shown = json.loads(response.body)
    types = {key: kind for key, (kind, _) in shown.items()}
    values = {}
    for key, (_, text) in shown.items():
        try:
            values[key] = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            values[key] = text
    return types, values


@pytest.mark.ours
def test_exactly_these_keys(site):
    types, _ = fetch(Application(site, "/app"))
    keys = set(types) - {"type(environ)"} - OPTIONAL
    assert keys == CGI | WSGI | OURS | TRACE | SETENV


def test_at_least_the_keys_of_cgi(wsgi):
    types, values = fetch(wsgi)
    assert CGI | WSGI - {"wsgi.input_terminated"} | SETENV <= set(types)
    assert not {"PATH_TRANSLATED", "REMOTE_HOST", "PATH", "HTTPS"} & set(types)
    assert types["type(environ)"] == "dict"
    assert values["FROM_SETENV"] == "a value"


def test_values(wsgi):
    _, values = fetch(wsgi, "/environ.py/a%20b/%C3%BC?x=%20&y", {"X-Some-Header": "v\xe4lue", "Cookie": "a=1; b=2"})
    server = wsgi.server
    assert values["PATH_INFO"] == "/a b/\xc3\xbc"
    assert values["SCRIPT_NAME"] == wsgi.prefix + "/environ.py"
    assert values["QUERY_STRING"] == "x=%20&y"
    assert values["REQUEST_URI"] == wsgi.prefix + "/environ.py/a%20b/%C3%BC?x=%20&y"
    assert values["REQUEST_METHOD"] == "GET"
    assert values["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert values["SERVER_NAME"] == "127.0.0.1"
    assert values["SERVER_PORT"] == str(server.port)
    assert values["SERVER_ADDR"] == values["REMOTE_ADDR"] == "127.0.0.1"
    assert int(values["REMOTE_PORT"]) > 0
    assert values["HTTP_X_SOME_HEADER"] == "v\xe4lue"
    assert values["HTTP_COOKIE"] == "a=1; b=2"
    assert values["DOCUMENT_ROOT"] == str(server.root / "htdocs")
    assert values["SCRIPT_FILENAME"].endswith("/environ.py")
    assert values["wsgi.version"] == (1, 0)
    assert values["wsgi.url_scheme"] == values["REQUEST_SCHEME"] == "http"
    assert "CONTENT_TYPE" not in values and "CONTENT_LENGTH" not in values


def test_content_headers_only_when_sent(wsgi):
    _, values = fetch(wsgi, method="POST", body=b"a=1", headers={"Content-Type": "text/x-test"})
    assert values["CONTENT_TYPE"] == "text/x-test"
    assert values["CONTENT_LENGTH"] == "3"
    assert "HTTP_CONTENT_TYPE" not in values and "HTTP_CONTENT_LENGTH" not in values


def test_repeated_headers_are_joined(wsgi):
    _, values = fetch(wsgi, headers=[("X-Twice", "one"), ("X-Twice", "two")])
    assert values["HTTP_X_TWICE"] == "one, two"


def test_headers_that_could_shadow_others_are_dropped(wsgi):
    headers = [("X_Shadow", "a"), ("X-Good", "b"), ("X.Dot", "c"), ("Proxy", "http://evil/")]
    _, values = fetch(wsgi, headers=headers)
    assert values["HTTP_X_GOOD"] == "b"
    assert not {"HTTP_X_SHADOW", "HTTP_X_DOT", "HTTP_PROXY"} & set(values)


def test_the_last_of_several_values_counts(serve, mode):
    """Whether this module knows the name or not: a client must not get its header in front of one that httpd adds."""
    names = ["DUP", "REMOTE_HOST", "HTTP_VIA"]
    sets = "".join(f"SetEnvIf Request_URI . {name}=setenvif\nSetEnv {name} setenv\n" for name in names)
    headers = ["X-Forwarded-Proto", "X-Own", "Cookie", "Content-Type"]
    adds = "".join(f"RequestHeader add {name} added\n" for name in headers)
    server = serve(f"WSGIScriptAlias / ${{APPS}}/environ.py\n{sets}{adds}", mode)
    for _ in range(2):
        _, values = fetch(server, "/", [(name, "client") for name in headers])
        assert [values[name] for name in names] == ["setenv"] * 3
        seen = ["HTTP_X_FORWARDED_PROTO", "HTTP_X_OWN", "HTTP_COOKIE", "CONTENT_TYPE"]
        assert [values[name] for name in seen] == ["added"] * 4


def test_what_is_ours_cannot_be_set(serve, mode):
    names = ["wsgi.version", "wsgi.multithread", "wsgi.input", "wsgi.url_scheme", "apache.version", "mod_wsgi.version",
             "mod_wsgi.process_group", "mod_wsgi.thread_id", "mod_wsgi.application_start"]
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\n" + "".join(f"SetEnv {name} set\n" for name in names), mode)
    for _ in range(2):
        _, values = fetch(server, "/")
        assert "set" not in [values[name] for name in names]


@pytest.mark.ours
def test_facts_of_mod_wsgi(site):
    types, values = fetch(Application(site, "/app"))
    daemon = site.mode == "daemon"
    assert values["mod_wsgi.version"] == (6, 1, 1)
    assert len(values["apache.version"]) == 3
    assert values["mod_wsgi.process_group"] == ("app" if daemon else "")
    assert values["mod_wsgi.application_group"] == f"localhost:{site.port}|/app/environ.py"
    assert values["mod_wsgi.callable_object"] == "application"
    assert values["mod_wsgi.request_handler"] == "wsgi-script"
    assert values["mod_wsgi.handler_script"] == ""
    assert values["mod_wsgi.script_name"] == "/app/environ.py"
    assert values["mod_wsgi.path_info"] == ""
    assert values["mod_wsgi.listener_host"] == "127.0.0.1"
    assert values["mod_wsgi.listener_port"] == str(site.port)
    assert int(values["mod_wsgi.server_pid"]) in site.httpd_children()
    assert types["mod_wsgi.thread_id"] == "int"
    assert values["wsgi.input_terminated"] is True
    times = [values[f"mod_wsgi.{name}_start"] for name in ("request", "queue", "daemon", "application")]
    if not daemon:
        assert times[1] == times[2] == 0.0
        times = [times[0], times[3]]
    assert all(isinstance(time, float) for time in times) and times == sorted(times) and times[0] > 1e9


def test_flags_of_a_single_process(site):
    _, values = fetch(Application(site, "/app"))
    assert values["wsgi.multithread"] is True
    assert values["wsgi.multiprocess"] is False
    assert values["wsgi.run_once"] is False


def test_slashes_are_collapsed_but_not_in_request_uri(wsgi):
    _, values = fetch(wsgi, "//environ.py//a///b")
    assert values["SCRIPT_NAME"] == wsgi.prefix + "/environ.py"
    assert values["PATH_INFO"] == "/a/b"
    assert values["REQUEST_URI"] == wsgi.prefix + "//environ.py//a///b"


@pytest.mark.parametrize("path, passed", [("/environ.py", False), ("/authorized.py", True)])
def test_authorization_is_passed_only_on_request(wsgi, path, passed):
    _, values = fetch(wsgi, path, {"Authorization": "Basic dTpw"})
    assert ("HTTP_AUTHORIZATION" in values) is passed
    if passed:
        assert values["HTTP_AUTHORIZATION"] == "Basic dTpw"


def test_https_variable_makes_the_scheme(serve, mode):
    conf = "WSGIScriptAlias / ${APPS}/environ.py\nSetEnvIf Request_URI ^/(on|1)$ HTTPS=$1\nSetEnvIf Request_URI off HTTPS=off\n"
    server = serve(conf, mode)
    for path, scheme in (("/on", "https"), ("/1", "https"), ("/off", "http"), ("/none", "http")):
        _, values = fetch(server, path)
        assert (values["wsgi.url_scheme"], "HTTPS" in values) == (scheme, False), path


def test_threads_of_one_and_processes(serve):
    server = serve("WSGIDaemonProcess one threads=1\nWSGIDaemonProcess two processes=1\n"
                   "WSGIScriptAlias /one ${APPS}/environ.py process-group=one\n"
                   "WSGIScriptAlias /two ${APPS}/environ.py process-group=two\n")
    _, one = fetch(server, "/one")
    _, two = fetch(server, "/two")
    assert (one["wsgi.multithread"], one["wsgi.multiprocess"]) == (False, False)
    assert (two["wsgi.multithread"], two["wsgi.multiprocess"]) == (True, True)


def test_multiprocess_in_embedded_mode(serve):
    _, values = fetch(serve("WSGIScriptAlias / ${APPS}/environ.py", children=2, threads=4), "/")
    assert (values["wsgi.multithread"], values["wsgi.multiprocess"]) == (True, True)
