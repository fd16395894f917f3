"""A bug of ours costs one request: a build with fault points panics on demand."""

import pytest
from support import httpd

FAULTY = httpd.REPOSITORY / "target" / "stage-faults" / "mod_wsgi.so"


@pytest.fixture
def faulty(monkeypatch):
    if not FAULTY.exists():
        pytest.skip(f"NO FAULT POINTS: {FAULTY} is missing, make faults builds it")
    place = httpd.copy_of(FAULTY)
    monkeypatch.setattr(httpd, "module", lambda: place)


def test_panic_in_the_handler(faulty, serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", mode, env={"MOD_WSGI_FAULT": "handler-panic"})
    pids = server.httpd_children()
    for _ in range(3):
        response = server.get("/", {"X-Fault": "handler-panic"})
        assert response.status == 500
        assert server.get("/").body == b"Hello, world!"
    server.wait_for_log("fault point `handler-panic`")
    assert server.httpd_children() == pids
