"""WSGIDispatchScript, in the httpd child and in a process group: where a request runs, and with which callable."""

import json

import pytest
from support import access, processes

pytestmark = pytest.mark.ours  # process-group= on these directives, and words of the log

APP = """
import json, mod_wsgi
def answer(name):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([name, mod_wsgi.process_group, mod_wsgi.application_group, environ["mod_wsgi.callable_object"]]).encode()]
    return application
application, other, handle_request, handle_other = map(answer, ("application", "other", "handle_request", "handle_other"))
"""


@pytest.fixture(params=access.PLACES)
def place(request):
    """Where scripts run."""
    return request.param


@pytest.fixture
def dispatched(serve, place):
    """Starts a server whose application at /app is routed by a script with these functions."""

    def start(script, conf="", **settings):
        lines, option = access.PLACES[place]
        files = {"app.py": APP} if script is None else {"app.py": APP, "route.py": script}
        return serve(
            f"{lines}WSGIDaemonProcess one threads=2\nWSGIDaemonProcess two threads=2\nWSGIScriptAlias /app ${{ROOT}}/app.py\n"
            f"WSGIRestrictProcess %{{GLOBAL}} one two three {access.GROUP}\nWSGIApplicationGroup configured\nWSGIDispatchScript ${{ROOT}}/route.py{option} application-group=route\n{conf}",
            files=files, **settings)

    return start


def ran(server, path="/app", **kwargs):
    """Callable, process group and application group of a request; or its status."""
    response = server.get(path, **kwargs)
    return tuple(json.loads(response.body)) if response.status == 200 else response.status


def test_routes(dispatched):
    server = dispatched("""
from urllib.parse import parse_qs
def value(environ, name):
    return parse_qs(environ["QUERY_STRING"]).get(name, [None])[0]
def process_group(environ): return value(environ, "p")
def application_group(environ): return value(environ, "a")
def callable_object(environ): return value(environ, "c") and value(environ, "c").encode()
""", "SetEnv WHERE two\nSetEnv WHAT other\n")
    assert ran(server) == ("application", "", "configured", "application")
    assert ran(server, "/app?p=one") == ("application", "one", "configured", "application")
    assert ran(server, "/app?p=two&a=x&c=other") == ("other", "two", "x", "other")
    assert ran(server, "/app?p=%25{GLOBAL}&a=%25{GLOBAL}") == ("application", "", "", "application")
    assert ran(server, "/app?p=%25{ENV:WHERE}&c=%25{ENV:WHAT}") == ("other", "two", "configured", "other")
    assert ran(server, "/app?a=%25{SERVER}") == ("application", "", f"localhost:{server.port}", "application")
    assert ran(server, "/app?a=%25{RESOURCE}") == ("application", "", f"localhost:{server.port}|/app", "application")
    assert ran(server, "/app?c=%25{ENV:NO_SUCH}") == ("application", "", "configured", "application")
    assert ran(server, "/app?c=missing") == 500
    assert ran(server, "/app?p=three") == 500
    assert "there is no process group `three`" in server.log()


def test_each_function_is_optional(dispatched):
    server = dispatched("def callable_object(environ): return 'other'\n")
    assert ran(server) == ("other", "", "configured", "other")
    server.write("route.py", "def process_group(environ): return 'one'\n")  # it is loaded again in place
    assert ran(server) == ("application", "one", "configured", "application")
    server.write("route.py", "")
    assert ran(server) == ("application", "", "configured", "application")


NONSENSE = {
    "number": "def process_group(environ): return 1",
    "true": "def process_group(environ): return True",
    "wide": "def application_group(environ): return '\\u20ac'",
    "nul": "def application_group(environ): return 'a\\0b'",
    "raises": "def callable_object(environ): raise KeyError('x')",
    "exits": "def callable_object(environ): raise SystemExit",
    "not_callable": "process_group = 'one'",
    "wrong_arguments": "def process_group(): return 'one'",
}


def test_nonsense(dispatched):
    server = dispatched("")
    found = {}
    for name, text in NONSENSE.items():
        server.write("route.py", text)
        found[name] = ran(server)
    assert found == dict.fromkeys(NONSENSE, 500)
    assert "process_group() returned an object of type int; it must return None or a name" in server.log()


def test_the_rest_is_skipped_after_nonsense(dispatched):
    server = dispatched("def process_group(environ): return 1\ndef application_group(environ): print('ASKED')\n")
    assert ran(server) == 500
    assert "ASKED" not in server.log()


@pytest.mark.parametrize("script", ["import no_such_module_at_all", "def process_group(environ) return 1", None])
def test_a_script_that_does_not_load_is_ignored(dispatched, script):
    server = dispatched(script)
    assert ran(server) == ("application", "", "configured", "application")
    assert "exception raised processing WSGI script" in server.log()


def test_environ(dispatched, place):
    server = dispatched(access.RECORD + "def process_group(environ):\n    asked(environ)\n",
                        "SetEnv FROM_SETENV x\nWSGIPassAuthorization On\n")
    response = server.get("/app/a//b?q=1", {"Authorization": "Basic YTpi", "Proxy": "http://evil", "X-One": "1"})
    assert response.status == 200
    environ, _ = access.asked_of(server)
    expected = {
        "FROM_SETENV": "x", "HTTP_X_ONE": "1", "HTTP_AUTHORIZATION": "Basic YTpi", "SCRIPT_NAME": "/app", "PATH_INFO": "/a/b",
        "SCRIPT_FILENAME": f"{server.root}/app.py", "REQUEST_METHOD": "GET", "QUERY_STRING": "q=1", "REQUEST_SCHEME": "http",
        "mod_wsgi.request_handler": "wsgi-script", "mod_wsgi.handler_script": "", "mod_wsgi.application_group": "route",
        "mod_wsgi.process_group": access.GROUP if place == "group" else "",
    }
    assert {key: environ[key] for key in expected} == expected
    absent = {"HTTP_PROXY", "mod_wsgi.callable_object", "wsgi.input", "wsgi.version", "wsgi.url_scheme", "mod_ssl.is_https",
              "mod_ssl.var_lookup", "apache.request_rec"}
    assert not absent & set(environ)
    assert "wsgi.errors" in environ and environ["mod_wsgi.version"] == [6, 1, 1]


def test_handler_scripts(dispatched):
    server = dispatched("def callable_object(environ):\n    return 'handle_other' if environ['QUERY_STRING'] else None\n",
                        "WSGIHandlerScript special ${ROOT}/app.py\n<Location /special>\n    SetHandler special\n</Location>\n")
    assert ran(server, "/special") == ("handle_request", "", "configured", "handle_request")
    assert ran(server, "/special?x") == ("handle_other", "", "configured", "handle_other")


def test_it_makes_nothing_an_application(dispatched):
    server = dispatched("def process_group(environ): return 'one'\n")
    access.add_page(server)
    assert server.get("/page.html").text == "the page"


def test_restrictions_come_after(dispatched):
    server = dispatched("def process_group(environ): return environ['QUERY_STRING'] or None\n",
                        "<Location /app>\n    WSGIRestrictProcess guard one\n</Location>\n")
    assert ran(server, "/app?one")[:2] == ("application", "one")
    assert ran(server, "/app?two") == 500
    assert ran(server, "/app") == 500
    assert "is not listed in WSGIRestrictProcess here" in server.log()


def test_a_process_group_routes_only_where_it_may(serve):
    """Else the user of one group could have files of its own run as the user of another."""
    route = "from urllib.parse import unquote\ndef process_group(environ): return unquote(environ['QUERY_STRING']) or None\ndef callable_object(environ): return 'other'\n"
    server = serve("WSGIDaemonProcess guard\nWSGIDaemonProcess one\nWSGIScriptAlias /app ${ROOT}/app.py process-group=one\n"
                   "WSGIDispatchScript ${ROOT}/route.py process-group=guard\n", files={"app.py": APP, "route.py": route})
    assert ran(server)[:2] == ran(server, "/app?one")[:2] == ("other", "one")
    for group in ("guard", "%25{GLOBAL}", "none"):
        assert ran(server, f"/app?{group}") == 500
    assert "only where WSGIRestrictProcess lists those that are allowed; it asks for `guard`" in server.log()


def test_bodies_are_left_to_the_application(dispatched):
    server = dispatched("def process_group(environ): return 'one'\n",
                        "WSGIScriptAlias /echo ${ROOT}/echo.py\n")
    server.write("echo.py", "def application(environ, start_response):\n    start_response('200 OK', [])\n"
                 "    return [environ['wsgi.input'].read()]\n")
    body = bytes(range(256)) * 2000
    assert server.post("/echo", body).body == body


def test_no_python_in_children(dispatched, place):
    server = dispatched("def process_group(environ): return 'one'\n")
    assert ran(server)[:2] == ("application", "one")
    mapped = [any("libpython" in file for file in processes.maps(pid)) for pid in server.httpd_children()]
    assert any(mapped) == (place == "child")


def test_a_lost_process(serve):
    server = serve("WSGIDaemonProcess guard\nWSGIScriptAlias /app ${ROOT}/app.py\nWSGIDispatchScript ${ROOT}/route.py process-group=guard\n",
                   files={"app.py": APP, "route.py": "import os\ndef process_group(environ): os._exit(1)\n"})
    assert server.get("/app").status == 502
    assert "was lost: its process" in server.log()
