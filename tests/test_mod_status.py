"""Our lines in mod_status: its page and its ?auto."""

import json
import re

import pytest
from support.status import Site

CONFIGURATION = """
<Location /server-status>
    SetHandler server-status
    Require local
</Location>
"""


@pytest.fixture
def site(serve):
    """A site with mod_status."""
    found = Site(serve, "daemon", "processes=1 threads=3", more=CONFIGURATION, modules=["status"])
    found.server.get("/raise")
    found.counted(1)
    return found


def test_lines_for_machines(site):
    lines = site.server.get("/server-status?auto").text.splitlines()
    group, = [line for line in lines if line.startswith("WSGIGroup[app]: ")]
    fields = dict(field.split("=") for field in group.partition(": ")[2].split())
    assert fields == {"state": "running", "processes": "1", "busy": "0", "queue": "0", "requests": "1", "lost": "0",
                      "starts": "1", "errors": "1"}  # fmt: skip
    worker, = [line for line in lines if line.startswith("WSGIWorker[app/")]
    fields = dict(field.split("=") for field in worker.partition(": ")[2].split())
    assert fields["threads"] == "3" and fields["state"] == "serving" and int(fields["memory"]) > 1 << 20
    assert int(fields["pid"]) == site.group()["workers"][0]["pid"]
    ours = [line for line in lines if line.startswith("WSGI")]
    assert len(ours) == 2 and all(re.fullmatch(r"WSGI\w+\[[^:]+\]: .+", line) for line in ours)


def test_the_page_has_a_section_and_escapes_it(site):
    waiting = site.server.connect()
    waiting.send(b"GET /wait<script>x</script>?secret HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        site.until(lambda group: any("/wait" in request["path"] for worker in group["workers"] for request in worker["running"]), "the request")
        page = site.server.get("/server-status").text
        ours = page[page.index("<h2>mod_wsgi</h2>"):]
        assert "Process group app" in ours and "1 of 3" in ours
        assert "/wait&lt;script&gt;x&lt;/script&gt;" in ours and "<script>" not in ours and "secret" not in ours
    finally:
        site.release()
        waiting.close()


def test_embedded_mode_has_a_line(serve):
    site = Site(serve, "embedded", more=CONFIGURATION, modules=["status"])
    site.server.get("/")
    site.counted(1)
    assert "WSGIEmbedded: requests=1 errors=0" in site.server.get("/server-status?auto").text
    assert "<h3>Embedded mode</h3>" in site.server.get("/server-status").text


def test_the_status_page_is_the_same_with_mod_status(site):
    assert json.loads(site.page("?format=json").body)["groups"][0]["name"] == "app"


def test_without_mod_status_nothing_is_missed(serve):
    site = Site(serve, "daemon")
    assert site.server.get("/").status == 200 and site.page().status == 200
