"""WSGIPerInterpreterGIL: interpreters that run at the same time in one process, and what Pythons say that cannot."""

import json
import os

import pytest
from support import processes

pytestmark = pytest.mark.ours

SETTINGS = '''"""A site with a database in memory."""
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
'''
URLS = '''"""The one page: a template over a query."""
import os
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.urls import path

def page(request):
    with connection.cursor() as cursor:
        cursor.execute("select 6 * 7")
        answer = cursor.fetchone()[0]
    template = engines["django"].from_string("{{ answer }} in {{ group }} of {{ pid }}")
    group = request.META["mod_wsgi.application_group"]
    return HttpResponse(template.render({"answer": answer, "group": group, "pid": os.getpid()}))

urlpatterns = [path("", page)]
'''
WSGI = '''"""Django in whatever interpreter this is."""
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
'''
HOLD = '''"""Holds the GIL of its interpreter until a byte comes."""
import ctypes, os

def application(environ, start_response):
    data = environ["MOD_WSGI_TEST_DATA"]
    library, pipe = ctypes.PyDLL(None), os.open(data + "/pipe", os.O_RDWR)
    open(data + "/held", "w").close()
    count = library.read(pipe, ctypes.create_string_buffer(1), 1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % count]
'''
FACTS = '''"""Tells where it runs."""
import json, sys
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([environ["mod_wsgi.application_group"], sys.version_info[:2], round(sys.getswitchinterval(), 3)]).encode()]
'''
SPIN = '''"""Runs until it is stopped, and counts how often it was."""
stopped = 0
def application(environ, start_response):
    global stopped
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["QUERY_STRING"] == "stopped":
        return [b"%d" % stopped]
    try:
        while True:
            pass
    except BaseException:
        stopped += 1
        raise
'''
MOUNTS = """
WSGIScriptAlias /spin ${ROOT}/spin.py application-group=spin
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
WSGIScriptAlias /hold ${ROOT}/hold.py application-group=hold
WSGIScriptAlias /a ${ROOT}/facts.py application-group=a
WSGIScriptAlias /b ${ROOT}/facts.py application-group=b
WSGIScriptAlias /main ${ROOT}/facts.py application-group=%{GLOBAL}
WSGIScriptAlias /one ${ROOT}/site/wsgi.py application-group=one
WSGIScriptAlias /two ${ROOT}/site/wsgi.py application-group=two
"""
FILES = {"site/wsgi.py": WSGI, "site/site_settings.py": SETTINGS, "site/site_urls.py": URLS, "hold.py": HOLD, "spin.py": SPIN, "facts.py": FACTS}


def facts(server, path):
    """Group, version, switch interval."""
    return json.loads(server.get(path).body)


@pytest.fixture
def in_python(serve, mode, python, packages):
    """Starts a server whose applications run in a version of Python, in either mode."""

    def start(minor, conf, more=""):
        home = python(minor)
        library = home / "lib" / f"libpython3.{minor}.so.1.0"
        if mode == "embedded" and not library.exists():
            pytest.skip(f"THIS MACHINE'S CPYTHON 3.{minor} HAS NO SHARED LIBRARY: embedded mode is not tested with it")
        embedded = f"WSGIPythonLibrary {library}\nWSGIPythonHome {home}\nWSGIPythonPath {packages}\n"
        options = f"threads=6 python-home={home} python-path={packages} {more}"
        return serve((embedded if mode == "embedded" else "") + MOUNTS + conf, mode, options=options, files=FILES)

    return start


def test_interpreters_run_at_the_same_time(in_python):
    """One holds its GIL: requests to all others are answered meanwhile."""
    server = in_python(13, "WSGIPerInterpreterGIL On\n")
    os.mkfifo(server.root / "data" / "pipe")
    (server.root / "data" / "pipe").chmod(0o666)
    with server.connect() as connection:
        connection.start("GET", "/hold")
        processes.wait_until((server.root / "data" / "held").exists, 15, "an interpreter to hold its GIL")
        for _ in range(3):
            for name in ("a", "b"):
                assert facts(server, f"/{name}") == [name, [3, 13], 0.005]
            assert facts(server, "/main")[0] == ""
        with open(server.root / "data" / "pipe", "wb", buffering=0) as pipe:
            pipe.write(b"x")
        assert connection.finish().body == b"1"
    assert "gets no GIL of its own" not in server.log()


def test_django_in_interpreters_with_their_own_gil(in_python):
    """Two sites in one process, with a database and templates."""
    server = in_python(13, "WSGIPerInterpreterGIL On\n")
    pids = set()
    for name in ("one", "two", "one", "two"):
        response = server.get(f"/{name}/")
        assert response.status == 200, server.log()[-3000:]
        answer, _, group, _, pid = response.text.split()
        assert (answer, group) == ("42", name)
        pids.add(pid)
    assert len(pids) == 1


@pytest.mark.parametrize("mode", ["daemon"])
def test_a_request_is_interrupted_in_its_interpreter(in_python, mode):
    """The exception is raised in the right thread of the right interpreter."""
    server = in_python(13, "WSGIPerInterpreterGIL On\n", "request-timeout=1 interrupt-timeout=15")
    response = server.get("/spin")
    assert response.status == 504, response
    server.wait_for_log("Request interrupted by RequestTimeout; thread recovered")
    assert server.get("/spin?stopped").text == "1" and facts(server, "/a")[0] == "a"


@pytest.mark.parametrize("minor, reason", [(10, "has one GIL for all interpreters"), (11, "has one GIL for all interpreters"),
                                           (12, "cannot import modules of the standard library")])
def test_older_pythons_share_the_gil_and_say_so(in_python, minor, reason):
    server = in_python(minor, "WSGIPerInterpreterGIL On\n")
    assert facts(server, "/a") == ["a", [3, minor], 0.005]
    server.wait_for_log(rf"warn.*application group 'a' gets no GIL of its own \(WSGIPerInterpreterGIL\): .*{reason}")
    assert server.get("/one/").text.startswith("42 in one")


def test_a_switch_interval_for_each_gil(in_python, mode):
    """A group that shares the GIL cannot have its own; one with its own GIL can."""
    scope = "process-group=" + ("app" if mode == "daemon" else "%{GLOBAL}")
    server = in_python(13, f"<WSGIInterpreterOptions application-group=a {scope}>\nWSGIPerInterpreterGIL On\n"
                           "WSGISwitchInterval 0.5\n</WSGIInterpreterOptions>\n"
                           f"<WSGIInterpreterOptions application-group=b {scope}>\nWSGISwitchInterval 0.25\n"
                           "</WSGIInterpreterOptions>\n")
    assert facts(server, "/a") == ["a", [3, 13], 0.5]
    assert facts(server, "/b") == ["b", [3, 13], 0.005]
    server.wait_for_log("switch interval 0.25 of application group 'b' has no effect.*WSGIPerInterpreterGIL")
    assert facts(server, "/main") == ["", [3, 13], 0.005]
