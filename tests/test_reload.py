"""A changed script is loaded again: in place in embedded mode, by new processes in daemon mode, without a failed request."""

import os
import time

import pytest
from support.load import Load
from support.processes import wait_until

SCRIPT = '''"""Version {version}."""
import os
VERSION = b"{version}"
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION + b" %d" % os.getpid()]
'''
LATER = [0]


def put(server, version, text=SCRIPT):
    """A script whose modification time differs from the last one's, however coarse the file system's clock is."""
    path = server.write("script.py", text.format(version=version))
    LATER[0] += 10
    os.utime(path, (time.time() + LATER[0],) * 2)


def ask(server):
    """The version and the process."""
    response = server.get("/")
    assert response.status == 200
    version, pid = response.text.split()
    return version, int(pid)


@pytest.fixture
def server(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\n", mode, run=False)
    put(server, "one")
    return server.start()


def test_new_code_at_once(server):
    before = ask(server)
    assert before == ask(server)
    put(server, "two")
    after = ask(server)
    assert after[0] == "two"
    assert (after[1] == before[1]) is (server.mode == "embedded")
    put(server, "three")
    assert ask(server)[0] == "three"


def test_an_older_file_counts_as_changed(server):
    ask(server)
    path = server.write("script.py", SCRIPT.format(version="old"))
    os.utime(path, (1_000_000_000,) * 2)
    assert ask(server)[0] == "old"


def test_off(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\nWSGIScriptReloading Off\n", mode,
                   files={"script.py": SCRIPT.format(version="one")})
    before = ask(server)
    put(server, "two")
    assert ask(server) == before


@pytest.mark.ours
@pytest.mark.parametrize("keep", [False, True])
def test_no_failed_request_under_load(server, keep):
    with Load(server, "/", clients=4, keep=keep) as load:
        for version in ("two", "three", "four"):
            wanted = load.count + 50
            wait_until(lambda: load.count > wanted, 20, "requests")
            put(server, version)
            wait_until(lambda: any(body.startswith(version.encode()) for body in load.bodies), 20, f"version {version}")
    load.assert_clean(150)
    versions = {body.split()[0] for body in load.bodies}
    assert versions == {b"one", b"two", b"three", b"four"}


@pytest.mark.ours
def test_no_request_is_run_by_old_code_after_new_code_was_seen(serve):
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\n", "daemon", options="processes=3 threads=2",
                   files={"script.py": SCRIPT.format(version="one")})
    for _ in range(12):
        ask(server)
    put(server, "two")
    assert [ask(server)[0] for _ in range(12)] == ["two"] * 12


@pytest.mark.ours
def test_a_running_request_is_finished(serve):
    server = serve("WSGIScriptAlias /stream ${APPS}/stream.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", "daemon")
    with server.connect() as client:
        client.start("GET", "/stream/generator?base")
        assert client.head().status == 200
        client.chunk()
        os.utime(server.root / "apps" / "stream.py", (1_000_000_000,) * 2)
        for name in ("other.2", "other.3", "base.2", "base.3"):
            server.write(f"data/{name}", "")
        assert server.get("/stream/generator?other").body.count(b"block") == 3
        assert client.chunks() == b"block 2\nblock 3\n"


def test_a_new_version_that_cannot_be_loaded(server):
    ask(server)
    put(server, "broken", "raise ValueError('version {version}')\n")
    assert server.get("/").status == 500
    server.wait_for_log("ValueError: version broken")
    put(server, "mended")
    assert ask(server)[0] == "mended"
