"""Fixtures: a shared server per mode for requests, and a maker of servers for everything that needs its own.

`site` is one httpd with the event MPM that serves every application of tests/apps, once as it is (`/app/NAME.py`) and
once below wsgiref's validator (`/valid/NAME.py`); `wsgi` goes through all four ways. `serve` starts a server with the
configuration that it is given.
"""

import os
import pwd
import shutil

import pytest
from support import httpd, library as library_site, pythons, validated, wheels
from support.express import Express
from support.server import Server

MODES = ("embedded", "daemon")
LIVE = []


def daemon_lines(mode, options="threads=8"):
    """The configuration that sends requests to a daemon group `app`; none in embedded mode."""
    return f"WSGIDaemonProcess app {options}\nWSGIProcessGroup app\n" if mode == "daemon" else ""


SITE = """
WSGIScriptAlias /app ${APPS}
WSGIScriptAlias /valid ${ROOT}/valid
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
SetEnv MOD_WSGI_TEST_ROOT ${ROOT}
SetEnv FROM_SETENV "a value"
<LocationMatch ^/(app|valid)/chunked.py>
    WSGIChunkedRequest On
</LocationMatch>
<LocationMatch ^/(app|valid)/authorized.py>
    WSGIPassAuthorization On
</LocationMatch>
"""


@pytest.fixture(scope="session")
def sites():
    """The shared servers by name and mode."""
    made = {}
    yield made
    for server in made.values():
        try:
            server.stop()
        finally:
            LIVE.remove(server)
            server.discard()


@pytest.fixture
def shared(sites):
    """Finds a server that many tests share by its name, or starts what `make` returns."""

    def find(name, mode, make):
        server = sites.get((name, mode))
        if server is None or not server.running():
            if server:
                LIVE.remove(server)
                server.discard()
            server = sites[name, mode] = make()
            server.shared, server.mode = True, mode
            LIVE.append(server)
            server.start()
        server.since = server.mark()
        return server

    return find


@pytest.fixture(params=MODES)
def mode(request):
    """Embedded and daemon mode."""
    return request.param


@pytest.fixture
def site(shared, mode):
    """The shared server."""

    def make():
        server = Server(daemon_lines(mode) + SITE)
        for app in sorted((server.root / "apps").glob("*.py")):
            server.write(f"valid/{app.name}", validated.script(app))
        return server

    return shared("site", mode, make)


class Application:
    """One way to the applications of the shared server: plain or validated."""

    def __init__(self, server, prefix):
        self.server, self.prefix, self.mode = server, prefix, server.mode

    def request(self, method, path, *args, **kwargs):
        """As of [`Server`], below the prefix."""
        return self.server.request(method, self.prefix + path, *args, **kwargs)

    def get(self, path, headers=(), **kwargs):
        """A GET request."""
        return self.request("GET", path, headers, **kwargs)

    def post(self, path, body=b"", headers=(), **kwargs):
        """A POST request."""
        return self.request("POST", path, headers, body, **kwargs)


@pytest.fixture(params=["plain", "validated"])
def wsgi(request, site):
    """The shared server's applications, plain and below wsgiref's validator."""
    yield Application(site, "/app" if request.param == "plain" else "/valid")
    validated.check(site.log(site.since))


@pytest.fixture
def serve():
    """Starts a server with a configuration; `mode` puts a daemon group `app` before it."""
    made = []

    def start(conf="", mode="embedded", options="threads=8", run=True, files=None, **settings):
        server = Server(daemon_lines(mode, options) + conf, **settings)
        server.mode = mode
        made.append(server)
        for name, text in (files or {}).items():
            server.write(name, text)
        LIVE.append(server)
        return server.start() if run else server

    yield start
    try:
        for server in made:
            server.stop()
    finally:
        for server in made:
            LIVE.remove(server)
            server.discard()


@pytest.fixture(params=["root", "user"])
def express(request):
    """mod_wsgi-express, run by root and by an ordinary user."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    ordinary = "daemon" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    made = Express("root" if request.param == "root" else ordinary)
    yield made
    try:
        made.stop()
    finally:
        made.discard()


@pytest.fixture(scope="session")
def packages():
    """A folder with Django, the other frameworks and extensions that every user can read, for python-path."""
    place = httpd.readable_packages()
    yield place
    httpd.remove_readable(place)


@pytest.fixture
def library(shared, mode, packages):
    """The shared server of the Django project in tests/applications/django."""
    options = f"threads=4 python-path={packages}:${{ROOT}}/django"
    return shared("library", mode, lambda: library_site.make(packages, daemon_lines(mode, options)))


@pytest.fixture(scope="session")
def python():
    """A function from a minor version to the prefix of such a CPython that every user can run; skips without one."""
    place = pythons.scratch()

    def find(minor):
        if minor not in pythons.installed():
            pytest.skip(f"THIS MACHINE HAS NO CPYTHON 3.{minor}: it cannot be tested here")
        return pythons.readable(minor, place)

    yield find
    shutil.rmtree(place, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the error logs below the report of a test that failed."""
    report = yield
    if report.failed:
        for server in LIVE:
            log = server.log(getattr(server, "since", 0))
            if log and (not server.shared or "site" in item.fixturenames):
                report.sections.append((f"error log of {server.root}", log[-6000:]))
        if "express" in item.funcargs:
            report.sections.append(("output of mod_wsgi-express", item.funcargs["express"].output()[-6000:]))
    return report


def pytest_collection_modifyitems(items):
    """Marks: what needs root is skipped without; where ours differs, the replaced module is expected to fail."""
    reference = httpd.is_reference()
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: several users cannot be tested without"))
        if item.get_closest_marker("ours") and reference:
            item.add_marker(pytest.mark.xfail(reason="the replaced module does otherwise", strict=False))


def pytest_configure():
    """Without a module or an httpd there is nothing to test: one message instead of a failure per test."""
    try:
        httpd.module()
        httpd.program()
    except RuntimeError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure():
    """Removes the copies of the module, and packages that were made for documents."""
    httpd.remove_copies()
    wheels.remove()


def pytest_report_header():
    """Says what is tested."""
    return f"module under test: {httpd.module()}; httpd: {httpd.program()}"
