"""WSGIHandlerScript: a script as the handler of files, and `reload_required`, which scripts may define."""

import json

import pytest

HANDLER = '''"""Answers for files that have its handler; counts how often it was loaded."""
import json, os
PLACE = os.path.dirname(os.path.abspath(__file__))

def handle_request(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    keys = ("SCRIPT_FILENAME", "mod_wsgi.handler_script", "mod_wsgi.request_handler", "mod_wsgi.process_group",
            "mod_wsgi.application_group", "mod_wsgi.callable_object", "HTTP_AUTHORIZATION")
    return [json.dumps({key: environ.get(key) for key in keys} | {"version": VERSION}).encode()]

application = None
VERSION = 1

def reload_required(resource):
    with open(os.path.join(PLACE, "data", "asked"), "a") as asked:
        asked.write(resource + chr(10))
    if os.path.exists(os.path.join(PLACE, "data", "broken")):
        raise RuntimeError("broken in reload_required")
    return os.path.exists(os.path.join(PLACE, "data", "reload"))
'''
CONF = """
<Location /shown>
    WSGIHandlerScript shown ${ROOT}/handler.py
    SetHandler shown
</Location>
<Location /named>
    WSGIHandlerScript named ${ROOT}/handler.py application-group=named pass-authorization=On
    SetHandler named
</Location>
<Directory ${ROOT}/htdocs>
    WSGIHandlerScript by-suffix ${ROOT}/handler.py
    AddHandler by-suffix .page
</Directory>
"""


@pytest.fixture
def server(serve, mode):
    """The handler script for URLs without a file, and for files with a suffix."""
    return serve(CONF, mode, files={"handler.py": HANDLER, "htdocs/a.page": "a page", "htdocs/a.txt": "a text"})


def told(server, path, headers=()):
    """What the handler script says."""
    response = server.get(path, headers)
    assert response.status == 200, response
    return json.loads(response.body)


def test_handler(server):
    said = told(server, "/shown/at/all")
    assert said["mod_wsgi.handler_script"] == f"{server.root}/handler.py"
    assert said["mod_wsgi.request_handler"] == "shown"
    assert said["mod_wsgi.process_group"] == ("app" if server.mode == "daemon" else "")
    assert said["mod_wsgi.callable_object"] == "handle_request"


def test_a_file_stays_the_script_of_the_request(server):
    assert told(server, "/a.page")["SCRIPT_FILENAME"] == f"{server.root}/htdocs/a.page"
    assert server.get("/a.txt").text == "a text"


def test_options(server):
    said = told(server, "/named", [("Authorization", "Basic eDp5")])
    assert said["mod_wsgi.application_group"] == "named" and said["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert told(server, "/shown", [("Authorization", "Basic eDp5")])["HTTP_AUTHORIZATION"] is None


@pytest.mark.ours
def test_reload_required(server):
    """Asked with the file of the request; what it raises is logged and counts as no."""
    told(server, "/a.page")
    told(server, "/a.page")
    assert f"{server.root}/htdocs/a.page" in (server.root / "data" / "asked").read_text().splitlines()
    (server.root / "data" / "broken").touch()
    told(server, "/a.page")
    server.wait_for_log("RuntimeError exception raised by reload_required")
    (server.root / "data" / "broken").unlink()
    loads = server.log().count("Loading WSGI script") + server.log().count("Reloading WSGI script")
    (server.root / "data" / "reload").touch()
    told(server, "/a.page")
    (server.root / "data" / "reload").unlink()
    assert server.log().count("Loading WSGI script") + server.log().count("Reloading WSGI script") > loads


@pytest.mark.ours
def test_missing_callable(serve, mode):
    server = serve(CONF, mode, files={"handler.py": "def application(environ, start_response):\n    pass\n"})
    assert server.get("/shown").status == 500
    server.wait_for_log("handle_request")


@pytest.mark.ours
@pytest.mark.parametrize("names, daemon, embedded", [("", 500, 500), ("app", 200, 500), ("%{GLOBAL}", 500, 200),
                                                    ("app %{GLOBAL}", 200, 200), ("other", 500, 500)])
def test_restrict_process(serve, names, daemon, embedded):
    """WSGIRestrictProcess: which groups may be used; `%{GLOBAL}` is embedded mode."""
    server = serve(f"WSGIDaemonProcess app threads=2\nWSGIDaemonProcess other threads=2\nWSGIRestrictProcess {names}\n"
                   "WSGIScriptAlias /daemon ${APPS}/hello.py process-group=app\n"
                   "WSGIScriptAlias /embedded ${APPS}/hello.py process-group=%{GLOBAL}\n")
    assert (server.get("/daemon").status, server.get("/embedded").status) == (daemon, embedded)
    assert ("WSGIRestrictProcess" in server.log()) is (500 in (daemon, embedded))


@pytest.mark.parametrize("setting, modules", [("On", 2), ("Off", 1)])
def test_case_sensitivity(serve, mode, setting, modules):
    """Off: one script under names that differ in case is one module, and mount points that differ in case one interpreter."""
    script = 'import os\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    return [(__name__ + " " + environ["mod_wsgi.application_group"]).encode()]\n'
    server = serve(f"WSGICaseSensitivity {setting}\nWSGIScriptAlias /One ${{ROOT}}/Script.py\nWSGIScriptAlias /one ${{ROOT}}/script.py\n",
                   mode, files={"Script.py": script, "script.py": script})
    names, groups = zip(*(server.get(path).text.split() for path in ("/One", "/one")))
    assert len(set(names)) == len(set(groups)) == modules
