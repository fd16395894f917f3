"""Flask, Bottle, Pyramid and Werkzeug behind one httpd, each in its own interpreter of the same process: forms, uploads,
downloads, streams, sessions and errors, plain and below wsgiref's validator.
"""

import hashlib
import json
import shutil
import urllib.parse
from pathlib import Path

import pytest
from conftest import daemon_lines
from support import validated
from support.browser import Browser, multipart
from support.server import Server

APPLICATIONS = Path(__file__).parent / "applications"
FRAMEWORKS = ("flask", "bottle", "pyramid", "werkzeug")
DOWNLOAD = bytes(range(256)) * 1500


@pytest.fixture
def site(shared, mode, packages):
    """One server with every framework, at /plain/NAME and below the validator at /valid/NAME."""

    def make():
        aliases = "".join(f"WSGIScriptAlias /{way}/{name} ${{ROOT}}/{way}/{name}/application.py\n"
                          for way in ("plain", "valid") for name in FRAMEWORKS)
        server = Server(daemon_lines(mode, f"threads=4 python-path={packages}") + f"WSGIPythonPath {packages}\n" + aliases)
        for name in FRAMEWORKS:
            shutil.copytree(APPLICATIONS / name, server.root / "plain" / name, ignore=shutil.ignore_patterns("__pycache__"))
            server.write(f"plain/{name}/download.bin", DOWNLOAD)
            server.write(f"valid/{name}/application.py", validated.script(
                server.root / "plain" / name / "application.py", sized=True))
        return server

    return shared("frameworks", mode, make)


@pytest.fixture(params=FRAMEWORKS)
def name(request):
    """A framework."""
    return request.param


@pytest.fixture(params=["plain", "valid"])
def browser(request, site, name):
    """A visitor of a framework's application."""
    yield Browser(site, f"/{request.param}/{name}")
    validated.check(site.log(site.since))


def post(browser, path, **fields):
    """Sends a form as browsers do by default."""
    body = urllib.parse.urlencode(fields).encode()
    return browser.request("POST", path, body, [("Content-Type", "application/x-www-form-urlencoded")])


def test_paths(browser, name):
    page = browser.get("/")
    assert page.status == 200
    assert page.text == f"{name.capitalize()} at {browser.mount}, form at {browser.mount}/form"
    greeting = browser.get(f"/greet/{urllib.parse.quote('Jürgen Ωmega')}?times={urllib.parse.quote('zwölf')}")
    assert greeting.text == "Hello Jürgen Ωmega × zwölf"
    assert browser.get("/missing").status == 404


def test_forms(browser):
    assert post(browser, "/form", name="Grüße & 漢字 = +").text == "Grüße & 漢字 = +"
    assert browser.get("/form").status in (404, 405)


def test_upload(browser):
    content = bytes(range(256)) * 4000
    body, headers = multipart({}, [("file", "Grüße.bin", content)])
    response = browser.request("POST", "/upload", body, headers)
    assert response.text == f"Grüße.bin {len(content)} {hashlib.sha256(content).hexdigest()}"


def test_download(browser):
    response = browser.get("/download")
    assert response.status == 200 and response.body == DOWNLOAD
    assert response.header("Content-Length") == str(len(DOWNLOAD))
    assert browser.request("HEAD", "/download").header("Content-Length") == str(len(DOWNLOAD))
    again = browser.request("GET", "/download", headers=[("If-Modified-Since", response.header("Last-Modified"))])
    assert again.status == 304 and again.body == b""


def test_stream(browser):
    assert browser.get("/stream?of=line").text == "line 0\nline 1\nline 2\n"


def test_json(browser):
    response = browser.get("/json")
    assert json.loads(response.body) == {"name": "Grüße", "numbers": [1, 2]}
    assert response.header("Content-Type") == "application/json"
    assert response.header("Content-Length") == str(len(response.body))


def test_session(browser):
    assert browser.get("/whoami").text == "nobody"
    response = post(browser, "/login", name="jürgen")
    assert response.status in (302, 303)
    target = urllib.parse.urlsplit(response.header("Location"))
    assert target.path == f"{browser.mount}/whoami"
    assert browser.get("/whoami").text == "jürgen"


def test_exception(browser, site, name):
    response = browser.get("/boom")
    assert response.status == 500
    assert "boom in" not in response.text and "Traceback" not in response.text and "debugger" not in response.text
    site.wait_for_log(f"RuntimeError: boom in {name.capitalize()}", site.since)
    assert browser.get("/").status == 200


@pytest.mark.parametrize("path", ["/plain/flask", "/valid/flask"])
def test_teardown_runs_at_the_end_of_a_stream(site, path):
    assert site.get(f"{path}/stream?of=x").status == 200
    assert site.get(f"{path}/boom").status == 500
    assert site.get(f"{path}/torn-down").text.split()[-2:] == ["NoneType", "RuntimeError"]
