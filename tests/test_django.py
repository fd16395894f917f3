"""The demo's Django project: sessions, CSRF, the admin, forms, uploads, streams and downloads, in both modes."""

import subprocess

import pytest
from support import httpd
from support.browser import Browser
from support.library import owner

PROJECT = httpd.REPOSITORY / "demo" / "project"
CONF = """
Alias /static/ ${{ROOT}}/data/static/
SetEnv DEMO_STATE ${{ROOT}}
WSGIPythonPath {packages}:${{ROOT}}/project
WSGIScriptAlias {mount} ${{ROOT}}/project/demosite/wsgi.py application-group=%{{GLOBAL}}
"""
PREPARE = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
call_command("createsuperuser", interactive=False, username="admin", email="a@b.example", verbosity=0)
"""


@pytest.fixture(params=["", "/sub"])
def site(request, serve, mode, packages):
    """The demo project at the root and below a path."""
    server = serve(CONF.format(packages=packages, mount=request.param or "/"), mode, run=False,
                   options=f"processes=2 threads=4 python-path={packages}:${{ROOT}}/project")
    for path in PROJECT.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            server.write(f"project/{path.relative_to(PROJECT)}", path.read_bytes())
    subprocess.run(["/usr/bin/python3", "-c", PREPARE], check=True, cwd="/", **owner(), env={
        "DEMO_STATE": str(server.root), "DJANGO_SETTINGS_MODULE": "demosite.settings", "DJANGO_SUPERUSER_PASSWORD": "secret",
        "PYTHONPATH": f"{packages}:{server.root}/project", "PYTHONDONTWRITEBYTECODE": "1"})
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
