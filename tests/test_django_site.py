"""A Django site in depth: sessions, CSRF, the admin, static files, downloads, streams, logging and signals, with two
sites of different settings in the interpreters of one process.
"""

import json
import re
import uuid

import pytest
from support import validated
from support.browser import Browser, multipart
from support.http import Cut
from support.processes import wait_until


@pytest.fixture(params=["/db", "/files"])
def mount(request):
    """Both sites: sessions in the database, and in files."""
    return request.param


def test_sessions(library, mount):
    one, other = Browser(library, mount), Browser(library, mount)
    assert [one.get("/visits/").text for _ in range(3)] == ["1", "2", "3"]
    assert other.get("/visits/").text == "1"
    assert one.get("/visits/").text == "4"
    in_files = (library.root / "data" / f"sessionid{one.cookies['sessionid']}").exists()
    assert in_files is (mount == "/files")


def test_settings_stay_apart(library):
    """Two sites in one process: the session of one is unknown to the other."""
    browser = Browser(library, "/db")
    assert [browser.get("/visits/").text for _ in range(2)] == ["1", "2"]
    browser.mount = "/files"
    assert browser.get("/visits/").text == "1"


@pytest.mark.parametrize("way", ["/db", "/valid"])
def test_csrf_accepts(library, way):
    browser = Browser(library, way)
    response = browser.submit("/upload/", {"note": "Grüße"}, form="/form/")
    assert json.loads(response.body) == {"files": [], "note": "Grüße"}
    validated.check(library.log(library.since))


@pytest.mark.parametrize("breach", ["no token", "wrong token", "no cookie"])
def test_csrf_refuses(library, breach):
    browser = Browser(library, "/db")
    token = {"no token": "", "wrong token": "x" * 64, "no cookie": browser.token("/form/")}[breach]
    if breach == "wrong token":
        browser.token("/form/")
    if breach == "no cookie":
        browser.cookies.clear()
    body, headers = multipart({"csrfmiddlewaretoken": token})
    assert browser.request("POST", "/upload/", body, headers).status == 403


def test_admin(library, mount):
    browser, title = Browser(library, mount), f"Bücher {uuid.uuid4().hex}"
    assert browser.get("/admin/").status == 302
    wrong = browser.submit("/admin/login/", {"username": "admin", "password": "wrong"})
    assert wrong.status == 200 and "errornote" in wrong.text
    response = browser.submit("/admin/login/", {"username": "admin", "password": "secret", "next": f"{mount}/admin/"})
    assert (response.status, response.header("Location")) == (302, f"{mount}/admin/")

    assert browser.submit("/admin/library/book/add/", {"title": title}).status == 302
    number = re.search(r"/admin/library/book/(\d+)/change/", browser.get(f"/admin/library/book/?q={title.split()[1]}").text)[1]
    edited = browser.submit(f"/admin/library/book/{number}/change/", {"title": f"{title} edited", "_save": "Save"})
    assert (edited.status, edited.header("Location")) == (302, f"{mount}/admin/library/book/")
    assert f"{title} edited" in browser.get("/admin/library/book/").text
    assert "Changed Title" in browser.get(f"/admin/library/book/{number}/history/").text
    assert browser.submit(f"/admin/library/book/{number}/delete/", {"post": "yes"}).status == 302
    assert browser.get(f"/admin/library/book/{number}/change/").status == 302

    assert browser.submit("/admin/password_change/", {}).status == 200
    assert browser.request("GET", "/admin/logout/").status == 405


def test_static_files_come_from_httpd(library):
    style = library.get("/static/admin/css/base.css")
    assert style.status == 200 and b"html" in style.body
    again = library.get("/static/admin/css/base.css", [("If-None-Match", style.header("ETag"))])
    assert again.status == 304
    assert "Loading WSGI script" not in library.log(library.since)


@pytest.mark.parametrize("way", ["/db", "/valid"])
@pytest.mark.parametrize("name", ["plain.bin", "Grüße 漢字.bin"])
def test_download(library, way, name):
    browser, content = Browser(library, way), bytes(range(256)) * 4000
    saved = json.loads(browser.submit("/upload/", {}, [("file", name, content)], form="/form/").body)["files"][0]["saved"]
    query = "".join(f"%{byte:02X}" for byte in saved.encode())
    response = browser.get(f"/download/?name={query}")
    assert response.body == content and response.header("Content-Length") == str(len(content))
    assert response.header("Content-Disposition").startswith("attachment; filename")
    assert browser.request("HEAD", f"/download/?name={query}").header("Content-Length") == str(len(content))
    validated.check(library.log(library.since))


@pytest.mark.parametrize("way", ["/db", "/valid"])
def test_stream_arrives_piece_by_piece(library, way):
    name = uuid.uuid4().hex
    with library.connect() as client:
        client.start("GET", f"{way}/stream/?until={name}")
        assert client.head().status == 200
        assert client.chunk() == b"first\n"
        (library.root / "data" / name).touch()
        assert re.fullmatch(rb"\d+ books\n", client.chunks())
    validated.check(library.log(library.since))


@pytest.mark.ours
def test_broken_stream_is_cut(library):
    with library.connect() as client:
        client.start("GET", "/db/stream_broken/")
        with pytest.raises(Cut):
            client.finish()
    library.wait_for_log("RuntimeError: failed in the stream", library.since)
    assert library.get("/db/signals/").status == 200


def test_exception(library, mount):
    response = library.get(f"{mount}/fail/?title=x")
    assert response.status == 500 and "Traceback" not in response.text and "Server Error (500)" in response.text
    library.wait_for_log("RuntimeError: failed after the insert", library.since)


def counts(server):
    return json.loads(server.get("/db/signals/").body)


@pytest.mark.ours
def test_signals(library):
    """Each request ends with one request_finished, which closes connections: also a failed, a cut and an abandoned one."""
    before = counts(library)
    library.get("/db/books/?prefix=x")
    library.get("/db/fail/?title=x")
    library.get("/db/astream/")
    with library.connect() as client:
        client.start("GET", "/db/stream_broken/")
        with pytest.raises(Cut):
            client.finish()
    name = uuid.uuid4().hex
    with library.connect() as client:
        client.start("GET", f"/db/stream/?until={name}")
        assert client.head().status == 200
        client.reset()
    (library.root / "data" / name).touch()

    def all_ended():
        now = counts(library)
        asked = now["started"] - before["started"]
        # of the requests that ask, the last one has not ended when it counts
        return asked >= 6 and now["finished"] - before["finished"] == asked and now

    assert wait_until(all_ended)["failed"] - before["failed"] == 1


LEVELS = {"debug": "debug", "info": "info", "warning": "warn", "error": "error", "critical": "crit"}


@pytest.mark.ours
def test_log_handler(library):
    """mod_wsgi.LogHandler: each level is httpd's own, `LogLevel wsgi:info` drops what is below."""
    mark = uuid.uuid4().hex
    library.get(f"/db/log/?mark={mark}")
    library.wait_for_log(f"{mark} caught", library.since)
    lines = [line for line in library.log(library.since).splitlines() if mark in line]
    assert all("[client 127.0.0.1:" in line for line in lines)
    levels = {line.split()[-1]: re.search(r"\[wsgi:(\w+)\]", line)[1] for line in lines if "caught" not in line}
    assert levels == {name: level for name, level in LEVELS.items() if name != "debug"}
    assert "Traceback (most recent call last)" in library.log(library.since)


@pytest.mark.ours
def test_logging_to_stderr(library):
    """logging.StreamHandler writes to stderr: every line at error, with the client."""
    mark = uuid.uuid4().hex
    library.get(f"/files/log/?mark={mark}")
    library.wait_for_log(f"ValueError: {mark} caught", library.since)
    lines = [line for line in library.log(library.since).splitlines() if mark in line and "caught" not in line]
    assert [line.split()[-1] for line in lines] == list(LEVELS)
    assert all("[wsgi:error]" in line and "[client 127.0.0.1:" in line for line in lines)


def test_subprocess(library, mount):
    assert library.get(f"{mount}/subprocesses/").text == "said by a program\n"
