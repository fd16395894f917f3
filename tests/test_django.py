"""The demo's Django project: sessions, CSRF, the admin, forms, uploads, streams and downloads, in both modes."""

import os
import re
import subprocess
import uuid

import pytest
from support import httpd
from support.http import Connection

PROJECT = httpd.REPOSITORY / "demo" / "project"
CONF = """
Alias /static/ ${{ROOT}}/data/static/
SetEnv DEMO_STATE ${{ROOT}}
WSGIPythonPath {packages}:${{ROOT}}/project
WSGIScriptAlias {mount} ${{ROOT}}/project/demosite/wsgi.py application-group=%{{GLOBAL}}
"""


class Browser:
    """A client with cookies that fills in forms."""

    def __init__(self, server, mount=""):
        self.connection, self.mount, self.cookies = Connection(server.port), mount, {}

    def _send(self, method, path, body=b"", headers=()):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.connection.request(method, self.mount + path, [*headers, ("Cookie", cookies)], body)
        for cookie in response.all("Set-Cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        if (response.header("Connection") or "").lower() == "close":
            self.connection.close()
            self.connection = Connection(self.connection.port)
        return response

    def get(self, path):
        """A page."""
        return self._send("GET", path)

    def submit(self, path, fields, files=()):
        """Fetches the page of a form, then sends the form with its token."""
        page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)
        boundary = uuid.uuid4().hex
        parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
                 for name, value in {**fields, "csrfmiddlewaretoken": token}.items()]
        parts += [f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode() + content
                  for name, file, content in files]
        body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
        return self._send("POST", path, body, [("Content-Type", f"multipart/form-data; boundary={boundary}")])


@pytest.fixture(params=["", "/sub"])
def site(request, serve, mode, packages):
    """The demo project at the root and below a path."""
    server = serve(CONF.format(packages=packages, mount=request.param or "/"), mode, run=False,
                   options=f"processes=2 threads=4 python-path={packages}:${{ROOT}}/project")
    for path in PROJECT.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            server.write(f"project/{path.relative_to(PROJECT)}", path.read_bytes())
    owner = {"user": "www-data", "group": "www-data", "extra_groups": []} if os.geteuid() == 0 else {}
    for command in (["migrate"], ["collectstatic", "--noinput"], ["createsuperuser", "--noinput", "--username", "admin", "--email", "a@b.example"]):
        subprocess.run(["/usr/bin/python3", server.root / "project" / "manage.py", *command, "--verbosity", "0"], check=True, cwd="/", **owner,
                       env={"DEMO_STATE": str(server.root), "DJANGO_SUPERUSER_PASSWORD": "secret", "PYTHONPATH": str(packages),
                            "PYTHONDONTWRITEBYTECODE": "1"})
    server.start()
    return server, Browser(server, request.param)


def test_site(site):
    server, browser = site
    page = browser.get("/")
    assert page.status == 200 and "There is no note yet" in page.text
    assert f'href="{browser.mount}/about/"' in page.text

    # sessions
    assert "session: 2" in browser.get("/").text
    assert "session: 3" in browser.get("/").text

    # CSRF: without the token it is refused, with it the form and the upload work
    assert server.post(f"{browser.mount}/", b"title=x").status == 403
    content = bytes(range(256)) * 8000
    response = browser.submit("/", {"title": "Grüße", "text": "a text"}, [("attachment", "file.bin", content)])
    assert (response.status, response.header("Location")) == (302, f"{browser.mount}/")
    page = browser.get("/")
    assert "Saved “Grüße”" in page.text and "file" in page.text
    download = browser.get("/notes/1/attachment/")
    assert download.body == content and "attachment" in download.header("Content-Disposition")
    assert browser.get("/notes/2/attachment/").status == 404
    assert browser.submit("/", {"title": ""}).text.count("errorlist")

    # a stream
    for number in range(20):
        browser.submit("/", {"title": f"note {number}"})
    assert len(browser.get("/export/").text.splitlines()) == 21

    # the admin
    assert browser.get("/admin/").status == 302
    assert browser.submit("/admin/login/", {"username": "admin", "password": "wrong"}).status == 200
    assert browser.submit("/admin/login/", {"username": "admin", "password": "secret", "next": f"{browser.mount}/admin/"}).status == 302
    assert "Site administration" in browser.get("/admin/").text
    assert browser.submit("/admin/notes/note/add/", {"title": "by the admin", "text": ""}).status == 302
    assert "by the admin" in browser.get("/admin/notes/note/?q=admin").text

    # static files come from httpd
    static = server.get("/static/admin/css/base.css")
    assert static.status == 200 and static.header("X-Frame-Options") is None

    facts = browser.get("/about/").text
    assert ("<th>mod_wsgi.process_group</th><td>app</td>" in facts) is (server.mode == "daemon")
    assert "Traceback" not in server.log()
