"""Application groups: which requests share an interpreter, and that others do not meet."""

import hashlib
import json
import threading

import pytest

COUNTER = '''"""Counts the requests of its interpreter."""
import sys
import json
count = 0
sys.marked = getattr(sys, "marked", [])
sys.marked.append(__file__)
def application(environ, start_response):
    global count
    count += 1
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([count, len(sys.marked), environ["mod_wsgi.application_group"]]).encode()]
'''


def ask(server, path, **kwargs):
    """Requests counted, scripts loaded in the interpreter, its name."""
    return json.loads(server.get(path, **kwargs).body)


def test_one_for_each_script_unless_named(serve, mode):
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIScriptAlias /b ${ROOT}/b.py\n"
                   "WSGIScriptAlias /c ${ROOT}/a.py application-group=shared\n"
                   "WSGIScriptAlias /d ${ROOT}/b.py application-group=shared\n"
                   "WSGIScriptAlias /g ${ROOT}/a.py application-group=%{GLOBAL}\n", mode,
                   files={"a.py": COUNTER, "b.py": COUNTER})
    where = f"localhost:{server.port}"
    assert ask(server, "/a") == [1, 1, f"{where}|/a"]
    assert ask(server, "/b") == [1, 1, f"{where}|/b"]
    assert ask(server, "/c") == [1, 1, "shared"]
    assert ask(server, "/d") == [1, 2, "shared"]
    assert ask(server, "/g") == [1, 1, ""]
    assert ask(server, "/a") == [2, 1, f"{where}|/a"]


@pytest.mark.parametrize("value, name", [("%{GLOBAL}", ""), ("%{SERVER}", "localhost:{port}"), ("fixed", "fixed"),
                                         ("%{RESOURCE}", "localhost:{port}|/a"), ("%{ENV:SITE}", "from-env"),
                                         ("%{HOST}", "some.example:{port}"), ("x%{GLOBAL}", "x%{{GLOBAL}}")])
def test_names(serve, mode, value, name):
    server = serve(f"WSGIScriptAlias /a ${{ROOT}}/a.py\nWSGIApplicationGroup {value}\nSetEnv SITE from-env\n", mode,
                   files={"a.py": COUNTER})
    assert ask(server, "/a", host=f"some.example:{server.port}")[2] == name.format(port=server.port)


def test_reference_to_another_variable(serve, mode):
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIApplicationGroup %{ENV:SITE}\nSetEnv SITE %{GLOBAL}\n", mode,
                   files={"a.py": COUNTER})
    assert ask(server, "/a")[2] == ""


SETTINGS = '''"""Settings of the site {name}."""
SECRET_KEY = "{name}"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "{name}_urls"
SITE = "{name}"
TEMPLATES = []
INSTALLED_APPS = []
MIDDLEWARE = []
'''
URLS = '''"""The one page of the site {name}."""
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
import os
urlpatterns = [path("<path:rest>", lambda request, rest: HttpResponse(
    "%s %s %s %s %d" % (settings.SITE, request.get_full_path(), request.path_info, "{name}", os.getpid())))]
'''
WSGI = '''"""The site {name}."""
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "{name}_settings"
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
'''


def test_two_django_sites_in_one_process(serve, mode, packages):
    files = {}
    for name in ("alpha", "beta"):
        files |= {f"{name}/{name}_settings.py": SETTINGS.format(name=name), f"{name}/wsgi.py": WSGI.format(name=name),
                  f"{name}/{name}_urls.py": URLS.format(name=name)}
    server = serve(f"WSGIPythonPath {packages}\nWSGIScriptAlias /one ${{ROOT}}/alpha/wsgi.py\n"
                   "WSGIScriptAlias /two ${ROOT}/beta/wsgi.py\n", mode, options=f"threads=4 python-path={packages}", files=files)
    pids = set()
    for _ in range(3):
        for mount, name in (("one", "alpha"), ("two", "beta")):
            words = server.get(f"/{mount}/page?q").text.split()
            assert words[:4] == [name, f"/{mount}/page?q", "/page", name]
            pids.add(words[4])
    assert len(pids) == 1


def test_environment_and_modules_are_apart(serve, mode):
    script = COUNTER.replace("import json\n", "import json, os\nos.environ['WHO'] = __file__\n", 1).replace(
        'environ["mod_wsgi.application_group"]', 'os.environ["WHO"]')
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIScriptAlias /b ${ROOT}/b.py\n", mode,
                   files={"a.py": script, "b.py": script})
    for path in ("/a", "/b", "/a"):
        assert ask(server, path)[2] == f"{server.root}{path}.py"


@pytest.mark.ours
def test_name_and_file_of_the_script_module(serve, mode):
    script = ('"""Names."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n'
              '    return [repr((__name__, __file__, type(__mtime__).__name__)).encode()]\n')
    server = serve("WSGIScriptAlias / ${ROOT}/a.py\n", mode, files={"a.py": script})
    name = "_mod_wsgi_" + hashlib.md5(f"{server.root}/a.py".encode()).hexdigest()
    assert server.get("/").text == repr((name, f"{server.root}/a.py", "int"))


def test_many_interpreters_and_threads_at_once(serve, mode):
    mounts = "".join(f"WSGIScriptAlias /{number} ${{APPS}}/process.py application-group=g{number}\n" for number in range(8))
    server = serve(mounts, mode, options="threads=8")
    failures = []

    def client(first):
        for number in range(40):
            response = server.get(f"/{(first + number) % 8}")
            facts = json.loads(response.body)
            if facts["application_group"] != f"g{(first + number) % 8}":
                failures.append(facts)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
